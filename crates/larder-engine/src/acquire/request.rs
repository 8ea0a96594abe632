//! The request for one target: what the sources are asked for.

use larder_core::archive::{Select, WholeSelection};
use larder_core::error::Result;
use larder_core::formats::{Pin, PinKind};
use larder_core::keys::Wanted;
use larder_core::model::{
    AssetName, FileName, Origin, Platform, SourceKind, Tag, Target, is_commit,
};
use larder_core::project::{HubConfig, Keep, RenderedBuild, Subsystem};
use larder_remote::hub::HubReader;

use super::intake::Transfer;
use crate::context::Context;
use crate::installed::Bin;
use crate::lock;

/// A request for one target, with the keys that decide which artifacts are accepted.
pub struct Request<'a> {
    /// The context of the run.
    pub run: &'a Context,
    /// The requested target.
    pub target: &'a Target,
    /// Its recipe and version.
    pub subsystem: &'a Subsystem,
    /// The keys of the artifacts that are accepted.
    pub wanted: Wanted,
    /// The sources in the order in which they are asked.
    pub order: Vec<SourceKind>,
    /// Whether the lock's lines are ignored, because they are about to be replaced.
    ignores_lock: bool,
    /// Which of the project's hubs is asked; the first, unless a search is at another one.
    hub: usize,
    /// Whether the hub may give only what the lock pins, because one before it gave no answer.
    pub only_pinned: bool,
}

impl<'a> Request<'a> {
    /// A request for a target that accepts every origin its recipe offers.
    pub fn new(run: &'a Context, target: &'a Target) -> Result<Self> {
        Ok(Self {
            run,
            target,
            subsystem: run.subsystem(target)?,
            wanted: run.wanted(target)?,
            order: order(run, run.subsystem(target)?),
            ignores_lock: false,
            hub: 0,
            only_pinned: false,
        })
    }

    /// The same request to another of the project's hubs.
    pub fn of_hub(&self, at: usize) -> Self {
        Self {
            run: self.run,
            target: self.target,
            subsystem: self.subsystem,
            wanted: self.wanted.clone(),
            order: self.order.clone(),
            ignores_lock: self.ignores_lock,
            hub: at,
            only_pinned: self.only_pinned,
        }
    }

    /// The number of the hub that is asked, in the order of [`Context::hubs`].
    pub fn hub_index(&self) -> usize {
        self.hub
    }

    /// The hub that is asked.
    pub fn hub(&self) -> Result<&'a dyn HubReader> {
        match self.run.hubs()?.get(self.hub) {
            Some(hub) => Ok(hub.reader()),
            None => self.run.hub(),
        }
    }

    /// Where that hub is.
    pub fn hub_config(&self) -> &'a HubConfig {
        let run = self.run;
        run.project.hubs().get(self.hub).unwrap_or(&run.project.hub)
    }

    /// The address of an asset of that hub, for the lock.
    pub fn asset_url(&self, tag: &Tag, asset: &AssetName) -> Result<String> {
        let project = &self.run.project;
        Ok(lock::asset_url(
            project,
            self.hub_config(),
            self.hub()?,
            tag,
            asset,
        ))
    }

    /// Whether the user asked for a new build. What has no `build:` is only installed.
    pub fn rebuilds(&self) -> bool {
        self.run.options.rebuild && self.subsystem.build.is_some()
    }

    /// Ignores what the lock pins, because its lines are about to be replaced (`lock --update`).
    #[must_use]
    pub fn ignoring_lock(mut self) -> Self {
        self.ignores_lock = true;
        self
    }

    /// Whether the lock's lines are ignored.
    pub fn ignores_lock(&self) -> bool {
        self.ignores_lock
    }

    /// Restricts the request to what the original publisher made, from the cache or from the
    /// publisher itself.
    #[must_use]
    pub fn originals_only(mut self) -> Self {
        self.wanted.build = None;
        self.order = vec![SourceKind::Cache, SourceKind::Original];
        self
    }

    /// The folder in which the target is installed.
    pub fn bin(&self) -> Bin {
        self.run.bin(self.target)
    }

    /// The file names of the target's binaries.
    pub fn binaries(&self) -> Vec<FileName> {
        let mut names = self.subsystem.file_names(&self.target.platform);
        names.truncate(self.subsystem.binaries_on(&self.target.platform).len());
        names
    }

    /// Globs that match each of the recipe's files in any folder of an archive.
    pub fn globs_anywhere(&self) -> Vec<(String, FileName)> {
        let names = self.subsystem.file_names(&self.target.platform);
        names
            .into_iter()
            .map(|name| (format!("{{{name},**/{name}}}"), name))
            .collect()
    }

    /// Selects everything in an archive whose folder is kept; `globs` say which paths some of the
    /// binaries have, which are programs for `platform`.
    pub fn whole<'s>(
        &self,
        globs: &'s [(String, FileName)],
        binaries: &'s [FileName],
        platform: Platform,
    ) -> Select<'s> {
        Select::Whole(WholeSelection {
            globs,
            names: binaries,
            platform,
        })
    }

    /// What of an archive becomes part of an artifact of this origin.
    pub fn keep(&self, origin: Origin) -> Result<Keep> {
        Ok(match origin {
            Origin::Original => self
                .subsystem
                .original(&self.target.platform)?
                .map_or(Keep::Files, |original| original.keep),
            Origin::Build => Keep::Files,
        })
    }

    /// What the lock pins for the accepted inputs of one origin.
    pub fn pin(&self, origin: Origin, kind: PinKind) -> Option<Pin> {
        if self.ignores_lock {
            return None;
        }
        self.run
            .lock
            .pin(self.subsystem, self.target, &self.wanted, origin, kind)
    }

    /// The platform whose programs an artifact may have instead of those of its own, as the recipe
    /// says.
    pub fn emulated(&self, origin: Origin) -> Result<Option<Platform>> {
        if origin != Origin::Original {
            return Ok(None);
        }
        let original = self.subsystem.original(&self.target.platform)?;
        Ok(original
            .and_then(|original| original.emulated)
            .map(|emulated| emulated.platform))
    }

    /// All origins, in the order in which the project's `sources` list them.
    pub fn origins(&self) -> Vec<Origin> {
        let listed = self
            .run
            .project
            .sources
            .iter()
            .filter_map(|source| match source {
                SourceKind::Original => Some(Origin::Original),
                SourceKind::Build => Some(Origin::Build),
                SourceKind::Cache | SourceKind::Managed | SourceKind::RemoteCache => None,
            });
        let mut origins: Vec<Origin> = Vec::new();
        for origin in listed.chain([Origin::Original, Origin::Build]) {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    /// The transfer settings for this target.
    pub fn transfer(&self) -> Transfer<'a> {
        Transfer {
            target: self.target,
            events: &self.run.events,
            cancel: &self.run.cancel,
        }
    }

    /// The build, rendered with the literals `<out>` and `<src>` for its paths, as the keys use
    /// them.
    pub fn rendered_build(&self) -> Result<Option<RenderedBuild>> {
        self.subsystem
            .rendered_build(&self.target.platform, "<out>", "<src>")
    }

    /// Whether the revision of a git source means one fixed commit: it is a commit id, or the lock
    /// pins its commit.
    pub fn has_commit(&self, url: &str, rev: &str) -> bool {
        is_commit(rev) || self.run.lock.commit(self.subsystem, url, rev).is_some()
    }
}

/// The sources to ask: the cache first, then the project's sources in their order. With `--source`
/// or `--rebuild` there is only one.
fn order(run: &Context, subsystem: &Subsystem) -> Vec<SourceKind> {
    if run.options.rebuild && subsystem.build.is_some() {
        return vec![SourceKind::Build];
    }
    if let Some(only) = run.options.source {
        return vec![only];
    }
    let project = run.project.sources.iter().copied();
    std::iter::once(SourceKind::Cache)
        .chain(project.filter(|source| *source != SourceKind::Cache))
        .collect()
}
