//! What the upstream publisher releases, and the original that this means for one platform.

use std::collections::BTreeMap;

use crate::model::{Digest, FileName, Platform};
use crate::project::template::Template;

/// `upstream:`, with `overrides` for platforms; templates unrendered.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The keys as given outside `overrides:`.
    pub base: UpstreamKeys,
    /// Per os, arch or platform word, in the file's order; the more particular one wins (platform
    /// over os and arch).
    pub overrides: Vec<(String, UpstreamKeys)>,
}

/// The keys of `upstream:`, all optional so that overrides can be laid over them.
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
    /// Checksums.
    pub checksums: Option<RawChecksums>,
    /// Glob template → file name template.
    pub extract: Option<Vec<(Template, Template)>>,
    /// What os and arch words render to.
    pub replacements: BTreeMap<String, String>,
}

/// `checksums:` as written.
#[derive(Clone, Debug)]
pub enum RawChecksums {
    /// An asset of that release, or a url (contains `://`); a template.
    File(Template),
    /// Digests by platform.
    Pinned(BTreeMap<Platform, Digest>),
}

/// What an original's coordinates render to on a platform; part of `inputs(original)`.
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
        /// With its scope.
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

/// Where the recipe says a digest is stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The recipe pins it.
    Pinned(Digest),
    /// In another asset of the same GitHub release.
    Asset(String),
    /// At a url.
    Url(String),
}

/// An original rendered for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// What to fetch.
    pub coordinate: Coordinate,
    /// How to check it.
    pub checksum: Option<Checksum>,
    /// Glob in the archive → file name in the artifact; empty: the defaults (each binary at any
    /// depth, or the single file).
    pub extract: Vec<(String, FileName)>,
}

impl Upstream {
    /// The keys that hold on a platform: overrides laid over the base, the more particular later.
    /// `replacements` add up, all other keys are replaced. An override that names another kind of
    /// original drops the base's, and what belongs to it: tag, asset and checksums file.
    pub fn on(&self, platform: &Platform) -> UpstreamKeys {
        let mut merged = self.base.clone();
        for word in override_words(*platform) {
            for (_, keys) in self.overrides.iter().filter(|(key, _)| *key == word) {
                merged.apply(keys);
            }
        }
        merged
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
            extract,
            replacements,
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
                // They speak of the other kind's release.
                (self.tag, self.asset) = (None, None);
                self.checksums
                    .take_if(|checksums| matches!(checksums, RawChecksums::File(_)));
            }
            (self.github, self.url, self.npm, self.pypi) = (github, url, npm, pypi);
        }
        self.tag = tag.or(self.tag.take());
        self.asset = asset.or(self.asset.take());
        self.checksums = checksums.or(self.checksums.take());
        self.extract = extract.or(self.extract.take());
        self.replacements.extend(replacements);
    }
}

/// The words that cover a platform, from the most general to the most particular.
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
