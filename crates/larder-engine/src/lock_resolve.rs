//! `larder lock`: computes the lock's lines for targets without installing them. A line pins an asset of the hub, the
//! publisher's original, or the commit of a git source.

use std::num::NonZeroUsize;

use camino::Utf8Path;

use larder_core::archive::{Budget, Select};
use larder_core::error::{Error, Result};
use larder_core::formats::{LockLine, PinKind};
use larder_core::model::{Action, Origin, Outcome, SourceKind, Target, is_commit};
use larder_core::project::RenderedSource;

use crate::acquire::availability::Availability;
use crate::acquire::intake::{self, Arrival, Contents};
use crate::acquire::request::Request;
use crate::acquire::sources::original::{self, Pins};
use crate::acquire::sources::{ManagedAsset, Taken, globs_anywhere};
use crate::cache::TakenFrom;
use crate::context::Context;
use crate::events::Level;
use crate::lock;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};

/// Which lines to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Only lines that are missing.
    Missing,
    /// All lines; they replace the existing ones.
    Anew,
    /// Lines that pin an asset of the hub without a sidecar to the current inputs.
    Adopted,
}

/// Writes the lock's lines for some targets, several at once. Returns every failure.
pub fn lock_all(
    run: &Context,
    targets: &Targets,
    which: Lines,
    jobs: Option<NonZeroUsize>,
) -> Vec<Error> {
    each(run, Action::Lock, targets, jobs, |target| {
        let new = match which {
            Lines::Missing => lines(run, target, Pins::Lock)?,
            Lines::Anew => lines(run, target, Pins::Ignore)?,
            Lines::Adopted => adopt(run, target)?.into_iter().collect(),
        };
        let changed = run.lock.write(&new, which == Lines::Anew)?;
        Ok(StepReport::new(if changed {
            Outcome::Locked
        } else {
            Outcome::UpToDate
        }))
    })
}

/// The lines that the lock does not have yet for a target; with [`Pins::Ignore`], all lines as they are now.
pub fn lines(run: &Context, target: &Target, pins: Pins) -> Result<Vec<LockLine>> {
    let request = Request::new(run, target)?;
    let sources = &run.project.sources;
    let mut lines = Vec::new();
    if sources.contains(&SourceKind::Managed)
        && let Availability::Have((tag, asset, sidecar)) = ManagedAsset::find(&request)?
    {
        let url = lock::asset_url(&run.project, run.hub()?, &tag, &asset);
        let (sha256, size) = (sidecar.sha256, sidecar.size);
        lines.push(lock::line(
            &sidecar.content,
            PinKind::Asset,
            sha256,
            size,
            &url,
        ));
    }
    if sources.contains(&SourceKind::Original) && request.wanted.of(Origin::Original).is_some() {
        lines.extend(original_line(&request, pins)?);
    }
    lines.extend(commit_line(&request)?);
    Ok(lines)
}

fn original_line(request: &Request<'_>, pins: Pins) -> Result<Option<LockLine>> {
    let Request {
        run,
        target,
        wanted,
        ..
    } = request;
    if pins == Pins::Lock {
        if request.pin(Origin::Original, PinKind::Upstream).is_some() {
            return Ok(None);
        }
        if let Some(inputs) = wanted.of(Origin::Original)
            && let Some(entry) = run.cache.lookup(Origin::Original, &inputs.digest)?
            && entry.source == SourceKind::Original
            && let Some(TakenFrom { sha256, size, url }) = &entry.file
        {
            let line = lock::line(&entry.artifact, PinKind::Upstream, *sha256, *size, url);
            return Ok(Some(line));
        }
    }
    let staging = run.cache.staging()?;
    let folder = utf8(&staging)?;
    match original::take(request, folder, pins)? {
        Availability::Have(Taken { entry, line, .. }) => {
            // It has been downloaded anyway: with it in the cache, the next `ensure` does not download it again.
            run.cache.insert(folder, &entry)?;
            Ok(line)
        }
        Availability::Absent(reason) if original::can_be_built(request)? => {
            let text = format!("no original to lock, because it is built: {reason}");
            run.events.note(Some(target), Level::Info, text);
            Ok(None)
        }
        Availability::Absent(reason) => {
            Err(Error::failed(format!("{target} has no original to lock")).cause(reason))
        }
    }
}

/// The line for the current commit of a git source's revision. The server is asked for it; nothing is fetched.
fn commit_line(request: &Request<'_>) -> Result<Option<LockLine>> {
    let Some(build) = request.rendered_build()? else {
        return Ok(None);
    };
    let RenderedSource::Git { url, rev } = build.source else {
        return Ok(None);
    };
    if is_commit(&rev) {
        return Ok(None);
    }
    let Some(commit) = request.run.git().remote_commit(&url, &rev)? else {
        return Err(Error::failed(format!("{url} has no revision `{rev}`"))
            .hint("check `build.source.rev` and the version"));
    };
    Ok(Some(LockLine::Commit {
        name: request.target.name.clone(),
        version: request.subsystem.version.clone(),
        url,
        rev,
        commit,
    }))
}

/// `lock --adopt`: the line that pins an asset without a sidecar to the current inputs.
pub fn adopt(run: &Context, target: &Target) -> Result<Option<LockLine>> {
    let request = Request::new(run, target)?;
    let Request {
        subsystem, wanted, ..
    } = &request;
    let hub = run.hub()?;
    let names = subsystem.assets(&target.platform);
    let (tag, asset) = (names.tag(), names.asset());
    if hub.sidecar(tag, &asset)?.is_some() {
        let text = format!("{tag}/{asset} has a sidecar: nothing to adopt");
        run.events.note(Some(target), Level::Info, text);
        return Ok(None);
    }
    let Some(body) = hub.fetch(tag, &asset)? else {
        return Err(Error::failed(format!(
            "{} has no {tag}/{asset} to adopt",
            hub.describe()
        )));
    };
    // The person who adopts it says that it was made with the current recipe. The bytes don't show its origin: if the
    // recipe has a build, the asset counts as built.
    let (origin, inputs) = [Origin::Build, Origin::Original]
        .into_iter()
        .find_map(|origin| Some((origin, wanted.of(origin)?)))
        .ok_or_else(|| {
            let name = &target.name;
            Error::failed(format!(
                "the recipe of `{name}` has neither build nor upstream"
            ))
        })?;
    let staging = run.cache.staging()?;
    let folder = utf8(&staging)?;
    let globs = globs_anywhere(&request);
    let arrival = Arrival {
        place: &body.place,
        file_name: asset.as_str(),
        reader: body.reader,
        size: body.size,
        stated: &[],
        select: Select::Globs(&globs),
        single: None,
        budget: Budget::from(subsystem.limits),
    };
    let arrived = intake::receive(request.transfer(), arrival, folder)?;
    let contents = Contents::Named {
        subsystem,
        platform: target.platform,
        origin,
        inputs: inputs.digest,
    };
    let artifact = intake::artifact(&body.place, &arrived, &contents, folder)?;
    let url = lock::asset_url(&run.project, run.hub()?, tag, &asset);
    let (sha256, size) = (arrived.sha256, arrived.size);
    Ok(Some(lock::line(
        &artifact,
        PinKind::Asset,
        sha256,
        size,
        &url,
    )))
}

fn utf8(folder: &tempfile::TempDir) -> Result<&Utf8Path> {
    Utf8Path::from_path(folder.path()).ok_or_else(|| Error::failed("the cache's path is not UTF-8"))
}
