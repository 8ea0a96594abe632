//! What the API answers: the fields that larder reads, parsed. Knows nothing of how they were asked
//! for.

use serde::Deserialize;

use larder_core::model::Digest;

/// A release, draft or published.
#[derive(Clone, Debug, Deserialize)]
pub struct Release {
    /// Its number, the only name that a draft has.
    pub id: u64,
    /// Its tag; a draft's tag need not exist yet.
    #[serde(rename = "tag_name")]
    pub tag: String,
    /// Whether it is visible only to those who may write.
    pub draft: bool,
    /// Whether nothing can be added, replaced or removed any more.
    #[serde(default)]
    pub immutable: bool,
    /// Where assets are uploaded, a url template.
    pub upload_url: String,
    /// Its page, for people.
    #[serde(rename = "html_url")]
    pub page: String,
    /// Its text.
    pub body: Option<String>,
    /// Its assets, also those of broken uploads.
    pub assets: Vec<Asset>,
}

impl Release {
    /// An asset by name, whatever its state.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.name == name)
    }
    /// An asset by name if all its bytes are there.
    pub fn whole(&self, name: &str) -> Option<&Asset> {
        self.asset(name).filter(|asset| asset.is_whole())
    }
}

/// An asset of a release.
#[derive(Clone, Debug, Deserialize)]
pub struct Asset {
    /// Its number; an asset of another content has another number.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `uploaded`, or `starter` after a broken upload.
    pub state: String,
    /// How many bytes it has.
    pub size: u64,
    /// The digest that the server computed, as `sha256:<hex>`, where it does that.
    pub digest: Option<String>,
    /// A text that listings show beside the name.
    #[serde(default)]
    pub label: Option<String>,
}

impl Asset {
    /// Whether all its bytes are there: it is not the rest of a broken upload.
    pub fn is_whole(&self) -> bool {
        self.state == "uploaded"
    }
    /// The digest that the server computed, where it does.
    pub fn sha256(&self) -> Option<Digest> {
        self.digest
            .as_deref()?
            .strip_prefix("sha256:")?
            .parse()
            .ok()
    }
}

/// What a repository says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Repository {
    /// Whether only some may see it.
    #[serde(default)]
    pub private: bool,
    /// One line about it.
    pub description: Option<String>,
    /// Its home page.
    pub homepage: Option<String>,
    license: Option<License>,
}

#[derive(Clone, Debug, Deserialize)]
struct License {
    spdx_id: Option<String>,
}

impl Repository {
    /// Its licence, an SPDX identifier, where GitHub knows which it is.
    pub fn license(&self) -> Option<&str> {
        self.license
            .as_ref()?
            .spdx_id
            .as_deref()
            .filter(|id| *id != "NOASSERTION")
    }
}
