//! The formats of archives, and the limits for unpacking them.

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
