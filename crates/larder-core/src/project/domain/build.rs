//! How a subsystem is built, as a template and rendered for one platform.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::model::{Arch, Digest, Name, Os, Platform};
use crate::project::template::Template;

/// The value of `build:` with unrendered templates.
#[derive(Clone, Debug)]
pub struct Build {
    /// The subsystems that are ensured for the host if a build happens.
    pub needs: Vec<Name>,
    /// The tools that must be installed on the machine, each with the prefix of its version.
    pub tools: BTreeMap<String, String>,
    /// The source code.
    pub source: BuildSource,
    /// The environment variables, in the file's order.
    pub env: Vec<(String, Template)>,
    /// The commands. They are empty only for `crate:` sources, which have a default.
    pub commands: Vec<Template>,
    /// The platforms that a build on this machine can produce.
    pub platforms: BuildPlatforms,
    /// The time limit that the recipe states.
    pub timeout: Option<Duration>,
    /// The worker that may run it on an executor, if the recipe promises that it is hermetic.
    pub remote: Option<RemoteBuild>,
}

impl Build {
    /// The longest time that the commands may take on this machine.
    pub fn time_limit(&self) -> Duration {
        self.timeout.unwrap_or(Duration::from_hours(1))
    }
}

/// The worker that a build needs on an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteBuild {
    /// `docker://NAME@sha256:DIGEST`.
    pub image: String,
    /// Further properties, without that of the image.
    pub properties: BTreeMap<String, String>,
}

/// The property of a worker that names its image.
pub const IMAGE_PROPERTY: &str = "container-image";

/// The property of a worker that names its operating system.
pub const OS_PROPERTY: &str = "OSFamily";

/// The properties that name a worker's processor; the first that is there counts.
const PROCESSOR_PROPERTIES: [&str; 3] = ["ISA", "Arch", "cpu_arch"];

impl RemoteBuild {
    /// All properties that a worker needs.
    pub fn worker_properties(&self) -> BTreeMap<String, String> {
        let mut all = self.properties.clone();
        all.insert(IMAGE_PROPERTY.to_owned(), self.image.clone());
        all.entry(OS_PROPERTY.to_owned())
            .or_insert_with(|| "linux".to_owned());
        all
    }

    /// The platform of the worker, or the name of the property whose value larder does not know.
    pub fn worker(&self) -> Result<Platform, &'static str> {
        let os = match self.properties.get(OS_PROPERTY) {
            Some(text) => text.parse::<Os>().map_err(|_| OS_PROPERTY)?,
            None => Os::Linux,
        };
        let named = PROCESSOR_PROPERTIES
            .into_iter()
            .find_map(|name| Some((name, self.properties.get(name)?)));
        let arch = match named.map(|(name, text)| (name, text.to_ascii_lowercase())) {
            None => Arch::Amd64,
            Some((name, text)) => match text.as_str() {
                "arm-a64" => Arch::Arm64,
                "arm-a32" => Arch::Arm,
                "x86-32" => Arch::I386,
                other => other.parse().map_err(|_| name)?,
            },
        };
        Ok(Platform {
            os,
            arch,
            libc: None,
        })
    }
}

/// The value of `build.platforms:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildPlatforms {
    /// Only the host platform.
    Host,
    /// Every platform of the subsystem.
    All,
    /// The platforms in the list.
    List(Vec<Platform>),
}

/// The value of `build.source:` with unrendered templates.
#[derive(Clone, Debug)]
pub enum BuildSource {
    /// A folder.
    Dir {
        /// The path, relative to the recipe's folder.
        path: Template,
        /// What happens to links that lead out of it.
        links: Links,
    },
    /// A git repository at a rev.
    Git {
        /// Url.
        url: Template,
        /// A tag, a branch or a commit.
        rev: Template,
    },
    /// An archive.
    Url {
        /// Url.
        url: Template,
        /// Its digest.
        sha256: Digest,
    },
    /// A crate of the crate registry; its version is the subsystem's without a leading `v`.
    Crate(Template),
}

/// A folder with source code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SourceFolder {
    /// The absolute path.
    pub path: Utf8PathBuf,
    /// What happens to links that lead out of it.
    pub links: Links,
}

/// The value of `build.source.links:`: what happens to links that lead out of a source folder.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Links {
    /// They are an error.
    #[default]
    Refuse,
    /// What they lead to is part of the source, in their place.
    Follow,
}

/// A source rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RenderedSource {
    /// A folder.
    Dir(SourceFolder),
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
