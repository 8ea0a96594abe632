//! `larder fleet nodes`, and what is done to one node.

use std::process::ExitCode;

use super::client::Client;
use super::watch::{Shown, watch};
use crate::cli::Global;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{FleetNode, FleetNodesDocument};
use larder_core::human;
use larder_core::model::Digest;
use larder_remote::http::Method;
use serde_json::json;

/// List the nodes: what runs where, and how it is
#[derive(Clone, Debug, clap::Args)]
pub(super) struct NodesArgs {
    /// Only this node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Go on, and show the nodes again when something has changed.
    #[arg(long)]
    watch: bool,
}

/// Take a node out of rollouts; what it runs goes on
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DrainArgs {
    /// The node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: String,
}

/// Let a node take part in rollouts again
#[derive(Clone, Debug, clap::Args)]
pub(super) struct UndrainArgs {
    /// The node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: String,
}

/// Keep a node on a version, whatever its channel says
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder fleet pin agent-1 1.0.0
  larder fleet pin agent-1 --off")]
pub(super) struct PinArgs {
    /// The node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: String,
    /// The version.
    #[arg(value_name = "VERSION", required_unless_present = "off")]
    version: Option<String>,
    /// Let the node follow its channel again.
    #[arg(long, conflicts_with = "version")]
    off: bool,
}

/// Remove a node; what its agent runs goes on, and an agent that starts again is a new node
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RemoveArgs {
    /// The node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: String,
}

/// Let a node try a binary again that has failed there
#[derive(Clone, Debug, clap::Args)]
pub(super) struct LiftArgs {
    /// The node: its id, or the name of its agent.
    #[arg(value_name = "ID")]
    id: String,
    /// The digest, as `larder fleet nodes ID --json` lists it under `denied`.
    #[arg(value_name = "SHA256")]
    digest: String,
}

/// Runs `nodes`.
pub(super) fn list(args: &NodesArgs, client: &mut Client, global: &Global) -> Result<ExitCode> {
    let ask = |client: &Client| match &args.id {
        Some(id) => Ok(vec![client.node(id)?]),
        None => client.nodes(),
    };
    if !args.watch {
        show(ask(client)?, global, false)?;
        return Ok(ExitCode::SUCCESS);
    }
    watch(client, global, ask, |nodes| {
        show(nodes.clone(), global, true)?;
        Ok(Shown::More)
    })
}

fn show(nodes: Vec<FleetNode>, global: &Global, again: bool) -> Result<()> {
    if global.json {
        return global.print_json(&FleetNodesDocument { nodes });
    }
    let text = if nodes.is_empty() {
        "there are no nodes yet; `larder agent` makes this machine one\n".to_owned()
    } else {
        table(&nodes).render(stdout_width(), global.stdout_paint())
    };
    if again {
        global.printer().redraw(&text)
    } else {
        global.print(&text)
    }
}

fn table(nodes: &[FleetNode]) -> Table {
    let titles = ["node", "state", "runs", "health", "channel", "seen", "note"];
    let mut table = Table::new(titles).flexible(6);
    for node in nodes {
        let state = match node.state.as_str() {
            "ready" => Tone::Good,
            "suspect" | "draining" => Tone::Warn,
            "drained" => Tone::Dim,
            _ => Tone::Bad,
        };
        let health = match node.health.as_str() {
            "healthy" => Tone::Good,
            "unhealthy" => Tone::Bad,
            _ => Tone::Dim,
        };
        let runs = node.running.as_ref().map_or("-".to_owned(), |running| {
            format!("{} {}", running.name, running.version)
        });
        table.row([
            (node.agent_id.as_str(), Tone::Strong),
            (&node.state, state),
            (&runs, Tone::Plain),
            (&node.health, health),
            (node.channel.as_deref().unwrap_or("-"), Tone::Plain),
            (&human::ago(&node.last_seen), Tone::Plain),
            (&note(node), Tone::Plain),
        ]);
    }
    table
}

fn note(node: &FleetNode) -> String {
    let mut notes = Vec::new();
    if let Some(version) = &node.pinned {
        notes.push(format!("pinned to {version}"));
    } else if let Some(version) = &node.version {
        notes.push(format!("its configuration pins {version}"));
    }
    if !node.denied.is_empty() {
        notes.push(format!("{} denied", node.denied.len()));
    }
    notes.extend(node.reason.clone());
    notes.join("; ")
}

/// Runs `drain`.
pub(super) fn drain(args: &DrainArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let node = client.change_node(&args.id, Method::POST, "drain", None)?;
    let said = format!("{} takes no part in rollouts", node.agent_id);
    done(&node, &said, global)
}

/// Runs `undrain`.
pub(super) fn undrain(args: &UndrainArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let node = client.change_node(&args.id, Method::POST, "undrain", None)?;
    let said = format!("{} takes part in rollouts again", node.agent_id);
    done(&node, &said, global)
}

/// Runs `pin`.
pub(super) fn pin(args: &PinArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let body = json!({ "version": args.version });
    let node = client.change_node(&args.id, Method::PUT, "pin", Some(&body))?;
    let said = match &node.pinned {
        Some(version) => format!("{} stays on {version}", node.agent_id),
        None => format!("{} follows its channel again", node.agent_id),
    };
    done(&node, &said, global)
}

/// Runs `remove`.
pub(super) fn remove(args: &RemoveArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let mut node = client.node(&args.id)?;
    client.delete_of_node(&args.id, &[])?;
    "removed".clone_into(&mut node.state);
    let said = format!("{} ({}) is removed", node.agent_id, node.node_id);
    done(&node, &said, global)
}

/// Runs `lift`.
pub(super) fn lift(args: &LiftArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let digest: Digest = args.digest.parse().map_err(|_| {
        Error::usage(format!("`{}` is not a SHA-256 in hex", args.digest)).hint(format!(
            "`larder fleet nodes {} --json` lists the digests under `denied`",
            args.id
        ))
    })?;
    client.delete_of_node(&args.id, &["denied", &digest.to_string()])?;
    let node = client.node(&args.id)?;
    let said = format!("{} may run {digest} again", node.agent_id);
    done(&node, &said, global)
}

fn done(node: &FleetNode, said: &str, global: &Global) -> Result<ExitCode> {
    if global.json {
        global.print_json(node)?;
    } else {
        global.message(said);
    }
    Ok(ExitCode::SUCCESS)
}
