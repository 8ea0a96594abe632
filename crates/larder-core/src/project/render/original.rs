//! The original of a subsystem on a platform.

use super::flaws::{Flaw, Flaws, Place};
use super::names::{is_npm_name, is_plain_name, is_ref};
use crate::model::{FileFormat, Platform};
use crate::project::domain::{
    Checksum, Coordinate, Emulated, Original, RawChecksums, SignatureKeys, Signed, Subsystem,
    UpstreamKeys, UpstreamSignature,
};
use crate::project::template::{Template, Variables};
use crate::project::user::UserConfig;

impl Subsystem {
    pub(in crate::project) fn try_original(
        &self,
        platform: Platform,
        user: Option<&UserConfig>,
    ) -> Result<Option<Original>, Vec<Flaw>> {
        let Some(upstream) = &self.upstream else {
            return Ok(None);
        };
        let keys = upstream.on(&platform, &self.version);
        let other = keys.emulate.as_ref().and_then(|all| all.get(&platform));
        let mut flaws = Flaws::new(user);
        let mut emulated = None;
        if let Some(other) = other {
            let keys = upstream.on(other, &self.version);
            flaws.platform = Some(*other);
            emulated = self.render_keys(platform, *other, &keys, &mut flaws);
            flaws.platform = None;
        }
        let mut original = match &emulated {
            // The overrides have an original for the other platform only.
            Some(other) if !says_where(&keys) => Some(other.clone()),
            _ => self.render_keys(platform, platform, &keys, &mut flaws),
        };
        if let (Some(native), Some(platform), Some(other)) = (&mut original, other, emulated) {
            native.emulated = Some(Box::new(Emulated {
                platform: *platform,
                original: other,
            }));
        }
        flaws.finish(original)
    }

    /// Renders the keys of a platform for a platform, which can be another one.
    fn render_keys(
        &self,
        target: Platform,
        platform: Platform,
        keys: &UpstreamKeys,
        flaws: &mut Flaws<'_>,
    ) -> Option<Original> {
        let variables = self.variables(platform).replaced(&keys.replacements);
        let UpstreamKeys {
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
            emulate: _,
            replacements: _,
            binaries: _,
        } = keys;
        let word = |flaws: &mut Flaws<'_>, key, template: &Template| {
            flaws.render_word(Place::UpstreamKey(key), template, &variables)
        };
        let registry_version = |flaws: &mut Flaws<'_>| match tag {
            Some(tag) => flaws.render_word(Place::UpstreamKey("tag"), tag, &variables),
            None => Some(self.version.number().to_owned()),
        };

        let coordinate = if let Some(repo) = github {
            let tag = match tag {
                Some(tag) => word(flaws, "tag", tag),
                None => Some(self.version.as_str().to_owned()),
            };
            match asset {
                None => {
                    let hint =
                        "name the release's file: asset: \"name-{{ os }}-{{ arch }}.tar.gz\"";
                    flaws.add(
                        Place::Upstream,
                        format!("`github` needs `asset`, which is missing for {platform}"),
                        hint,
                    );
                    None
                }
                Some(asset) => {
                    let asset = word(flaws, "asset", asset);
                    if let Some(name) = asset
                        .as_deref()
                        .filter(|name| name.contains(['/', '\\', '?', '#']))
                    {
                        let hint = "an asset is a file of the release, without a folder";
                        flaws.add(
                            Place::UpstreamKey("asset"),
                            format!("`{name}` is not the name of an asset"),
                            hint,
                        );
                    }
                    if let Some(name) = tag.as_deref().filter(|name| !is_ref(name)) {
                        let hint = "a tag has no spaces and none of ~ ^ : ? * [ \\, and no `..`";
                        flaws.add(
                            Place::UpstreamKey("tag"),
                            format!("`{name}` can't be a tag"),
                            hint,
                        );
                    }
                    tag.zip(asset).map(|(tag, asset)| Coordinate::GitHub {
                        repo: repo.clone(),
                        tag,
                        asset,
                    })
                }
            }
        } else if let Some(url) = url {
            let url = word(flaws, "url", url);
            flaws.check_url(Place::UpstreamKey("url"), url.as_deref());
            url.map(Coordinate::Url)
        } else if let Some(package) = npm {
            let package = word(flaws, "npm", package);
            let version = registry_version(flaws);
            if let Some(name) = package.as_deref().filter(|name| !is_npm_name(name)) {
                let hint = "such as esbuild or @esbuild/linux-x64, without a version";
                flaws.add(
                    Place::UpstreamKey("npm"),
                    format!("`{name}` can't be the name of an npm package"),
                    hint,
                );
            }
            package
                .zip(version)
                .map(|(package, version)| Coordinate::Npm { package, version })
        } else if let Some(package) = pypi {
            let package = word(flaws, "pypi", package);
            let version = registry_version(flaws);
            if let Some(name) = package.as_deref().filter(|name| !is_plain_name(name)) {
                let hint = "such as ruff, without a version";
                flaws.add(
                    Place::UpstreamKey("pypi"),
                    format!("`{name}` can't be the name of a Python project"),
                    hint,
                );
            }
            package
                .zip(version)
                .map(|(package, version)| Coordinate::Pypi { package, version })
        } else if self.build.is_some() {
            // The overrides have an original for other platforms only; this one is built.
            return None;
        } else {
            let hint = "one of github, url, npm, pypi; or leave the platform out of the recipe's `platforms`";
            flaws.add(
                Place::Upstream,
                format!("`upstream` does not say where to get it for {platform}"),
                hint,
            );
            None
        };

        let checksum = match checksums {
            None => None,
            Some(RawChecksums::Pinned(digests)) => {
                digests.get(&platform).copied().map(Checksum::Pinned)
            }
            Some(RawChecksums::File(template)) => {
                let text = word(flaws, "checksums", template);
                match text {
                    Some(text) if text.contains("://") => {
                        flaws.check_url(Place::UpstreamKey("checksums"), Some(&text));
                        Some(Checksum::Url(text))
                    }
                    Some(text) if github.is_none() => {
                        let hint = "with `github` it is an asset of the release; otherwise write a url, or {linux-amd64: <sha256>, ...}";
                        flaws.add(
                            Place::UpstreamKey("checksums"),
                            format!("`{text}` is not a url"),
                            hint,
                        );
                        None
                    }
                    text => text.map(Checksum::Asset),
                }
            }
        };
        let signature = signature.as_ref().and_then(|keys| {
            render_signature(
                keys,
                coordinate.as_ref(),
                checksum.as_ref(),
                &variables,
                flaws,
            )
        });
        let extract = self.render_extract(
            extract.as_deref().unwrap_or_default(),
            target,
            &variables,
            flaws,
        );
        coordinate.map(|coordinate| Original {
            coordinate,
            checksum,
            signature,
            extract,
            format: format.filter(|format| *format != FileFormat::Auto),
            keep: keep.unwrap_or_default(),
            emulated: None,
        })
    }
}

/// Whether keys say where the original is.
fn says_where(keys: &UpstreamKeys) -> bool {
    keys.github.is_some() || keys.url.is_some() || keys.npm.is_some() || keys.pypi.is_some()
}

/// Where the publisher's signature is.
fn render_signature(
    keys: &SignatureKeys,
    coordinate: Option<&Coordinate>,
    checksum: Option<&Checksum>,
    variables: &Variables<'_>,
    flaws: &mut Flaws<'_>,
) -> Option<UpstreamSignature> {
    const AT: Place = Place::UpstreamKey("signature");
    let SignatureKeys { key, file, of } = keys;
    let (tag, asset) = match coordinate? {
        Coordinate::GitHub { tag, asset, .. } => (tag.as_str(), asset.as_str()),
        Coordinate::Url(url) => {
            let path = url.split(['?', '#']).next().unwrap_or_default();
            ("", path.rsplit('/').next().unwrap_or_default())
        }
        Coordinate::Npm { .. } | Coordinate::Pypi { .. } => {
            let hint = "it is for `github` and `url`; a registry states digests of its own";
            flaws.add(AT, "`signature` can't be used with a registry", hint);
            return None;
        }
    };
    if *of == Signed::Checksums && !matches!(checksum, Some(Checksum::Asset(_) | Checksum::Url(_)))
    {
        let hint =
            "name the file with `checksums:`, or remove `of` if the original itself is signed";
        flaws.add(AT, "`of: checksums` needs a checksums file", hint);
        return None;
    }
    let text = flaws.render_word(AT, file, &variables.asset(tag, asset))?;
    let file = if text.contains("://") {
        flaws.check_url(AT, Some(&text));
        Checksum::Url(text)
    } else if matches!(coordinate, Some(Coordinate::GitHub { .. })) {
        Checksum::Asset(text)
    } else {
        let hint = "with `github` it is an asset of the release; otherwise write a url";
        flaws.add(AT, format!("`{text}` is not a url"), hint);
        return None;
    };
    Some(UpstreamSignature {
        key: key.clone(),
        file,
        of: *of,
    })
}
