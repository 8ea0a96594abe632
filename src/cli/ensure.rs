//! `larder ensure`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use camino::Utf8Path;

use super::Global;
use super::session::{LimitArgs, PlatformArgs, Session};
use super::timings::TimingsArgs;
use crate::report::{self, Totals};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Action, Outcome, SourceKind, Target};
use larder_engine::context::Options;
use larder_engine::ensure::ensure_selected;
use larder_engine::events::{Event, Events, Finished, Summary};
use larder_engine::installed::Listed;
use larder_engine::plan::{Platforms, Selection};
use larder_engine::snapshot;

/// Install binaries and verify them
///
/// For each subsystem and its needs, larder first checks whether the installed binaries are up to
/// date. If they are not, it tries these sources in order: the local cache, the team's own
/// releases, the original publisher, a build from source.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  larder ensure all                         install every binary of the project for this machine
  larder ensure nats telegraf               install these two and what they need
  larder ensure all --platform all          install for every platform of the project
  larder ensure nats --source build         build it, even if another source has it
  larder ensure all --locked --json         in CI: keep versions.lock as it is, print JSON lines")]
pub struct Args {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pub(super) how: AcquireArgs,
    #[command(flatten)]
    timings: TimingsArgs,
}

#[cfg(test)]
impl Args {
    /// The arguments of a line with only names and perhaps `--offline`.
    pub(super) fn plain(names: Vec<String>, offline: bool) -> Self {
        let how = AcquireArgs {
            offline,
            ..AcquireArgs::default()
        };
        Self {
            names,
            how,
            ..Self::default()
        }
    }
}

/// Flags that say how artifacts may be acquired.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AcquireArgs {
    /// Never change versions.lock. If an original has no line there, fail with exit code 3.
    #[arg(long, env = larder_core::variables::LOCKED, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    locked: bool,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
    /// Use only this source: cache, managed, original, remote-cache or build.
    #[arg(long, value_name = "SOURCE", value_parser = super::values::word::<SourceKind>)]
    source: Option<SourceKind>,
    /// Install again, even if the installed binaries are up to date.
    #[arg(long)]
    reinstall: bool,
    /// Build again what has `build:` in its recipe, even if an artifact is available.
    #[arg(long, conflicts_with = "source")]
    rebuild: bool,
    /// Show what would happen and why, and change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Release new builds to the hub, even outside CI.
    #[arg(long)]
    pub upload: bool,
    /// Do not release what is built, whatever `upload:` says.
    #[arg(long, conflicts_with = "upload")]
    no_upload: bool,
    /// Where a build runs if the executor can't be reached: `local` is this machine. Without it,
    /// such a build fails.
    #[arg(long, value_name = "WHERE", env = larder_core::variables::EXECUTOR_FALLBACK, value_parser = super::values::fallback)]
    executor_fallback: Option<bool>,
    /// Use versions that were yanked, with a warning for each.
    #[arg(long)]
    allow_yanked: bool,
}

impl AcquireArgs {
    /// The options for the engine.
    pub fn options(&self) -> Options {
        let Self {
            locked,
            offline,
            source,
            reinstall,
            rebuild,
            dry_run,
            upload,
            no_upload,
            executor_fallback,
            allow_yanked,
        } = self.clone();
        Options {
            offline,
            source,
            reinstall,
            rebuild,
            locked,
            dry_run,
            upload,
            no_upload,
            executor_fallback: executor_fallback.unwrap_or_default(),
            allow_yanked,
            sign: false,
            install_root: None,
        }
    }

    /// Whether no flag asks for more than the default, so that a target which the state records as
    /// up to date needs no further check.
    fn is_plain(&self) -> bool {
        !self.reinstall && !self.rebuild && !self.locked
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let platforms = args.platforms.resolve()?;
    let timings = args.timings.of_run(&args.names, global, started)?;
    if args.how.is_plain() && platforms == Platforms::Host {
        let root = global.root()?;
        if let Some((code, finished)) =
            answer_up_to_date(&root, &args.names, global, started, timings.is_some())
        {
            let unwritten = timings.and_then(|timings| timings.end_up_to_date(finished));
            return Ok(unwritten.map_or(code, |kind| ExitCode::from(kind.exit_code())));
        }
    }
    let mut session = Session::open(global, args.how.options())?;
    if let Some(timings) = timings {
        session.show_timings(timings)?;
    }
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    if args.how.rebuild
        && let Selection::Names(_) = selection
        && let Some(subsystem) = selection
            .subsystems(&session.ctx.project)
            .into_iter()
            .find(|subsystem| subsystem.build.is_none())
    {
        let name = &subsystem.name;
        return Err(Error::usage(format!(
            "`{name}` can't be rebuilt: its recipe has no `build:`"
        ))
        .hint(format!(
            "`larder ensure {name} --reinstall` installs it again"
        )));
    }
    let ensured = ensure_selected(&session.ctx, &selection, &platforms, args.limits.resolve());
    Ok(session.end(ensured))
}

/// Reports that every selected target is up to date, if the recorded state shows that. Returns the
/// steps as well, if `listed` asks for them or if the output shows them.
pub(super) fn answer_up_to_date(
    root: &Utf8Path,
    names: &[String],
    global: &Global,
    started: Instant,
    listed: bool,
) -> Option<(ExitCode, Vec<Finished>)> {
    let user = global.startup.user.file();
    let (checklist, selected) = snapshot::up_to_date(root, names, user)?;
    if selected.is_empty() {
        return None;
    }
    let (mode, verbosity) = (global.mode(), global.verbosity());
    if listed || report::shows_what_is_up_to_date(&mode, verbosity) {
        let finished = checklist.listed(&selected).map(|target| {
            let Listed {
                name,
                version,
                platform,
            } = target?;
            let target = Target {
                name: name.parse().ok()?,
                platform: platform.parse().ok()?,
            };
            let version = version.parse().ok()?;
            Some(Finished::new(
                Action::Ensure,
                target,
                version,
                Outcome::UpToDate,
            ))
        });
        let finished = finished.collect::<Option<Vec<_>>>()?;
        let code = report_success(finished.clone(), global, started);
        return Some((code, finished));
    }
    let totals = Totals::all_up_to_date(selected.len(), started.elapsed().as_secs_f64());
    report::close(mode, verbosity, &global.redactor(), &totals);
    if let Some(counts) = &global.parent_counts {
        counts.add(&totals.counts);
    }
    let code = ExitCode::from(totals.worst().map_or(0, Kind::exit_code));
    Some((code, Vec::new()))
}

/// Reports successful steps and their summary, for commands that need no session. The exit code
/// says whether they could be reported.
pub(super) fn report_success(
    finished: Vec<Finished>,
    global: &Global,
    started: Instant,
) -> ExitCode {
    let (events, receiver) = Events::channel();
    let reporter = global.reporter(receiver);
    let known = finished.iter().map(|step| (&step.target, &step.version));
    events.started(Action::Ensure, finished.len(), known);
    for step in finished {
        events.send(Event::Finished(step));
    }
    let summary = Summary {
        ok: true,
        counts: BTreeMap::new(),
        seconds: started.elapsed().as_secs_f64(),
    };
    events.send(Event::Summary(summary));
    drop(events);
    let totals = reporter.finish();
    if let Some(counts) = &global.parent_counts {
        counts.add(&totals.counts);
    }
    ExitCode::from(totals.worst().map_or(0, Kind::exit_code))
}
