//! What a command needs to run steps: the project, the context, the reporter and the handling of
//! signals. The end of a session saves the state, shows the summary and returns the exit code.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Global;
use super::counts::Counts;
use super::remote;
use super::timings::Timings;
use crate::report::{ReporterHandle, Verbosity};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::human;
use larder_core::model::Platform;
use larder_core::project::Project;
use larder_engine::context::{Context, Options};
use larder_engine::ensure::Ensured;
use larder_engine::events::{Event, Events, Level, Summary};
use larder_engine::plan::{Platforms, Targets};
use larder_engine::runner::Limits;
use larder_engine::snapshot;

/// `--platform`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlatformArgs {
    /// A platform such as `linux-arm64` (repeatable), or `all` for every platform of the project.
    /// Default: the platform of this machine.
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
}

impl PlatformArgs {
    /// The targets for these names, or for `all`, on the given platforms.
    pub fn targets(&self, project: &Project, names: &[String]) -> Result<Targets> {
        Targets::parse(project, names, &self.resolve()?)
    }

    /// The same, except that an empty list of names selects all subsystems.
    pub fn targets_or_all(&self, project: &Project, names: &[String]) -> Result<Targets> {
        Targets::parse_or_all(project, names, &self.resolve()?)
    }

    /// The selected platforms.
    pub fn resolve(&self) -> Result<Platforms> {
        selected(&self.platforms)
    }
}

/// `--platform` of a command that does not concern this machine only.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct EveryPlatformArgs {
    /// A platform such as `linux-arm64` (repeatable), or `all`. Default: every platform of the
    /// project.
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
}

impl EveryPlatformArgs {
    /// The selected platforms.
    pub fn resolve(&self) -> Result<Platforms> {
        Ok(selected(&self.platforms)?.or_all())
    }
}

/// The platforms of the texts after `--platform`.
fn selected(texts: &[String]) -> Result<Platforms> {
    if texts.is_empty() {
        return Ok(Platforms::Host);
    }
    if texts.iter().any(|text| text == "all") {
        return Ok(Platforms::All);
    }
    let mut list: Vec<Platform> = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')) {
        let platform: Platform = text.trim().parse()?;
        if !list.contains(&platform) {
            list.push(platform);
        }
    }
    Ok(Platforms::List(list))
}

/// `-j`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct JobArgs {
    /// How many builds or other steps run at the same time. Default: depends on the number of
    /// cores.
    #[arg(short, long, value_name = "N", env = larder_core::variables::JOBS, value_parser = super::values::jobs)]
    jobs: Option<u16>,
}

impl JobArgs {
    /// The number, if one was given.
    pub fn get(self) -> Option<NonZeroUsize> {
        self.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()))
    }
}

/// `-j` and `-k`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct LimitArgs {
    #[command(flatten)]
    jobs: JobArgs,
    /// After a failure, continue with everything that does not depend on it.
    #[arg(short, long)]
    keep_going: bool,
}

impl LimitArgs {
    /// The limits for the runner.
    pub fn resolve(self) -> Limits {
        Limits {
            jobs: self.jobs.get(),
            keep_going: self.keep_going,
            ..Limits::default()
        }
    }
}

/// The session of a command that runs steps.
pub struct Session {
    /// The context that all steps share.
    pub ctx: Arc<Context>,
    /// Runs the threads of steps and listens for signals.
    runtime: tokio::runtime::Runtime,
    reporter: ReporterHandle,
    parent_counts: Option<Counts>,
    started: Instant,
    timings: Option<Timings>,
}

impl Session {
    /// Opens the project above the current folder.
    pub fn open(global: &Global, options: Options) -> Result<Self> {
        let root = global.root()?;
        let project = global.load(&root)?;
        Self::with_project(global, project, options)
    }

    /// Opens a session on a loaded project.
    pub fn with_project(global: &Global, project: Project, options: Options) -> Result<Self> {
        let started = Instant::now();
        let settings = global.startup.settings(options.offline)?;
        let (runtime, cancel) = supervised()?;
        let (events, receiver) = Events::channel();
        let reporter = global.reporter(receiver);
        let events = if global.verbosity() >= Verbosity::Output && !global.json {
            events.with_output()
        } else {
            events
        };
        let handle = runtime.handle().clone();
        let mut ctx = Context::open(project, options, settings, handle, events, cancel)?;
        remote::add(&mut ctx)?;
        Ok(Self {
            ctx: Arc::new(ctx),
            runtime,
            reporter,
            parent_counts: global.parent_counts.clone(),
            started,
            timings: None,
        })
    }

    /// Records the run, and shows its timings at the end.
    pub fn show_timings(&mut self, mut timings: Timings) -> Result<()> {
        timings.record(self.context_mut()?);
        self.timings = Some(timings);
        Ok(())
    }

    /// The context, as long as no step shares it yet.
    pub fn context_mut(&mut self) -> Result<&mut Context> {
        Arc::get_mut(&mut self.ctx)
            .ok_or_else(|| Error::failed("the context of this run is already in use"))
    }

    /// Records what is installed now, shows the summary, and returns the exit code.
    pub fn end(self, Ensured { done, errors }: Ensured) -> ExitCode {
        if let Err(error) = snapshot::save(&self.ctx, &done) {
            // The state only saves time: without it the next run reads the files again.
            self.ctx.events.note(
                None,
                Level::Detail,
                format!("the state could not be saved: {error}"),
            );
        }
        self.keep_cache_within_limits();
        let worst = self
            .ctx
            .cancel
            .signal()
            .map(Kind::Interrupted)
            .or(Kind::worst(errors.iter().map(Error::kind)));
        let summary = Summary {
            ok: worst.is_none(),
            counts: BTreeMap::new(),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        self.ctx.events.send(Event::Summary(summary));
        let totals = self.reporter.finish();
        let unwritten = self.timings.and_then(|timings| timings.end(&totals));
        if let Some(counts) = &self.parent_counts {
            counts.add(&totals.counts);
        }
        end_runtime(self.runtime);
        ExitCode::from(
            worst
                .or(totals.worst())
                .or(unwritten)
                .map_or(0, Kind::exit_code),
        )
    }
}

impl Session {
    /// Applies the user's limits of the cache. A failure is told, and changes nothing else: what
    /// this run did is complete.
    fn keep_cache_within_limits(&self) {
        let Context {
            cache,
            settings,
            options,
            cancel,
            events,
            ..
        } = &*self.ctx;
        if options.dry_run || cancel.signal().is_some() {
            return;
        }
        let (level, text) = match cache.keep_within(&settings.cache_limits) {
            Ok(Some(pruned)) if pruned.files > 0 => (
                Level::Info,
                format!(
                    "the cache was beyond its limits: removed {} in {}",
                    human::bytes(pruned.bytes),
                    human::count(usize::try_from(pruned.files).unwrap_or(usize::MAX), "file")
                ),
            ),
            Ok(_) => return,
            Err(error) => (
                Level::Warning,
                format!("the limits of the cache could not be applied: {error}"),
            ),
        };
        events.note(None, level, text);
    }
}

/// The session of a command that changes nothing. It shows no progress, saves no state, and a
/// signal ends the process immediately.
pub struct ReadOnlySession {
    /// The context for all probes of the command.
    pub ctx: Arc<Context>,
    _runtime: tokio::runtime::Runtime,
}

impl ReadOnlySession {
    /// Opens the project above the current folder.
    pub fn open(global: &Global, options: Options) -> Result<Self> {
        let project = global.load(&global.root()?)?;
        let runtime = runtime()?;
        let settings = global.startup.settings(options.offline)?;
        // The events have no receiver, because everything that is shown is in the command's
        // document.
        let (events, _) = Events::channel();
        let options = Options {
            dry_run: true,
            ..options
        };
        let handle = runtime.handle().clone();
        let mut ctx = Context::open(project, options, settings, handle, events, Cancel::new())?;
        remote::add(&mut ctx)?;
        Ok(Self {
            ctx: Arc::new(ctx),
            _runtime: runtime,
        })
    }
}

/// A runtime that listens for signals, and the cancellation that they set. Commands that run
/// programs need both.
pub fn supervised() -> Result<(tokio::runtime::Runtime, Cancel)> {
    let cancel = Cancel::new();
    let runtime = runtime()?;
    watch_signals(&runtime, &cancel)?;
    Ok((runtime, cancel))
}

/// Ends a runtime whose work is done. Elsewhere its threads end with the process; on Windows, threads
/// that still end while the process does make wine crash now and then.
pub fn end_runtime(runtime: tokio::runtime::Runtime) {
    if cfg!(windows) {
        runtime.shutdown_timeout(Duration::from_millis(500));
    } else {
        runtime.shutdown_background();
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        // A build on another machine waits in a thread of its own, and there can be 1000 of them.
        .max_blocking_threads(1500)
        .enable_all()
        .build()
        .map_err(|e| Error::failed("cannot start the async runtime").cause(e))
}

/// INT, TERM, HUP and QUIT cancel the run. The steps then end their child processes and clean up. HUP
/// and QUIT stay ignored, for this process and its children, where they are ignored from the start:
/// that is what `nohup` and shells mean for processes that outlive their terminal.
fn watch_signals(runtime: &tokio::runtime::Runtime, cancel: &Cancel) -> Result<()> {
    let cancel = cancel.clone();
    let _entered = runtime.enter();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|e| Error::failed("cannot listen for signals").cause(e));
        let ignored = larder_process::ignored_signals();
        let listen_unless_ignored = |kind: SignalKind| {
            let number = kind.as_raw_value();
            let heard = !ignored.contains(&number);
            heard.then(|| listen(kind)).transpose()
        };
        let (mut int, mut term, mut hup, mut quit) = (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen_unless_ignored(SignalKind::hangup())?,
            listen_unless_ignored(SignalKind::quit())?,
        );
        runtime.spawn(async move {
            loop {
                let number = tokio::select! {
                    _ = int.recv() => 2,
                    _ = term.recv() => 15,
                    () = next(&mut hup) => 1,
                    () = next(&mut quit) => 3,
                };
                cancel.cancel(number);
            }
        });
    }
    #[cfg(not(unix))]
    runtime.spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel(2);
        }
    });
    Ok(())
}

/// Resolves when a signal arrives; never for one that is ignored.
#[cfg(unix)]
async fn next(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
