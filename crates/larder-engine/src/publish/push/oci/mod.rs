//! Pushes images to registries, one place for each name in `docker.images`.
//!
//! The version has a tag of its own, which is never written over. `latest` and `major.minor` lead to
//! the newest version and move with it, never back: where one leads is read from the image itself,
//! in its annotation or label `org.opencontainers.image.version`. An image that does not say its
//! version is taken for an older one, because the recipe gives these tags to larder. Pre-releases
//! move no tags.

mod base;
mod withdraw;

pub(in crate::publish) use base::fetch_base;

use std::cmp::Ordering;

use larder_channels::render::channel_version;
use larder_core::error::{Error, Result};
use larder_core::model::{ChannelKind, Digest, Version, version_order};
use larder_core::project::publish::Docker;
use larder_remote::oci::{ImageName, Layout, Repository};

use super::{Attempt, Files, Found, Places, Publisher, There, Withdrawn};

/// The key under which an image states its version.
const VERSION: &str = "org.opencontainers.image.version";
/// The tag that users get by default.
const LATEST: &str = "latest";

/// An image in a registry.
struct Image {
    name: ImageName,
    /// The version, as the image states it.
    version: String,
    /// The tag of the version.
    tag: String,
    /// The tags that move.
    moving: Vec<String>,
}

/// Where a tag that moves leads.
enum Leads {
    /// To the same image.
    Here,
    /// To a newer version, which stays there.
    ToNewer,
    /// Elsewhere or nowhere.
    Elsewhere,
}

/// The places of the channel: one for each name of an image.
pub(super) fn places(docker: &Docker, version: &Version) -> Result<Places> {
    if docker.images.is_empty() {
        return Ok(Places::NotConfigured("images"));
    }
    let mut places: Vec<Box<dyn Publisher>> = Vec::new();
    for text in &docker.images {
        places.push(Box::new(Image::new(text, version)?));
    }
    Ok(Places::At(places))
}

impl Image {
    fn new(text: &str, version: &Version) -> Result<Self> {
        let name: ImageName = text.parse()?;
        if name.tag().is_some() || name.digest().is_some() {
            return Err(
                Error::usage(format!("the image {text} has a tag or a digest"))
                    .hint(format!("write `{name}`: the version is the tag")),
            );
        }
        let tag = channel_version(ChannelKind::Docker, version)
            .map_err(|why| Error::usage(format!("docker can't express {version}")).cause(why))?;
        Ok(Self {
            name,
            version: version.number().to_owned(),
            moving: moving_tags(version, &tag),
            tag,
        })
    }

    /// Does something with the repository.
    fn with<T>(
        &self,
        attempt: &Attempt<'_>,
        action: impl FnOnce(&Repository) -> Result<T>,
    ) -> Result<T> {
        let Attempt {
            client,
            remote,
            cancel,
            dry_run: _,
        } = attempt;
        action(&Repository::new(client, remote, cancel, &self.name))
    }

    /// Where a tag that moves leads, seen from our image.
    fn leads(&self, repository: &Repository, tag: &str, ours: &Digest) -> Result<Leads> {
        match repository.digest_of(tag)? {
            None => return Ok(Leads::Elsewhere),
            Some(digest) if digest == *ours => return Ok(Leads::Here),
            Some(_) => {}
        }
        let Some(manifest) = repository.manifest(tag)? else {
            return Ok(Leads::Elsewhere);
        };
        let theirs = repository.text(&manifest, VERSION)?;
        let is_newer = theirs.is_some_and(|theirs| {
            version_order::compare(&theirs, &self.version) == Ordering::Greater
        });
        Ok(if is_newer {
            Leads::ToNewer
        } else {
            Leads::Elsewhere
        })
    }

    /// The error or the report for a tag with other bytes than ours.
    fn other(&self, ours: &Digest, theirs: &Digest) -> Found {
        Found::Other {
            what: format!("{}:{}", self.name, self.tag),
            ours: format!("sha256:{ours}"),
            theirs: format!("sha256:{theirs}"),
        }
    }
}

impl Publisher for Image {
    fn target(&self) -> String {
        self.name.to_string()
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        self.with(attempt, |repository| {
            let wanted = repository.digest_of(&self.tag)?.is_some();
            let current = match repository.manifest(LATEST)? {
                Some(manifest) => repository.text(&manifest, VERSION)?,
                None => None,
            };
            Ok(There {
                current: current.map(|version| as_tag(&version)),
                wanted,
            })
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let index = Layout::open(files.folder)?.index;
        self.with(attempt, |repository| {
            match repository.digest_of(&self.tag)? {
                None => return Ok(Found::Missing),
                Some(theirs) if theirs != index.digest => {
                    return Ok(self.other(&index.digest, &theirs));
                }
                Some(_) => {}
            }
            for tag in &self.moving {
                if let Leads::Elsewhere = self.leads(repository, tag, &index.digest)? {
                    return Ok(Found::Missing);
                }
            }
            Ok(Found::Same)
        })
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let layout = Layout::open(files.folder)?;
        let ours = layout.index.digest;
        self.with(attempt, |repository| {
            match repository.digest_of(&self.tag)? {
                None => repository.push(&layout, &self.tag)?,
                Some(theirs) if theirs == ours => {}
                Some(theirs) => {
                    return Err(Error::integrity(format!(
                        "{}:{} has other bytes than this release",
                        self.name, self.tag
                    ))
                    .cause(format!(
                        "sha256:{theirs} is there, and sha256:{ours} would be pushed"
                    ))
                    .hint("what is published is never written over: bump the version"));
                }
            }
            for tag in &self.moving {
                if let Leads::Elsewhere = self.leads(repository, tag, &ours)? {
                    repository.put_manifest(tag, &layout.index)?;
                }
            }
            Ok(())
        })
    }

    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        self.with(attempt, |repository| self.take_back(repository))
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        let check = |repository: &Repository| repository.check_push();
        self.with(attempt, check)
    }

    fn how_to_check(&self) -> String {
        let Self { name, tag, .. } = self;
        format!("`skopeo inspect docker://{name}:{tag}` shows it")
    }
}

/// A version as a tag: `+` can't be in one.
fn as_tag(version: &str) -> String {
    version.replace('+', "_")
}

/// The tags that lead to the newest version: `1.2`, if the version has more than that, and `latest`.
fn moving_tags(version: &Version, tag: &str) -> Vec<String> {
    if version.is_prerelease() {
        return Vec::new();
    }
    let mut tags: Vec<String> = series(version.number()).into_iter().collect();
    tags.push(LATEST.to_owned());
    tags.retain(|moving| moving != tag);
    tags
}

/// The first two numbers of a version that has at least three.
fn series(version: &str) -> Option<String> {
    let numbers = version.split(['-', '+']).next()?;
    let mut parts = numbers.split('.');
    let (major, minor, patch) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    [major, minor, patch]
        .into_iter()
        .all(is_number)
        .then(|| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_version() {
        for (version, tag, moving) in [
            ("v1.2.3", "1.2.3", &["1.2", "latest"][..]),
            ("1.2.3.4", "1.2.3.4", &["1.2", "latest"]),
            ("1.2.3+7", "1.2.3_7", &["1.2", "latest"]),
            ("2024.10.01", "2024.10.01", &["2024.10", "latest"]),
            ("1.2", "1.2", &["latest"]),
            ("15", "15", &["latest"]),
            ("nightly.2.3", "nightly.2.3", &["latest"]),
            ("latest", "latest", &[]),
            ("1.2.3-rc.1", "1.2.3-rc.1", &[]),
        ] {
            let parsed: Version = version.parse().unwrap();
            let image = Image::new("registry.example/acme/arc", &parsed).unwrap();
            assert_eq!(image.tag, tag, "{version}");
            assert_eq!(image.moving, moving, "{version}");
        }
    }

    #[test]
    fn images_are_named_without_a_tag() {
        let version: Version = "1.2.3".parse().unwrap();
        let images = |names: &[&str]| Docker {
            images: names.iter().map(|name| (*name).to_owned()).collect(),
            ..Docker::default()
        };
        let nowhere = places(&images(&[]), &version).unwrap();
        assert!(matches!(nowhere, Places::NotConfigured("images")));
        for names in [
            &["acme/arc"][..],
            &["registry.example/acme/arc", "registry.example/acme/arc:1"],
        ] {
            let error = places(&images(names), &version).err().unwrap();
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{names:?}");
            assert!(!error.hints().is_empty(), "{error}");
        }
        let names = ["registry.example/acme/arc", "localhost:5000/arc"];
        let Places::At(places) = places(&images(&names), &version).unwrap() else {
            panic!("two places");
        };
        assert_eq!(
            places
                .iter()
                .map(|place| place.target())
                .collect::<Vec<_>>(),
            names
        );
        assert!(
            places[0]
                .how_to_check()
                .contains("docker://registry.example/acme/arc:1.2.3")
        );
    }
}
