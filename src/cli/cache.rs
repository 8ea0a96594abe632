//! `larder cache`.

use std::process::ExitCode;
use std::time::Duration;

use super::Global;
use crate::report;
use larder_core::error::Result;
use larder_core::formats::documents::CacheDirDocument;
use larder_core::human;
use larder_core::project::user::CacheLimits;
use larder_engine::cache::{Cache, Pruned, Usage};

/// How long unused files are kept if nothing else is said.
const MONTH: Duration = Duration::from_hours(30 * 24);

/// Inspect, prune or verify the local cache
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder cache size
  larder cache prune --older-than 7d
  larder cache prune --max-size 20GiB --dry-run    show what would be removed
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
    ///
    /// Without options the limits are those of `cache:` in your config.yml, and 30 days if it has
    /// none.
    Prune {
        /// Remove what was not used for this long, such as `30d` or `12h`.
        #[arg(long, value_name = "TIME", value_parser = age)]
        older_than: Option<Duration>,
        /// Remove what was not used for the longest time until the cache is no larger than this,
        /// such as `20GiB`.
        #[arg(long, value_name = "SIZE", value_parser = bytes)]
        max_size: Option<u64>,
        /// Show what would be removed, and remove nothing.
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Check the digest of every file in the cache and quarantine damaged files
    Verify,
}

fn age(text: &str) -> Result<Duration, &'static str> {
    human::parse_age(text).ok_or(human::AGE_HINT)
}

fn bytes(text: &str) -> Result<u64, &'static str> {
    human::parse_bytes(text).ok_or(human::BYTES_HINT)
}

/// A number of things, with their name in the right form.
fn counted(number: u64, what: &str) -> String {
    human::count(usize::try_from(number).unwrap_or(usize::MAX), what)
}

/// The limits of the command line; without any, those of the user's configuration.
fn limits(
    max_age: Option<Duration>,
    max_size: Option<u64>,
    global: &Global,
) -> Result<CacheLimits> {
    let given = CacheLimits { max_size, max_age };
    if given != CacheLimits::default() {
        return Ok(given);
    }
    let configured = global.startup.user.get()?.cache;
    Ok(if configured == CacheLimits::default() {
        CacheLimits {
            max_age: Some(MONTH),
            max_size: None,
        }
    } else {
        configured
    })
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
            max_size,
            dry_run,
        } => {
            let limits = limits(*older_than, *max_size, global)?;
            let pruned = cache.prune(&limits, *dry_run)?;
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
