//! The index as requests see it: immutable, replaced as a whole, and with the listings as bytes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::HeaderValue;
use larder_core::model::{Arch, Digest, Os};
use serde::Serialize;
use utoipa::ToSchema;

use super::entry::{BinaryInfo, Entry};
use super::name::arch_word;

/// All registered files at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// In the order of the listings.
    entries: Vec<Arc<Entry>>,
    /// Positions, sorted by file name.
    by_file: Vec<u32>,
    /// Positions, sorted by version, platform, architecture and name.
    by_place: Vec<u32>,
    /// The newest version of each name, for each platform and architecture.
    newest: BTreeMap<(Os, Arch), Vec<u32>>,
    list: OnceLock<Document>,
    index: OnceLock<Document>,
    sums: OnceLock<Document>,
}

/// A document as it is sent, with its entity tag.
#[derive(Clone, Debug)]
pub struct Document {
    /// The document.
    pub bytes: Bytes,
    /// The strong entity tag, with its quotation marks.
    pub tag: HeaderValue,
}

impl Document {
    /// A document, whose tag is the digest of its bytes.
    pub fn new(bytes: Bytes) -> Self {
        let tag = format!("\"{}\"", Digest::of(&bytes));
        Self {
            bytes,
            tag: HeaderValue::from_str(&tag).unwrap_or(HeaderValue::from_static("")),
        }
    }
}

/// The listing at `/index.json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing {
    /// The version of this format.
    pub schema: u32,
    /// All binaries, sorted by name, version (newest first), platform and architecture.
    pub binaries: Vec<BinaryInfo>,
}

impl Snapshot {
    /// A snapshot of entries that are in the order of the listings.
    pub fn new(entries: Vec<Arc<Entry>>) -> Self {
        let positions = || (0..u32::try_from(entries.len()).unwrap_or(u32::MAX)).collect();
        let at = |position: &u32| &entries[*position as usize];
        let mut by_file: Vec<u32> = positions();
        by_file.sort_by(|a, b| at(a).file.cmp(&at(b).file));
        let mut by_place: Vec<u32> = positions();
        by_place.sort_by(|a, b| place(at(a)).cmp(&place(at(b))));
        let mut newest: BTreeMap<(Os, Arch), Vec<u32>> = BTreeMap::new();
        for (position, entry) in (0..).zip(&entries) {
            let of = &entry.coordinate;
            let list = newest.entry((of.platform, of.arch)).or_default();
            match list.last_mut() {
                Some(last) if at(last).coordinate.name == of.name => {
                    // Versions come newest first: the first release replaces a pre-release.
                    if at(last).coordinate.version.is_prerelease() && !of.version.is_prerelease() {
                        *last = position;
                    }
                }
                _ => list.push(position),
            }
        }
        Self {
            entries,
            by_file,
            by_place,
            newest,
            ..Self::default()
        }
    }

    /// All entries, in the order of the listings.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The entry of a file name.
    pub fn file(&self, name: &str) -> Option<&Arc<Entry>> {
        self.by_file
            .binary_search_by(|at| (*self.entries[*at as usize].file).cmp(name))
            .ok()
            .map(|found| &self.entries[self.by_file[found] as usize])
    }

    /// All names that have a version for a platform and an architecture.
    pub fn at(&self, version: &str, platform: Os, arch: Arch) -> impl Iterator<Item = &Arc<Entry>> {
        let wanted = (version, platform.as_str(), arch_word(arch));
        let key = |at: &u32| {
            let (version, platform, arch, _) = place(&self.entries[*at as usize]);
            (version, platform, arch)
        };
        let start = self.by_place.partition_point(|at| key(at) < wanted);
        self.by_place[start..]
            .iter()
            .take_while(move |at| key(at) == wanted)
            .map(|at| &self.entries[*at as usize])
    }

    /// The newest version of each name for a platform and an architecture.
    pub fn newest(&self, platform: Os, arch: Arch) -> impl Iterator<Item = &Arc<Entry>> {
        let list = self.newest.get(&(platform, arch));
        list.into_iter()
            .flatten()
            .map(|at| &self.entries[*at as usize])
    }

    /// The array of all entries as JSON.
    pub fn list(&self) -> Document {
        let make = || Document::new(json(&self.infos()));
        self.list.get_or_init(make).clone()
    }

    /// The listing at `/index.json`.
    pub fn index(&self) -> Document {
        let make = || {
            Document::new(json(&Listing {
                schema: 1,
                binaries: self.infos(),
            }))
        };
        self.index.get_or_init(make).clone()
    }

    /// The file for `sha256sum -c`.
    pub fn sums(&self) -> Document {
        let make = || {
            let mut text = String::with_capacity(self.entries.len() * 100);
            for entry in &self.entries {
                let _ = writeln!(text, "{}  {}", entry.digest, entry.file);
            }
            Document::new(text.into())
        };
        self.sums.get_or_init(make).clone()
    }

    fn infos(&self) -> Vec<BinaryInfo> {
        self.entries.iter().map(|entry| entry.info()).collect()
    }
}

/// JSON of a document that always can be written as JSON.
pub fn json(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

fn place(entry: &Entry) -> (&str, &str, &str, &str) {
    let of = &entry.coordinate;
    (
        of.version.as_str(),
        of.platform.as_str(),
        arch_word(of.arch),
        &of.name,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::folder::Stamp;
    use crate::index::name::parse;

    fn snapshot(files: &[&str]) -> Snapshot {
        let mut entries: Vec<_> = files
            .iter()
            .map(|file| {
                Arc::new(Entry {
                    coordinate: parse(file).unwrap(),
                    file: (*file).into(),
                    digest: Digest::of(file.as_bytes()),
                    stamp: Stamp {
                        size: 1,
                        modified: 2_500_000_000,
                        inode: 3,
                    },
                })
            })
            .collect();
        entries.sort_by(|a, b| a.coordinate.cmp(&b.coordinate));
        Snapshot::new(entries)
    }

    #[test]
    fn entries_are_found() {
        let snapshot = snapshot(&[
            "a-1.0.0-linux-x86_64",
            "a-2.0.0-rc.1-linux-x86_64",
            "a-1.0.1-linux-x86_64",
            "b-3.0.0-rc.1-linux-x86_64",
            "b-3.0.0-rc.2-linux-x86_64",
            "b-1.0.0-linux-aarch64",
            "c-1.0.0-linux-x86_64",
        ]);
        let files = |entries: Vec<&Arc<Entry>>| -> Vec<String> {
            entries.iter().map(|entry| entry.file.to_string()).collect()
        };
        let at = |version| files(snapshot.at(version, Os::Linux, Arch::Amd64).collect());
        assert_eq!(
            at("1.0.0"),
            ["a-1.0.0-linux-x86_64", "c-1.0.0-linux-x86_64"]
        );
        assert_eq!(at("9.0.0"), [""; 0]);
        let newest = files(snapshot.newest(Os::Linux, Arch::Amd64).collect());
        assert_eq!(
            newest,
            [
                "a-1.0.1-linux-x86_64",
                "b-3.0.0-rc.2-linux-x86_64",
                "c-1.0.0-linux-x86_64"
            ]
        );
        assert!(snapshot.file("b-1.0.0-linux-aarch64").is_some());
        assert!(snapshot.file("../b-1.0.0-linux-aarch64").is_none());
        assert_eq!(snapshot.newest(Os::Darwin, Arch::Arm64).count(), 0);
    }

    #[test]
    fn listings_are_documents() {
        let snapshot = snapshot(&["b-1.0.0-linux-arm", "a-1.0.0-windows-x86.exe"]);
        let list: serde_json::Value = serde_json::from_slice(&snapshot.list().bytes).unwrap();
        assert_eq!(list[0]["path"], "a-1.0.0-windows-x86.exe");
        assert_eq!(list[1]["uploaded_at"], 2);
        let index: serde_json::Value = serde_json::from_slice(&snapshot.index().bytes).unwrap();
        assert_eq!(index["binaries"], list);
        let sums = snapshot.sums().bytes;
        let digest = Digest::of(b"a-1.0.0-windows-x86.exe");
        let line = format!("{digest}  a-1.0.0-windows-x86.exe\n");
        assert!(String::from_utf8_lossy(&sums).starts_with(&line));
        assert_eq!(&Snapshot::new(Vec::new()).list().bytes[..], b"[]");
    }
}
