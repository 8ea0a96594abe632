//! `larder serve backup`.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::{DatabaseArgs, Global};
use larder_core::error::{Error, Result};
use larder_serve::fleet::store;

#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder serve backup fleet-monday.db                 of the server that runs in this folder
  larder serve backup --data /var/lib/larder /backup/fleet.db
  larder serve backup --database postgres://larder@db/fleet fleet.db")]
pub(super) struct BackupArgs {
    /// The file to write. It must not exist.
    #[arg(value_name = "FILE")]
    file: Utf8PathBuf,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// Runs it.
pub(super) fn run(args: &BackupArgs, global: &Global) -> Result<ExitCode> {
    let start = global.start()?;
    let location = args.database.location(&start)?;
    let file = start.join(&args.file);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::failed("cannot start the threads of the backup").cause(error))?;
    runtime.block_on(store::back_up(&location, &file))?;
    global.message(&format!("copied {location} to {file}"));
    Ok(ExitCode::SUCCESS)
}
