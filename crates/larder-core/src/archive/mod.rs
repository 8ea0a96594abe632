//! Archives: deterministic packing and hostile-proof, streaming unpacking.
//!
//! Knows entries, names and bytes. Knows nothing of recipes, hubs or where bytes come from: the
//! caller hashes and counts the *archive* while it is read, this module hashes the *files*.
//!
//! Packing ([`pack`]): same entries, same bytes, for any number of threads, umask, user, folder and
//! clock.
//!
//! Unpacking ([`unpack`]) keeps one simple property: it never makes a link or a folder, and writes
//! only the selected regular files, under names that were checked by their type, into an existing
//! empty folder. Everything else of an archive is read, checked and dropped. The contract, in the
//! order of the code:
//!
//! 1. The reader is read to its end; what follows the archive's own end refuses it.
//! 2. Every entry, wanted or not, is checked: its path (`names`), its type and fields (`untar`,
//!    `unzip`), the budget (`pipe`).
//! 3. Selected files are written and hashed on their way.
//! 4. Links are resolved at the end: one that leads outside refuses the archive. Links that stay
//!    inside pass; they are never extracted, a pattern that meets only a link says where it points.
//! 5. On any error nothing stays in the folder. An archive that is odd is class *wrong*
//!    ([`Kind::Integrity`](crate::Kind)); then too the reader is drained (within the budget), so
//!    that the caller can prefer "the digest differs" as the reason.
//!
//! Files are not flushed to disk here; whoever publishes them does that.

mod decode;
mod names;
mod pack;
mod pipe;
mod select;
mod unpack;
mod unpacker;
mod untar;
mod unzip;

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::model::{Digest, FileName, Limits, Platform};

pub use pack::pack;
pub use unpack::unpack;

/// An archive that was made: digest and length of its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Digest of the archive.
    pub sha256: Digest,
    /// Bytes of the archive.
    pub size: u64,
}

/// One regular file to pack.
#[derive(Clone, Copy, Debug)]
pub struct PackEntry<'a> {
    /// Its path in the archive: a name, or names with `/` between.
    pub name: &'a str,
    /// Permission bits.
    pub mode: u32,
    /// Bytes it has; anything else found while packing is an error.
    pub size: u64,
    /// Where the bytes are.
    pub content: Content<'a>,
}

/// Where the bytes of a [`PackEntry`] are.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// In a file.
    File(&'a Utf8Path),
    /// In memory.
    Bytes(&'a [u8]),
}

/// Compression of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// None.
    Plain,
    /// gzip
    Gz,
    /// xz
    Xz,
    /// Zstandard
    Zst,
    /// bzip2
    Bz2,
}

/// What a downloaded file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchiveKind {
    /// A tar archive.
    Tar(Compression),
    /// A zip archive.
    Zip,
    /// One file.
    Single(Compression),
}

impl ArchiveKind {
    /// What a file is, told by its name.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        if ends(&[".tar.gz", ".tgz", ".crate"]) {
            Self::Tar(Compression::Gz)
        } else if ends(&[".tar.xz", ".txz"]) {
            Self::Tar(Compression::Xz)
        } else if ends(&[".tar.zst", ".tzst"]) {
            Self::Tar(Compression::Zst)
        } else if ends(&[".tar.bz2", ".tbz2", ".tbz"]) {
            Self::Tar(Compression::Bz2)
        } else if ends(&[".tar"]) {
            Self::Tar(Compression::Plain)
        } else if ends(&[".zip", ".whl"]) {
            Self::Zip
        } else if ends(&[".gz"]) {
            Self::Single(Compression::Gz)
        } else if ends(&[".xz"]) {
            Self::Single(Compression::Xz)
        } else if ends(&[".zst"]) {
            Self::Single(Compression::Zst)
        } else if ends(&[".bz2"]) {
            Self::Single(Compression::Bz2)
        } else {
            Self::Single(Compression::Plain)
        }
    }
}

/// What to extract.
#[derive(Clone, Copy, Debug)]
pub enum Select<'a> {
    /// Every file; the archive must be one of ours: flat, regular files only, names that
    /// [`FileName`] accepts, or `.version`.
    Flat,
    /// For each pair the one regular file that the glob matches, under the given name. `*` does not
    /// cross `/`, `**` does.
    Globs(&'a [(String, FileName)]),
    /// As `Globs`; and each of these programs by its name, in whatever folder. Of several files
    /// with that name it is the one that is a program for the platform, before scripts and other
    /// files; then one that may be executed; then the one least deep. Files between which that does
    /// not decide are an error that lists them.
    Programs {
        /// As in `Globs`.
        globs: &'a [(String, FileName)],
        /// The programs.
        names: &'a [FileName],
        /// What they are to run on.
        platform: Platform,
    },
    /// Every regular file, under the path it has in the archive; folders as far as files lie in
    /// them. Links are checked like all else, and not made.
    All,
}

/// What an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes unpacked.
    pub unpacked: u64,
    /// Unpacked bytes per byte of archive, once past [`Budget::RATIO_FREE`].
    pub ratio: u64,
    /// Entries, and distinct paths with the folders they imply.
    pub entries: u64,
}

impl Budget {
    /// Unpacked bytes up to which the ratio does not count.
    pub const RATIO_FREE: u64 = 256 << 20;
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            unpacked: 4 << 30,
            ratio: 100,
            entries: 100_000,
        }
    }
}

impl From<Limits> for Budget {
    fn from(limits: Limits) -> Self {
        let Limits {
            unpacked,
            ratio,
            entries,
        } = limits;
        let default = Self::default();
        Self {
            unpacked: unpacked.unwrap_or(default.unpacked),
            ratio: ratio.unwrap_or(default.ratio),
            entries: entries.unwrap_or(default.entries),
        }
    }
}

/// A file that was extracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: Utf8PathBuf,
    /// 0o755 if it may be executed by anyone, is named `.exe`, or, where the archive tells no
    /// modes, begins like a program; else 0o644.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Digest of its content.
    pub sha256: Digest,
}

/// The error of an archive that is odd: class *wrong*.
fn refused(why: impl std::fmt::Display) -> Error {
    Error::integrity(format!("the archive is refused: {why}"))
}

/// Whether an archive of ours may hold a file of that name.
fn is_flat_name(name: &str) -> bool {
    name == ".version" || FileName::from_str(name).is_ok()
}

#[cfg(test)]
mod tests;
