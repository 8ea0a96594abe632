//! What an archive is packed as, and how much may come out of one.

use super::{Os, Platform};

/// Archive formats of packages.
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
    /// The format of packages and bundles for a platform where nobody asked for another: zip for
    /// Windows, which unpacks nothing else by itself, and tar.gz elsewhere.
    pub fn default_for(platform: &Platform) -> Self {
        match platform.os {
            Os::Windows => Self::Zip,
            Os::Linux | Os::Darwin => Self::TarGz,
        }
    }

    /// File extension without the first dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::TarGz => "tar.gz",
            Self::TarZst => "tar.zst",
            Self::Zip => "zip",
        }
    }
}

/// `limits:` of a recipe: bounds on what unpacking an archive may give. `None` stands for the
/// default of `archive::Budget`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes unpacked.
    pub unpacked: Option<u64>,
    /// Unpacked bytes per byte of archive (past 256 MiB).
    pub ratio: Option<u64>,
    /// Entries.
    pub entries: Option<u64>,
}
