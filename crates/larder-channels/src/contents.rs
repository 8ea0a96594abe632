//! What the archives of several platforms contain, for channels whose instructions are the same on
//! all of them.

use larder_core::model::ArtifactFile;

use crate::release::{PlatformRelease, Release};

/// A file at the top of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether every archive has it.
    pub everywhere: bool,
}

/// The binaries of these platforms, in the recipe's order.
pub fn binaries<'a>(release: &'a Release, platforms: &[&'a PlatformRelease]) -> Vec<Entry<'a>> {
    let lists = platforms
        .iter()
        .map(|platform| platform.binaries(release).collect());
    entries(lists.collect())
}

/// The included files of these platforms, in the recipe's order.
pub fn included<'a>(release: &'a Release, platforms: &[&'a PlatformRelease]) -> Vec<Entry<'a>> {
    let lists = platforms
        .iter()
        .map(|platform| platform.included(release).collect());
    entries(lists.collect())
}

fn entries(lists: Vec<Vec<&ArtifactFile>>) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    for file in lists.iter().flatten() {
        let name = file.name.as_str();
        if entries.iter().all(|entry| entry.name != name) {
            let everywhere = lists
                .iter()
                .all(|list| list.iter().any(|file| file.name.as_str() == name));
            entries.push(Entry { name, everywhere });
        }
    }
    entries
}
