//! A build runs in a clean work folder, with a declared environment, a process group of its own, a
//! log and a timeout. Its outputs are checked before anything is installed.
//!
//! ```text
//! <name>-<platform>-*       in `.larder/work`, one for each build
//!   src                     a fresh copy of the source; commands run here
//!   out                     `{{ out }}`: existing, empty, absolute
//!   tmp                     TMPDIR
//!   lock                    a file lock, held while the build runs
//! <name>-<platform>.log     in `.larder/logs`, everything that the commands print
//! ```

mod outputs;
mod plain;
pub mod remote;
mod script;
pub mod source;
mod tools;
mod work;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::admission::{self, Candidate, Refusal};
use crate::acquire::freshness::{self, Freshness};
use crate::acquire::request::Request;
use crate::acquire::sources::{self, Taken};
use crate::acquire::{self, Done};
use crate::cache::Entry;
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::trust::Shown;
use larder_core::error::{Error, Result};
use larder_core::executable;
use larder_core::file_lock::FileLock;
use larder_core::fs::{self, IoContext};
use larder_core::model::{
    Arch, Artifact, ArtifactFile, Name, Origin, Os, Outcome, SourceKind, Target,
};
use work::Work;

pub use work::remove_abandoned;

/// Builds a target and installs the result. Its `build.needs` must already be installed. `waits` is
/// called when the commands have ended and only the disk is waited for.
pub fn build(ctx: &Context, target: &Target, reason: &str, waits: &dyn Fn()) -> Result<Done> {
    let _working = ctx.commits.working();
    let locked = acquire::lock_target(ctx, target)?;
    let request = Request::new(ctx, target)?;
    // Another process may have installed the target while this one waited for the lock.
    if !ctx.options.rebuild
        && !ctx.options.reinstall
        && let Freshness::UpToDate(installed) = freshness::read(&request, &locked.bin)?
    {
        return Ok(Done::up_to_date(installed));
    }
    let inputs = request
        .wanted
        .of(Origin::Build)
        .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
    // Only one process on this machine builds the same inputs at a time; a process that waited
    // finds the result in the cache.
    let _once = match ctx.cache.lock_path(&inputs.digest) {
        Ok(Some(path)) => {
            let (folder, name) = (path.parent().unwrap_or(&path), path.file_name());
            let build = request.subsystem.build.as_ref();
            let waiting = ctx
                .waiting
                .clone()
                .for_build(build.map(larder_core::project::Build::time_limit));
            Some(FileLock::take(folder, name.unwrap_or_default(), &waiting)?)
        }
        Ok(None) | Err(_) => None,
    };
    if !ctx.options.rebuild && ctx.options.source.is_none() {
        for (artifact, entry) in sources::cache::entries(&request)? {
            let staging = locked.bin.stage()?;
            if artifact.origin == Origin::Build
                && let Some(taken) =
                    sources::cache::restore(&request, artifact, entry, staging.path())?
            {
                let reason = reason.to_owned();
                return acquire::install(&request, &locked.bin, staging, taken, reason, waits);
            }
        }
    }
    let log = log_path(ctx, target);
    ctx.own_folder(".larder/logs")?
        .create_file(log.file_name().unwrap_or_default())?;
    if !remote::used_for(ctx, request.subsystem, target).is_some_and(|remote| remote.executes) {
        ctx.events.phase(target, Phase::Building, None);
    }
    let mut work = Work::new(&request, &log)?;
    let made = work
        .run()
        .map_err(|error| build_error(error, target, work.out_has_blanks()))?;
    note_missing_signatures(ctx, target, &work.out, &made.files);
    let staging = locked.bin.stage()?;
    for file in &made.files {
        let from = work.out.join(&file.name);
        // The work folder and the staging folder are usually on the same file system; if not, the
        // file is copied.
        if fs::rename(&from, staging.path().join(&file.name)).is_err() {
            let mut source = fs::open(&from)?;
            let mut target = fs::create(staging.path().join(&file.name))?;
            std::io::copy(&mut source, &mut target).at("copy", &from)?;
        }
    }
    let artifact = Artifact {
        name: target.name.clone(),
        version: work.subsystem.version.clone(),
        platform: target.platform,
        emulated: None,
        origin: Origin::Build,
        inputs: inputs.digest,
        commit: made.observed.commit.clone(),
        files: made.files,
        tree: None,
    };
    let (source, outcome) = match &made.taken {
        Some(taken) if taken.is_cached => (SourceKind::RemoteCache, Outcome::Downloaded),
        _ => (SourceKind::Build, Outcome::Built),
    };
    let bytes = match (&made.taken, outcome) {
        (Some(taken), Outcome::Downloaded) => taken.received,
        _ => artifact.size(),
    };
    let place = match (&made.observed.executor, outcome) {
        (Some(executor), Outcome::Downloaded) => executor.clone(),
        (Some(executor), _) => format!("{} at {executor}", work.place()),
        (None, _) => work.place(),
    };
    let entry = Entry {
        artifact,
        source,
        places: places_of_needs(ctx, work.needs())?,
        file: None,
        observed: made.observed,
        proof: None,
        shown: Shown::default(),
    };
    let artifact = match admission::admit(&request, Candidate::from(&entry)) {
        Ok(admitted) => admitted,
        // A rebuild was asked for, perhaps to replace a release that is wrong: the result is
        // installed, and `ensure` without the flag goes back to what is pinned.
        Err(Refusal::Contradiction(error)) if ctx.options.rebuild => {
            let text = format!(
                "{error}; `larder release {0} --replace` publishes this build, `larder ensure {0}` installs the pinned files again",
                target.name
            );
            ctx.events.note(Some(target), Level::Warning, text);
            let anyway = Request::new(ctx, target)?.ignoring_lock();
            admission::admit(&anyway, Candidate::from(&entry))
                .map_err(|refusal| refusal.into_error(&anyway))?
        }
        Err(refusal) => return Err(not_admitted(refusal.into_error(&request), target, &log)),
    };
    let taken = Taken {
        bytes,
        artifact,
        entry,
        line: None,
        outcome,
        place,
        copies: None,
    };
    // The work folder is not needed any more, and it has handles.
    drop(work);
    let reason = reason.to_owned();
    let done = acquire::install(&request, &locked.bin, staging, taken, reason, waits)?;
    Ok(Done {
        log: Some(log),
        ..done
    })
}

/// Tells which programs for macOS on arm64 have no signature: macOS ends them when they start. The
/// linkers of Apple, Go and Rust sign what they make; other tools don't, and some remove it.
fn note_missing_signatures(ctx: &Context, target: &Target, out: &Utf8Path, files: &[ArtifactFile]) {
    if (target.platform.os, target.platform.arch) != (Os::Darwin, Arch::Arm64) {
        return;
    }
    for file in files.iter().filter(|file| file.mode == 0o755) {
        if executable::lacks_signature(out.join(&file.name).as_ref()) {
            let text = format!(
                "{0} is not signed, and macOS on arm64 runs no such program: add \
                 `codesign -s - {{{{ out }}}}/{0}` to the commands of the build",
                file.name
            );
            ctx.events.note(Some(target), Level::Warning, text);
        }
    }
}

/// The hubs and mirrors behind the subsystems that a build uses. If the cache does not know where
/// an installed one came from, it may have come from any place of this project.
fn places_of_needs<'a>(
    ctx: &Context,
    needs: impl Iterator<Item = &'a Name>,
) -> Result<BTreeSet<String>> {
    let mut places = BTreeSet::new();
    for need in needs {
        let target = ctx.project.host_target(need);
        let Some(artifact) = ctx.bin(&target).stamped()? else {
            continue;
        };
        let entry = ctx.cache.lookup(artifact.origin, &artifact.inputs)?;
        match entry.filter(|entry| entry.artifact.digest() == artifact.digest()) {
            Some(entry) => places.extend(entry.places),
            None => places.extend(ctx.own_places()),
        }
    }
    Ok(places)
}

/// A build whose result a pin contradicts.
fn not_admitted(error: Error, target: &Target, log: &Utf8Path) -> Error {
    error
        .context(format!("the build of {target} gave other files than those that are pinned"))
        .hint(format!(
            "compilers rarely give the same bytes twice: `larder ensure {}` takes the pinned ones from the hub; the build's log is {log}",
            target.name
        ))
}

/// The log file of a target's build.
pub fn log_path(ctx: &Context, target: &Target) -> Utf8PathBuf {
    ctx.project
        .root
        .join(".larder/logs")
        .join(format!("{}-{}.log", target.name, target.platform))
}

fn build_error(error: Error, target: &Target, out_has_blanks: bool) -> Error {
    if matches!(error.kind(), larder_core::Kind::Interrupted(_)) {
        return error;
    }
    let error = error.context(format!("the build of {target} failed"));
    if out_has_blanks {
        return error
            .hint("the project's path contains a space: quote \"{{ out }}\" and \"{{ src }}\" in the recipe's commands, or set TMPDIR to a folder that can be written and has no space in its path");
    }
    error
}
