//! `larder cache`.

use std::process::ExitCode;
use std::time::Duration;

use super::Global;
use crate::report;
use larder_core::error::Result;
use larder_core::formats::documents::CacheDirDocument;
use larder_core::human;
use larder_engine::cache::{Cache, Pruned, Usage};

/// Inspect, prune or verify the local cache
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder cache size
  larder cache prune --older-than 7d
  larder cache verify")]
pub struct Args {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum CacheCommand {
    /// Print the folder of the cache
    Dir,
    /// Show how many artifacts, files and bytes the cache contains
    Size,
    /// Remove artifacts that were not used recently
    Prune {
        /// Remove what was not used for this long, such as `30d` or `12h`.
        #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
        older_than: Duration,
        /// Show what would be removed, and remove nothing.
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Check the digest of every file in the cache and quarantine damaged files
    Verify,
}

fn age(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(
        text.find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(text.len()),
    );
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" | "" => 86_400,
        "w" => 604_800,
        _ => return Err("write `30d`, `12h` or `2w`".into()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write `30d`, `12h` or `2w`".to_owned())?;
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(|| "the number is too large".into())
}

/// A number of things, with their name in the right form.
fn counted(number: u64, what: &str) -> String {
    human::count(usize::try_from(number).unwrap_or(usize::MAX), what)
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let dir = global.startup.cache_dir()?;
    let cache = Cache::new(&dir, &global.startup.temp_dir()?, None);
    match &args.command {
        CacheCommand::Dir if global.json => global.print_json(&CacheDirDocument {
            dir: dir.to_string(),
        })?,
        CacheCommand::Dir => report::print_data(&format!("{dir}\n"))?,
        CacheCommand::Size => {
            let usage = cache.usage()?;
            if global.json {
                global.print_json(&usage)?;
            } else {
                let Usage {
                    files,
                    bytes,
                    artifacts,
                } = usage;
                global.print(&format!(
                    "{} in {} of {}\n",
                    human::bytes(bytes),
                    counted(files, "file"),
                    counted(artifacts, "artifact")
                ))?;
            }
        }
        CacheCommand::Prune {
            older_than,
            dry_run,
        } => {
            let pruned = cache.prune(*older_than, *dry_run)?;
            if global.json {
                global.print_json(&pruned)?;
            } else {
                let Pruned {
                    files,
                    bytes,
                    artifacts,
                } = pruned;
                let verb = if *dry_run { "would remove" } else { "removed" };
                global.print(&format!(
                    "{verb} {} in {}, {}\n",
                    human::bytes(bytes),
                    counted(files, "file"),
                    counted(artifacts, "artifact")
                ))?;
            }
        }
        CacheCommand::Verify => {
            let checked = cache.check()?;
            if global.json {
                global.print_json(&checked)?;
            } else {
                let are = if checked.right == 1 { "is" } else { "are" };
                let files = counted(checked.right, "file");
                global.print(&format!("{files} {are} intact\n"))?;
            }
            checked.ok()?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
