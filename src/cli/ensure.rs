//! `larder ensure`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::session::{LimitArgs, PlatformArgs, Session};
use larder_core::error::Result;
use larder_core::model::{Action, Outcome, SourceKind, Target};
use larder_engine::context::Options;
use larder_engine::ensure::ensure_selected;
use larder_engine::events::{Event, Events, Finished, Summary};
use larder_engine::installed::TargetState;
use larder_engine::plan::{Platforms, Selection};
use larder_engine::snapshot;

/// Make binaries present and right
///
/// For each subsystem, and what it needs: checks the stamp, else restores from the local cache, else downloads from the
/// team's own releases, else from the original publisher, else builds from source.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  larder ensure all                         every binary of the project, for this machine
  larder ensure nats telegraf               these two, and what they need
  larder ensure all --platform all          every platform of the project
  larder ensure nats --source build         build it, wherever else it could be had
  larder ensure all --locked --json         in CI: no change to versions.lock, JSON lines on stdout")]
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
}

/// How to obtain.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AcquireArgs {
    /// Write nothing to versions.lock; fail (3) where an original has no line there.
    #[arg(long, env = larder_core::variables::LOCKED, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    locked: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
    /// Use only this source: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", value_parser = |text: &str| text.parse::<SourceKind>().map_err(|e| e.to_string()))]
    source: Option<SourceKind>,
    /// Install again, also what is up to date.
    #[arg(long)]
    reinstall: bool,
    /// Build again, even where an artifact is to be had.
    #[arg(long, conflicts_with = "source")]
    rebuild: bool,
    /// Say what would happen, and why; change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Release what gets built, outside CI too.
    #[arg(long)]
    pub upload: bool,
}

impl AcquireArgs {
    /// As the steps know it.
    pub fn options(&self) -> Options {
        let Self {
            locked,
            offline,
            source,
            reinstall,
            rebuild,
            dry_run,
            upload,
        } = self.clone();
        Options {
            offline,
            source,
            reinstall,
            rebuild,
            locked,
            dry_run,
            upload,
            install_root: None,
        }
    }

    /// Nothing but the default was asked for, so what is recorded as up to date needs no second thought.
    fn is_plain(&self) -> bool {
        !self.reinstall && !self.rebuild && !self.locked
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let started = Instant::now();
    let platforms = args.platforms.resolve()?;
    if args.how.is_plain() && platforms == Platforms::Host {
        let root = global.root()?;
        if let Some(targets) = snapshot::up_to_date(&root, &args.names) {
            return Ok(report_up_to_date(targets, global, started));
        }
    }
    let session = Session::open(global, args.how.options())?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let ensured = ensure_selected(&session.ctx, &selection, &platforms, args.limits.resolve());
    Ok(session.end(ensured))
}

/// Tells that everything is up to date, from the record alone.
fn report_up_to_date(targets: Vec<TargetState>, global: &Global, started: Instant) -> ExitCode {
    let finished = targets.into_iter().filter_map(
        |TargetState {
             name,
             version,
             platform,
             ..
         }| {
            let (Ok(name), Ok(version), Ok(platform)) =
                (name.parse(), version.parse(), platform.parse())
            else {
                return None;
            };
            Some(Finished::new(
                Action::Ensure,
                Target { name, platform },
                version,
                Outcome::UpToDate,
            ))
        },
    );
    report_success(finished.collect(), global, started);
    ExitCode::SUCCESS
}

/// Tells of steps that ended well, and sums them up, where no session was needed.
pub(super) fn report_success(finished: Vec<Finished>, global: &Global, started: Instant) {
    let (events, receiver) = Events::channel();
    let reporter = global.reporter(receiver);
    events.send(Event::Started {
        action: Action::Ensure,
        steps: finished.len(),
    });
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
}
