//! What `cargo auditable` writes into a program: the list of its crates, as compressed JSON.

use std::io::Read;

use flate2::read::ZlibDecoder;
use serde::Deserialize;

use super::source::Source;

/// Most bytes of the compressed list.
const MAX_COMPRESSED: u64 = 2 << 20;
/// Most bytes of the list.
const MAX_LIST: u64 = 8 << 20;
/// The words for sources that are not the public registry, whose own word is the name of its host.
const OTHER_SOURCES: [&str; 3] = ["git", "local", "registry"];

/// A crate that a program is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CargoPackage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it comes from: `local`, `git`, `registry`, or the host of the public registry.
    pub source: String,
    /// Whether only the build needs it: a build script or a macro.
    pub build: bool,
    /// Whether it is the program's own crate.
    pub root: bool,
    /// The positions of the crates that it depends on, in the same list.
    pub dependencies: Vec<usize>,
}

impl CargoPackage {
    /// Whether it comes from the public registry.
    pub fn is_public(&self) -> bool {
        !OTHER_SOURCES.contains(&self.source.as_str())
    }
}

#[derive(Deserialize)]
struct RawList {
    packages: Vec<RawPackage>,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    version: String,
    source: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

/// Reads the list of a program. `None` if it has none, or if that is damaged.
pub(super) fn read(source: &mut Source) -> Option<Vec<CargoPackage>> {
    let area = source.layout.cargo?;
    if area.size > MAX_COMPRESSED {
        return None;
    }
    let compressed = source.read(area.offset, area.size)?;
    let mut json = Vec::new();
    ZlibDecoder::new(compressed.as_slice())
        .take(MAX_LIST + 1)
        .read_to_end(&mut json)
        .ok()?;
    if json.len() as u64 > MAX_LIST {
        return None;
    }
    let RawList { packages } = serde_json::from_slice(&json).ok()?;
    let count = packages.len();
    let is_word = |text: &String| !text.is_empty() && !text.contains(char::is_control);
    packages
        .into_iter()
        .map(|package| {
            let RawPackage {
                name,
                version,
                source,
                kind,
                mut dependencies,
                root,
            } = package;
            dependencies.sort_unstable();
            dependencies.dedup();
            let valid = [&name, &version, &source].into_iter().all(is_word)
                && dependencies.last().is_none_or(|last| *last < count);
            valid.then_some(CargoPackage {
                name,
                version,
                source,
                build: kind.as_deref() == Some("build"),
                root,
                dependencies,
            })
        })
        .collect()
}
