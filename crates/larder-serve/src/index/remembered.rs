//! The digests that an earlier run of the server computed, for files whose size, modification time
//! and inode are still the same.
//!
//! ```text
//! <data>/digests      larder-serve digests 1
//!                     <sha256> <size> <modified, ns> <inode> <file>
//! ```
//! The file only saves work. What can't be read in it is ignored.

use std::collections::HashMap;
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::error::Result;
use larder_core::fs;
use larder_core::model::Digest;

use super::entry::Entry;
use super::folder::Stamp;

const HEADER: &str = "larder-serve digests 1";

/// More bytes than a folder of a million files needs.
const LARGEST: u64 = 512 * 1024 * 1024;

/// The file and what it said.
#[derive(Debug)]
pub struct Remembered {
    path: Utf8PathBuf,
    digests: HashMap<Box<str>, (Stamp, Digest)>,
}

impl Remembered {
    /// Reads the file in the folder for data. The folder is made if it does not exist.
    pub fn read(data: &Utf8Path) -> Result<Self> {
        fs::create_own_dir_all(data)?;
        let path = data.join("digests");
        fs::sweep_staged(&path);
        let bytes = fs::read_bounded(&path, LARGEST).unwrap_or_default();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let mut lines = text.as_deref().unwrap_or_default().lines();
        let digests = match lines.next() {
            Some(HEADER) => lines.filter_map(line).collect(),
            _ => HashMap::new(),
        };
        Ok(Self { path, digests })
    }

    /// Takes the digest of a file that has not changed since.
    pub fn take(&mut self, file: &str, stamp: &Stamp) -> Option<Digest> {
        let (known, digest) = self.digests.remove(file)?;
        (known == *stamp).then_some(digest)
    }

    /// Forgets what no file asked for.
    pub fn clear(&mut self) {
        self.digests = HashMap::new();
    }

    /// Writes what is known now.
    pub fn write<'a>(&self, entries: impl Iterator<Item = &'a Entry>) -> Result<()> {
        let mut text = String::from(HEADER);
        text.push('\n');
        for entry in entries {
            let Stamp {
                size,
                modified,
                inode,
            } = entry.stamp;
            let (digest, file) = (&entry.digest, &entry.file);
            let _ = writeln!(text, "{digest} {size} {modified} {inode} {file}");
        }
        fs::write_atomic(&self.path, text.as_bytes())
    }
}

fn line(text: &str) -> Option<(Box<str>, (Stamp, Digest))> {
    let mut words = text.splitn(5, ' ');
    let digest = words.next()?.parse().ok()?;
    let stamp = Stamp {
        size: words.next()?.parse().ok()?,
        modified: words.next()?.parse().ok()?,
        inode: words.next()?.parse().ok()?,
    };
    Some((words.next()?.into(), (stamp, digest)))
}
