//! `ensure` for one target: checks whether it is up to date, and if it is not, finds a source that
//! has it.
//!
//! ```text
//! acquire ──▶ freshness        up to date? by the record, else by reading and hashing
//!         ──▶ search           asks the sources in order; policy.rs says what each answer means
//!              └─▶ sources     cache · managed · original · build: probes or takes
//!                   └─▶ intake fetches, verifies, unpacks, checks and compares: an artifact
//!         ──▶ install          records it in lock and cache, then activates it by one rename
//! ```
//!
//! [`acquire`] does this, and [`probe`] reports what [`acquire`] would do. Both run the same code;
//! only the call to each source differs. This module does not build. The result may be that the
//! target has to be built; the runner then ensures the needs of the build first.

pub mod admission;
pub mod availability;
pub mod compare;
pub mod freshness;
pub mod intake;
pub mod policy;
pub mod released;
pub mod replaced;
pub mod request;
pub mod search;
pub mod sources;

#[cfg(test)]
mod tests;

use camino::{Utf8Path, Utf8PathBuf};

use crate::cache::Entry;
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::installed::{Bin, Flushing, Staging, Watched};
use crate::trust::{self, yank};
use admission::{Admitted, UnpackedFrom};
use freshness::{Cause, Freshness, Installed, Stale};
use larder_core::error::{Error, Result};
use larder_core::file_lock::FileLock;
use larder_core::model::{Artifact, Outcome, SourceKind, Target};
use larder_core::staging::StagedDir;
use request::Request;
use search::{Attempt, End, Searched};
use sources::Taken;

/// A target that is installed and verified.
#[derive(Clone, Debug)]
pub struct Done {
    /// What was done.
    pub outcome: Outcome,
    /// The source that gave the artifact; `None` if nothing was transferred.
    pub source: Option<SourceKind>,
    /// The number of bytes transferred.
    pub bytes: u64,
    /// The place they came from, for messages.
    pub place: Option<String>,
    /// Why the target had to be acquired; `None` if it was up to date.
    pub reason: Option<String>,
    /// The installed artifact.
    pub artifact: Admitted,
    /// The file that it was unpacked from, as far as that is known.
    pub file: Option<UnpackedFrom>,
    /// The file metadata that has to stay the same for it to remain up to date.
    pub watched: Vec<Watched>,
    /// The log of the build, if there was a build.
    pub log: Option<Utf8PathBuf>,
}

/// The answer of [`acquire`].
#[derive(Debug)]
pub enum Acquired {
    /// It is installed and verified.
    Done(Box<Done>),
    /// It has to be built; no other source has it.
    MustBuild {
        /// Why it has to be acquired.
        reason: String,
        /// The error of a source that was unavailable before. In that case the build must not be
        /// uploaded, because that source may have the artifact.
        unavailable: Option<Error>,
    },
}

/// Installs a target from any source except a build.
pub fn acquire(run: &Context, target: &Target) -> Result<Acquired> {
    run.cancel.check()?;
    let request = Request::new(run, target)?;
    let done = |done| Ok(Acquired::Done(Box::new(done)));
    if let Some(fresh) = freshness::recorded(&request, &request.bin())?
        && let Freshness::UpToDate(installed) = fresh
    {
        return done(Done::up_to_date(installed));
    }
    // A killed run left no record of what it installed, so what it staged is removed here.
    run.cache.sweep();
    let locked = lock_target(run, target)?;
    let _working = run.commits.working();
    let stale = match freshness::read(&request, &locked.bin)? {
        Freshness::UpToDate(installed) => return done(healed(&locked.bin, installed)?),
        Freshness::Stale(stale) => stale,
    };
    warn(&request, &stale);
    let staging = locked.bin.stage()?;
    let Searched {
        attempts,
        unavailable,
        end,
    } = search::search(&request, |source| {
        sources::take(&request, source, staging.path())
    });
    if matches!(end, End::Found(..)) {
        yank::check(&request)?;
    }
    match end {
        End::Found(_, Some(taken)) => done(install(
            &request,
            &locked.bin,
            staging,
            taken,
            stale.reason,
            &|| (),
        )?),
        End::Found(_, None) => Ok(Acquired::MustBuild {
            reason: stale.reason,
            unavailable,
        }),
        End::NotFound => Err(search::not_found(&request, &attempts)),
        End::Stopped(error) => Err(error),
    }
}

/// What [`acquire`] would do.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is installed, and whether it is up to date.
    pub freshness: Freshness,
    /// The sources in the order in which they would be asked, and their answers, up to the one that
    /// has it.
    pub attempts: Vec<Attempt>,
    /// How the search would end; `None` if no search is needed.
    pub end: Option<End<()>>,
}

impl Probe {
    /// Why the target has to be acquired; `None` if it is up to date.
    pub fn stale(&self) -> Option<&Stale> {
        match &self.freshness {
            Freshness::UpToDate(_) => None,
            Freshness::Stale(stale) => Some(stale),
        }
    }

    /// The installed artifact, as its stamp describes it.
    pub fn found(&self) -> Option<&Artifact> {
        match &self.freshness {
            Freshness::UpToDate(installed) => Some(&installed.artifact),
            Freshness::Stale(stale) => stale.found.as_ref(),
        }
    }

    /// Who vouches for the installed artifact, in words; `None` if it is not up to date, or if the
    /// project says nothing about signatures.
    pub fn signed(&self, run: &Context) -> Option<String> {
        let trust = &run.project.trust;
        match &self.freshness {
            Freshness::UpToDate(installed) if trust.is_used() => {
                Some(trust::describe(trust, installed.artifact.vouched()))
            }
            Freshness::UpToDate(_) | Freshness::Stale(_) => None,
        }
    }

    /// The source that would be used.
    pub fn choice(&self) -> Option<SourceKind> {
        match self.end {
            Some(End::Found(source, ())) => Some(source),
            _ => None,
        }
    }

    /// The error that acquiring would end with.
    pub fn failure(&self, run: &Context, target: &Target) -> Option<Error> {
        match &self.end {
            None | Some(End::Found(..)) => None,
            Some(End::Stopped(error)) => Some(error.clone()),
            Some(End::NotFound) => Some(match Request::new(run, target) {
                Ok(request) => search::not_found(&request, &self.attempts),
                Err(error) => error,
            }),
        }
    }

    /// The answer that would stop the search.
    pub fn stopped(&self) -> Option<&Error> {
        match &self.end {
            Some(End::Stopped(error)) => Some(error),
            _ => None,
        }
    }
}

/// Checks whether a target is up to date. No source is asked, and nothing is changed.
pub fn inspect(run: &Context, target: &Target) -> Result<Probe> {
    let request = Request::new(run, target)?;
    Ok(Probe {
        freshness: freshness::check(&request, &request.bin())?,
        attempts: Vec::new(),
        end: None,
    })
}

/// Reports what [`acquire`], and a build after it, would do. It follows the same order and the same
/// rules but takes, builds and writes nothing. It can't predict two things: bytes that turn out to
/// be wrong, and commands that fail.
pub fn probe(run: &Context, target: &Target) -> Result<Probe> {
    let request = Request::new(run, target)?;
    let freshness = freshness::check(&request, &request.bin())?;
    if matches!(freshness, Freshness::UpToDate(_)) {
        return Ok(Probe {
            freshness,
            attempts: Vec::new(),
            end: None,
        });
    }
    let Searched {
        mut attempts, end, ..
    } = search::search(&request, |source| sources::probe(&request, source));
    let end = match end {
        End::Found(source, offer) => {
            let answer = offer.answer;
            attempts.push(Attempt { source, answer });
            let possible =
                yank::check(&request).and_then(|()| sources::probe_build(&request, source));
            match possible {
                Ok(()) => End::Found(source, ()),
                Err(error) => End::Stopped(error),
            }
        }
        End::NotFound => End::NotFound,
        End::Stopped(error) => End::Stopped(error),
    };
    Ok(Probe {
        freshness,
        attempts,
        end: Some(end),
    })
}

impl Done {
    /// The result for a target that was already up to date.
    pub fn up_to_date(installed: Installed) -> Self {
        let Installed {
            artifact,
            file,
            watched,
            read: _,
        } = installed;
        Self {
            outcome: Outcome::UpToDate,
            source: None,
            bytes: 0,
            place: None,
            reason: None,
            artifact,
            file,
            watched,
            log: None,
        }
    }
}

/// The file lock of a target in this project, and the installed set that it protects.
pub struct LockedTarget {
    /// The installed set. It is marked as shared if no file lock could be taken, because another
    /// process may then install into it at the same time.
    pub bin: Bin,
    _lock: FileLock,
}

/// Takes the file lock of the target in this project, and waits for it if necessary.
pub fn lock_target(run: &Context, target: &Target) -> Result<LockedTarget> {
    let file = format!(".larder/locks/{}-{}", target.name, target.platform);
    let build = run.subsystem(target).ok().and_then(|s| s.build.as_ref());
    let waiting = run
        .waiting
        .clone()
        .for_build(build.map(larder_core::project::Build::time_limit));
    run.events.phase(target, Phase::Waiting, None);
    let lock = FileLock::take(&run.project.root, file, &waiting)?;
    run.events.phase(target, Phase::Checking, None);
    let bin = run.bin(target);
    Ok(LockedTarget {
        bin: if lock.is_held() { bin } else { bin.shared() },
        _lock: lock,
    })
}

/// Installs what was taken. It writes the line of the lock first, then the cache entry, and then
/// activates the new set. `waits` is called when only the disk is waited for.
pub fn install(
    request: &Request<'_>,
    bin: &Bin,
    staging: Staging,
    taken: Taken,
    reason: String,
    waits: &dyn Fn(),
) -> Result<Done> {
    let Taken {
        artifact,
        entry,
        line,
        outcome,
        bytes,
        place,
        copies,
    } = taken;
    let events = &request.run.events;
    events.phase(request.target, Phase::Installing, None);
    if let Some(line) = line {
        request.run.lock.record(&line)?;
    }
    let source = if outcome == Outcome::Restored {
        SourceKind::Cache
    } else {
        store(request, staging.path(), copies.as_ref(), &entry);
        entry.source
    };
    let commits = &request.run.commits;
    let flushing = Flushing { commits, waits };
    let watched = bin.install_flushed(staging, &artifact, Some(&flushing))?;
    Ok(Done {
        outcome,
        source: Some(source),
        bytes,
        place: Some(place),
        reason: Some(reason),
        file: entry.unpacked_from(),
        artifact,
        watched,
        log: None,
    })
}

/// Stores an artifact in the cache. If the cache can't be written, the run goes on with a warning;
/// the next run then has to download again.
pub fn store_in_cache(request: &Request<'_>, staging: &Staging, entry: &Entry) {
    store(request, staging.path(), None, entry);
}

/// The same; `copies` are copies of its files that the cache may take over.
fn store(request: &Request<'_>, folder: &Utf8Path, copies: Option<&StagedDir>, entry: &Entry) {
    let Request {
        run,
        target: _,
        wanted,
        ..
    } = request;
    run.cache.keep(folder, copies.map(StagedDir::path), entry);
    if let Some(inputs) = wanted.of(entry.artifact.origin) {
        // Only `why` uses the explanation, so a failure to store it is ignored.
        let _ = run.cache.explain(&inputs.digest, &inputs.explanation());
    }
}

/// The result for a target that was found up to date by reading it. Completes an installation that
/// was killed half-way.
fn healed(bin: &Bin, mut installed: Installed) -> Result<Done> {
    bin.repair(&installed.artifact)?;
    let again = bin.watch(&installed.artifact)?;
    // If the files changed while they were read, nothing is recorded, so that the next run reads
    // them again.
    if again != installed.watched {
        installed.watched = Vec::new();
    }
    Ok(Done::up_to_date(installed))
}

/// Warns the user before what is installed is replaced because its inputs changed or because it is
/// damaged.
fn warn(request: &Request<'_>, stale: &Stale) {
    let events = &request.run.events;
    match stale.cause {
        // The reason already names the subsystem, so the note has no target.
        Cause::Changed => events.note(None, Level::Warning, stale.reason.clone()),
        Cause::Damaged => {
            let damage = stale.reason.trim_start_matches("damaged: ");
            events.note(
                Some(request.target),
                Level::Warning,
                format!("{damage}; repairing"),
            );
        }
        Cause::Pinned => {
            let text = format!("{}; installing what is pinned", stale.reason);
            events.note(Some(request.target), Level::Warning, text);
        }
        Cause::NotInstalled | Cause::OtherVersion | Cause::AskedFor => {}
    }
}
