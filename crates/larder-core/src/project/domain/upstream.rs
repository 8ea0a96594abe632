//! Where a subsystem's original is, as templates and rendered for one platform.

use std::collections::BTreeMap;
use std::fmt;

use super::Binary;
use crate::model::{Digest, FileFormat, FileName, Platform, PublicKey, Version, VersionRange};
use crate::project::template::Template;

/// The value of `upstream:` and its `overrides`, with unrendered templates.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The keys outside `overrides:`.
    pub base: UpstreamKeys,
    /// The keys for an os, an architecture or a platform, in the file's order. [`Upstream::on`]
    /// says which of them takes precedence.
    pub overrides: Vec<(String, UpstreamKeys)>,
    /// The keys for some versions, in the file's order.
    pub versions: Vec<VersionKeys>,
}

/// An entry of `versions:`: the keys for a range of versions. They take precedence over those of
/// [`Upstream`].
#[derive(Clone, Debug)]
pub struct VersionKeys {
    /// The versions.
    pub range: VersionRange,
    /// The keys outside its `overrides:`.
    pub base: UpstreamKeys,
    /// The keys for an os, an architecture or a platform, in the file's order.
    pub overrides: Vec<(String, UpstreamKeys)>,
}

/// The keys of `upstream:`. All are optional, because overrides have the same type.
#[derive(Clone, Debug, Default)]
pub struct UpstreamKeys {
    /// `owner/repo`.
    pub github: Option<String>,
    /// Url template.
    pub url: Option<Template>,
    /// npm package template.
    pub npm: Option<Template>,
    /// `PyPI` package template.
    pub pypi: Option<Template>,
    /// Release tag template.
    pub tag: Option<Template>,
    /// Asset template.
    pub asset: Option<Template>,
    /// Where the digest is stated.
    pub checksums: Option<RawChecksums>,
    /// The publisher's signature.
    pub signature: Option<SignatureKeys>,
    /// Pairs of a glob template and a file name template.
    pub extract: Option<Vec<(Template, Template)>>,
    /// What the file is; without it, the file's bytes say so.
    pub format: Option<FileFormat>,
    /// What of the archive becomes part of the artifact.
    pub keep: Option<Keep>,
    /// Each platform that also runs the programs of another one, with that.
    pub emulate: Option<BTreeMap<Platform, Platform>>,
    /// The words that `os` and `arch` render to in place of larder's.
    pub replacements: BTreeMap<String, String>,
    /// The binaries, in place of the recipe's.
    pub binaries: Option<Vec<Binary>>,
}

/// What of an original's archive becomes part of the artifact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// The binaries and the included files.
    #[default]
    Files,
    /// Every file of the archive.
    Tree,
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Tree => "tree",
        })
    }
}

/// The value of `checksums:`.
#[derive(Clone, Debug)]
pub enum RawChecksums {
    /// A template of a url (which contains `://`) or of the name of an asset of the same release.
    File(Template),
    /// Digests by platform.
    Pinned(BTreeMap<Platform, Digest>),
}

/// The value of `signature:`.
#[derive(Clone, Debug)]
pub struct SignatureKeys {
    /// The publisher's key.
    pub key: PublicKey,
    /// Template of a url, or of the name of an asset of the same release.
    pub file: Template,
    /// What is signed.
    pub of: Signed,
}

/// What a publisher's signature is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// The original itself.
    Asset,
    /// The checksums file.
    Checksums,
}

/// A publisher's signature, for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamSignature {
    /// The publisher's key.
    pub key: PublicKey,
    /// Where the signature is: an asset of the release, or a url.
    pub file: Checksum,
    /// What is signed.
    pub of: Signed,
}

/// The place of an original for a platform. It is part of the inputs of origin `original`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coordinate {
    /// An asset of a GitHub release.
    GitHub {
        /// `owner/name`.
        repo: String,
        /// Tag.
        tag: String,
        /// Asset.
        asset: String,
    },
    /// A url.
    Url(String),
    /// A package of the npm registry.
    Npm {
        /// The package's name with its scope.
        package: String,
        /// Without a leading `v`.
        version: String,
    },
    /// A wheel of the Python package index.
    Pypi {
        /// Project name.
        package: String,
        /// Without a leading `v`.
        version: String,
    },
}

/// Where the digest of an original is stated, as the recipe says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// In the recipe itself.
    Pinned(Digest),
    /// In another asset of the same GitHub release.
    Asset(String),
    /// At a url.
    Url(String),
}

/// An original rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// What to download.
    pub coordinate: Coordinate,
    /// Where its digest is stated; `None` if the recipe does not say.
    pub checksum: Option<Checksum>,
    /// The publisher's signature; `None` if the recipe names none.
    pub signature: Option<UpstreamSignature>,
    /// Pairs of a glob in the archive and a file name in the artifact. If there are none, each
    /// binary is found by its name in any folder, or the single file is taken.
    pub extract: Vec<(String, FileName)>,
    /// What the file is, if the recipe says so.
    pub format: Option<FileFormat>,
    /// What of the archive becomes part of the artifact.
    pub keep: Keep,
    /// The original of another platform that is used where the publisher has nothing for this one.
    pub emulated: Option<Box<Emulated>>,
}

/// The original of another platform, whose programs the platform also runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emulated {
    /// The other platform.
    pub platform: Platform,
    /// Its original. Names of files are those of the platform that it is for.
    pub original: Original,
}

impl Upstream {
    /// The keys for a platform and a version: the base with the overrides applied from the most
    /// general to the most specific one (see `override_words`), then in the same way those of the
    /// first entry of `versions` that has the version. `replacements` are merged; every other key
    /// is replaced. Keys with another kind of original also drop the tag, the asset and the
    /// checksums file that belong to the previous kind.
    pub fn on(&self, platform: &Platform, version: &Version) -> UpstreamKeys {
        let mut merged = UpstreamKeys::default();
        for keys in self.layers(platform, version) {
            merged.apply(keys);
        }
        merged
    }

    /// The binaries for a platform and a version, if they differ from the recipe's.
    pub fn binaries_on(&self, platform: &Platform, version: &Version) -> Option<&[Binary]> {
        // Nearly every recipe has the same on all platforms.
        if self.all_keys().all(|keys| keys.binaries.is_none()) {
            return None;
        }
        let mut layers = self.layers(platform, version).into_iter().rev();
        layers.find_map(|keys| keys.binaries.as_deref())
    }

    /// Which entry of `versions` applies to a version.
    pub fn entry(&self, version: &Version) -> Option<usize> {
        self.versions
            .iter()
            .position(|entry| entry.range.contains(version))
    }

    /// All keys, those for other versions too.
    pub fn all_keys(&self) -> impl Iterator<Item = &UpstreamKeys> {
        let Self {
            base,
            overrides,
            versions,
        } = self;
        let of_versions = versions.iter().flat_map(|entry| {
            let VersionKeys {
                range: _,
                base,
                overrides,
            } = entry;
            std::iter::once(base).chain(overrides.iter().map(|(_, keys)| keys))
        });
        std::iter::once(base)
            .chain(overrides.iter().map(|(_, keys)| keys))
            .chain(of_versions)
    }

    /// The keys that apply, from the most general to the most specific.
    fn layers(&self, platform: &Platform, version: &Version) -> Vec<&UpstreamKeys> {
        let words = override_words(*platform);
        let mut layers = vec![&self.base];
        layers.extend(applying(&self.overrides, &words));
        if let Some(entry) = self.entry(version) {
            let VersionKeys {
                range: _,
                base,
                overrides,
            } = &self.versions[entry];
            layers.push(base);
            layers.extend(applying(overrides, &words));
        }
        layers
    }
}

impl UpstreamKeys {
    fn apply(&mut self, over: &Self) {
        let Self {
            github,
            url,
            npm,
            pypi,
            tag,
            asset,
            checksums,
            signature,
            extract,
            format,
            keep,
            emulate,
            replacements,
            binaries,
        } = over.clone();
        let kinds = |github: bool, url: bool, npm: bool, pypi: bool| [github, url, npm, pypi];
        let kind = kinds(
            github.is_some(),
            url.is_some(),
            npm.is_some(),
            pypi.is_some(),
        );
        if kind.contains(&true) {
            if kind
                != kinds(
                    self.github.is_some(),
                    self.url.is_some(),
                    self.npm.is_some(),
                    self.pypi.is_some(),
                )
            {
                // They belong to the release of the previous kind.
                (self.tag, self.asset, self.format) = (None, None, None);
                self.signature = None;
                self.checksums
                    .take_if(|checksums| matches!(checksums, RawChecksums::File(_)));
            }
            (self.github, self.url, self.npm, self.pypi) = (github, url, npm, pypi);
        }
        self.tag = tag.or(self.tag.take());
        self.asset = asset.or(self.asset.take());
        self.checksums = checksums.or(self.checksums.take());
        self.signature = signature.or(self.signature.take());
        self.extract = extract.or(self.extract.take());
        self.format = format.or(self.format.take());
        self.keep = keep.or(self.keep.take());
        self.emulate = emulate.or(self.emulate.take());
        self.binaries = binaries.or(self.binaries.take());
        self.replacements.extend(replacements);
    }
}

/// The overrides that apply to a platform with these words, in the order of the words.
fn applying<'a>(
    overrides: &'a [(String, UpstreamKeys)],
    words: &[String],
) -> Vec<&'a UpstreamKeys> {
    let of_word = |word| overrides.iter().filter(move |(key, _)| key == word);
    let keys = words.iter().flat_map(of_word).map(|(_, keys)| keys);
    keys.collect()
}

/// The keys of `overrides` that apply to a platform, from the most general to the most specific.
pub fn override_words(platform: Platform) -> Vec<String> {
    let mut words = vec![
        platform.os.as_str().to_owned(),
        platform.arch.as_str().to_owned(),
    ];
    words.push(
        Platform {
            libc: None,
            ..platform
        }
        .to_string(),
    );
    if platform.libc.is_some() {
        words.push(platform.to_string());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_go_from_general_to_particular() {
        let platform: Platform = "linux-amd64-musl".parse().unwrap();
        assert_eq!(
            override_words(platform),
            ["linux", "amd64", "linux-amd64", "linux-amd64-musl"]
        );
    }
}
