//! `larder completions`, `larder man`, `larder schema`: what is generated from the definitions.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::reference;
use crate::error::{Error, Result};
use crate::{fs, report};

/// Print a completion script for a shell
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
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder schema                 the names
  larder schema recipe > recipe.schema.json")]
pub struct Schema {
    /// Its name. Without one, all names are listed.
    name: Option<String>,
}

/// Runs `completions`.
pub fn completions(args: Completions) -> Result<ExitCode> {
    report::print_bytes(&reference::completions(&super::command(), args.shell))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `man`.
pub fn man(args: &Man) -> Result<ExitCode> {
    let pages = reference::man_pages(&super::command())?;
    match &args.out {
        Some(dir) => {
            fs::create_dir_all(dir)?;
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
pub fn schema(args: &Schema) -> Result<ExitCode> {
    let mut all =
        vec![("versions", crate::project::schema::versions_schema()), ("recipe", crate::project::schema::recipe_schema())];
    for (file, schema) in reference::event_schemas() {
        all.push((file.trim_end_matches(".schema.json"), schema.to_value()));
    }
    let Some(name) = &args.name else {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        report::print(&(names.join("\n") + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    };
    let known: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
    let Some((_, schema)) = all.iter().find(|(known, _)| known == name) else {
        return Err(Error::usage(format!("no schema is called `{name}`")).hint(format!("known: {}", known.join(", "))));
    };
    let text = serde_json::to_string_pretty(schema).map_err(|e| Error::failed("cannot write the schema").cause(e))?;
    report::print(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
