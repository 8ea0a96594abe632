//! One registered file, and how it is shown.

use larder_core::model::Digest;
use serde::Serialize;
use utoipa::ToSchema;

use super::folder::Stamp;
use super::name::{Coordinate, arch_word};

/// A registered file.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is.
    pub coordinate: Coordinate,
    /// The file's name in the folder.
    pub file: Box<str>,
    /// The digest of its bytes.
    pub digest: Digest,
    /// The metadata that the file had when it was hashed.
    pub stamp: Stamp,
}

/// One binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct BinaryInfo {
    /// The name.
    #[schema(example = "storage-server")]
    pub name: String,
    /// The version, without a leading v.
    #[schema(example = "1.0.0")]
    pub version: String,
    /// The operating system: linux, darwin or windows.
    #[schema(example = "linux")]
    pub platform: String,
    /// The architecture: `x86_64`, aarch64, arm or x86.
    #[schema(example = "x86_64")]
    pub arch: String,
    /// The SHA-256 of the bytes, in hex.
    pub checksum: String,
    /// The size in bytes.
    pub size_bytes: u64,
    /// The name of the file: the bytes are at `/binaries/<path>`.
    #[schema(example = "storage-server-1.0.0-linux-x86_64")]
    pub path: String,
    /// The time of the file's last change, in seconds since 1970.
    pub uploaded_at: i64,
}

impl Entry {
    /// The entry as the API shows it.
    pub fn info(&self) -> BinaryInfo {
        BinaryInfo {
            name: self.coordinate.name.to_string(),
            version: self.coordinate.version.as_str().to_owned(),
            platform: self.coordinate.platform.as_str().to_owned(),
            arch: arch_word(self.coordinate.arch).to_owned(),
            checksum: self.digest.to_string(),
            size_bytes: self.stamp.size,
            path: self.file.to_string(),
            uploaded_at: self.stamp.modified_seconds(),
        }
    }
}
