//! `larder fleet events`.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use super::client::Client;
use crate::cli::Global;
use crate::report::{Redactor, Tone};
use larder_core::error::{Kind, Result};
use larder_core::formats::documents::FleetEvent;

/// How often the server is asked for more.
const PAUSE: Duration = Duration::from_millis(500);

/// Show what has happened, the oldest first
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder fleet events --last 20
  larder fleet events --follow --node agent-1
  larder fleet events --after 120 --json")]
pub(super) struct EventsArgs {
    /// Go on as events happen.
    #[arg(long, visible_alias = "watch")]
    follow: bool,
    /// Only events after this number.
    #[arg(long, value_name = "N", conflicts_with = "last")]
    after: Option<u64>,
    /// Begin with the last so many events. Default: 100.
    #[arg(long, value_name = "N")]
    last: Option<u64>,
    /// Only events of this node: its id, or the name of its agent.
    #[arg(long, value_name = "ID")]
    node: Option<String>,
    /// Only events of this rollout.
    #[arg(long, value_name = "ID")]
    rollout: Option<String>,
}

impl EventsArgs {
    /// What is asked for after so many events.
    fn query(&self, after: Option<u64>) -> Vec<(&'static str, String)> {
        let mut query = vec![match after.or(self.after) {
            Some(after) => ("after", after.to_string()),
            None => ("last", self.last.unwrap_or(100).to_string()),
        }];
        let filters = [("node", &self.node), ("rollout", &self.rollout)];
        for (key, value) in filters {
            query.extend(value.clone().map(|value| (key, value)));
        }
        query
    }
}

/// Runs it.
pub(super) fn run(args: &EventsArgs, client: &mut Client, global: &Global) -> Result<ExitCode> {
    let mut names = Names::default();
    let mut after = None;
    let mut is_away = false;
    let mut has_answered = false;
    loop {
        let events = client.events(&args.query(after));
        if let Some(signal) = client.cancel().signal() {
            return Ok(ExitCode::from(Kind::Interrupted(signal).exit_code()));
        }
        match events {
            Ok(events) => {
                for event in &events {
                    if !global.json {
                        names.learn(event, client);
                    }
                    show(event, &names, global)?;
                    after = Some(event.id);
                }
                if !args.follow {
                    return Ok(ExitCode::SUCCESS);
                }
                has_answered = true;
                is_away = false;
            }
            Err(error) if has_answered && error.kind() == Kind::Unavailable => {
                if !is_away {
                    global.show_error(&error);
                    global.message("the server is tried again until it answers");
                }
                is_away = true;
                client.try_again();
            }
            Err(error) => return Err(error),
        }
        client.pause(PAUSE);
    }
}

/// The names of agents by the ids of their nodes, because not every event has both.
#[derive(Default)]
struct Names {
    known: HashMap<String, String>,
    has_asked: bool,
}

impl Names {
    /// Takes up what an event says. The server is asked for all names once, when one is missing.
    fn learn(&mut self, event: &FleetEvent, client: &Client) {
        let Some(id) = &event.node_id else { return };
        if let Some(name) = &event.agent_id {
            self.known.insert(id.clone(), name.clone());
        } else if !self.known.contains_key(id) && !self.has_asked {
            self.has_asked = true;
            // Without an answer the ids are shown.
            let nodes = client.nodes().unwrap_or_default();
            let nodes = nodes.into_iter().map(|node| (node.node_id, node.agent_id));
            self.known.extend(nodes);
        }
    }
}

fn show(event: &FleetEvent, names: &Names, global: &Global) -> Result<()> {
    if global.json {
        return global.print_json(event);
    }
    let FleetEvent {
        id: _,
        time,
        event,
        node_id,
        agent_id,
        rollout,
        name: software,
        channel,
        version,
        checksum: _,
        from,
        to,
        reason,
        by,
    } = event;
    let paint = global.stdout_paint();
    // Seconds are enough for people.
    let time = match time.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => time.clone(),
    };
    let mut words = Vec::new();
    let name = |id| names.known.get(id).unwrap_or(id);
    words.extend(agent_id.as_ref().or(node_id.as_ref().map(name)).cloned());
    words.extend(rollout.clone());
    let channel = software.as_ref().zip(channel.as_ref());
    words.extend(channel.map(|(name, channel)| format!("{name}/{channel}")));
    match (from, to) {
        (Some(from), Some(to)) => words.push(format!("{from} -> {to}")),
        (Some(from), None) => words.push(format!("{from} -> -")),
        (None, Some(to)) => words.push(to.clone()),
        (None, None) => words.extend(version.clone()),
    }
    words.extend(reason.as_ref().map(|reason| format!("({reason})")));
    words.extend(by.as_ref().map(|by| format!("by {by}")));
    let redactor = Redactor::default();
    let line = format!(
        "{}  {}  {}",
        paint.tone(Tone::Dim, &redactor.clean_line(&time)),
        paint.tone(Tone::Strong, &redactor.clean_line(event)),
        redactor.clean_line(&words.join("  "))
    );
    global.print(&(line.trim_end().to_owned() + "\n"))
}
