//! Archives: deterministic packing, and streaming unpacking that is safe for untrusted archives.
//!
//! This module handles entries, names and bytes. It does not depend on recipes, on hubs or on the
//! place that bytes come from. The caller hashes and counts the *archive* while it is read; this
//! module hashes the *files*.
//!
//! Packing ([`pack`]): the same entries give the same bytes, for any number of threads, umask,
//! user, folder and clock.
//!
//! Unpacking ([`unpack`]) keeps one simple property: it never makes a link, a device or an empty
//! folder, and writes only the selected regular files, under names that were checked by their type,
//! into an existing empty folder. Everything else of an archive is read, checked and dropped. Only
//! of source code ([`Select::Source`]) it also makes the empty folders and, when everything else is
//! written, the links that stay inside. The contract, in the order of the code:
//!
//! 1. What a file is, its first bytes say (`kind`), unless the caller knows it.
//! 2. The reader is read to its end. An archive with data after its own end is refused; zeros, with
//!    which blocks are filled up, are not data.
//! 3. Every entry, selected or not, is checked: its path (`names`), its type and fields (`untar`,
//!    `unzip`, `seven`), the budget (`pipe`). An archive is refused as a whole if a path leads
//!    outside or through a link, if a selected path occurs twice with different contents, or if its
//!    structure contradicts itself. Entries that are only odd (devices, links that lead outside,
//!    names that no file can have, equal duplicates) are skipped, and a note says so.
//! 4. Selected files are hashed while they are written.
//! 5. If a pattern matches only links, they are followed inside the archive, and the archive is read
//!    a second time, from a copy, to extract the files that they lead to.
//! 6. On any error nothing stays in the folder. An archive that breaks a rule is class *wrong*
//!    ([`Kind::Integrity`](crate::Kind)). In that case too the reader is drained (within the
//!    budget), so that the caller can prefer "the digest differs" as the reason.
//!
//! In a package that larder made ([`Select::Flat`], [`Select::FlatTree`]) nothing unusual is accepted.
//!
//! Files are not flushed to disk here, except in part and early ([`Destination::durable`]); the code
//! that publishes them does that.

mod ar;
mod cp437;
mod decode;
mod kind;
mod links;
mod names;
mod pack;
mod pipe;
mod select;
mod seven;
mod sparse;
mod unpack;
mod unpacker;
mod untar;
mod unzip;

use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::Error;
use crate::model::{Digest, FileFormat, FileName, Limits, Platform};

pub use kind::{begins, is_page};
pub use pack::{gzip, pack};
pub use select::glob_matches;
pub use unpack::unpack;

/// What ends a block of larder's own deflate streams: two empty stored blocks. The first one has
/// its header's bits in the byte before.
const DEFLATE_MARKER: &[u8] = &[0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// Uncompressed bytes of a frame of larder's own Zstandard files. This number is part of the
/// format: another one gives other archive bytes.
const ZSTD_FRAME: usize = 2 << 20;

/// The result of packing: digest and length of the archive's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Digest of the archive.
    pub sha256: Digest,
    /// Bytes of the archive.
    pub size: u64,
}

/// One file, or one link, to pack.
#[derive(Clone, Copy, Debug)]
pub struct PackEntry<'a> {
    /// Its path in the archive: one name, or several names separated by `/`.
    pub name: &'a str,
    /// Permission bits; those of a link do not matter.
    pub mode: u32,
    /// Its size in bytes. If the content has another size when it is packed, that is an error. That of
    /// a link does not matter.
    pub size: u64,
    /// Where the bytes are.
    pub content: Content<'a>,
}

/// Where the bytes of a [`PackEntry`] are.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// In a file.
    File(&'a Utf8Path),
    /// In a file whose digest is known. Other bytes are an error of class *wrong*.
    Known(&'a Utf8Path, Digest),
    /// In memory.
    Bytes(&'a [u8]),
    /// Nowhere: it is a symbolic link to this target, which stays inside the archive.
    Link(&'a str),
}

impl PackEntry<'_> {
    /// A link.
    pub fn link<'a>(name: &'a str, target: &'a str) -> PackEntry<'a> {
        PackEntry {
            name,
            mode: 0o777,
            size: 0,
            content: Content::Link(target),
        }
    }
}

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not compressed.
    Plain,
    /// gzip
    Gz,
    /// xz
    Xz,
    /// Zstandard
    Zst,
    /// bzip2
    Bz2,
    /// LZ4, in frames.
    Lz4,
    /// LZMA, as older versions of xz wrote it.
    Lzma,
}

/// The format of a downloaded file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArchiveKind {
    /// A tar archive.
    Tar(Compression),
    /// A zip archive.
    Zip,
    /// A 7z archive.
    SevenZip,
    /// A Debian package, whose files are in a tar.
    Deb,
    /// A single file, not an archive.
    Single(Compression),
}

/// What a file is expected to be.
#[derive(Clone, Copy, Debug)]
pub enum ReadAs<'a> {
    /// Exactly this: a package that larder made, or a file that was recognised before.
    Exactly(ArchiveKind),
    /// A publisher's file.
    File {
        /// What the recipe says it is.
        format: FileFormat,
        /// The file's name, for the case that its bytes don't say what it is.
        name: &'a str,
    },
}

/// What to extract.
#[derive(Clone, Copy, Debug)]
pub enum Select<'a> {
    /// Every file of a package that larder made: the archive must have only regular files and no
    /// folders, and each name must be one that [`FileName`] accepts, or `.version`.
    Flat,
    /// For each pair, the one regular file that the glob matches, extracted under the given name.
    /// `*` does not match `/`, `**` does.
    Globs(&'a [(String, FileName)]),
    /// As `Globs`, and in addition each of these programs, found by its name in any folder. If
    /// several files have that name, a native program for the platform comes before scripts and
    /// other files; then a file with execute permission comes first; then the one in the fewest
    /// folders. If several files are still equal, that is an error that lists them.
    Programs {
        /// As in `Globs`.
        globs: &'a [(String, FileName)],
        /// The names of the programs.
        names: &'a [FileName],
        /// The platform on which they must run.
        platform: Platform,
    },
    /// Every regular file, under the path that it has in the archive. Only folders that contain
    /// files are made. Links are checked like everything else, but not made.
    All,
    /// Every regular file, for an artifact that keeps the folder of the archive. The single folder at
    /// the top is left out, if there is one. Links are not made, but returned, with the paths of the
    /// binaries.
    Whole(WholeSelection<'a>),
    /// Every file of the package of a tree that larder made: the archive must have only regular files
    /// and links that stay inside, under paths that
    /// [`ArtifactPath`](crate::model::ArtifactPath) accepts. Links are not made, but returned.
    FlatTree,
    /// As `All`, with the empty folders and the links that stay inside the archive, as an archive of
    /// source code needs them.
    Source,
}

/// The binaries of an archive whose folder is kept.
#[derive(Clone, Copy, Debug)]
pub struct WholeSelection<'a> {
    /// The paths in the archive of some of the binaries, as globs: each must match exactly one file,
    /// or link to one.
    pub globs: &'a [(String, FileName)],
    /// The names of all binaries. One without a glob is found by its name, as in
    /// [`Select::Programs`].
    pub names: &'a [FileName],
    /// The platform on which they must run.
    pub platform: Platform,
}

/// What an archive whose folder is kept has besides files. Nothing of it is checked any further than
/// an archive's paths are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnpackedTree {
    /// The symbolic links: path and target.
    pub links: Vec<(String, String)>,
    /// The path of each binary, in the order in which they were selected; none for a package.
    pub binaries: Vec<(FileName, String)>,
}

/// Limits for unpacking one archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Most bytes that may be unpacked.
    pub unpacked: u64,
    /// Most unpacked bytes per byte of the archive. It applies once more than
    /// [`Budget::RATIO_FREE`] bytes are unpacked.
    pub ratio: u64,
    /// Most entries, and also most distinct paths (including the folders that paths imply).
    pub entries: u64,
}

impl Budget {
    /// The ratio is not checked up to this number of unpacked bytes.
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

/// Where the extracted files go.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// An existing, empty folder.
    pub folder: &'a Utf8Path,
    /// Another existing folder, in which large files are written a second time while their bytes are
    /// in memory. Each one is named by its sha256 there. A copy that can't be written is left out.
    pub copies: Option<&'a Utf8Path>,
    /// Whether the files will be flushed to disk. Then large files are flushed in part while they
    /// are written, so that the last flush takes little time.
    pub durable: bool,
}

impl<'a> From<&'a Utf8Path> for Destination<'a> {
    fn from(folder: &'a Utf8Path) -> Self {
        Self {
            folder,
            copies: None,
            durable: false,
        }
    }
}

impl<'a> From<&'a Utf8PathBuf> for Destination<'a> {
    fn from(folder: &'a Utf8PathBuf) -> Self {
        folder.as_path().into()
    }
}

/// A file that was extracted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Its name.
    pub name: String,
    /// The path that it was extracted to.
    pub path: Utf8PathBuf,
    /// Permission bits: 0o755 if the archive gives anyone execute permission, if the name ends in
    /// `.exe`, or if the archive has no modes and the content starts like a program; else 0o644.
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Digest of its content.
    pub sha256: Digest,
}

/// What was extracted from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extracted {
    /// What the file was.
    pub kind: ArchiveKind,
    /// The files, in the order of the archive.
    pub files: Vec<Unpacked>,
    /// What else there is, if the folder of the archive is kept.
    pub tree: Option<UnpackedTree>,
    /// What was unusual and skipped, in sentences for people.
    pub notes: Vec<String>,
}

/// The error for an archive that is refused: class *wrong*.
fn refused(why: impl std::fmt::Display) -> Error {
    Error::integrity(format!("the archive is refused: {why}"))
}

/// Whether a package that larder made can contain a file of that name.
fn is_flat_name(name: &str) -> bool {
    name == ".version" || FileName::from_str(name).is_ok()
}

#[cfg(test)]
mod tests;
