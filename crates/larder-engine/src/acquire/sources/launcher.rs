//! Packages of npm that hold only a launcher: a script for Node.js that starts the program of
//! another package, one of its `optionalDependencies`, which npm selects by os and cpu. larder
//! installs no dependencies, so such a script alone would not run.
//!
//! The package's own description is unpacked along with its binaries, read here, and removed again.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use camino::Utf8Path;
use serde_json::Value;

use crate::acquire::intake::Arrived;
use crate::acquire::request::Request;
use larder_core::archive;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Arch, FileName, Libc, Os, Platform};
use larder_core::project::{Coordinate, Original, Subsystem};

/// The name under which the package's description is unpacked.
const DESCRIPTION: &str = "larder-package.json";

/// The most bytes of a description that are read.
const MOST: u64 = 1 << 20;

/// The unpacked file that holds the package's description.
pub(super) struct Description {
    name: FileName,
    /// The recipe does not want it.
    added: bool,
}

/// Which file holds the description, if the original is a package of npm. If the recipe's globs don't
/// select it, one is added to them.
pub(super) fn description(
    request: &Request<'_>,
    original: &Original,
    globs: &mut Vec<(String, FileName)>,
) -> Option<Description> {
    // A recipe that takes any file takes a launcher, too.
    if request.subsystem.any || !matches!(original.coordinate, Coordinate::Npm { .. }) {
        return None;
    }
    // One file of an archive can't be selected twice.
    let selects = |glob: &str| {
        glob.contains("package.json") || archive::glob_matches(glob, "package/package.json")
    };
    if let Some((_, name)) = globs.iter().find(|(glob, _)| selects(glob)) {
        let name = name.clone();
        return Some(Description { name, added: false });
    }
    let name: FileName = DESCRIPTION.parse().ok()?;
    globs.push(("*/package.json".to_owned(), name.clone()));
    Some(Description { name, added: true })
}

/// Refuses a package whose binaries are launchers. Removes the description if the recipe does not want
/// it.
pub(super) fn check(
    request: &Request<'_>,
    place: &str,
    description: Description,
    arrived: &mut Arrived,
    folder: &Utf8Path,
) -> Result<()> {
    let Description { name, added } = description;
    let file = folder.join(&name);
    let reader = BufReader::new(fs::open(&file)?.take(MOST));
    let described: Value = serde_json::from_reader(reader).unwrap_or_default();
    if added {
        arrived.files.retain(|file| file.name != name.as_str());
        fs::remove_file(&file)?;
    }
    let packages = Packages::of(&described);
    if packages.0.is_empty() {
        return Ok(());
    }
    let platform = request.target.platform;
    let binaries = request.subsystem.binaries_on(&platform).len();
    let names = request.subsystem.file_names(&platform);
    for name in names.iter().take(binaries) {
        if is_node_script(&folder.join(name)) {
            return Err(refused(place, name, &packages, request.subsystem, platform));
        }
    }
    Ok(())
}

/// Whether a file starts with `#!` and the name of Node.js.
pub(crate) fn is_node_script(file: &Utf8Path) -> bool {
    let Ok(Some(file)) = fs::open_opt(file) else {
        return false;
    };
    let mut line = Vec::new();
    let _ = BufReader::new(file.take(256)).read_until(b'\n', &mut line);
    let line = String::from_utf8_lossy(&line).into_owned();
    line.strip_prefix("#!").is_some_and(|program| {
        program
            .split(|c: char| c.is_whitespace() || c == '/')
            .any(|word| matches!(word, "node" | "nodejs"))
    })
}

fn refused(
    place: &str,
    binary: &FileName,
    packages: &Packages,
    subsystem: &Subsystem,
    platform: Platform,
) -> Error {
    let error = |what: &str| {
        Error::failed(format!(
            "{place} has only a launcher: its `{binary}` is a script for Node.js that starts the program of another package; {what}"
        ))
    };
    let Some(package) = packages.for_platform(platform) else {
        let names: Vec<&str> = packages.names().collect();
        return error(&format!("for {platform} there is none"))
            .hint(format!("it has {}", names.join(", ")));
    };
    let template = packages.template(package, &subsystem.platforms);
    let mut error = error(&format!("for {platform} that is {}", package.name)).hint(format!(
        "write `upstream: {{npm: \"{}\"{}}}` in the recipe of `{}`",
        template.name,
        template.replacements(),
        subsystem.name
    ));
    for platform in template.lacks {
        error = match packages.for_platform(platform) {
            Some(other) => error.hint(format!(
                "for {platform} add `overrides: {{{platform}: {{npm: \"{}\"}}}}`",
                other.name
            )),
            None => error.hint(format!(
                "it has none for {platform}: leave that out of the recipe's `platforms`"
            )),
        };
    }
    if !subsystem.version.number().eq(&package.version) && is_version(&package.version) {
        error = error.hint(format!(
            "that package has another version: add `tag: \"{}\"`",
            package.version
        ));
    }
    error
}

fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// The packages among the optional dependencies that are for one platform.
pub(crate) struct Packages(Vec<Package>);

/// A package with the program for one platform.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    os: Os,
    arch: Arch,
    libc: Option<Libc>,
    /// The words in the name that stand for the os and the architecture.
    words: (String, String),
}

impl Packages {
    /// Those of a package's description.
    pub(crate) fn of(described: &Value) -> Self {
        let optional = described.get("optionalDependencies");
        let all = optional.and_then(Value::as_object).into_iter().flatten();
        Self(
            all.filter_map(|(name, version)| Package::new(name, version.as_str()?))
                .collect(),
        )
    }

    /// Their names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|package| package.name.as_str())
    }

    /// The one for a platform.
    pub(crate) fn for_platform(&self, platform: Platform) -> Option<&Package> {
        let fits = |package: &&Package| (package.os, package.arch) == (platform.os, platform.arch);
        // Without a C library in the platform, that of most systems is taken.
        let wanted = platform.libc.unwrap_or(Libc::Gnu);
        let all = || self.0.iter().filter(fits);
        all()
            .find(|package| package.libc == Some(wanted))
            .or_else(|| all().find(|package| package.libc.is_none()))
            .or_else(|| all().next())
    }

    /// The name of a package as a template for all of these platforms.
    pub(crate) fn template(&self, package: &Package, platforms: &[Platform]) -> Template {
        let named = |os: &str, arch: &str, name: &str| {
            let (os_word, arch_word) = &package.words;
            let at = name.rfind(arch_word.as_str()).unwrap_or(0);
            let (before, after) = name.split_at(at);
            let before = match before.rfind(os_word.as_str()) {
                Some(at) => format!("{}{os}{}", &before[..at], &before[at + os_word.len()..]),
                None => before.to_owned(),
            };
            format!(
                "{before}{arch}{}",
                after.strip_prefix(arch_word.as_str()).unwrap_or(after)
            )
        };
        let mut template = Template {
            name: named("{{ os }}", "{{ arch }}", &package.name),
            words: BTreeMap::new(),
            lacks: Vec::new(),
        };
        for platform in platforms {
            let Some(other) = self.for_platform(*platform) else {
                template.lacks.push(*platform);
                continue;
            };
            let (os, arch) = &other.words;
            let fits = named(os, arch, &package.name) == other.name;
            let words = [(platform.os.as_str(), os), (platform.arch.as_str(), arch)];
            let agrees = |(word, other): &(&str, &String)| {
                template
                    .words
                    .get(*word)
                    .is_none_or(|known| known == *other)
            };
            if fits && words.iter().all(agrees) {
                for (word, other) in words {
                    template.words.insert(word.to_owned(), other.clone());
                }
            } else {
                template.lacks.push(*platform);
            }
        }
        template
    }
}

impl Package {
    /// A package whose name has the words of an os and an architecture, such as
    /// `@esbuild/linux-x64`.
    fn new(name: &str, version: &str) -> Option<Self> {
        let words: Vec<&str> = name.split(['-', '/', '_', '.']).collect();
        // The words for the platform come last; the name of the program may be one of them.
        let os = words.iter().rev().find_map(|word| {
            let os = match *word {
                "macos" | "mac" | "osx" => Os::Darwin,
                word => word.parse::<Os>().ok()?,
            };
            Some((os, (*word).to_owned()))
        })?;
        let arch = words.iter().rev().find_map(|word| {
            let arch = match *word {
                "64" => Arch::Amd64,
                "32" | "ia32" => Arch::I386,
                word => word.parse::<Arch>().ok()?,
            };
            Some((arch, (*word).to_owned()))
        })?;
        let libc = words.iter().rev().find_map(|word| match *word {
            "musl" => Some(Libc::Musl),
            "gnu" | "glibc" | "msvc" => Some(Libc::Gnu),
            _ => None,
        });
        Some(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            os: os.0,
            arch: arch.0,
            libc,
            words: (os.1, arch.1),
        })
    }
}

/// What to write under `npm:`.
pub(crate) struct Template {
    pub(crate) name: String,
    /// larder's words with those of the packages.
    pub(crate) words: BTreeMap<String, String>,
    /// The platforms for which it does not give the right name.
    pub(crate) lacks: Vec<Platform>,
}

impl Template {
    /// The key `replacements`, if the packages use other words than larder.
    fn replacements(&self) -> String {
        let other: Vec<String> = self
            .words
            .iter()
            .filter(|(word, other)| word != other)
            .map(|(word, other)| format!("{word}: {other}"))
            .collect();
        if other.is_empty() {
            String::new()
        } else {
            format!(", replacements: {{{}}}", other.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packages(names: &[&str]) -> Packages {
        Packages(
            names
                .iter()
                .filter_map(|name| Package::new(name, "1.2.3"))
                .collect(),
        )
    }

    #[test]
    fn packages_are_found_for_platforms() {
        for (names, platform, wanted) in [
            (
                &["@esbuild/linux-x64", "@esbuild/win32-x64"][..],
                "windows-amd64",
                Some("@esbuild/win32-x64"),
            ),
            (
                &["@esbuild/linux-x64", "@esbuild/linux-ia32"],
                "linux-386",
                Some("@esbuild/linux-ia32"),
            ),
            (
                &["@biomejs/cli-linux-x64", "@biomejs/cli-linux-x64-musl"],
                "linux-amd64",
                Some("@biomejs/cli-linux-x64"),
            ),
            (
                &["@biomejs/cli-linux-x64", "@biomejs/cli-linux-x64-musl"],
                "linux-amd64-musl",
                Some("@biomejs/cli-linux-x64-musl"),
            ),
            (
                &["@swc/core-linux-x64-musl", "@swc/core-linux-x64-gnu"],
                "linux-amd64",
                Some("@swc/core-linux-x64-gnu"),
            ),
            (
                &["turbo-linux-64", "turbo-darwin-arm64"],
                "linux-amd64",
                Some("turbo-linux-64"),
            ),
            (&["@esbuild/linux-x64"], "darwin-arm64", None),
            (&["fsevents", "@types/node"], "darwin-arm64", None),
        ] {
            let found = packages(names);
            let platform = platform.parse().unwrap();
            assert_eq!(
                found.for_platform(platform).map(|p| p.name.as_str()),
                wanted,
                "{names:?}"
            );
        }
    }
}
