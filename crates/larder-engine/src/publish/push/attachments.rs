//! The release on the hub as a place of channels whose files people download from it: packages for
//! Debian and rpm, and installers. They join the release of the first platform.

use std::sync::Arc;

use super::{Attempt, Files, Found, Publisher, There, Withdrawn};
use crate::context::Context;
use larder_channels::release::{Release, attachment_name};
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::Waiting;
use larder_core::fs::{self, IoContext};
use larder_core::model::{AssetName, ChannelKind, Digest, Tag, Version, is_short_hex};
use larder_core::project::{HubConfig, Subsystem};
use larder_remote::hub::{Attachment, Hub, PlainFile};

/// What whoever adds files to a release must be allowed.
const RIGHT: &str = "adding files to a release needs write access to the hub (for a token of GitHub: `contents: write`)";

/// The files of one channel in a release.
pub(super) struct Attachments {
    hub: HubConfig,
    /// The hub in messages.
    described: String,
    waiting: Waiting,
    /// The plain tag of the version.
    tag: Tag,
    /// What the tags of all versions start with.
    prefix: String,
    kind: ChannelKind,
}

/// A rendered file and the name that it has in the release.
pub(in crate::publish) struct Rendered {
    pub(in crate::publish) name: AssetName,
    path: camino::Utf8PathBuf,
    pub(in crate::publish) sha256: Digest,
    pub(in crate::publish) size: u64,
}

impl Attachments {
    pub(super) fn new(
        ctx: &Context,
        subsystem: &Subsystem,
        version: &Version,
        kind: ChannelKind,
    ) -> Result<Self> {
        Ok(Self {
            hub: ctx.project.hub.clone(),
            described: ctx.hub()?.describe(),
            waiting: ctx.waiting.clone(),
            tag: Tag::of(&subsystem.name, version),
            prefix: format!("{}-", subsystem.name),
            kind,
        })
    }

    /// Opens the hub with the client of the attempt.
    fn open(&self, attempt: &Attempt<'_>) -> Result<Hub> {
        let client = Arc::new(attempt.client.clone());
        larder_remote::hub::open(&self.hub, &client, attempt.remote, &self.waiting)
    }

    /// Whether a name in a release is that of a file of this channel.
    fn is_own(&self, name: &AssetName) -> bool {
        let extension = name
            .as_str()
            .rsplit_once('.')
            .map(|(_, extension)| extension);
        match self.kind {
            ChannelKind::Deb => extension == Some("deb"),
            ChannelKind::Rpm => extension == Some("rpm"),
            _ => ["install.sh", "install.ps1"].contains(&name.as_str()),
        }
    }
}

/// The tag that files join: platforms that came late to an immutable release have other ones.
pub(in crate::publish) fn tag(release: &Release) -> Result<&Tag> {
    let first = release.platforms.first();
    first.map(|platform| &platform.tag).ok_or_else(|| {
        Error::failed(format!(
            "{} {} has no platform",
            release.name, release.version
        ))
    })
}

/// The channel's files, sorted by name.
pub(in crate::publish) fn rendered(files: &Files<'_>) -> Result<Vec<Rendered>> {
    let mut rendered: Vec<Rendered> = Vec::new();
    for file in fs::list(files.folder)? {
        let path = files.folder.join(&file);
        let opened = fs::open(&path)?;
        let (sha256, size) = Digest::of_reader(opened).at("read", &path)?;
        rendered.push(Rendered {
            name: attachment_name(&file)?,
            path,
            sha256,
            size,
        });
    }
    rendered.sort_by(|one, other| one.name.cmp(&other.name));
    if let Some(pair) = rendered.windows(2).find(|two| two[0].name == two[1].name) {
        return Err(Error::failed(format!(
            "{} and {} would have the same name in a release, {}",
            pair[0].path, pair[1].path, pair[0].name
        )));
    }
    Ok(rendered)
}

impl Publisher for Attachments {
    fn target(&self) -> String {
        format!("{}, release {}", self.described, self.tag)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let hub = self.open(attempt)?;
        let late = format!("{}-", self.tag);
        let is_wanted = |tag: &str| {
            let suffix = tag.strip_prefix(&late);
            tag == self.tag.as_str() || suffix.is_some_and(is_short_hex)
        };
        let mut there = There::default();
        let mut versions: Vec<Version> = Vec::new();
        for release in hub.reader().releases()? {
            if release.draft || !release.assets.iter().any(|asset| self.is_own(&asset.name)) {
                continue;
            }
            let Some(version) = release.tag.as_str().strip_prefix(&self.prefix) else {
                continue;
            };
            there.wanted |= is_wanted(release.tag.as_str());
            // A release whose tag has a suffix belongs to the version before it.
            let version = match version.rsplit_once('-') {
                Some((version, inputs)) if is_short_hex(inputs) => version,
                _ => version,
            };
            let version = version.parse::<Version>().ok();
            versions
                .extend(version.filter(|it| it.number().starts_with(|c: char| c.is_ascii_digit())));
        }
        let newest = larder_core::model::version_order::newest(versions);
        there.current = newest.map(|version| version.to_string());
        Ok(there)
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let (hub, tag) = (self.open(attempt)?, tag(files.release)?);
        let ours = rendered(files)?;
        let names: Vec<AssetName> = ours.iter().map(|file| file.name.clone()).collect();
        let Some(theirs) = hub.reader().files(tag, &names)? else {
            return Ok(Found::Missing);
        };
        let mut found = Found::Same;
        for (ours, theirs) in ours.iter().zip(&theirs.files) {
            match theirs {
                None => found = Found::Missing,
                Some(there) if there.sha256 == Some(ours.sha256) => {}
                // The hub does not say what it has. Adding the file compares the bytes.
                Some(there) if there.sha256.is_none() && there.size == ours.size => {
                    found = Found::Missing;
                }
                Some(there) => {
                    let bytes = || format!("{} bytes", there.size);
                    return Ok(Found::Other {
                        what: format!("{} of {tag}", ours.name),
                        ours: ours.sha256.to_string(),
                        theirs: there.sha256.map_or_else(bytes, |digest| digest.to_string()),
                    });
                }
            }
        }
        if found == Found::Missing && theirs.immutable && !theirs.draft {
            return Ok(Found::Closed(closed(tag)));
        }
        Ok(found)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let (hub, tag) = (self.open(attempt)?, tag(files.release)?);
        let ours = rendered(files)?;
        let plain: Vec<PlainFile<'_>> = ours
            .iter()
            .map(|file| PlainFile {
                name: file.name.clone(),
                file: &file.path,
                sha256: file.sha256,
                size: file.size,
            })
            .collect();
        let attached = hub.publisher()?.attach(tag, &plain, &|_| {});
        let outcomes = attached.map_err(|error| match error.kind() {
            Kind::Refused => error.hint(RIGHT),
            _ => error,
        })?;
        if outcomes.contains(&Attachment::Immutable) {
            return Err(Error::failed(format!("nothing can join {tag}")).cause(closed(tag)));
        }
        Ok(())
    }

    fn withdraw(&self, _attempt: &Attempt<'_>) -> Result<Withdrawn> {
        Ok(Withdrawn::Impossible(format!(
            "the files stay in the release {}; `larder yank` marks its version",
            self.tag
        )))
    }

    fn how_to_check(&self) -> String {
        let files = match self.kind {
            ChannelKind::Deb => "`.deb` files",
            ChannelKind::Rpm => "`.rpm` files",
            _ => "scripts",
        };
        format!(
            "the release {} of {} has the {files}",
            self.tag, self.described
        )
    }
}

fn closed(tag: &Tag) -> String {
    format!("the release {tag} is published and immutable: nothing can join it any more")
}

#[cfg(test)]
mod tests {
    use super::super::tests::Sample;
    use super::*;

    const DEB: &str = "arc_1.0.0~rc.1_amd64.deb";
    const NAME: &str = "arc_1.0.0.rc.1_amd64.deb";

    fn place(sample: &Sample) -> Attachments {
        Attachments {
            hub: HubConfig::Dir {
                path: sample.root.join("hub"),
                written: sample.root.join("hub"),
                default: false,
            },
            described: "hub".to_owned(),
            waiting: Waiting::default(),
            tag: sample.tag(),
            prefix: "arc-".to_owned(),
            kind: ChannelKind::Deb,
        }
    }

    #[test]
    fn files_join_the_release_once_and_are_never_replaced() {
        let sample = Sample::new("1.0.0-rc.1");
        let place = place(&sample);
        sample.file(DEB, b"deb");
        sample.attempt(|attempt, files| {
            assert_eq!(place.there(attempt).unwrap(), There::default());
            assert_eq!(place.inspect(attempt, files).unwrap(), Found::Missing);
            let error = place.push(attempt, files).unwrap_err();
            assert_eq!(error.kind(), Kind::Failed);
            sample.publish();
            assert_eq!(place.inspect(attempt, files).unwrap(), Found::Missing);
            assert!(!place.there(attempt).unwrap().wanted);
            place.push(attempt, files).unwrap();
            let joined = sample.root.join("hub").join(sample.tag()).join(NAME);
            assert_eq!(fs::read(&joined).unwrap(), b"deb");
            assert_eq!(place.inspect(attempt, files).unwrap(), Found::Same);
            place.push(attempt, files).unwrap();
            let there = There {
                current: Some("1.0.0-rc.1".into()),
                wanted: true,
            };
            assert_eq!(place.there(attempt).unwrap(), there);
            sample.file(DEB, b"other");
            let other = Found::Other {
                what: format!("{NAME} of arc-1.0.0-rc.1"),
                ours: Digest::of(b"other").to_string(),
                theirs: Digest::of(b"deb").to_string(),
            };
            assert_eq!(place.inspect(attempt, files).unwrap(), other);
            let error = place.push(attempt, files).unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity);
            let withdrawn = place.withdraw(attempt).unwrap();
            assert!(matches!(withdrawn, Withdrawn::Impossible(why) if why.contains("yank")));
        });
    }

    #[test]
    fn a_release_has_what_its_channel_has() {
        let sample = Sample::new("1.0.0");
        let mut place = place(&sample);
        sample.publish();
        sample.file(DEB, b"deb");
        sample.attempt(|attempt, files| {
            place.push(attempt, files).unwrap();
            place.kind = ChannelKind::Rpm;
            assert_eq!(place.there(attempt).unwrap(), There::default());
        });
    }
}
