//! `larder lock`: computes the lock's lines for targets without installing them. A line pins an asset of the hub, the
//! publisher's original, or the commit of a git source.

use std::num::NonZeroUsize;

use larder_core::archive::{Budget, ReadAs, Select};
use larder_core::error::{Error, Result};
use larder_core::formats::{LockLine, PinKind};
use larder_core::model::{
    Action, Digest, FileFormat, Origin, Outcome, SourceKind, Target, is_commit,
};
use larder_core::project::{Keep, RenderedSource};
use larder_core::staging::StagedDir;

use crate::acquire::availability::Availability;
use crate::acquire::intake::{self, Arrival, Contents};
use crate::acquire::request::Request;
use crate::acquire::sources::{self, ManagedAsset, Taken, original, several};
use crate::cache::Entry;
use crate::context::Context;
use crate::events::Level;
use crate::lock;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use crate::trust::yank;

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
            Lines::Missing | Lines::Anew => lines(run, target, which)?,
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

/// The lines that the lock does not have yet for a target; with [`Lines::Anew`], all lines as they are now.
/// What the sources have must be admitted, and must not contradict each other.
pub fn lines(run: &Context, target: &Target, which: Lines) -> Result<Vec<LockLine>> {
    let mut request = Request::new(run, target)?;
    if which == Lines::Anew {
        request = request.ignoring_lock();
    }
    yank::check(&request)?;
    run.cache.sweep();
    let sources = &run.project.sources;
    let mut lines = Vec::new();
    if sources.contains(&SourceKind::Managed)
        && let Availability::Have((at, (tag, asset, described))) =
            several::ask(&request, |request| {
                Ok(ManagedAsset::find(request)?.map(|found| (request.hub_index(), found)))
            })?
    {
        let of_hub = request.of_hub(at);
        let place = of_hub.hub()?.place(&tag, &asset);
        let artifact = sources::admit_sidecar(&of_hub, &tag, &asset, &described)?;
        let artifact = artifact.map_err(|refusal| {
            refusal
                .into_error(&request)
                .context(format!("{place} can't be pinned"))
        })?;
        let url = of_hub.asset_url(&tag, &asset)?;
        let (sha256, size) = (described.sidecar.sha256, described.sidecar.size);
        lines.push(lock::line(&artifact, PinKind::Asset, sha256, size, &url));
    }
    if sources.contains(&SourceKind::Original) && request.wanted.of(Origin::Original).is_some() {
        lines.extend(original_line(&request)?);
    }
    check_agreement(target, &lines)?;
    lines.extend(commit_line(&request)?);
    Ok(lines)
}

/// Checks that no two lines of the same inputs pin different artifacts.
fn check_agreement(target: &Target, lines: &[LockLine]) -> Result<()> {
    let mut pinned: Vec<(Origin, Digest, &str)> = Vec::new();
    for line in lines {
        let LockLine::Bytes(key, pin) = line else {
            continue;
        };
        let Some(artifact) = pin.artifact else {
            continue;
        };
        let differs = |(origin, other, _): &&(Origin, Digest, &str)| {
            *origin == key.origin && *other != artifact
        };
        if let Some((_, _, url)) = pinned.iter().find(differs) {
            return Err(Error::integrity(format!(
                "the sources of {target} have different files for the same inputs"
            ))
            .cause(format!("the files in {url} and in {} differ", pin.url))
            .hint(format!(
                "find out which one is right; `larder release {} --replace` corrects the hub",
                target.name
            )));
        }
        pinned.push((key.origin, artifact, &pin.url));
    }
    Ok(())
}

fn original_line(request: &Request<'_>) -> Result<Option<LockLine>> {
    let Request { run, target, .. } = request;
    if !request.ignores_lock() {
        if request.pin(Origin::Original, PinKind::Upstream).is_some() {
            return Ok(None);
        }
        let entries = sources::cache::entries(request)?;
        let line = |(_, entry): &(_, Entry)| sources::cache::lock_line(request, entry);
        if let Some(line) = entries.iter().find_map(line) {
            return Ok(Some(line));
        }
    }
    let staging = run.cache.staging()?;
    let folder = staging.path();
    match original::take(request, folder)? {
        Availability::Have(Taken {
            entry,
            line,
            copies,
            ..
        }) => {
            // It has been downloaded anyway: with it in the cache, the next `ensure` does not download it again.
            run.cache
                .keep(folder, copies.as_ref().map(StagedDir::path), &entry);
            Ok(line)
        }
        Availability::Absent(reason) if original::can_be_built(request)? => {
            let text = format!("no original to lock, because it is built: {reason}");
            run.events.note(Some(target), Level::Info, text);
            Ok(None)
        }
        Availability::Absent(reason) => {
            let (name, version) = (&target.name, &request.subsystem.version);
            let platform = target.platform;
            Err(
                Error::failed(format!("{name} {version} is not released for {platform}"))
                    .cause(reason),
            )
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
    if run.project.trust.needs_signature {
        crate::trust::unsigned(target, &subsystem.version)?;
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
    let folder = staging.path();
    let globs = request.globs_anywhere();
    let (keep, binaries) = (request.keep(origin)?, request.binaries());
    let arrival = Arrival {
        place: &body.place,
        read_as: ReadAs::File {
            format: FileFormat::Auto,
            name: asset.as_str(),
        },
        reader: body.reader,
        size: body.size,
        stated: &[],
        signature: None,
        select: match keep {
            Keep::Files => Select::Globs(&globs),
            Keep::Tree => request.whole(&[], &binaries, target.platform),
        },
        single: None,
        budget: Budget::from(subsystem.limits),
    };
    let arrived = intake::receive(request.transfer(), arrival, folder)?;
    let contents = Contents::Named {
        subsystem,
        platform: target.platform,
        emulated: request.emulated(origin)?,
        origin,
        inputs: inputs.digest,
        keep,
    };
    let artifact = intake::artifact(&body.place, &arrived, &contents, folder)?;
    let url = lock::asset_url(&run.project, &run.project.hub, hub, tag, &asset);
    let (sha256, size) = (arrived.sha256, arrived.size);
    Ok(Some(lock::line(
        &artifact,
        PinKind::Asset,
        sha256,
        size,
        &url,
    )))
}
