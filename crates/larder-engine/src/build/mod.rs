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
pub mod source;
mod tools;
mod work;

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::freshness::{self, Freshness};
use crate::acquire::request::Request;
use crate::acquire::{self, Done, sources};
use crate::cache::Entry;
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::file_lock::FileLock;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Artifact, Origin, Outcome, SourceKind, Target};
use work::Work;

pub use work::remove_abandoned;

/// Builds a target and installs the result. Its `build.needs` must already be installed.
pub fn build(ctx: &Context, target: &Target, reason: &str) -> Result<Done> {
    let locked = acquire::lock_target(ctx, target)?;
    let request = Request::new(ctx, target)?;
    // Another process may have installed the target while this one waited for the lock.
    if !ctx.options.rebuild
        && !ctx.options.reinstall
        && let Freshness::UpToDate {
            artifact, watched, ..
        } = freshness::read(&request, &locked.bin)?
    {
        return Ok(Done::up_to_date(artifact, watched));
    }
    let inputs = request
        .wanted
        .of(Origin::Build)
        .ok_or_else(|| Error::usage(format!("the recipe of `{}` has no build", target.name)))?;
    // Only one process on this machine builds the same inputs at a time; a process that waited
    // finds the result in the cache.
    let _once = match ctx.cache.lock_path(&inputs.digest) {
        Ok(path) => Some(FileLock::take(&path, &ctx.cancel, |text| {
            ctx.events.note(Some(target), Level::Info, text);
        })?),
        Err(_) => None,
    };
    if !ctx.options.rebuild && ctx.options.source.is_none() {
        for entry in sources::cache::entries(&request)? {
            let staging = locked.bin.stage()?;
            if entry.artifact.origin == Origin::Build
                && let Some(taken) = sources::cache::restore(&request, entry, staging.path())?
            {
                return acquire::install(&request, &locked.bin, staging, taken, reason.to_owned());
            }
        }
    }
    ctx.larder_dir("logs")?;
    let log = log_path(ctx, target);
    fs::create(&log)?;
    ctx.events.phase(target, Phase::Building, None);
    let mut work = Work::new(&request, &log)?;
    let made = work
        .run()
        .map_err(|error| build_error(error, target, &log))?;
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
        origin: Origin::Build,
        inputs: inputs.digest,
        commit: made.observed.commit.clone(),
        files: made.files,
    };
    let entry = Entry {
        artifact,
        source: SourceKind::Build,
        hub: None,
        file: None,
        observed: made.observed,
    };
    acquire::store_in_cache(&request, &staging, &entry);
    let watched = locked.bin.install(staging, &entry.artifact)?;
    Ok(Done {
        outcome: Outcome::Built,
        source: Some(SourceKind::Build),
        bytes: entry.artifact.size(),
        place: Some(work.place()),
        reason: Some(reason.to_owned()),
        artifact: entry.artifact,
        watched,
        log: Some(log),
    })
}

/// The log file of a target's build.
pub fn log_path(ctx: &Context, target: &Target) -> Utf8PathBuf {
    ctx.project
        .root
        .join(".larder/logs")
        .join(format!("{}-{}.log", target.name, target.platform))
}

fn build_error(error: Error, target: &Target, log: &Utf8Path) -> Error {
    if matches!(error.kind(), larder_core::Kind::Interrupted(_)) {
        return error;
    }
    let error = error.context(format!("the build of {target} failed"));
    if log.as_str().contains(char::is_whitespace) {
        return error
            .hint("the project's path contains a space: quote \"{{ out }}\" and \"{{ src }}\" in the recipe's commands");
    }
    error
}
