//! What a command needs to run steps: project, context, reporter, signals; and how it ends: state saved, all shown, an exit
//! code.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::Global;
use super::counts::Counts;
use crate::report::ReporterHandle;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Platform;
use larder_core::project::Project;
use larder_engine::context::{Context, Options};
use larder_engine::ensure::Ensured;
use larder_engine::events::{Event, Events, Summary};
use larder_engine::plan::{Platforms, Targets};
use larder_engine::runner::Limits;
use larder_engine::snapshot;

/// `--platform`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PlatformArgs {
    /// A platform such as `linux-arm64` (repeatable), or `all` for the project's. Default: the host.
    #[arg(long = "platform", value_name = "PLATFORM")]
    platforms: Vec<String>,
}

impl PlatformArgs {
    /// The targets that names, or `all`, mean on these platforms.
    pub fn targets(&self, project: &Project, names: &[String]) -> Result<Targets> {
        Targets::parse(project, names, &self.resolve()?)
    }

    /// The same, where no names mean all.
    pub fn targets_or_all(&self, project: &Project, names: &[String]) -> Result<Targets> {
        Targets::parse_or_all(project, names, &self.resolve()?)
    }

    /// The platforms meant.
    pub fn resolve(&self) -> Result<Platforms> {
        if self.platforms.is_empty() {
            return Ok(Platforms::Host);
        }
        if self.platforms.iter().any(|text| text == "all") {
            return Ok(Platforms::All);
        }
        let mut list: Vec<Platform> = Vec::new();
        for text in self.platforms.iter().flat_map(|text| text.split(',')) {
            let platform: Platform = text.trim().parse()?;
            if !list.contains(&platform) {
                list.push(platform);
            }
        }
        Ok(Platforms::List(list))
    }
}

/// `-j`.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct JobArgs {
    /// How many builds, or other steps, to run at once. Default: as many as suit this machine's cores.
    #[arg(short, long, value_name = "N", env = larder_core::variables::JOBS, value_parser = clap::value_parser!(u16).range(1..))]
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
    /// Go on with what does not depend on a failure.
    #[arg(short, long)]
    keep_going: bool,
}

impl LimitArgs {
    /// The limits meant.
    pub fn resolve(self) -> Limits {
        Limits {
            jobs: self.jobs.get(),
            keep_going: self.keep_going,
        }
    }
}

/// A command that runs steps.
pub struct Session {
    /// What every step shares.
    pub ctx: Arc<Context>,
    /// Runs the threads of steps and listens for signals.
    runtime: tokio::runtime::Runtime,
    reporter: ReporterHandle,
    parent_counts: Option<Counts>,
    started: Instant,
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
        let handle = runtime.handle().clone();
        let ctx = Context::open(project, options, settings, handle, events, cancel)?;
        Ok(Self {
            ctx: Arc::new(ctx),
            runtime,
            reporter,
            parent_counts: global.parent_counts.clone(),
            started,
        })
    }

    /// The context, before anything shares it.
    pub fn context_mut(&mut self) -> Result<&mut Context> {
        Arc::get_mut(&mut self.ctx)
            .ok_or_else(|| Error::failed("the run's context is in use already"))
    }

    /// Records what is installed now, shows the summary, and gives the exit code.
    pub fn end(self, Ensured { done, errors }: Ensured) -> ExitCode {
        if let Err(error) = snapshot::save(&self.ctx, &done) {
            // The next run reads instead of looking; nothing else is lost.
            self.ctx.events.note(
                None,
                larder_engine::events::Level::Detail,
                format!("state not recorded: {error}"),
            );
        }
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
        if let Some(counts) = &self.parent_counts {
            counts.add(&totals.counts);
        }
        self.runtime.shutdown_background();
        ExitCode::from(worst.or(totals.worst()).map_or(0, Kind::exit_code))
    }
}

/// A command that only looks: nothing is shown while it goes, nothing is recorded, and a signal ends it at once.
pub struct ReadOnlySession {
    /// What every look shares.
    pub ctx: Arc<Context>,
    _runtime: tokio::runtime::Runtime,
}

impl ReadOnlySession {
    /// Opens the project above the current folder.
    pub fn open(global: &Global, options: Options) -> Result<Self> {
        let project = global.load(&global.root()?)?;
        let runtime = runtime()?;
        let settings = global.startup.settings(options.offline)?;
        // Nobody listens: what a look has to say is in its answer.
        let (events, _) = Events::channel();
        let options = Options {
            dry_run: true,
            ..options
        };
        let handle = runtime.handle().clone();
        let ctx = Context::open(project, options, settings, handle, events, Cancel::new())?;
        Ok(Self {
            ctx: Arc::new(ctx),
            _runtime: runtime,
        })
    }
}

/// A cancellation that signals set, and the runtime that listens for them: what a command needs that runs programs.
pub fn supervised() -> Result<(tokio::runtime::Runtime, Cancel)> {
    let cancel = Cancel::new();
    let runtime = runtime()?;
    watch_signals(&runtime, &cancel)?;
    Ok((runtime, cancel))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|e| Error::failed("cannot start").cause(e))
}

/// The first INT, TERM or HUP cancels the run; steps end their children and clean up.
fn watch_signals(runtime: &tokio::runtime::Runtime, cancel: &Cancel) -> Result<()> {
    let cancel = cancel.clone();
    let _entered = runtime.enter();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |kind| signal(kind).map_err(|e| Error::failed("cannot listen for signals").cause(e));
        let (mut int, mut term, mut hup) = (
            listen(SignalKind::interrupt())?,
            listen(SignalKind::terminate())?,
            listen(SignalKind::hangup())?,
        );
        runtime.spawn(async move {
            loop {
                let number = tokio::select! {
                    _ = int.recv() => 2,
                    _ = term.recv() => 15,
                    _ = hup.recv() => 1,
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
