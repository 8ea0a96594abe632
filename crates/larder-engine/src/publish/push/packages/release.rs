//! A repository for apt in a release of the hub, whose tag stays the same for all versions: its
//! packages and its index are files of this release, all in one folder. So users write its url once,
//! and the next version replaces the index. The release of a version could hold no such repository:
//! its url has the version in it, and it may be immutable.

use std::sync::Arc;

use larder_core::error::Result;
use larder_core::file_lock::Waiting;
use larder_core::fs::{self, IoContext, Scratch};
use larder_core::model::{AssetName, Digest, Tag};
use larder_core::project::{HubConfig, Subsystem};
use larder_remote::hub::{Hub, HubReader, PlainFile, PublishOptions, Release};

use super::{Attempt, Change, Place, Stored};
use crate::context::Context;

/// What follows the name of the subsystem in the tag.
const SUFFIX: &str = "apt";

/// A release of the hub.
pub(super) struct Rolling {
    hub: HubConfig,
    /// The hub in messages.
    described: String,
    tag: Tag,
    waiting: Waiting,
}

impl Rolling {
    pub(super) fn new(ctx: &Context, subsystem: &Subsystem) -> Result<Self> {
        Ok(Self {
            hub: ctx.project.hub.clone(),
            described: ctx.hub()?.describe(),
            tag: format!("{}-{SUFFIX}", subsystem.name).parse()?,
            waiting: ctx.waiting.clone(),
        })
    }

    fn open(&self, attempt: &Attempt<'_>) -> Result<Hub> {
        let client = Arc::new(attempt.client.clone());
        larder_remote::hub::open(&self.hub, &client, attempt.remote, &self.waiting)
    }
}

impl Place for Rolling {
    fn target(&self) -> String {
        format!("{}, release {}", self.described, self.tag)
    }

    fn read(
        &self,
        attempt: &Attempt<'_>,
        with: &mut dyn FnMut(&dyn Stored) -> Result<()>,
    ) -> Result<()> {
        let hub = self.open(attempt)?;
        with(&InRelease::read(hub.reader(), &self.tag)?)
    }

    fn change(
        &self,
        attempt: &Attempt<'_>,
        make: &dyn Fn(&dyn Stored) -> Result<Option<Change>>,
    ) -> Result<()> {
        let hub = self.open(attempt)?;
        let publisher = hub.publisher()?;
        let Some(change) = make(&InRelease::read(hub.reader(), &self.tag)?)? else {
            return Ok(());
        };
        let scratch = Scratch::new(&attempt.remote.temp, "publish")?;
        let mut files = Vec::new();
        for (name, file) in change.packages {
            files.push((name, file));
        }
        for (name, bytes) in &change.files {
            let file = scratch.path().join(name);
            fs::write_atomic(&file, bytes)?;
            files.push((name.clone(), file));
        }
        let mut plain = Vec::new();
        for (name, file) in &files {
            let (sha256, size) = Digest::of_reader(fs::open(file)?).at("read", file)?;
            plain.push(PlainFile {
                name: name.parse()?,
                file,
                sha256,
                size,
            });
        }
        let options = PublishOptions {
            // The index changes with each version. Packages that are there are not among the files.
            replace: true,
            stage: false,
            never_latest: true,
        };
        let notes = "The packages of all versions for Debian and its relatives, with the index that apt reads.\n";
        publisher.publish_project(&self.tag, &plain, notes, options, &|_| {})?;
        Ok(())
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        self.open(attempt)?
            .publisher()
            .map(drop)
            .map_err(Into::into)
    }
}

/// The files of the release.
struct InRelease<'a> {
    hub: &'a dyn HubReader,
    tag: &'a Tag,
    release: Option<Release>,
}

impl<'a> InRelease<'a> {
    fn read(hub: &'a dyn HubReader, tag: &'a Tag) -> Result<Self> {
        Ok(Self {
            hub,
            tag,
            release: hub.release(tag)?,
        })
    }
}

impl Stored for InRelease<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if !self.has(path)? {
            return Ok(None);
        }
        self.hub.small_file(self.tag, &path.parse()?)
    }

    fn has(&self, path: &str) -> Result<bool> {
        let mut assets = self.release.iter().flat_map(|release| &release.assets);
        Ok(assets.any(|asset| asset.name.as_str() == path))
    }

    fn digest(&self, path: &str) -> Result<Option<Digest>> {
        let name: AssetName = path.parse()?;
        let found = self.hub.files(self.tag, &[name])?;
        let file = found.and_then(|found| found.files.into_iter().next().flatten());
        Ok(file.and_then(|file| file.sha256))
    }

    fn list(&self, _folder: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn closed(&self) -> Option<String> {
        let release = self.release.as_ref()?;
        (release.immutable && !release.draft).then(|| {
            format!(
                "releases of the hub are immutable, so the repository in {} can't change; \
                 `repository: {{dir: PATH}}` and `{{git: URL}}` can",
                self.tag
            )
        })
    }
}
