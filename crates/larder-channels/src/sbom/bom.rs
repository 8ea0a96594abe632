//! The parts of a CycloneDX 1.6 document that larder writes. Plain types are enough: the crates
//! that cover the whole format are generated, and bring a template engine or an XML writer along.

use larder_core::model::Digest;
use serde::{Deserialize, Serialize};

/// A document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bom {
    #[serde(rename = "$schema")]
    schema: String,
    #[serde(rename = "bomFormat")]
    format: String,
    spec_version: String,
    #[serde(default)]
    serial_number: String,
    version: u32,
    pub(super) metadata: Metadata,
    #[serde(default)]
    pub(super) components: Vec<Component>,
    #[serde(default)]
    pub(super) dependencies: Vec<Edges>,
}

/// What a document is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Metadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<String>,
    tools: Tools,
    pub(super) component: Component,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tools {
    components: Vec<Component>,
}

/// Software or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Component {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) bom_ref: String,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<Scope>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) hashes: Vec<Hash>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) licenses: Vec<License>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) purl: Option<String>,
    #[serde(
        default,
        rename = "externalReferences",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub(super) references: Vec<Reference>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) properties: Vec<Property>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) components: Vec<Component>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Application,
    File,
    #[default]
    Library,
}

/// Whether a component is needed when the program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Scope {
    /// It is only used to build the program.
    Excluded,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hash {
    alg: String,
    pub(super) content: String,
}

impl Hash {
    pub(super) fn sha256(digest: &Digest) -> Self {
        Self {
            alg: "SHA-256".into(),
            content: digest.to_string(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum License {
    /// An SPDX expression.
    Expression(String),
    /// A text that is none.
    License {
        /// The text.
        name: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reference {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

impl Property {
    pub(super) fn new(name: &str, value: impl ToString) -> Self {
        Self {
            name: format!("larder:{name}"),
            value: value.to_string(),
        }
    }
}

/// What one component depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edges {
    #[serde(rename = "ref")]
    pub(super) from: String,
    #[serde(default, rename = "dependsOn", skip_serializing_if = "Vec::is_empty")]
    pub(super) to: Vec<String>,
}

impl Bom {
    /// A document. Its serial number is made from its content.
    pub(super) fn new(
        timestamp: Option<String>,
        component: Component,
        components: Vec<Component>,
        dependencies: Vec<Edges>,
    ) -> Self {
        // The tool has no version: a newer larder must not change what is already attached.
        let tool = Component {
            kind: Kind::Application,
            name: "larder".into(),
            ..Component::default()
        };
        let mut bom = Self {
            schema: "http://cyclonedx.org/schema/bom-1.6.schema.json".into(),
            format: "CycloneDX".into(),
            spec_version: "1.6".into(),
            serial_number: String::new(),
            version: 1,
            metadata: Metadata {
                timestamp,
                tools: Tools {
                    components: vec![tool],
                },
                component,
            },
            components,
            dependencies,
        };
        bom.serial_number = uuid(&Digest::of(bom.to_json().as_bytes()));
        bom
    }

    /// Reads a document of larder; `None` if it is anything else.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// The text of the file: pretty JSON with a final newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// A UUID of version 8, which is the one for content of one's own, from a digest.
fn uuid(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..15],
        &hex[15..18],
        &hex[18..30]
    )
}
