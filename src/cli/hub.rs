//! `larder hub`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Global;
use super::session::{EveryPlatformArgs, ReadOnlySession};
use larder_core::error::{Error, Result};
use larder_core::variables::parse_duration;
use larder_engine::context::Options;
use larder_engine::inspect::presign;
use larder_engine::plan::Targets;

/// Work with the hub of the project
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    Presign(PresignArgs),
}

/// Print urls that read released files without credentials
///
/// Signs a url for each asset of a release in a bucket, with its sidecar and signature. Such a
/// url reads that file until the time is over, and nothing else. It is for CI jobs that
/// must not have credentials, such as those of pull requests: give them the output as a secret.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder hub presign all --platform linux-amd64 --expires 1h
  larder hub presign nats --json | jq -r '.files[] | .url'")]
struct PresignArgs {
    /// The subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: EveryPlatformArgs,
    /// How long the urls are valid, such as `30m` or `12h`; 7 days at most, and not longer than
    /// temporary credentials.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    expires: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        Command::Presign(args) => presign(args, global),
    }
}

fn presign(args: &PresignArgs, global: &Global) -> Result<ExitCode> {
    let expires = &args.expires;
    let lasts = parse_duration(expires).ok_or_else(|| {
        Error::usage(format!("`{expires}` is not a length of time")).hint("such as `30m` or `12h`")
    })?;
    let session = ReadOnlySession::open(global, Options::default())?;
    let project = &session.ctx.project;
    let targets = Targets::parse(project, &args.names, &args.platforms.resolve()?)?;
    let (document, is_shorter) = presign::document(&session.ctx, &targets, lasts)?;
    if is_shorter {
        let end = &document.expires;
        global.message(&format!(
            "warning: the credentials end at {end}, and the urls with them"
        ));
    }
    let mut text = String::new();
    if global.json {
        text = serde_json::to_string(&document)
            .map_err(|error| Error::failed("cannot write the document").cause(error))?;
        text.push('\n');
    } else {
        for file in &document.files {
            let _ = writeln!(text, "{}/{}\t{}", file.tag, file.name, file.url);
        }
    }
    // The signatures are secrets, which all other output hides; here they are what was asked for.
    crate::report::print_data(&text)?;
    Ok(ExitCode::SUCCESS)
}
