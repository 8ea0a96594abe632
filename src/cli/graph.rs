//! `larder graph`.

use std::process::ExitCode;

use super::Global;
use super::session::PlatformArgs;
use crate::report;
use larder_core::error::Result;
use larder_engine::plan::{Drawing, Plan, Selection};

/// Draw the graph of needs
///
/// Solid arrows are `needs`, which are always installed together with the subsystem. Dashed arrows
/// are `build.needs`, which are installed only when the subsystem is really built.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder graph --format html > graph.html     to look at it in a browser
  larder graph --format tree                  to read it in the terminal
  larder graph | dot -Tpng > graph.png
  larder graph nats --format mermaid
  larder graph --json | jq '.edges[]'")]
pub struct Args {
    /// Subsystems to draw, together with everything they need. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// The format of the drawing. `--json` is the same as `--format json`.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, which GitHub renders in Markdown.
    Mermaid,
    /// A tree for the terminal.
    Tree,
    /// A picture.
    Svg,
    /// A page with the picture, which needs no other files.
    Html,
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
        global.message(&format!("note: {reason}"));
    }
    let drawing = Drawing::of(&plan);
    let title = format!("What {} needs", project.name);
    match if global.json {
        Format::Json
    } else {
        args.format
    } {
        Format::Dot => report::print_data(&drawing.dot())?,
        Format::Mermaid => report::print_data(&drawing.mermaid())?,
        Format::Svg => report::print_data(&drawing.svg(&title))?,
        Format::Html => report::print_data(&drawing.html(&title))?,
        Format::Tree => global.print(&drawing.tree())?,
        Format::Json => global.print_json(&drawing)?,
    }
    Ok(ExitCode::SUCCESS)
}
