//! `release status`: what the hub has.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{AssetName, Name, Platform, Tag, Version};

/// `release status`: what the hub has for each subsystem on each platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReleaseStatusDocument {
    /// The project's name.
    pub project: String,
    /// A description of the hub.
    pub hub: String,
    /// Whether everything is released.
    pub complete: bool,
    /// Each subsystem on each platform.
    pub subsystems: Vec<ReleaseStatusEntry>,
}

/// What the hub has of a subsystem on a platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReleaseStatusEntry {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// `released`; `draft`: only in a draft; `other-inputs`: only an artifact of other inputs is
    /// released; or `missing`.
    #[schemars(extend("enum" = ["released", "draft", "other-inputs", "missing"]))]
    pub state: &'static str,
    /// The tag of the release; null if it is missing.
    pub tag: Option<Tag>,
    /// The name of the asset; null if it is missing.
    pub asset: Option<AssetName>,
}
