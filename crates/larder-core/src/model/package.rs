//! The formats of archives, and the limits for unpacking them.

use std::fmt;

use super::{Os, Platform};

/// The archive format of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PackageFormat {
    /// `.tar.gz`
    TarGz,
    /// `.tar.zst`
    TarZst,
    /// `.zip`
    Zip,
}

impl PackageFormat {
    /// The default format of packages and bundles for a platform: zip for Windows, which can always
    /// unpack it, and tar.gz for the others.
    pub fn default_for(platform: &Platform) -> Self {
        match platform.os {
            Os::Windows => Self::Zip,
            Os::Linux | Os::Darwin => Self::TarGz,
        }
    }

    /// The file extension without its first dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }
}

/// What a publisher's file is, as `upstream.format` of a recipe says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Its bytes say what it is. Its name is only used where the bytes say nothing.
    #[default]
    Auto,
    /// A tar archive, compressed in any way or not at all.
    Tar,
    /// A zip archive, also one that starts with a program that unpacks it.
    Zip,
    /// A 7z archive.
    SevenZip,
    /// A Debian package.
    Deb,
    /// One file, compressed with gzip.
    Gz,
    /// One file, compressed with xz.
    Xz,
    /// One file, compressed with Zstandard.
    Zst,
    /// One file, compressed with bzip2.
    Bz2,
    /// One file, compressed with LZ4.
    Lz4,
    /// One file, compressed with LZMA.
    Lzma,
    /// The file itself, whatever it contains.
    Plain,
}

impl fmt::Display for FileFormat {
    /// The word of the recipe.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Tar => "tar",
            Self::Zip => "zip",
            Self::SevenZip => "7z",
            Self::Deb => "deb",
            Self::Gz => "gz",
            Self::Xz => "xz",
            Self::Zst => "zst",
            Self::Bz2 => "bz2",
            Self::Lz4 => "lz4",
            Self::Lzma => "lzma",
            Self::Plain => "plain",
        })
    }
}

/// The value of `limits:` in a recipe: limits for unpacking an archive. `None` means the default of
/// `archive::Budget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The size of all unpacked files in bytes.
    pub unpacked: Option<u64>,
    /// The unpacked bytes per byte of archive, once 256 MiB are unpacked.
    pub ratio: Option<u64>,
    /// The number of entries.
    pub entries: Option<u64>,
}
