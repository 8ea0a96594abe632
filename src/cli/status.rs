//! `larder status`.

use std::process::ExitCode;

use super::Global;
use super::session::{PlatformArgs, ReadOnlySession};
use crate::report::table::{Table, stdout_width};
use crate::report::{Cleaned as _, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::StatusDocument;
use larder_core::model::{Origin, Platform, SourceKind};
use larder_engine::context::Options;
use larder_engine::inspect::status;

/// Show the pinned and the installed version of each subsystem
///
/// Also shows who made the installed binaries (origin), from which source they were installed
/// (via), and whether they are fresh or why they are stale. Nothing is changed, and the network is
/// not used.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder status
  larder status nats --platform all
  larder status --json | jq '.subsystems[] | select(.fresh | not)'")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let options = Options {
        offline: true,
        ..Options::default()
    };
    let session = ReadOnlySession::open(global, options)?;
    let targets = args
        .platforms
        .targets_or_all(&session.ctx.project, &args.names)?;
    let (document, errors) = status::document(&session.ctx, &targets);
    let document = document.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(global.failures(&errors))
}

fn table(document: &StatusDocument) -> Table {
    let host = Platform::host();
    let several = document
        .subsystems
        .iter()
        .any(|entry| entry.platform != host);
    let signed = document
        .subsystems
        .iter()
        .any(|entry| entry.signed.is_some());
    let mut titles = vec!["name"];
    titles.extend(several.then_some("platform"));
    titles.extend(["wanted", "installed", "origin", "via"]);
    titles.extend(signed.then_some("signed"));
    titles.push("state");
    // In a narrow terminal the versions are cut before the state, because the state repeats them if
    // they differ.
    let first = titles.len()
        - titles
            .iter()
            .rev()
            .position(|title| *title == "wanted")
            .unwrap_or(0);
    let mut table = Table::new(titles.iter().copied())
        .flexible(first - 1)
        .flexible(first)
        .flexible(titles.len() - 1);
    for entry in &document.subsystems {
        let installed = entry
            .installed
            .as_ref()
            .map_or("-", |version| version.as_str());
        let origin = entry.origin.map_or("-", Origin::as_str);
        let state = match (&entry.reason, entry.emulated, &entry.executor) {
            (Some(reason), ..) => reason.clone(),
            (None, Some(emulated), _) => format!("fresh (emulated: {emulated})"),
            (None, None, Some(executor)) => format!("fresh (built at {executor})"),
            (None, None, None) => "fresh".to_owned(),
        };
        let source = entry.source.map_or("-", SourceKind::as_str);
        let tone = match &entry.reason {
            None => Tone::Good,
            Some(_) => Tone::Warn,
        };
        let platform = entry.platform.to_string();
        let mut row = vec![(entry.name.as_str(), Tone::Strong)];
        row.extend(several.then_some((platform.as_str(), Tone::Plain)));
        row.extend(
            [entry.wanted.as_str(), installed, origin, source].map(|text| (text, Tone::Plain)),
        );
        row.extend(signed.then(|| (entry.signed.as_deref().unwrap_or("-"), Tone::Plain)));
        row.push((&state, tone));
        table.row(row);
    }
    table
}
