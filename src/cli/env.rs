//! `larder env`.

use std::fmt::Write as _;
use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::Global;
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::EnvDocument;
use larder_core::fs;
use larder_engine::tasks::shell::bin_dirs;

/// Print the shell line that puts the installed binaries on PATH
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = "Examples:
  eval \"$(larder env)\"                                   in sh, bash, zsh, or in .envrc
  larder env --shell fish | source                       in fish
  larder env --shell pwsh | Out-String | Invoke-Expression
  for /f \"delims=\" %i in ('larder env --shell cmd') do @%i    in cmd
  larder env --github                                    in a job of GitHub Actions, for the steps that follow")]
pub struct Args {
    /// Append the folders to the file that `$GITHUB_PATH` names.
    #[arg(long, conflicts_with = "shell")]
    github: bool,
    /// The shell that reads the line. Default: sh; on Windows pwsh, except in a shell that sets
    /// `$SHELL`, such as Git Bash.
    #[arg(long, value_enum)]
    shell: Option<Shell>,
}

/// The values of `--shell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Shell {
    /// sh, dash, bash, zsh, ksh.
    #[value(aliases = ["bash", "zsh", "dash", "ksh", "posix"])]
    Sh,
    /// fish.
    Fish,
    /// PowerShell.
    #[value(alias = "powershell")]
    Pwsh,
    /// The command prompt of Windows.
    Cmd,
}

impl Shell {
    /// The line that puts the folders first on PATH.
    fn line(self, folders: &[Utf8PathBuf]) -> String {
        let quoted = |escape: fn(&str) -> String| -> Vec<String> {
            let quote = |folder: &Utf8PathBuf| format!("'{}'", escape(folder.as_str()));
            folders.iter().map(quote).collect()
        };
        match self {
            Self::Sh => {
                let quoted = quoted(|text| posix_path(text).replace('\'', r"'\''"));
                let colon = if quoted.is_empty() { "" } else { ":" };
                format!("export PATH={}{colon}\"$PATH\"\n", quoted.join(":"))
            }
            Self::Fish => {
                let quoted = quoted(|text| {
                    let path = posix_path(text);
                    path.replace('\\', r"\\").replace('\'', r"\'")
                });
                format!("set -gx PATH {} $PATH\n", quoted.join(" ")).replace("  ", " ")
            }
            Self::Pwsh => {
                // For PowerShell typographic quotes end a text too; each is written twice.
                let quoted = quoted(|text| {
                    let quotes = "'\u{2018}\u{2019}\u{201a}\u{201b}";
                    text.chars()
                        .flat_map(|c| std::iter::repeat_n(c, 1 + usize::from(quotes.contains(c))))
                        .collect()
                });
                let parts = [quoted, vec!["$env:PATH".to_owned()]].concat();
                format!(
                    "$env:PATH = {}\n",
                    parts.join(" + [IO.Path]::PathSeparator + ")
                )
            }
            Self::Cmd => {
                let separated = |folder: &Utf8PathBuf| {
                    if cfg!(windows) {
                        format!("{};", folder.as_str().replace('/', r"\"))
                    } else {
                        format!("{folder};")
                    }
                };
                let folders: String = folders.iter().map(separated).collect();
                // The quotes belong to the command: they keep `&` in a name from ending it.
                format!("set \"PATH={folders}%PATH%\"\n")
            }
        }
    }
}

/// No shell and no runner can put a folder on PATH whose path has the separator of PATH.
fn can_be_on_path(folders: &[Utf8PathBuf]) -> Result<()> {
    folders
        .iter()
        .try_for_each(larder_core::environment::can_be_on_path)
}

/// A path as the shells of Git for Windows, MSYS2 and Cygwin write it: `C:\a` is `/c/a`. On other
/// systems it stays as it is.
fn posix_path(path: &str) -> String {
    if !cfg!(windows) {
        return path.to_owned();
    }
    let slashes = path.replace('\\', "/");
    match slashes.split_once(":/") {
        Some((drive, rest)) if drive.len() == 1 => format!("/{}/{rest}", drive.to_lowercase()),
        _ => slashes,
    }
}

/// The shell that is used most where larder runs.
fn default_shell(global: &Global) -> Shell {
    if cfg!(windows) && global.startup.value("SHELL").is_none() {
        Shell::Pwsh
    } else {
        Shell::Sh
    }
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
        can_be_on_path(&folders)?;
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
    can_be_on_path(&folders)?;
    let shell = args.shell.unwrap_or_else(|| default_shell(global));
    report::print_data(&shell.line(&folders))?;
    Ok(ExitCode::SUCCESS)
}
