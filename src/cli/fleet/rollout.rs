//! `larder fleet rollout`: starting, watching and steering one rollout.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::ChannelName;
use super::client::Client;
use super::rollouts::{members, step, tone_of_state};
use super::watch::{Shown, watch};
use crate::cli::{Global, values};
use crate::report::table::{Table, stdout_width};
use crate::report::{Paint, Redactor, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::FleetRollout;
use larder_core::human;
use serde_json::{Map, Value, json};

/// Move the nodes of a channel to a version in steps, and steer that
#[derive(Clone, Debug, clap::Args)]
pub(super) struct RolloutArgs {
    #[command(subcommand)]
    command: RolloutCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum RolloutCommand {
    Start(StartArgs),
    /// Show a rollout and its members
    Show(ShowArgs),
    /// Start nothing more for now; members that are on their way go on
    Pause(IdArgs),
    /// Go on after a pause
    Resume(IdArgs),
    /// End a rollout; its nodes follow the channel again
    Abort(IdArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct IdArgs {
    /// The rollout, as `larder fleet rollouts` lists it.
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Clone, Debug, clap::Args)]
struct ShowArgs {
    /// The rollout, as `larder fleet rollouts` lists it.
    #[arg(value_name = "ID")]
    id: String,
    /// Go on until it has ended: exit code 0 if it has succeeded, otherwise 1.
    #[arg(long)]
    watch: bool,
}

/// Start a rollout
///
/// Its members are the nodes that follow the channel now, in an order that its id decides. The
/// canary comes first, then each step up to its percentage. A step is passed when each of its
/// members has been healthy for the soak time. Too many failures halt the rollout, and its members
/// return to the version that the channel still points at.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder fleet rollout start storage-server/stable 1.1.0
  larder fleet rollout start storage-server/stable 1.1.0 --canary 2 --steps 10,50,100 --soak 30m
  larder fleet rollout start storage-server/stable 1.1.0 --watch && echo released")]
struct StartArgs {
    /// The channel.
    #[arg(value_name = "NAME/CHANNEL", value_parser = values::word::<ChannelName>)]
    channel: ChannelName,
    /// The version.
    #[arg(value_name = "VERSION")]
    version: String,
    /// How many members the first step has. Default: 1, and 5 above 20 nodes.
    #[arg(long, value_name = "N")]
    canary: Option<usize>,
    /// The percentages of the steps after the canary. Default: 5,25,100.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    steps: Option<Vec<u8>>,
    /// How long a member must be healthy. Default: 10m.
    #[arg(long, value_name = "TIME")]
    soak: Option<String>,
    /// How many members may be on their way at a time: a count or a percentage. Default: 20%.
    #[arg(long, value_name = "N|PERCENT")]
    max_in_flight: Option<String>,
    /// How long a member may take until it is healthy. Default: 5m.
    #[arg(long, value_name = "TIME")]
    deadline: Option<String>,
    /// Halt at so many failures, if the percentage is reached too. Default: 2.
    #[arg(long, value_name = "N")]
    halt_failures: Option<usize>,
    /// Halt when so many percent of the members have failed, if the count is reached too. Default: 5.
    #[arg(long, value_name = "PERCENT")]
    halt_percent: Option<u8>,
    /// Leave members as they are after a halt.
    #[arg(long)]
    no_rollback: bool,
    /// Go on until it has ended: exit code 0 if it has succeeded, otherwise 1.
    #[arg(long)]
    watch: bool,
}

impl StartArgs {
    /// The request. What is not given is left to the server.
    fn body(&self) -> Value {
        let Self {
            channel: ChannelName { name, channel },
            version,
            canary,
            steps,
            soak,
            max_in_flight,
            deadline,
            halt_failures,
            halt_percent,
            no_rollback,
            watch: _,
        } = self;
        let given = |pairs: Vec<(&str, Value)>| -> Map<String, Value> {
            let given = pairs.into_iter().filter(|(_, value)| !value.is_null());
            given.map(|(key, value)| (key.to_owned(), value)).collect()
        };
        let halt = given(vec![
            ("failures", json!(halt_failures)),
            ("percent", json!(halt_percent)),
        ]);
        Value::Object(given(vec![
            ("name", json!(name)),
            ("channel", json!(channel)),
            ("version", json!(version)),
            ("canary", json!(canary)),
            ("steps", json!(steps)),
            ("soak", json!(soak)),
            ("max_in_flight", json!(max_in_flight)),
            ("deadline", json!(deadline)),
            (
                "halt",
                if halt.is_empty() {
                    Value::Null
                } else {
                    Value::Object(halt)
                },
            ),
            (
                "rollback",
                if *no_rollback {
                    json!(false)
                } else {
                    Value::Null
                },
            ),
        ]))
    }
}

/// Runs it.
pub(super) fn run(args: &RolloutArgs, client: &mut Client, global: &Global) -> Result<ExitCode> {
    match &args.command {
        RolloutCommand::Start(args) => {
            let rollout = client.start_rollout(&args.body())?;
            if args.watch {
                global.message(&format!("the rollout {} is started", rollout.id));
                return follow(&rollout.id, client, global);
            }
            let said = format!(
                "the rollout {} moves {} of {}/{} to {}; `larder fleet rollout show {} --watch` shows how",
                rollout.id,
                human::count(rollout.members.len(), "node"),
                rollout.name,
                rollout.channel,
                rollout.version,
                rollout.id,
            );
            done(&rollout, &said, global)
        }
        RolloutCommand::Show(args) if args.watch => follow(&args.id, client, global),
        RolloutCommand::Show(args) => {
            let rollout = client.rollout(&args.id)?;
            if global.json {
                global.print_json(&rollout)?;
            } else {
                global.print(&text(&rollout, global.stdout_paint()))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        RolloutCommand::Pause(args) => steer(&args.id, "pause", client, global),
        RolloutCommand::Resume(args) => steer(&args.id, "resume", client, global),
        RolloutCommand::Abort(args) => steer(&args.id, "abort", client, global),
    }
}

fn steer(id: &str, verb: &str, client: &Client, global: &Global) -> Result<ExitCode> {
    let rollout = client.steer_rollout(id, verb)?;
    let said = format!("the rollout {} is {}", rollout.id, rollout.state);
    done(&rollout, &said, global)
}

fn done(rollout: &FleetRollout, said: &str, global: &Global) -> Result<ExitCode> {
    if global.json {
        global.print_json(rollout)?;
    } else {
        global.message(said);
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows a rollout until it has ended.
fn follow(id: &str, client: &mut Client, global: &Global) -> Result<ExitCode> {
    let is_drawn = stdout_width().is_some();
    let mut before = String::new();
    let ask = |client: &Client| client.rollout(id);
    let code = watch(client, global, ask, |rollout| {
        if global.json {
            global.print_json(rollout)?;
        } else if is_drawn {
            let text = text(rollout, global.stdout_paint());
            global.printer().redraw(&text)?;
        } else {
            let line = line(rollout);
            if line != before {
                global.print(&line)?;
                before = line;
            }
        }
        if !rollout.is_final() {
            return Ok(Shown::More);
        }
        Ok(Shown::End(if rollout.state == "succeeded" {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }))
    })?;
    if client.cancel().signal().is_some() {
        global.message("the rollout goes on; only watching it has ended");
    }
    Ok(code)
}

/// A rollout on one line.
fn line(rollout: &FleetRollout) -> String {
    let mut text = format!(
        "{} {}: step {}, healthy {}",
        rollout.id,
        rollout.state,
        step(rollout),
        members(rollout)
    );
    if let Some(reason) = &rollout.reason {
        let _ = write!(text, " ({})", Redactor::default().clean_line(reason));
    }
    text + "\n"
}

/// A rollout and its members.
fn text(rollout: &FleetRollout, paint: Paint) -> String {
    let redactor = Redactor::default();
    let mut text = format!(
        "{}  {}\n",
        paint.tone(Tone::Strong, &rollout.id),
        paint.tone(tone_of_state(&rollout.state), &rollout.state)
    );
    let mut steps = vec![format!("canary {}", rollout.canary)];
    steps.extend(rollout.steps.iter().map(|step| format!("{step}%")));
    if let Some(open) = steps.get_mut(rollout.step) {
        *open = format!("[{open}]");
    }
    let from = rollout.previous.as_deref().unwrap_or("nothing");
    let lines = [
        (
            "moves",
            format!(
                "{}/{} from {from} to {}",
                rollout.name, rollout.channel, rollout.version
            ),
        ),
        ("steps", steps.join(" ")),
        ("healthy", members(rollout)),
        (
            "rules",
            format!(
                "soak {}, at most {} at a time, {} each; halts at {} failures and {}%",
                rollout.soak,
                rollout.max_in_flight,
                rollout.deadline,
                rollout.halt.failures,
                rollout.halt.percent
            ),
        ),
        (
            "started",
            format!("{} by {}", human::ago(&rollout.started), rollout.by),
        ),
        ("reason", rollout.reason.clone().unwrap_or_default()),
    ];
    for (title, value) in lines {
        if !value.is_empty() {
            let title = paint.tone(Tone::Dim, &format!("{title:<8}"));
            let _ = writeln!(text, "  {title} {}", redactor.clean_line(&value));
        }
    }
    if rollout.members.is_empty() {
        return text;
    }
    let mut table = Table::new(["step", "node", "phase", "reason"])
        .right(0)
        .flexible(3);
    for member in &rollout.members {
        let step = rollout.sizes.iter().position(|size| member.rank < *size);
        let tone = match member.phase.as_str() {
            "succeeded" => Tone::Good,
            "failed" | "timed_out" | "rolled_back" => Tone::Bad,
            "pending" | "cancelled" => Tone::Dim,
            _ => Tone::Help,
        };
        table.row([
            (
                &*step.map_or(String::new(), |step| (step + 1).to_string()),
                Tone::Plain,
            ),
            (
                member.agent_id.as_deref().unwrap_or(&member.node),
                Tone::Strong,
            ),
            (&member.phase, tone),
            (member.reason.as_deref().unwrap_or(""), Tone::Plain),
        ]);
    }
    text.push('\n');
    text + &table.render(stdout_width(), paint)
}
