//! An artifact: the set of files of one (subsystem, version, platform).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Digest, FileName, Hasher, Name, Origin, Platform, Version};

/// One node of the work: a subsystem on a platform.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The subsystem.
    pub name: Name,
    /// The platform.
    pub platform: Platform,
}

impl Target {
    /// The command line that makes it present.
    pub fn ensure(&self) -> String {
        let Self { name, platform } = self;
        if *platform == Platform::host() {
            format!("larder ensure {name}")
        } else {
            format!("larder ensure {name} --platform {platform}")
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.platform)
    }
}

/// One file of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactFile {
    /// Its name; artifacts are flat.
    pub name: FileName,
    /// Permission bits: 0o755 for binaries and scripts, 0o644 else. As text in JSON: `"0755"`.
    #[serde(with = "mode_text")]
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Digest of its content.
    pub sha256: Digest,
}

/// What is known of an artifact wherever it lies: identity, provenance and files. Holds nothing
/// that depends on machine, time or the way it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// What it runs on.
    pub platform: Platform,
    /// How it was made.
    pub origin: Origin,
    /// Fingerprint of what decided it, for that origin.
    pub inputs: Digest,
    /// The commit of a git source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its files, the recipe's binaries in order, then included files.
    pub files: Vec<ArtifactFile>,
}

impl Artifact {
    /// The artifact's digest; see [`artifact_digest`].
    pub fn digest(&self) -> Digest {
        artifact_digest(&self.files)
    }
    /// Total bytes of its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Digest over the files sorted by name, independent of any archive: sha256 of the field
/// `larder-artifact-v1`, then per file the fields name, mode (decimal text) and sha256 (raw), each
/// length-prefixed.
pub fn artifact_digest(files: &[ArtifactFile]) -> Digest {
    let mut sorted: Vec<&ArtifactFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.as_str().as_bytes().cmp(b.name.as_str().as_bytes()));
    let mut hasher = Hasher::new();
    hasher.field(b"larder-artifact-v1");
    for ArtifactFile {
        name,
        mode,
        size: _,
        sha256,
    } in sorted
    {
        hasher.field(name.as_str().as_bytes());
        hasher.field(mode.to_string().as_bytes());
        hasher.field(sha256.as_bytes());
    }
    hasher.finish()
}

mod mode_text {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&format_args!("{mode:04o}"))
        } else {
            mode.serialize(serializer)
        }
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            u32::from_str_radix(&text, 8).map_err(serde::de::Error::custom)
        } else {
            u32::deserialize(deserializer)
        }
    }
}
