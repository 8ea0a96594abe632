//! `larder env`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Global;
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::EnvDocument;
use larder_core::fs;
use larder_engine::tasks::shell::bin_dirs;

/// Print the shell line that puts the installed binaries on PATH
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  eval \"$(larder env)\"        in a shell or in .envrc
  larder env --github         in a job of GitHub Actions, for the steps that follow")]
pub struct Args {
    /// Append the folders to the file that `$GITHUB_PATH` names.
    #[arg(long)]
    github: bool,
}

/// Runs it.
pub fn run(args: Args, global: &Global) -> Result<ExitCode> {
    let project = global.load(&global.root()?)?;
    let folders = bin_dirs(&project);
    if args.github {
        let file = global.startup.value("GITHUB_PATH").ok_or_else(|| {
            Error::usage("GITHUB_PATH is not set")
                .hint("`--github` is for jobs of GitHub Actions; elsewhere: eval \"$(larder env)\"")
        })?;
        let mut text = String::new();
        for folder in &folders {
            // Each line of the file is a folder, so this one would be several.
            if folder.as_str().contains(['\n', '\r']) {
                return Err(Error::usage(format!("{folder} can't be added to PATH"))
                    .hint("rename the folder, so that its name is one line"));
            }
            // Writing to a String can't fail.
            let _ = writeln!(text, "{folder}");
        }
        fs::append(file, text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if global.json {
        global.print_json(&EnvDocument {
            path: folders.iter().map(ToString::to_string).collect(),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let quoted: Vec<String> = folders
        .iter()
        .map(|folder| format!("'{}'", folder.as_str().replace('\'', r"'\''")))
        .collect();
    let colon = if quoted.is_empty() { "" } else { ":" };
    report::print_data(&format!(
        "export PATH={}{colon}\"$PATH\"\n",
        quoted.join(":")
    ))?;
    Ok(ExitCode::SUCCESS)
}
