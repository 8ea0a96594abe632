//! `larder graph`.

use std::process::ExitCode;

use super::Global;
use super::session::PlatformArgs;
use crate::report;
use larder_core::error::Result;
use larder_engine::plan::{Drawing, Plan, Selection};

/// Draw what needs what
///
/// Solid arrows are `needs`, ensured along; dashed ones are `build.needs`, ensured only when a build really happens.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder graph | dot -Tsvg > graph.svg
  larder graph nats --format mermaid
  larder graph --json | jq '.edges[]'")]
pub struct Args {
    /// Subsystems, with all they need. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// How to draw; `--json` is short for json.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, as GitHub shows it in Markdown.
    Mermaid,
    /// One JSON document.
    Json,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let project = global.load(&global.root()?)?;
    let selection = Selection::parse_or_all(&project, &args.names)?;
    let plan = Plan::new(&project, &selection, &platforms);
    for (_, reason) in plan.skipped() {
        report::message(&format!("note: {reason}"));
    }
    let drawing = Drawing::of(&plan);
    match if global.json {
        Format::Json
    } else {
        args.format
    } {
        Format::Dot => report::print(&drawing.dot())?,
        Format::Mermaid => report::print(&drawing.mermaid())?,
        Format::Json => global.print_json(&drawing)?,
    }
    Ok(ExitCode::SUCCESS)
}
