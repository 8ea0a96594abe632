//! A repository that dnf, yum and zypper read: `Packages/` with packages of all architectures, and
//! `repodata/` with the index, in the form that `createrepo_c` writes.
//!
//! The files of the index are named by their digests, and `repomd.xml` names them: a reader that has
//! the `repomd.xml` of one moment never gets another moment's lists.

mod header;
mod metadata;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read as _;

use camino::Utf8Path;
use flate2::read::MultiGzDecoder;
use larder_core::error::{Error, Result};
use larder_core::model::Digest;

use crate::linux::files::gzip9;
use crate::package_index::{
    IndexFiles, Listed, Order, PackageFile, PackageIndex, Reader, foreign, same,
};
use crate::release::EARLIEST;
use metadata::{Blocks, attribute, content, elements};

/// The path of the file at the top of the index.
pub const TOP: &str = "repodata/repomd.xml";
/// More bytes than a list has, unpacked.
const LARGEST: u64 = 1 << 30;

/// The lists: their kind, root element and namespace.
const LISTS: [(&str, &str, &str); 3] = [
    (
        "primary",
        "metadata",
        "xmlns=\"http://linux.duke.edu/metadata/common\" xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\"",
    ),
    (
        "filelists",
        "filelists",
        "xmlns=\"http://linux.duke.edu/metadata/filelists\"",
    ),
    (
        "other",
        "otherdata",
        "xmlns=\"http://linux.duke.edu/metadata/other\"",
    ),
];

/// The index of a repository.
#[derive(Debug)]
pub struct YumRepository {
    packages: Vec<Package>,
    /// What `repomd.xml` has beside the lists, as it is written: groups, advisories.
    others: Vec<String>,
    /// The time of the newest package that was ever added, in seconds since 1970.
    time: i64,
    /// What `repomd.xml` named when it was read.
    before: BTreeSet<String>,
}

/// A package, with its elements of all lists.
#[derive(Clone, Debug)]
struct Package {
    listed: Listed,
    blocks: Blocks,
}

impl YumRepository {
    /// Reads the index of a repository, which may be empty.
    pub fn read(read: Reader<'_>) -> Result<Self> {
        let mut repository = Self {
            packages: Vec::new(),
            others: Vec::new(),
            time: EARLIEST,
            before: BTreeSet::new(),
        };
        let Some(bytes) = read(TOP)? else {
            return Ok(repository);
        };
        let text = text(bytes, TOP)?;
        if let Some(revision) = content(&text, "revision").and_then(|it| it.parse().ok()) {
            repository.time = revision;
        }
        let mut lists: Vec<Vec<String>> = vec![Vec::new(); LISTS.len()];
        for data in elements(&text, "data") {
            let kind = attribute(data, "type").unwrap_or_default();
            if let Some(number) = LISTS.iter().position(|(list, ..)| *list == kind) {
                let path = attribute(data, "href").unwrap_or_default();
                let found = self::list(&path, read)?;
                let packages = elements(&found, "package");
                lists[number] = packages.into_iter().map(str::to_owned).collect();
                repository.before.insert(path);
            } else if !kind.ends_with("_db") {
                repository.others.push(data.to_owned());
            }
        }
        let [primary, filelists, other] = &lists[..] else {
            return Ok(repository);
        };
        let by_digest = |list: &[String]| -> BTreeMap<String, String> {
            let key = |it: &String| Some((attribute(it, "pkgid")?, it.clone()));
            list.iter().filter_map(key).collect()
        };
        let (filelists, other) = (by_digest(filelists), by_digest(other));
        for primary in primary {
            let listed = metadata::listed(primary);
            let lists = (filelists.get(&listed.sha256), other.get(&listed.sha256));
            let (Some(filelists), Some(other)) = lists else {
                let why = format!("{} is in one list and not in another", listed.path);
                return Err(foreign(TOP, &why));
            };
            let blocks = Blocks {
                primary: primary.clone(),
                filelists: filelists.clone(),
                other: other.clone(),
            };
            repository.packages.push(Package { listed, blocks });
        }
        Ok(repository)
    }
}

fn text(bytes: Vec<u8>, path: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|_| foreign(path, "it is no text"))
}

/// Reads a list.
fn list(path: &str, read: Reader<'_>) -> Result<String> {
    let Some((_, "gz")) = path.rsplit_once('.') else {
        return Err(foreign(path, "it is not compressed with gzip"));
    };
    let bytes = read(path)?.ok_or_else(|| {
        // Other programs may have replaced the index twice since its top was read.
        Error::unavailable(format!("{path} of the repository is missing")).hint(
            "run again; if it stays so, make the index with `createrepo_c --general-compress-type gz`",
        )
    })?;
    let mut unpacked = Vec::new();
    let read = MultiGzDecoder::new(bytes.as_slice())
        .take(LARGEST)
        .read_to_end(&mut unpacked);
    read.map_err(|error| foreign(path, &error.to_string()))?;
    text(unpacked, path)
}

impl PackageIndex for YumRepository {
    fn listed(&self) -> Vec<Listed> {
        self.packages.iter().map(|one| one.listed.clone()).collect()
    }

    fn add(&mut self, package: &Utf8Path) -> Result<Listed> {
        let file = PackageFile::open(package)?;
        let header = header::Header::read(&file)?;
        let first = file.name.get(..1).unwrap_or_default().to_lowercase();
        let path = format!("Packages/{first}/{}", file.name);
        let blocks = metadata::blocks(&header, &file, &path);
        let listed = metadata::listed(&blocks.primary);
        if let Some(there) = same(&self.listed(), &listed) {
            return Ok(there);
        }
        self.time = self.time.max(i64::from(header.number(header::BUILD_TIME)));
        self.packages.retain(|other| other.listed.path != path);
        self.packages.push(Package {
            listed: listed.clone(),
            blocks,
        });
        self.packages
            .sort_by(|one, other| one.listed.path.cmp(&other.listed.path));
        Ok(listed)
    }

    fn remove(&mut self, name: &str, version: &str) -> Vec<Listed> {
        let is_removed = |listed: &Listed| listed.name == name && listed.version == version;
        let removed = self.packages.extract_if(.., |one| is_removed(&one.listed));
        removed.map(|one| one.listed).collect()
    }

    fn render(&self) -> Result<IndexFiles> {
        let mut repomd = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
             xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  <revision>{}</revision>\n",
            self.time
        );
        let mut index = IndexFiles {
            files: Vec::new(),
            top: (TOP.to_owned(), Vec::new()),
            folders: BTreeSet::from(["repodata".to_owned()]),
            used: self.before.clone(),
        };
        for (kind, root, namespaces) in LISTS {
            let mut list = format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} {namespaces} packages=\"{}\">\n",
                self.packages.len()
            );
            for package in &self.packages {
                let Blocks {
                    primary,
                    filelists,
                    other,
                } = &package.blocks;
                list += match kind {
                    "primary" => primary,
                    "filelists" => filelists,
                    _ => other,
                };
                list.push('\n');
            }
            let _ = writeln!(list, "</{root}>");
            let zipped = gzip9(list.as_bytes());
            let digest = Digest::of(&zipped);
            let path = format!("repodata/{digest}-{kind}.xml.gz");
            let _ = writeln!(
                repomd,
                "  <data type=\"{kind}\">\n    <checksum type=\"sha256\">{digest}</checksum>\n    \
                 <open-checksum type=\"sha256\">{}</open-checksum>\n    \
                 <location href=\"{path}\"/>\n    <timestamp>{}</timestamp>\n    \
                 <size>{}</size>\n    <open-size>{}</open-size>\n  </data>",
                Digest::of(list.as_bytes()),
                self.time,
                zipped.len(),
                list.len(),
            );
            index.used.insert(path.clone());
            index.files.push((path, zipped));
        }
        for other in &self.others {
            if let Some(path) = attribute(other, "href") {
                index.used.insert(path);
            }
            let _ = writeln!(repomd, "  {other}");
        }
        repomd += "</repomd>\n";
        index.top.1 = repomd.into_bytes();
        Ok(index)
    }

    fn order(&self) -> Order {
        Order::Rpm
    }
}

#[cfg(test)]
mod tests;
