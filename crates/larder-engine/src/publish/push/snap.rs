//! snap: a snap for each architecture, uploaded by snapcraft and released to one channel of the store.
//!
//! The store's list of revisions has no digests, so a version that it has for an architecture counts as
//! the same one. It never takes the same file twice.

use std::cmp::Ordering;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Version;
use larder_core::model::version_order::compare as compare_versions;
use larder_core::project::publish::{Grade, Snap};
use larder_remote::registry::snapcraft::{Revision, Store, Uploaded};

use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

/// A version of a snap, and the channel of the store that it is released to.
pub(super) struct SnapPackage {
    name: String,
    version: String,
    channel: &'static str,
}

/// The snap of an architecture.
struct Image {
    arch: String,
    path: Utf8PathBuf,
}

impl SnapPackage {
    pub(super) fn new(config: &Snap, name: String, version: &Version, as_snap: String) -> Self {
        // The store refuses `devel` in `stable` and `candidate`.
        let channel = match config.grade {
            Grade::Devel => "edge",
            Grade::Stable if version.is_prerelease() => "candidate",
            Grade::Stable => "stable",
        };
        Self {
            name,
            version: as_snap,
            channel,
        }
    }

    fn store<'a>(&'a self, attempt: &'a Attempt<'_>) -> Store<'a> {
        Store::new(&self.name, attempt.remote, &attempt.cancel)
    }

    /// The snaps of a folder: `<name>_<version>_<arch>.snap`.
    fn images(&self, folder: &Utf8Path) -> Result<Vec<Image>> {
        let start = format!("{}_{}_", self.name, self.version);
        let names = fs::list(folder)?.into_iter();
        let images: Vec<Image> = names
            .filter_map(|name| {
                let arch = name.strip_prefix(&start)?.strip_suffix(".snap")?;
                Some(Image {
                    arch: arch.to_owned(),
                    path: folder.join(&name),
                })
            })
            .collect();
        if images.is_empty() {
            return Err(Error::failed(format!("{folder} has no snap")));
        }
        Ok(images)
    }

    /// The newest revision of our version for an architecture.
    fn ours<'r>(&self, revisions: &'r [Revision], arch: &str) -> Option<&'r Revision> {
        let mut same = revisions.iter().filter(|revision| {
            revision.version == self.version && revision.arches.iter().any(|it| it == arch)
        });
        same.next()
    }

    /// What the channel has for an architecture now.
    fn current<'r>(&self, revisions: &'r [Revision], arch: &str) -> Option<&'r Revision> {
        revisions.iter().find(|revision| {
            let has = |list: &[String], text: &str| list.iter().any(|it| it == text);
            has(&revision.current, self.channel) && has(&revision.arches, arch)
        })
    }

    fn was_released(&self, revision: &Revision) -> bool {
        revision.channels.iter().any(|it| it == self.channel)
    }
}

impl Publisher for SnapPackage {
    fn target(&self) -> String {
        format!("snap:{}", self.name)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let revisions = self.store(attempt).revisions()?;
        let current = revisions
            .iter()
            .find(|revision| revision.current.iter().any(|it| it == self.channel));
        Ok(There {
            current: current.map(|revision| revision.version.clone()),
            wanted: revisions
                .iter()
                .any(|it| it.version == self.version && self.was_released(it)),
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let revisions = self.store(attempt).revisions()?;
        let mut all = Found::Same;
        for Image { arch, .. } in self.images(files.folder)? {
            let ours = self.ours(&revisions, &arch);
            if ours.is_some_and(|ours| self.was_released(ours)) {
                continue;
            }
            if let Some(current) = self.current(&revisions, &arch)
                && compare_versions(&current.version, &self.version) == Ordering::Greater
            {
                return Ok(Found::Newer(current.version.clone()));
            }
            all = Found::Missing;
        }
        Ok(all)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let store = self.store(attempt);
        let revisions = store.revisions()?;
        for Image { arch, path } in self.images(files.folder)? {
            attempt.cancel.check()?;
            match self.ours(&revisions, &arch) {
                Some(ours) if self.was_released(ours) => {}
                // An upload was interrupted before the release.
                Some(ours) => store.release(ours.number, self.channel)?,
                None => {
                    if let Uploaded::Conflict(error) = store.upload(&path, self.channel)? {
                        let revisions = store.revisions()?;
                        let Some(ours) = self.ours(&revisions, &arch) else {
                            return Err(error);
                        };
                        if !self.was_released(ours) {
                            store.release(ours.number, self.channel)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        // The list is there only for those who may publish.
        self.store(attempt).revisions().map(drop)
    }

    /// Puts the revision before it back into the channel, for each architecture.
    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        let store = self.store(attempt);
        let revisions = store.revisions()?;
        let mut of_version = revisions.iter().filter(|it| it.version == self.version);
        if !of_version.clone().any(|it| self.was_released(it)) {
            return Ok(Withdrawn::Absent);
        }
        let mut arches: Vec<&String> = of_version.by_ref().flat_map(|it| &it.arches).collect();
        arches.sort();
        arches.dedup();
        let (mut now, mut alone) = (Vec::new(), Vec::new());
        for arch in arches {
            attempt.cancel.check()?;
            let current = self.current(&revisions, arch);
            if current.is_none_or(|current| current.version != self.version) {
                now.extend(current.map(|current| format!("{arch} {}", current.version)));
                continue;
            }
            let before = revisions.iter().find(|it| {
                it.version != self.version && it.arches.contains(arch) && self.was_released(it)
            });
            match before {
                Some(before) => {
                    store.release(before.number, self.channel)?;
                    now.push(format!("{arch} {}", before.version));
                }
                None => alone.push(arch.as_str()),
            }
        }
        let channel = self.channel;
        if now.is_empty() {
            if !alone.is_empty() {
                store.close(channel)?;
            }
            return Ok(Withdrawn::Done(format!(
                "the channel {channel} is closed, because it had no other version"
            )));
        }
        // Closing the channel would take the others away, too.
        let kept = match &alone[..] {
            [] => String::new(),
            alone => format!("; {} had no other version and keeps it", alone.join(", ")),
        };
        Ok(Withdrawn::Done(format!(
            "the channel {channel} has {}{kept}",
            now.join(", ")
        )))
    }

    fn how_to_check(&self) -> String {
        let Self { name, version, .. } = self;
        format!("`snap info {name}` shows {version}, after the store's review")
    }
}
