//! `larder completions`, `larder man`, `larder schema`: output that is generated from the
//! definitions.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::builder::PossibleValuesParser;

use super::schemas::{ALL, SchemaInfo};
use super::{Global, complete, reference};
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::{SchemaEntry, SchemasDocument};
use larder_core::fs;

/// Print a completion script for a shell
///
/// The script asks larder for candidates, so it also completes the subsystems, platforms and tasks
/// of the project, and it need not be written again for a new version.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder completions bash > ~/.local/share/bash-completion/completions/larder
  larder completions fish > ~/.config/fish/completions/larder.fish")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print or write the man pages
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder man | man -l -
  larder man --out ~/.local/share/man/man1")]
pub struct Man {
    /// Write a page for every command into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<Utf8PathBuf>,
}

/// Print a JSON Schema
///
/// The schema describes a file that users write, or what a command prints with `--json`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder schema                 list all schemas
  larder schema recipe > recipe.schema.json
  larder schema status          the schema of what `larder status --json` prints")]
pub struct Schema {
    /// The name of the schema. Without it, all schemas are listed.
    #[arg(value_parser = PossibleValuesParser::new(ALL.iter().map(|known| known.name)))]
    name: Option<String>,
}

/// Runs `completions`.
pub fn completions(args: Completions) -> Result<ExitCode> {
    report::print_bytes(&complete::script(args.shell)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `man`.
pub fn man(args: &Man, global: &Global) -> Result<ExitCode> {
    let pages = reference::man_pages(&super::command())?;
    match &args.out {
        Some(dir) => {
            let dir = global.startup.expand("--out", dir.as_str())?;
            fs::create_dir_all(&dir)
                .map_err(|error| error.hint("`--out` names a folder that can be written"))?;
            for (name, page) in &pages {
                fs::write_atomic(dir.join(name), page)?;
            }
        }
        None => {
            if let Some((_, page)) = pages.first() {
                report::print_bytes(page)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `schema`.
pub fn schema(args: &Schema, global: &Global) -> Result<ExitCode> {
    // The parser accepts only known names.
    let named = args
        .name
        .as_deref()
        .and_then(|name| ALL.iter().find(|known| known.name == name));
    if let Some(SchemaInfo {
        name: _,
        describes: _,
        schema,
    }) = named
    {
        report::print_data(&format!("{:#}\n", schema()))?;
    } else if global.json {
        let entry = |&SchemaInfo {
                         name,
                         describes,
                         schema: _,
                     }: &SchemaInfo| SchemaEntry { name, describes };
        global.print_json(&SchemasDocument {
            schemas: ALL.iter().map(entry).collect(),
        })?;
    } else {
        let mut table = Table::new(["name", "describes"]);
        for SchemaInfo {
            name,
            describes,
            schema: _,
        } in ALL
        {
            table.row([(*name, Tone::Strong), (*describes, Tone::Plain)]);
        }
        global.print(&table.render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(ExitCode::SUCCESS)
}
