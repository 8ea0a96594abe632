//! How a subsystem is built, and what that means for one platform.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;

use crate::model::{Digest, Name, Platform};
use crate::project::template::Template;

/// `build:`, templates unrendered.
#[derive(Clone, Debug)]
pub struct Build {
    /// Ensured for the host, only when a build happens.
    pub needs: Vec<Name>,
    /// Demanded of the machine: tool → version prefix.
    pub tools: BTreeMap<String, String>,
    /// What is built.
    pub source: BuildSource,
    /// Environment, in the file's order.
    pub env: Vec<(String, Template)>,
    /// Commands; empty only for `crate:` sources, which have a default.
    pub commands: Vec<Template>,
    /// Platforms this machine's build can produce.
    pub platforms: BuildPlatforms,
    /// Default 60 minutes.
    pub timeout: Duration,
}

/// `build.platforms:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildPlatforms {
    /// Only the host.
    Host,
    /// Every platform of the subsystem.
    All,
    /// These.
    List(Vec<Platform>),
}

/// `build.source:`, templates unrendered.
#[derive(Clone, Debug)]
pub enum BuildSource {
    /// A folder, relative to the recipe's.
    Dir(Template),
    /// A git repository at a rev.
    Git {
        /// Url.
        url: Template,
        /// Tag, branch or commit, as text.
        rev: Template,
    },
    /// An archive.
    Url {
        /// Url.
        url: Template,
        /// Its digest.
        sha256: Digest,
    },
    /// A crate of the crate registry at the subsystem's version number.
    Crate(Template),
}

/// A source rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderedSource {
    /// A folder: absolute path, and the text as written (rendered).
    Dir {
        /// Absolute.
        path: Utf8PathBuf,
    },
    /// A git repository at a rev.
    Git {
        /// Url.
        url: String,
        /// Rev text.
        rev: String,
    },
    /// An archive.
    Url {
        /// Url.
        url: String,
        /// Digest.
        sha256: Digest,
    },
    /// A crate.
    Crate {
        /// Name.
        name: String,
        /// Version without a leading `v`.
        version: String,
    },
}

/// A build rendered for a platform and a pair of folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedBuild {
    /// Source.
    pub source: RenderedSource,
    /// Environment.
    pub env: Vec<(String, String)>,
    /// Commands.
    pub commands: Vec<String>,
}
