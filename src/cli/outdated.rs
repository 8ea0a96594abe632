//! `larder outdated`.

use std::process::ExitCode;

use super::Global;
use super::session::supervised;
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Cleaned as _, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::{Age, OutdatedDocument, OutdatedEntry};
use larder_engine::plan::Selection;
use larder_engine::versions::outdated;
use larder_remote::http;
use larder_remote::origin::Publishers;

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
    let (runtime, cancel) = supervised()?;
    let settings = global.startup.remote(args.offline)?;
    let publishers = Publishers {
        client: &http::Client::new(settings.http.clone(), cancel.clone()),
        settings: &settings,
    };
    let answers = outdated::document(&project, &selection, args.pre, publishers, &cancel);
    runtime.shutdown_background();
    let (document, errors) = answers?;
    let document = document.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
    } else {
        report::print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(global.failures(&errors))
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
