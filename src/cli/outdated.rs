//! `larder outdated`.

use std::process::ExitCode;

use super::Global;
use super::session::{end_runtime, supervised};
use crate::report::table::{Table, stdout_width};
use crate::report::{Cleaned as _, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::{Age, OutdatedDocument, OutdatedEntry};
use larder_engine::plan::Selection;
use larder_engine::versions::outdated;
use larder_remote::http;
use larder_remote::origin::Publishers;

/// Show which pinned versions are not the newest
///
/// For each subsystem, larder looks up the newest version where its originals are published, or
/// otherwise where its source code is: the tags of a git repository, the npm registry, the Python
/// package index or the crate registry. A url or a folder has no list of versions, so the newest
/// version is unknown for those. Pre-releases count only if the pinned version is one.
///
/// The exit code is 0 even if something is outdated. It is 5 if a place could not be reached.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder outdated
  larder outdated nats --pre
  larder outdated --json | jq -r '.subsystems[] | select(.state == \"outdated\") | .name'
  larder bump all             pin the newest versions")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Also consider pre-releases if the pinned version is not one.
    #[arg(long)]
    pre: bool,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
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
    end_runtime(runtime);
    let (document, errors) = answers?;
    let document = document.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
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
