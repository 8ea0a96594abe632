//! `larder outdated`.

use std::process::ExitCode;

use super::Global;
use super::session::supervised;
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Redactor, Tone};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{Age, OutdatedDocument, OutdatedEntry};
use larder_core::project::Subsystem;
use larder_engine::plan::Selection;
use larder_remote::http;
use larder_remote::origin::{Asking, Newest, Publishers, is_older};

/// Show which versions are not the newest
///
/// Asks the place that each subsystem's originals come from, or else its source: the tags of a git repository, the npm
/// registry, the Python package index, the crate registry, each through its ordinary client. A url or a folder announces
/// no versions, so those are unknown. Pre-releases count only where the pinned version is one.
///
/// That something is outdated is an answer, not a failure: the exit code is 0. It is 5 where someone could not be asked.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder outdated
  larder outdated nats --pre
  larder outdated --json | jq -r '.subsystems[] | select(.state == \"outdated\") | .name'
  larder bump all             pin what is newest")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Pre-releases count everywhere.
    #[arg(long)]
    pre: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let selection = Selection::parse_or_all(&project, &args.names)?;
    let subsystems = selection.subsystems(&project);
    let (runtime, cancel) = supervised()?;
    let settings = global.startup.remote(args.offline)?;
    let publishers = Publishers {
        client: &http::Client::new(settings.http.clone(), cancel.clone()),
        settings: &settings,
    };
    let answers = Asking::new(publishers, &cancel).all(&subsystems, args.pre);
    runtime.shutdown_background();
    cancel.check()?;
    let errors: Vec<&Error> = answers
        .iter()
        .filter_map(|answer| answer.as_ref().err())
        .collect();
    let worst = errors
        .iter()
        .map(|error| error.kind())
        .min_by_key(|kind| kind.rank());
    let redactor = global.redactor();
    let entries: Vec<OutdatedEntry> = subsystems
        .iter()
        .zip(&answers)
        .map(|(subsystem, answer)| entry(subsystem, answer, &redactor))
        .collect();
    let document = OutdatedDocument {
        project: project.name.clone(),
        outdated: entries
            .iter()
            .filter(|entry| entry.state == Age::Outdated)
            .count(),
        subsystems: entries,
    };
    if global.json {
        global.print_json(&document)?;
    } else {
        report::print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    for error in errors {
        global.say_error(error);
    }
    Ok(ExitCode::from(worst.map_or(0, Kind::exit_code)))
}

fn entry(subsystem: &Subsystem, answer: &Result<Newest>, redactor: &Redactor) -> OutdatedEntry {
    let current = subsystem.version.clone();
    let mut entry = OutdatedEntry {
        name: subsystem.name.clone(),
        current,
        newest: None,
        state: Age::Unknown,
        asked: None,
        note: None,
    };
    match answer {
        Ok(Newest::Known { version, asked }) => {
            entry.state = if is_older(&entry.current, version) {
                Age::Outdated
            } else {
                Age::Newest
            };
            if entry.state == Age::Newest && *version != entry.current {
                entry.note = Some("pinned is newer than what is announced".to_owned());
            }
            (entry.newest, entry.asked) = (Some(version.clone()), Some(asked.clone()));
        }
        Ok(Newest::Unknown(why)) => entry.note = Some(why.clone()),
        Err(error) => {
            (entry.state, entry.note) =
                (Age::Unavailable, Some(report::error_line(error, redactor)));
        }
    }
    entry
}

fn table(document: &OutdatedDocument) -> Table {
    let mut table = Table::new(["name", "current", "newest", "asked", "note"]).flexible(4);
    for OutdatedEntry {
        name,
        current,
        newest,
        state,
        asked,
        note,
    } in &document.subsystems
    {
        let tone = match state {
            Age::Newest => Tone::Good,
            Age::Outdated => Tone::Warn,
            Age::Unknown => Tone::Dim,
            Age::Unavailable => Tone::Bad,
        };
        let newest = newest
            .as_ref()
            .map_or(state.as_str(), |version| version.as_str());
        let note = note.as_deref().unwrap_or(if *state == Age::Outdated {
            "outdated"
        } else {
            ""
        });
        table.row([
            (name.as_str(), Tone::Strong),
            (current.as_str(), Tone::Plain),
            (newest, tone),
            (asked.as_deref().unwrap_or("-"), Tone::Plain),
            (note, tone),
        ]);
    }
    table
}
