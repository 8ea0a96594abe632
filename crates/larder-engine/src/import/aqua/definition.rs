//! The definitions of aqua's registry as they are written. Keys that larder does not need are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Visitor};

/// A file of the registry: one package, or all of them.
#[derive(Clone, Debug, Deserialize)]
pub struct RegistryFile {
    /// The packages.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// The definition of a package.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Package {
    /// Its name, if it is not that of its repository.
    pub name: String,
    /// Its other names.
    pub aliases: Vec<Alias>,
    /// More words to find it by.
    pub search_words: Vec<Text>,
    /// One line that says what it is.
    pub description: String,
    /// Its home page.
    pub link: String,
    /// The versions that the keys outside `version_overrides` are for; empty means all of them.
    pub version_constraint: Text,
    /// Other keys for some versions; the first one that matches counts.
    pub version_overrides: Vec<VersionOverride>,
    /// The other keys.
    #[serde(flatten)]
    pub keys: Keys,
}

/// Another name of a package.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// The name.
    pub name: String,
}

/// Keys for some versions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct VersionOverride {
    /// An expression that says for which versions.
    pub version_constraint: Text,
    /// The keys.
    #[serde(flatten)]
    pub keys: Keys,
}

/// Keys for some platforms.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Override {
    /// The operating system; empty means all.
    pub goos: String,
    /// The processor; empty means all.
    pub goarch: String,
    /// Platforms.
    pub envs: Option<Vec<String>>,
    /// Further conditions, such as the C library.
    pub variants: Vec<Variant>,
    /// The keys.
    #[serde(flatten)]
    pub keys: Keys,
}

/// A condition of an override.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Variant {
    /// Only `libc` is known.
    pub key: String,
    /// The value that it must have.
    pub value: String,
}

/// The keys that versions and platforms can override. Each of the three has some of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Keys {
    /// The kind of package.
    #[serde(rename = "type")]
    pub kind: String,
    /// The owner of the repository.
    pub repo_owner: String,
    /// The repository.
    pub repo_name: String,
    /// The name of the asset.
    pub asset: Text,
    /// The name of the crate.
    #[serde(rename = "crate")]
    pub crate_name: String,
    /// The URL of the file.
    pub url: String,
    /// A path in the repository, or of a Go package.
    pub path: String,
    /// The format of the asset.
    pub format: String,
    /// The versions that count.
    pub version_filter: Option<String>,
    /// What all versions begin with.
    pub version_prefix: Option<String>,
    /// Where versions are listed, if not in releases.
    pub version_source: String,
    /// Why a version can't be installed.
    pub error_message: Option<String>,
    /// The ending of programs on Windows.
    pub windows_ext: String,
    /// Whether programs for amd64 are used on macOS for arm64.
    pub rosetta2: Option<bool>,
    /// Whether programs for amd64 are used on Windows for arm64.
    pub windows_arm_emulation: Option<bool>,
    /// Whether the ending of programs is added to the asset's name on Windows.
    pub complete_windows_ext: Option<bool>,
    /// Whether a version has no assets.
    pub no_asset: Option<bool>,
    /// Whether the format is added to the asset's name.
    pub append_ext: Option<bool>,
    /// How to install a crate.
    pub cargo: Option<Cargo>,
    /// The programs.
    pub files: Option<Vec<File>>,
    /// The formats of operating systems.
    pub format_overrides: Option<Vec<FormatOverride>>,
    /// The publisher's words for systems and processors.
    pub replacements: Option<BTreeMap<Text, Text>>,
    /// Keys for some platforms; the first one that matches counts.
    pub overrides: Option<Vec<Override>>,
    /// The platforms.
    pub supported_envs: Option<Vec<String>>,
    /// Where digests are stated.
    pub checksum: Option<Checksum>,
    /// A signature of sigstore.
    pub cosign: Option<Signature>,
    /// A statement of where it was built.
    pub slsa_provenance: Option<Signature>,
    /// The same, kept by GitHub.
    pub github_artifact_attestations: Option<Signature>,
    /// A signature of minisign.
    pub minisign: Option<Minisign>,
    /// The variables that the user gives.
    pub vars: Option<Vec<Var>>,
}

/// How to install a crate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Cargo {
    /// Features to enable.
    pub features: Vec<String>,
    /// Whether all features are enabled.
    pub all_features: bool,
}

/// A program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct File {
    /// Its name.
    pub name: String,
    /// Its path in the asset.
    pub src: String,
    /// The folder that it is built in.
    pub dir: String,
}

/// The format of an operating system.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FormatOverride {
    /// The operating system.
    pub goos: String,
    /// The format.
    pub format: String,
}

/// Where digests are stated.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Checksum {
    /// `github_release` or `http`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The file's name.
    pub asset: Text,
    /// The file's URL.
    pub url: String,
    /// The format of the file.
    pub file_format: String,
    /// The algorithm.
    pub algorithm: String,
    /// How to read the file.
    pub pattern: Option<Pattern>,
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// Other words for systems and processors.
    pub replacements: Option<BTreeMap<Text, Text>>,
    /// A signature of sigstore.
    pub cosign: Option<Signature>,
    /// A statement of where it was built.
    pub github_artifact_attestations: Option<Signature>,
    /// A signature of minisign.
    pub minisign: Option<Minisign>,
}

/// How to read a file of digests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Pattern {
    /// The pattern of the digest.
    pub checksum: String,
    /// The pattern of the file's name.
    pub file: String,
}

/// A signature that larder can't check.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Signature {
    /// Whether it is used.
    pub enabled: Option<bool>,
}

/// A signature of minisign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Minisign {
    /// Whether it is used.
    pub enabled: Option<bool>,
    /// `github_release` or `http`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The owner of another repository.
    pub repo_owner: String,
    /// Another repository.
    pub repo_name: String,
    /// The file's name.
    pub asset: Option<String>,
    /// The file's URL.
    pub url: Option<String>,
    /// The key.
    pub public_key: String,
}

/// A variable that the user gives.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Var {
    /// Its name.
    pub name: String,
    /// Whether it must be given.
    pub required: bool,
    /// Its value if it is not given.
    pub default: Option<Text>,
}

/// A text that may be written as a number or as `true` and `false`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text(pub String);

impl std::ops::Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
            fn visit_unit<E: serde::de::Error>(self) -> Result<Text, E> {
                Err(E::custom("a text is missing"))
            }
        }
        deserializer
            .deserialize_any(Scalar)
            .map_err(D::Error::custom)
    }
}

impl Package {
    /// The name that the package is known by.
    pub fn full_name(&self) -> String {
        let Keys {
            repo_owner,
            repo_name,
            path,
            ..
        } = &self.keys;
        if !self.name.is_empty() {
            self.name.clone()
        } else if self.keys.has_repo() {
            format!("{repo_owner}/{repo_name}")
        } else {
            path.clone()
        }
    }
}

impl Keys {
    /// Whether it names a repository.
    pub(super) fn has_repo(&self) -> bool {
        !self.repo_owner.is_empty() && !self.repo_name.is_empty()
    }

    /// `owner/name`.
    pub(super) fn repo(&self) -> String {
        format!("{}/{}", self.repo_owner, self.repo_name)
    }
}
