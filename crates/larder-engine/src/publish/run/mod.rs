//! `larder publish`: checks → the release on the hub → the gate → every channel, each read back →
//! the report. What is at each place is asked there, every time: a second run writes nothing, and a
//! run after a kill continues from what it finds.

mod attempt;
mod base;
mod channel;
mod gate;
mod hub;
mod notify;
mod pool;
pub(super) mod record;

use std::num::NonZeroUsize;
use std::sync::OnceLock;
use std::time::Instant;

use camino::Utf8PathBuf;

pub(super) use attempt::{Tries, attempt};
use channel::Job;
use gate::Guarded;
pub use notify::ChannelEnd;
use notify::Report;

use super::channels::ChosenChannels;
use super::gather::{Gathered, gather};
use super::push::{Places, attachments, places};
use super::render::{about_the_release, failed, folder_for};
use super::validate::validate_all;
use crate::context::Context;
use crate::plan::Selection;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{CheckResult, PublishChecksEntry};
use larder_core::fs::Scratch;
use larder_core::model::Action;
use larder_core::project::Subsystem;

/// What is published, and how.
#[derive(Clone, Debug, Default)]
pub struct PublishOptions {
    /// Which channels.
    pub channels: ChosenChannels,
    /// How many channels at a time; by default `publish.concurrency`.
    pub jobs: Option<NonZeroUsize>,
}

/// A result, or every failure.
type Reached<T> = std::result::Result<T, Vec<Error>>;

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct PublishEnd {
    /// Every failure.
    pub errors: Vec<Error>,
    /// How the channels ended that were reached, in the order in which they were to be fed.
    pub channels: Vec<ChannelEnd>,
}

/// Publishes some subsystems to their channels. After a failure the other channels are still fed.
pub fn publish_all(ctx: &Context, selection: &Selection, options: &PublishOptions) -> PublishEnd {
    let mut report = Report::new();
    let errors = match prepare(ctx, selection, options) {
        Ok((prepared, errors)) => publish(ctx, &prepared, options, errors, &mut report),
        Err(errors) => errors,
    };
    if !ctx.options.dry_run {
        report.send(ctx, &errors);
    }
    PublishEnd {
        errors,
        channels: report.into_channels(),
    }
}

/// A subsystem whose release is on the hub.
struct Prepared<'a> {
    gathered: Gathered,
    /// The folder for the channels' files.
    folder: Utf8PathBuf,
    /// The channels, with what became of their files in the release.
    jobs: Vec<Job<'a>>,
    guarded: Vec<Guarded>,
    /// Whether the release passed the gate, once a channel has asked.
    gate: OnceLock<Result<()>>,
    /// A folder that is removed at the end, if the files are only for a dry run.
    _scratch: Option<Scratch>,
}

impl Prepared<'_> {
    /// Lets the release pass the gate: only the first caller fetches its assets. The callers after
    /// a failure get no error of their own.
    fn pass_gate(&self, ctx: &Context) -> Result<(), Option<Error>> {
        let mut is_first = false;
        let passed = self.gate.get_or_init(|| {
            is_first = true;
            gate::pass(ctx, &self.guarded)
        });
        passed
            .as_ref()
            .map(|&()| ())
            .map_err(|error| is_first.then(|| error.clone()))
    }
}

/// Checks everything, and releases on the hub what passes. Nothing is pushed here.
fn prepare<'a>(
    ctx: &'a Context,
    selection: &Selection,
    options: &PublishOptions,
) -> Reached<(Vec<Prepared<'a>>, Vec<Error>)> {
    let one = |error| vec![error];
    let subsystems = selection.subsystems(&ctx.project);
    let mut planned = Vec::new();
    let mut wrong = Vec::new();
    for subsystem in subsystems {
        ctx.cancel.check().map_err(one)?;
        match jobs_of(ctx, subsystem, options) {
            Ok(jobs) if jobs.is_empty() => {}
            Ok(jobs) => planned.push((subsystem, jobs)),
            Err(error) => failed(ctx, subsystem, error, &mut wrong),
        }
    }
    let names = planned.iter().map(|(subsystem, _)| subsystem.name.clone());
    let checks = validate_all(ctx, &Selection::Names(names.collect())).map_err(one)?;
    for (entry, (subsystem, _)) in checks.subsystems.iter().zip(&planned) {
        if let Some(error) = failed_checks(entry) {
            failed(ctx, subsystem, error, &mut wrong);
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let steps = planned.iter().map(|(_, jobs)| jobs.len()).sum();
    ctx.events.started(Action::Publish, steps, []);
    let mut prepared = Vec::new();
    let mut errors = Vec::new();
    for (subsystem, jobs) in planned {
        match on_the_hub(ctx, subsystem, jobs, options) {
            Ok(one) => prepared.push(one),
            Err(failures) => {
                for error in failures {
                    failed(ctx, subsystem, error, &mut errors);
                }
            }
        }
        ctx.cancel.check().map_err(one)?;
    }
    Ok((prepared, errors))
}

/// The channels of a subsystem with the places that they are pushed to.
fn jobs_of<'a>(
    ctx: &Context,
    subsystem: &'a Subsystem,
    options: &PublishOptions,
) -> Result<Vec<Job<'a>>> {
    let mut jobs = Vec::new();
    for config in options.channels.of(ctx, subsystem) {
        let version = &subsystem.version;
        let attached = attachments(ctx, subsystem, version, config)?;
        let places = match places(ctx, subsystem, version, config)? {
            Places::At(places) => Ok(places),
            Places::NotConfigured(key) => Err(key),
        };
        jobs.push(Job::new(subsystem, config, attached, places));
    }
    Ok(jobs)
}

/// The failed checks of a subsystem as one error.
fn failed_checks(entry: &PublishChecksEntry) -> Option<Error> {
    let failed: Vec<_> = entry
        .checks
        .iter()
        .filter(|check| check.result == CheckResult::Failed)
        .collect();
    if failed.is_empty() {
        return None;
    }
    let mut error = Error::failed(format!(
        "{} {} can't be published",
        entry.name, entry.version
    ));
    for check in failed {
        let detail = check.detail.as_deref().unwrap_or("it does not hold");
        error = error.cause(format!("{}: {detail}", check.check));
        if let Some(hint) = &check.hint {
            error = error.hint(hint);
        }
    }
    Some(error)
}

/// Releases a subsystem on the hub with everything that joins the release, and makes it public.
fn on_the_hub<'a>(
    ctx: &Context,
    subsystem: &'a Subsystem,
    mut jobs: Vec<Job<'a>>,
    options: &PublishOptions,
) -> Reached<Prepared<'a>> {
    let one = |error| vec![error];
    let mut gathered = gather(ctx, subsystem)?;
    let dry_run = ctx.options.dry_run;
    let scratch = dry_run
        .then(|| Scratch::new(&ctx.settings.remote.temp, "publish"))
        .transpose()
        .map_err(one)?;
    let folder = match &scratch {
        Some(scratch) => scratch.path().to_owned(),
        None => folder_for(ctx, subsystem, None).map_err(one)?,
    };
    let mut drafts = Vec::new();
    if dry_run {
        hub::would_release(ctx, subsystem).map_err(one)?;
    } else {
        hub::release_assets(ctx, subsystem, options.jobs)?;
        drafts = hub::name_as_published(ctx, subsystem, &mut gathered).map_err(one)?;
    }
    about_the_release(ctx, subsystem, &gathered.release, &folder).map_err(one)?;
    let mut guarded = hub::guarded(&gathered);
    for job in &mut jobs {
        guarded.extend(job.attach(ctx, &gathered.release, &folder).map_err(one)?);
    }
    if !dry_run {
        hub::finalize(ctx, subsystem, &gathered, &drafts).map_err(one)?;
    }
    Ok(Prepared {
        gathered,
        folder,
        jobs,
        guarded,
        gate: OnceLock::new(),
        _scratch: scratch,
    })
}

/// Feeds the channels of all subsystems.
fn publish(
    ctx: &Context,
    prepared: &[Prepared<'_>],
    options: &PublishOptions,
    mut errors: Vec<Error>,
    report: &mut Report,
) -> Vec<Error> {
    let jobs: Vec<channel::Ready<'_>> = prepared
        .iter()
        .flat_map(|one| {
            one.jobs
                .iter()
                .map(move |job| channel::Ready::new(job, one))
        })
        .collect();
    let concurrency = NonZeroUsize::new(ctx.project.publish.concurrency);
    let at_once = options.jobs.or(concurrency).unwrap_or(NonZeroUsize::MIN);
    let results = pool::run(&jobs, at_once, |ready| {
        let start = Instant::now();
        let ended = ready.feed(ctx);
        ready.tell(ctx, &ended, start.elapsed());
        ended
    });
    for (ready, ended) in jobs.iter().zip(results) {
        report.add(ready, &ended);
        errors.extend(ended.error);
    }
    errors
}
