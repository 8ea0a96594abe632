//! The API's answers, parsed: only the fields that larder reads.

use serde::Deserialize;

use larder_core::model::Digest;

/// A release, draft or published.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its id. A draft can be addressed only by its id.
    pub id: u64,
    /// Its tag; the tag of a draft may not exist in git yet.
    #[serde(rename = "tag_name")]
    pub tag: String,
    /// Whether it is visible only to users with write access.
    pub draft: bool,
    /// Whether its assets can no longer be added, replaced or removed.
    #[serde(default)]
    pub immutable: bool,
    /// The url template for uploading assets.
    pub upload_url: String,
    /// The url of its web page.
    #[serde(rename = "html_url")]
    pub page: String,
    /// Its description.
    pub body: Option<String>,
    /// When it was created, as RFC 3339.
    #[serde(default, rename = "created_at")]
    pub created: Option<String>,
    /// Its assets, including those of incomplete uploads.
    pub assets: Vec<Asset>,
}

impl Release {
    /// An asset by name, whatever its state.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
    /// An asset by name, if its upload was completed.
    pub fn whole(&self, name: &str) -> Option<&Asset> {
        self.asset(name).filter(|asset| asset.is_whole())
    }
}

/// An asset of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Asset {
    /// Its id. GitHub never changes the bytes of an asset, so new bytes have a new id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `uploaded`, or `starter` after an incomplete upload.
    pub state: String,
    /// Its size in bytes.
    pub size: u64,
    /// The digest that the server computed, as `sha256:<hex>`; some servers compute none.
    pub digest: Option<String>,
    /// A text that listings show next to the name.
    #[serde(default)]
    pub label: Option<String>,
    /// When it was created, as RFC 3339.
    #[serde(default, rename = "created_at")]
    pub created: Option<String>,
}

impl Asset {
    /// Whether its upload was completed.
    pub fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }
    /// The digest that the server computed, if it did.
    pub fn sha256(&self) -> Option<Digest> {
        self.digest
            .as_deref()?
            .strip_prefix("sha256:")?
            .parse()
            .ok()
    }
}

/// The metadata of a repository.
#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    /// `owner/name`.
    #[serde(default)]
    pub full_name: String,
    /// The branch that it shows, and that pull requests are for.
    #[serde(default)]
    pub default_branch: String,
    #[serde(default)]
    permissions: Permissions,
    /// Whether it is private.
    #[serde(default)]
    pub private: bool,
    /// Its one-line description.
    pub description: Option<String>,
    /// Its home page.
    pub homepage: Option<String>,
    license: Option<License>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Permissions {
    #[serde(default)]
    push: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct License {
    spdx_id: Option<String>,
}

impl Repository {
    /// Whether the token's owner may push to it.
    pub fn may_push(&self) -> bool {
        self.permissions.push
    }
    /// Its licence as an SPDX identifier, if GitHub recognised it.
    pub fn license(&self) -> Option<&str> {
        self.license
            .as_ref()?
            .spdx_id
            .as_deref()
            .filter(|id| *id != "NOASSERTION")
    }
}
