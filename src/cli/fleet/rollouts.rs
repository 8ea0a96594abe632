//! `larder fleet rollouts`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::client::Client;
use super::watch::{Shown, watch};
use crate::cli::Global;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::Result;
use larder_core::formats::documents::{FleetRollout, FleetRolloutsDocument};
use larder_core::human;

/// List the rollouts, the newest first
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RolloutsArgs {
    /// Go on, and show the rollouts again when something has changed.
    #[arg(long)]
    watch: bool,
}

/// Runs it.
pub(super) fn list(args: &RolloutsArgs, client: &mut Client, global: &Global) -> Result<ExitCode> {
    if !args.watch {
        show(client.rollouts()?, global, false)?;
        return Ok(ExitCode::SUCCESS);
    }
    watch(client, global, Client::rollouts, |rollouts| {
        show(rollouts.clone(), global, true)?;
        Ok(Shown::More)
    })
}

fn show(rollouts: Vec<FleetRollout>, global: &Global, again: bool) -> Result<()> {
    if global.json {
        return global.print_json(&FleetRolloutsDocument { rollouts });
    }
    let text = if rollouts.is_empty() {
        "there are no rollouts yet; `larder fleet rollout start NAME/CHANNEL VERSION` starts one\n"
            .to_owned()
    } else {
        table(&rollouts).render(stdout_width(), global.stdout_paint())
    };
    if again {
        global.printer().redraw(&text)
    } else {
        global.print(&text)
    }
}

fn table(rollouts: &[FleetRollout]) -> Table {
    let titles = [
        "rollout", "channel", "from", "to", "state", "step", "members", "started", "reason",
    ];
    let mut table = Table::new(titles).flexible(8);
    for one in rollouts {
        table.row([
            (one.id.as_str(), Tone::Strong),
            (&format!("{}/{}", one.name, one.channel), Tone::Plain),
            (one.previous.as_deref().unwrap_or("-"), Tone::Plain),
            (&one.version, Tone::Plain),
            (&one.state, tone_of_state(&one.state)),
            (&step(one), Tone::Plain),
            (&members(one), Tone::Plain),
            (&human::ago(&one.started), Tone::Plain),
            (one.reason.as_deref().unwrap_or(""), Tone::Plain),
        ]);
    }
    table
}

/// The tone of a state.
pub(super) fn tone_of_state(state: &str) -> Tone {
    match state {
        "running" => Tone::Help,
        "succeeded" => Tone::Good,
        "paused" => Tone::Warn,
        "aborted" => Tone::Dim,
        _ => Tone::Bad,
    }
}

/// The open step, of how many.
pub(super) fn step(rollout: &FleetRollout) -> String {
    format!("{}/{}", rollout.step + 1, rollout.steps.len() + 1)
}

/// How many members are how far.
pub(super) fn members(rollout: &FleetRollout) -> String {
    let succeeded = rollout.count(&["succeeded"]);
    let failed = rollout.count(&["failed", "timed_out", "rolled_back"]);
    let mut text = format!("{succeeded} of {}", rollout.members.len());
    if failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    text
}
