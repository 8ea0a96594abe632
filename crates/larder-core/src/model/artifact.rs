//! An artifact: the files of one subsystem in one version for one platform.

pub(super) mod path;
pub(super) mod tree;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    ArtifactPath, Digest, FileName, Hasher, Name, Origin, Platform, Tree, Version, is_commit,
};

/// One subsystem on one platform: the unit that is planned, acquired and installed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The subsystem.
    pub name: Name,
    /// The platform.
    pub platform: Platform,
}

impl Target {
    /// The command line that installs it.
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
    /// Its name; in a tree, its path. Other artifacts have no folders.
    pub name: ArtifactPath,
    /// The permission bits: 0o755 for binaries and scripts, 0o644 for other files. In JSON they are
    /// the text `"0755"` or `"0644"`.
    #[serde(with = "mode_text")]
    pub mode: u32,
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its content.
    pub sha256: Digest,
}

/// The identity, the provenance and the files of an artifact. It is the same wherever the artifact
/// is stored: nothing in it depends on the machine, the time or the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The subsystem.
    pub name: Name,
    /// Its version.
    pub version: Version,
    /// The platform that it runs on.
    pub platform: Platform,
    /// The platform whose programs it has, if its own platform runs those of another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emulated: Option<Platform>,
    /// Who made it.
    pub origin: Origin,
    /// The inputs: a fingerprint of everything declared that decides it, for its origin.
    pub inputs: Digest,
    /// The commit that a git source was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its files: the binaries in the recipe's order, then the others: the included files in the
    /// recipe's order or, in a tree, all others sorted by their paths.
    pub files: Vec<ArtifactFile>,
    /// What it has besides files, if it keeps the folder of its archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<Tree>,
}

impl Artifact {
    /// The artifact's digest; see [`artifact_digest`] and [`Tree::digest`].
    pub fn digest(&self) -> Digest {
        match &self.tree {
            Some(tree) => tree.digest(&self.files),
            None => artifact_digest(&self.files),
        }
    }

    /// The names by which its programs are called: those of the files with execute permission or, in
    /// a tree, those of the binaries.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        let binaries = self.tree.iter().flat_map(|tree| &tree.binaries);
        let is_program = |file: &&ArtifactFile| self.tree.is_none() && file.mode == 0o755;
        let files = self.files.iter().filter(is_program);
        binaries
            .map(|binary| binary.name.as_str())
            .chain(files.map(|file| file.name.as_str()))
    }

    /// Checks what holds for every artifact, whatever its recipe: it has at least one file, no two
    /// files have the same name, modes are 0755 or 0644, the commit is a full commit id, an emulated
    /// platform is another one of the same system, and files are in no folder, unless it is a tree,
    /// which holds together. The error says which of these does not hold.
    pub fn check(&self) -> Result<(), String> {
        if self.files.is_empty() {
            return Err("it has no files".into());
        }
        match &self.tree {
            Some(tree) => tree.check(&self.files)?,
            None => check_names(&self.files)?,
        }
        for file in &self.files {
            if !matches!(file.mode, 0o755 | 0o644) {
                return Err(format!(
                    "`{}` has mode {:04o}, and only 0755 and 0644 are allowed",
                    file.name, file.mode
                ));
            }
        }
        if let Some(emulated) = self.emulated
            && (emulated == self.platform || emulated.os != self.platform.os)
        {
            let platform = self.platform;
            return Err(format!("{platform} can't run programs of {emulated}"));
        }
        match &self.commit {
            Some(commit) if !is_commit(commit) => Err("its commit is not a full commit id".into()),
            _ => Ok(()),
        }
    }
    /// The total size of its files in bytes.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }
}

/// Checks the names of an artifact without folders.
fn check_names(files: &[ArtifactFile]) -> Result<(), String> {
    for (number, file) in files.iter().enumerate() {
        if files[..number].iter().any(|other| other.name == file.name) {
            return Err(format!("it has two files called `{}`", file.name));
        }
        if let Err(invalid) = file.name.as_str().parse::<FileName>() {
            return Err(invalid.message);
        }
    }
    Ok(())
}

/// Computes the digest of the files of an artifact without folders, which does not depend on any archive. It is the
/// sha256 of the field `larder-artifact-v1` and then, for each file in the order of the names, the
/// fields name, mode (decimal text) and sha256 (raw bytes). Each field has its length before it.
pub fn artifact_digest(files: &[ArtifactFile]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.field(b"larder-artifact-v1");
    hash_files(&mut hasher, files);
    hasher.finish()
}

/// Adds the name, the mode and the digest of each file, in the order of the names.
fn hash_files(hasher: &mut Hasher, files: &[ArtifactFile]) {
    let mut sorted: Vec<&ArtifactFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.as_str().as_bytes().cmp(b.name.as_str().as_bytes()));
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
