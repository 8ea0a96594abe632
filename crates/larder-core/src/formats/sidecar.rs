//! The sidecar `<asset>.json`: the authoritative description of an asset. It is written
//! to the hub after the asset.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::model::{Artifact, Digest};

/// The schema number of the sidecar of an artifact without folders.
pub const SCHEMA: u32 = 1;
/// The schema number of the sidecar of a tree, which a larder of before does not know. Both are read.
pub const TREE_SCHEMA: u32 = 2;

/// The authoritative description of an asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Schema number.
    pub schema: u32,
    /// Identity, origin and files of the artifact in the asset.
    #[serde(flatten)]
    pub content: Artifact,
    /// The artifact's digest.
    pub artifact: Digest,
    /// Digest of the archive.
    pub sha256: Digest,
    /// Size of the archive in bytes.
    pub size: u64,
    /// What was observed when the artifact was made. It is not part of any key.
    #[serde(default)]
    pub observed: Observed,
    /// The fields that `inputs` was computed from. With them, larder can explain why an asset is
    /// not accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub explanation: Vec<(String, String)>,
}

/// What was observed when an artifact was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Commit of a git source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Tool → the version that it printed.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub tools: std::collections::BTreeMap<String, String>,
    /// The lowest glibc version that the binaries run on, such as `2.28`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glibc: Option<String>,
    /// The executor that ran the build, or whose cache had its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executor: Option<String>,
    /// Url of the CI run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When the artifact was made: RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
}

impl Observed {
    /// Checks that every value is one line of printable text: these values come from others and are
    /// shown to people.
    fn check(&self) -> Result<(), String> {
        let Self {
            commit,
            tools,
            glibc,
            executor,
            run,
            time,
        } = self;
        let tools = tools.iter().flat_map(|(tool, version)| [tool, version]);
        let texts = [commit, glibc, executor, run, time]
            .into_iter()
            .flatten()
            .chain(tools);
        match texts
            .into_iter()
            .find(|text| text.contains(char::is_control))
        {
            Some(text) => Err(format!("its value {text:?} has a control character")),
            None => Ok(()),
        }
    }
}

impl Sidecar {
    /// Makes the sidecar for an archive of an artifact.
    pub fn new(
        content: Artifact,
        sha256: Digest,
        size: u64,
        observed: Observed,
        explanation: Vec<(String, String)>,
    ) -> Self {
        let schema = if content.tree.is_some() {
            TREE_SCHEMA
        } else {
            SCHEMA
        };
        Self {
            schema,
            artifact: content.digest(),
            content,
            sha256,
            size,
            observed,
            explanation,
        }
    }

    /// Parses a sidecar and checks that its schema is known and that its artifact digest matches
    /// its files.
    pub fn parse(bytes: &[u8], place: &str) -> Result<Self> {
        let damaged = |why: String| {
            Error::integrity(format!("the sidecar {place} is damaged"))
                .cause(why)
                .hint("someone with write access to the hub can repair it with `larder release NAME --replace`")
        };
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|e| damaged(e.to_string()))?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            Some(n) if n == u64::from(SCHEMA) || n == u64::from(TREE_SCHEMA) => {}
            Some(n) if n > u64::from(TREE_SCHEMA) => {
                return Err(Error::failed(format!(
                    "the sidecar {place} has schema {n}, but this larder reads schema {TREE_SCHEMA}"
                ))
                .hint("update larder"));
            }
            _ => return Err(damaged("it has no schema number".into())),
        }
        let sidecar: Self = serde_json::from_value(value).map_err(|e| damaged(e.to_string()))?;
        sidecar.content.check().map_err(damaged)?;
        if (sidecar.schema == TREE_SCHEMA) != sidecar.content.tree.is_some() {
            return Err(damaged("its schema number does not fit its content".into()));
        }
        sidecar.observed.check().map_err(damaged)?;
        if sidecar.content.digest() != sidecar.artifact {
            return Err(damaged(
                "its artifact digest does not match its files".into(),
            ));
        }
        Ok(sidecar)
    }

    /// The text of the file: pretty JSON with a final newline.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
