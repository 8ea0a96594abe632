//! `larder verify`.

use std::process::ExitCode;

use super::Global;
use super::session::{JobArgs, PlatformArgs, ReadOnlySession, Session};
use crate::report::Cleaned;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::Result;
use larder_core::formats::documents::{ProofState, ProofsDocument};
use larder_engine::context::Options;
use larder_engine::trust::prove::{failure, prove};
use larder_engine::verify::verify_all;

/// Check the installed binaries
///
/// Hashes every installed file, regardless of the recorded state, and checks the headers of
/// executables. For this machine's platform it also runs each recipe's `verify` command. Damage
/// gives exit code 4; `larder ensure` repairs it.
///
/// With --all it proves everything again: every byte that is installed, cached, packaged or
/// collected, with the signatures. It lists what differs (exit code 4) and what nothing from outside
/// of this machine proves, such as builds that nobody signed (exit code 0). It runs no `verify`
/// command.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder verify                     check everything that is installed
  larder verify all                 check all subsystems; one that is not installed fails
  larder verify nats --platform all
  larder verify --all               prove everything again, signatures included")]
pub struct Args {
    /// Subsystems, or `all`; they must be installed. Default: every installed subsystem.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Prove everything that is installed, cached, packaged or collected.
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Use no network: with --all, ask the hub neither for signatures nor for what was yanked.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    if args.all {
        return everything(args, global);
    }
    let session = Session::open(global, Options::default())?;
    let targets = args
        .platforms
        .targets_or_all(&session.ctx.project, &args.names)?;
    let named = !args.names.is_empty();
    let errors = verify_all(&session.ctx, &targets, named, args.jobs.get())?;
    Ok(session.end(errors.into()))
}

/// `verify --all`.
fn everything(args: &Args, global: &Global) -> Result<ExitCode> {
    let options = Options {
        offline: args.offline,
        ..Options::default()
    };
    let session = ReadOnlySession::open(global, options)?;
    let document = prove(&session.ctx)?.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
        global.message(&format!(
            "{} proven, {} unproven, {} different",
            document.proven, document.unproven, document.different
        ));
    }
    let errors: Vec<_> = failure(&document).into_iter().collect();
    Ok(global.failures(&errors))
}

/// What differs, and what can't be proven.
fn table(document: &ProofsDocument) -> Table {
    let mut table = Table::new(["place", "what", "state", "why"]).flexible(3);
    for state in [ProofState::Different, ProofState::Unproven] {
        for entry in document.entries.iter().filter(|entry| entry.state == state) {
            let (word, tone) = match state {
                ProofState::Different => ("different", Tone::Bad),
                ProofState::Unproven => ("unproven", Tone::Warn),
                ProofState::Proven => ("proven", Tone::Good),
            };
            table.row([
                (entry.place, Tone::Plain),
                (entry.what.as_str(), Tone::Strong),
                (word, tone),
                (entry.reason.as_str(), Tone::Plain),
            ]);
        }
    }
    table
}
