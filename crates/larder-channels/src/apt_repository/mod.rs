//! A repository that apt reads: `pool/` with packages, and `dists/stable/` with the index; or, flat,
//! one folder with everything, for a release on a hub, which has no folders.
//!
//! A reader that has the `Release` of one moment never gets another moment's list of packages: the
//! lists are also there under their digests (`by-hash`), and `Release` says so. In a flat repository
//! that is not possible, so a reader may have to try again while it changes.

mod control;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;

use camino::Utf8Path;
use flate2::read::MultiGzDecoder;
use larder_core::error::Result;
use larder_core::model::Digest;

use crate::linux::files::gzip9;
use crate::linux::text;
use crate::package_index::{
    IndexFiles, Listed, Order, PackageFile, PackageIndex, Reader, foreign, same,
};
use crate::release::{EARLIEST, attachment_name};
use control::Stanza;

/// The suite and the code name.
const SUITE: &str = "stable";
/// The component.
const COMPONENT: &str = "main";
/// How `Release` writes times.
const DATE: &str = "%a, %d %b %Y %H:%M:%S UTC";

/// More bytes than a list of packages has.
const LARGEST: u64 = 1 << 30;
/// What `Release` says about the repository, which stays as it is.
const KEPT: [&str; 6] = [
    "Origin",
    "Label",
    "Suite",
    "Version",
    "Codename",
    "Description",
];

/// Where the files of a repository are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// `pool/` and `dists/`.
    Pool,
    /// All in one folder, under names that hubs allow.
    Flat,
}

/// The index of a repository.
#[derive(Debug)]
pub struct AptRepository {
    layout: Layout,
    stanzas: Vec<Stanza>,
    architectures: BTreeSet<String>,
    /// The time of the newest package that was ever added, in seconds since 1970.
    time: i64,
    /// What `Release` named when it was read.
    before: BTreeSet<String>,
    /// The values of [`KEPT`].
    kept: BTreeMap<&'static str, String>,
}

/// The path of the file at the top of the index.
pub fn top(layout: Layout) -> String {
    match layout {
        Layout::Pool => format!("dists/{SUITE}/Release"),
        Layout::Flat => "Release".to_owned(),
    }
}

impl AptRepository {
    /// Reads the index of a repository, which may be empty.
    pub fn read(layout: Layout, read: Reader<'_>) -> Result<Self> {
        let mut repository = Self {
            layout,
            stanzas: Vec::new(),
            architectures: BTreeSet::new(),
            time: EARLIEST,
            before: BTreeSet::new(),
            kept: BTreeMap::from([("Suite", SUITE.to_owned()), ("Codename", SUITE.to_owned())]),
        };
        let top = top(layout);
        let Some(bytes) = read(&top)? else {
            return Ok(repository);
        };
        let release = String::from_utf8_lossy(&bytes).into_owned();
        let fields = Stanza::parse(&release);
        let value = |name: &str| fields.field(name).unwrap_or_default();
        if layout == Layout::Pool && value("Components") != COMPONENT {
            let why = format!(
                "its components are `{}`, not `{COMPONENT}`",
                value("Components")
            );
            return Err(foreign(&top, &why));
        }
        let parts = value("Architectures").split_whitespace();
        repository.architectures = parts.map(str::to_owned).collect();
        if let Ok(date) = jiff::fmt::strtime::parse(DATE, value("Date"))
            .and_then(|parsed| parsed.to_datetime())
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
        {
            repository.time = date.timestamp().as_second();
        }
        for name in KEPT {
            if let Some(value) = fields.field(name) {
                repository.kept.insert(name, value.to_owned());
            }
        }
        for line in release.lines().filter(|line| line.starts_with(' ')) {
            let [digest, _, path] = line.split_whitespace().collect::<Vec<_>>()[..] else {
                continue;
            };
            if layout == Layout::Pool && !is_known(path) {
                let why = format!("it names {path}, which larder does not write");
                return Err(foreign(&top, &why));
            }
            repository.before.extend(by_hash(path, digest));
        }
        let lists = match layout {
            Layout::Flat => vec!["Packages".to_owned()],
            Layout::Pool => {
                let each = repository.architectures.iter();
                each.map(|arch| format!("dists/{SUITE}/{}", list(arch)))
                    .collect()
            }
        };
        for path in lists {
            let text = read_list(&path, read)?;
            let stanzas = text.split("\n\n").filter(|text| !text.trim().is_empty());
            repository.stanzas.extend(stanzas.map(Stanza::parse));
        }
        repository.sort();
        Ok(repository)
    }

    fn sort(&mut self) {
        self.stanzas.sort_by_cached_key(|stanza| {
            let Listed {
                name,
                version,
                arch,
                ..
            } = stanza.listed();
            (name, version, arch)
        });
    }

    /// The path of a package's file.
    fn path(&self, file: &PackageFile, package: &str) -> Result<String> {
        Ok(match self.layout {
            Layout::Flat => attachment_name(&file.name)?.to_string(),
            Layout::Pool => {
                let first = if package.starts_with("lib") { 4 } else { 1 };
                let folder = package.get(..first).unwrap_or(package);
                format!("pool/{COMPONENT}/{folder}/{package}/{}", file.name)
            }
        })
    }

    /// The list of packages for an architecture, or of all.
    fn packages(&self, arch: Option<&str>) -> String {
        let mut text = String::new();
        for stanza in &self.stanzas {
            if arch.is_none_or(|arch| stanza.field("Architecture") == Some(arch)) {
                if !text.is_empty() {
                    text.push('\n');
                }
                text += stanza.text();
            }
        }
        text
    }

    fn release(&self, lists: &[(String, Vec<u8>)]) -> Result<String> {
        let mut release = String::new();
        let mut field = |name: &str, value: &str| {
            let _ = writeln!(release, "{name}: {value}");
        };
        for name in KEPT {
            if let Some(value) = self.kept.get(name) {
                field(name, value);
            }
        }
        field("Date", &text::date(self.time, DATE)?);
        let all: Vec<&str> = self.architectures.iter().map(String::as_str).collect();
        field("Architectures", &all.join(" "));
        if self.layout == Layout::Pool {
            field("Components", COMPONENT);
            field("Acquire-By-Hash", "yes");
        }
        release += "SHA256:\n";
        for (path, bytes) in lists {
            let _ = writeln!(release, " {} {} {path}", Digest::of(bytes), bytes.len());
        }
        Ok(release)
    }
}

impl PackageIndex for AptRepository {
    fn listed(&self) -> Vec<Listed> {
        self.stanzas.iter().map(Stanza::listed).collect()
    }

    fn add(&mut self, package: &Utf8Path) -> Result<Listed> {
        let file = PackageFile::open(package)?;
        let (control, time) = control::read(&file)?;
        let mut stanza = Stanza::parse(&control);
        let path = self.path(&file, stanza.field("Package").unwrap_or_default())?;
        stanza.push("Filename", &path);
        stanza.push("Size", &file.size.to_string());
        stanza.push("SHA256", &file.sha256.to_string());
        let listed = stanza.listed();
        if let Some(there) = same(&self.listed(), &listed) {
            return Ok(there);
        }
        self.stanzas
            .retain(|other| other.field("Filename") != Some(&path));
        self.stanzas.push(stanza);
        self.sort();
        self.architectures.insert(listed.arch.clone());
        self.time = self.time.max(time);
        Ok(listed)
    }

    fn remove(&mut self, name: &str, version: &str) -> Vec<Listed> {
        let is_removed = |stanza: &Stanza| {
            stanza.field("Package") == Some(name) && stanza.field("Version") == Some(version)
        };
        let removed = self.stanzas.extract_if(.., |stanza| is_removed(stanza));
        removed.map(|stanza| stanza.listed()).collect()
    }

    fn render(&self) -> Result<IndexFiles> {
        let lists: Vec<(String, String)> = match self.layout {
            Layout::Flat => vec![("Packages".to_owned(), self.packages(None))],
            Layout::Pool => {
                let each = self.architectures.iter();
                each.map(|arch| (list(arch), self.packages(Some(arch))))
                    .collect()
            }
        };
        let lists: Vec<(String, Vec<u8>)> = lists
            .into_iter()
            .flat_map(|(path, text)| {
                let zipped = gzip9(text.as_bytes());
                [
                    (path.clone(), text.into_bytes()),
                    (format!("{path}.gz"), zipped),
                ]
            })
            .collect();
        let release = self.release(&lists)?;
        let mut index = IndexFiles {
            files: Vec::new(),
            top: (top(self.layout), release.into_bytes()),
            folders: BTreeSet::new(),
            used: self.before.clone(),
        };
        for (path, bytes) in lists {
            if self.layout == Layout::Flat {
                index.files.push((path, bytes));
                continue;
            }
            if let Some(hashed) = by_hash(&path, &Digest::of(&bytes).to_string()) {
                let folder = hashed.rsplit_once('/').map(|(folder, _)| folder.to_owned());
                index.folders.extend(folder);
                index.used.insert(hashed.clone());
                index.files.push((hashed, bytes.clone()));
            }
            index.files.push((format!("dists/{SUITE}/{path}"), bytes));
        }
        Ok(index)
    }

    fn order(&self) -> Order {
        Order::Dpkg
    }
}

/// The list of packages for an architecture, below the folder of the suite.
fn list(arch: &str) -> String {
    format!("{COMPONENT}/binary-{arch}/Packages")
}

/// Whether a path in `Release` is that of a list of packages: other programs write more.
fn is_known(path: &str) -> bool {
    let binary = path
        .strip_prefix(COMPONENT)
        .and_then(|rest| rest.strip_prefix("/binary-"))
        .and_then(|rest| rest.split_once('/'));
    binary.is_some_and(|(_, name)| name == "Release" || name.starts_with("Packages"))
}

/// Reads a list of packages, which other programs may have compressed.
fn read_list(path: &str, read: Reader<'_>) -> Result<String> {
    let not_text = |_| foreign(path, "it is no text");
    if let Some(bytes) = read(path)? {
        return String::from_utf8(bytes).map_err(not_text);
    }
    let zipped = format!("{path}.gz");
    let Some(bytes) = read(&zipped)? else {
        return Err(foreign(
            path,
            "it is there neither plain nor compressed with gzip",
        ));
    };
    let mut text = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes.as_slice()).take(LARGEST);
    let unpacked = decoder.read_to_end(&mut text);
    unpacked.map_err(|error| foreign(&zipped, &error.to_string()))?;
    String::from_utf8(text).map_err(not_text)
}

/// The path of a list under its digest.
fn by_hash(path: &str, digest: &str) -> Option<String> {
    let (folder, _) = path.rsplit_once('/')?;
    Some(format!("dists/{SUITE}/{folder}/by-hash/SHA256/{digest}"))
}

#[cfg(test)]
mod tests;
