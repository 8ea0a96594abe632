//! Documents about hubs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{AssetName, Tag};

/// `hub presign`: urls with which files of releases can be read for a while, without credentials.
/// Each url is a secret: it is all that one needs to read the file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresignDocument {
    /// The hub.
    pub hub: String,
    /// When the urls end, in RFC 3339.
    pub expires: String,
    /// The files: assets, their sidecars and signatures.
    pub files: Vec<PresignEntry>,
}

/// A file of a release.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PresignEntry {
    /// The tag of its release.
    pub tag: Tag,
    /// Its name.
    pub name: AssetName,
    /// The url.
    pub url: String,
}
