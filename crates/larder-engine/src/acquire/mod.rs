//! `ensure` for one target: is it up to date, and if not, which source has it?
//!
//! ```text
//! acquire ──▶ freshness        up to date? by the record, else by reading and hashing
//!         ──▶ search           the sources in order; policy says what each answer means
//!              └─▶ sources     cache · managed · original · build: probed or taken
//!                   └─▶ intake fetched, verified, unpacked, checked, compared: an artifact
//!         ──▶ install          kept in lock and cache, then switched to by one rename
//! ```
//!
//! [`acquire`] does it, [`probe`] says what it would come to. Both walk the same code: only the question to each source
//! differs. Not here: building. An answer may be that the target has to be built; the runner then sees to what the build
//! needs first.

pub mod availability;
pub mod compare;
pub mod freshness;
pub mod intake;
pub mod policy;
pub mod released;
pub mod request;
pub mod search;
pub mod sources;

#[cfg(test)]
mod tests;

use camino::Utf8PathBuf;

use crate::cache::Entry;
use crate::context::Context;
use crate::events::Level;
use crate::file_lock::FileLock;
use crate::installed::{Bin, Staging, Watched};
use freshness::{Cause, Freshness, Stale};
use larder_core::error::{Error, Result};
use larder_core::model::{Artifact, Outcome, SourceKind, Target};
use request::Request;
use search::{Attempt, End, Searched};
use sources::Taken;

/// A target that is present and right.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it ended.
    pub outcome: Outcome,
    /// How the bytes came, unless nothing moved.
    pub via: Option<SourceKind>,
    /// Bytes moved.
    pub bytes: u64,
    /// Where from.
    pub place: Option<String>,
    /// Why anything was done at all.
    pub reason: Option<String>,
    /// What is installed.
    pub artifact: Artifact,
    /// What has to look the same for it to stay so.
    pub watched: Vec<Watched>,
    /// A build's log.
    pub log: Option<Utf8PathBuf>,
}

/// The answer of [`acquire`].
#[derive(Debug)]
pub enum Acquired {
    /// It is present and right.
    Done(Box<Done>),
    /// It has to be built; no other source has it.
    MustBuild {
        /// Why.
        reason: String,
        /// A source before it was unavailable, so what is built must not be uploaded.
        unavailable: Option<Error>,
    },
}

/// Makes a target present without building it.
pub fn acquire(run: &Context, target: &Target) -> Result<Acquired> {
    run.cancel.check()?;
    let request = Request::new(run, target)?;
    let done = |done| Ok(Acquired::Done(Box::new(done)));
    if let Some(fresh) = freshness::recorded(&request, &request.bin())?
        && let Freshness::UpToDate {
            artifact, watched, ..
        } = fresh
    {
        return done(Done::up_to_date(artifact, watched));
    }
    let held = hold(run, target)?;
    let stale = match freshness::read(&request, &held.bin)? {
        Freshness::UpToDate {
            artifact, watched, ..
        } => return done(healed(&held.bin, artifact, watched)?),
        Freshness::Stale(stale) => stale,
    };
    warn(&request, &stale);
    let staging = held.bin.stage()?;
    let Searched {
        attempts,
        unavailable,
        end,
    } = search::search(&request, |source| {
        sources::take(&request, source, staging.path())
    });
    match end {
        End::Found(_, Some(taken)) => {
            done(install(&request, &held.bin, staging, taken, stale.reason)?)
        }
        End::Found(_, None) => Ok(Acquired::MustBuild {
            reason: stale.reason,
            unavailable,
        }),
        End::Nowhere => Err(search::nowhere(&request, &attempts)),
        End::Stopped(error) => Err(error),
    }
}

/// What [`acquire`] would come to.
#[derive(Clone, Debug)]
pub struct Probe {
    /// What is installed and whether it is right.
    pub freshness: Freshness,
    /// The sources in the order in which they would be asked, and their answers, up to the one that has it.
    pub attempts: Vec<Attempt>,
    /// How the search would end; `None` where nothing has to be searched.
    pub end: Option<End<()>>,
}

impl Probe {
    /// Why the target has to be acquired, if it has to.
    pub fn stale(&self) -> Option<&Stale> {
        match &self.freshness {
            Freshness::UpToDate { .. } => None,
            Freshness::Stale(stale) => Some(stale),
        }
    }

    /// What is installed, by its stamp.
    pub fn found(&self) -> Option<&Artifact> {
        match &self.freshness {
            Freshness::UpToDate { artifact, .. } => Some(artifact),
            Freshness::Stale(stale) => stale.found.as_ref(),
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
            Some(End::Nowhere) => Some(match Request::new(run, target) {
                Ok(request) => search::nowhere(&request, &self.attempts),
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

/// Whether a target is up to date, by looking only; no source is asked.
pub fn look(run: &Context, target: &Target) -> Result<Probe> {
    let request = Request::new(run, target)?;
    Ok(Probe {
        freshness: freshness::look(&request, &request.bin())?,
        attempts: Vec::new(),
        end: None,
    })
}

/// What [`acquire`], and a build after it, would come to: the same order and the same rules, with nothing taken, built or
/// written. Bytes that turn out to be wrong, and commands that fail, are all that it can't foresee.
pub fn probe(run: &Context, target: &Target) -> Result<Probe> {
    let request = Request::new(run, target)?;
    let freshness = freshness::look(&request, &request.bin())?;
    if matches!(freshness, Freshness::UpToDate { .. }) {
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
            match sources::probe_build(&request, source) {
                Ok(()) => End::Found(source, ()),
                Err(error) => End::Stopped(error),
            }
        }
        End::Nowhere => End::Nowhere,
        End::Stopped(error) => End::Stopped(error),
    };
    Ok(Probe {
        freshness,
        attempts,
        end: Some(end),
    })
}

impl Done {
    /// Nothing had to be done.
    pub fn up_to_date(artifact: Artifact, watched: Vec<Watched>) -> Self {
        Self {
            outcome: Outcome::UpToDate,
            via: None,
            bytes: 0,
            place: None,
            reason: None,
            artifact,
            watched,
            log: None,
        }
    }
}

/// A target's lock in this project, and its installed set as seen by who holds it.
pub struct Held {
    /// The installed set; shared where there is no lock.
    pub bin: Bin,
    _lock: FileLock,
}

/// Holds the target's lock in this project.
pub fn hold(run: &Context, target: &Target) -> Result<Held> {
    let path = run
        .project
        .root
        .join(".larder/locks")
        .join(format!("{}-{}", target.name, target.platform));
    let lock = FileLock::take(&path, &run.cancel, |text| {
        run.events.note(Some(target), Level::Info, text);
    })?;
    let bin = run.bin(target);
    Ok(Held {
        bin: if lock.is_held() { bin } else { bin.shared() },
        _lock: lock,
    })
}

/// Installs what was taken: the lock's line first, then the cache, then the switch.
pub fn install(
    request: &Request<'_>,
    bin: &Bin,
    staging: Staging,
    taken: Taken,
    reason: String,
) -> Result<Done> {
    let Taken {
        entry,
        line,
        outcome,
        bytes,
        place,
    } = taken;
    if let Some(line) = line {
        request.run.lock.record(&line)?;
    }
    let via = if outcome == Outcome::Restored {
        SourceKind::Cache
    } else {
        remember(request, &staging, &entry);
        entry.via
    };
    let watched = bin.install(staging, &entry.artifact)?;
    Ok(Done {
        outcome,
        via: Some(via),
        bytes,
        place: Some(place),
        reason: Some(reason),
        artifact: entry.artifact,
        watched,
        log: None,
    })
}

/// Puts an artifact into the cache; a cache that can't be written costs the next download, not this run.
pub fn remember(request: &Request<'_>, staging: &Staging, entry: &Entry) {
    let Request {
        run,
        target,
        wanted,
        ..
    } = request;
    if let Err(error) = run.cache.insert(staging.path(), entry) {
        let text = format!("not kept in the cache: {error}");
        run.events.note(Some(target), Level::Warning, text);
    }
    if let Some(inputs) = wanted.of(entry.artifact.origin) {
        // Only texts for `why`: their loss is no failure.
        let _ = run.cache.explain(&inputs.digest, &inputs.fields);
    }
}

/// Up to date by reading; what a killed installation left is completed.
fn healed(bin: &Bin, artifact: Artifact, watched: Vec<Watched>) -> Result<Done> {
    bin.heal(&artifact)?;
    let again = bin.watch(&artifact)?;
    // Something moved while we read: the numbers are not recorded, the next run reads again.
    let watched = if again == watched {
        watched
    } else {
        Vec::new()
    };
    Ok(Done::up_to_date(artifact, watched))
}

/// Says what a person should know before something is acquired in the place of what is installed.
fn warn(request: &Request<'_>, stale: &Stale) {
    let events = &request.run.events;
    match stale.cause {
        // It names the subsystem itself.
        Cause::Changed => events.note(None, Level::Warning, stale.reason.clone()),
        Cause::Damaged => {
            let damage = stale.reason.trim_start_matches("damaged: ");
            events.note(
                Some(request.target),
                Level::Warning,
                format!("{damage}; repairing"),
            );
        }
        Cause::NotInstalled | Cause::OtherVersion | Cause::AskedFor => {}
    }
}
