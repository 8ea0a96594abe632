//! `larder hub`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use super::Global;
use super::session::{EveryPlatformArgs, JobArgs, ReadOnlySession, Session};
use larder_core::error::{Error, Result};
use larder_core::human;
use larder_core::model::Tag;
use larder_core::project::HubConfig;
use larder_core::variables::parse_duration;
use larder_engine::context::Options;
use larder_engine::hub::{Copy, Gc, copy, gc};
use larder_engine::inspect::presign;
use larder_engine::plan::Targets;
use larder_remote::hub::Hub;

/// Mirror a hub, remove from it what nothing needs, or sign urls that read it
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: HubCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum HubCommand {
    Copy(CopyArgs),
    Gc(GcArgs),
    Presign(PresignArgs),
}

/// Copy releases from one hub to another
///
/// Copies assets with their sidecars, signatures, SBOMs and provenance byte for byte, what joined the
/// releases, project releases, and tombstones. Every byte is checked against its sidecar on the way;
/// what contradicts it is not copied, with exit code 4. What the other hub has already is left alone,
/// so a copy that was interrupted goes on, and a second one writes nothing. Drafts are not copied,
/// and nothing is deleted.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder hub copy github:acme/tools /mnt/share/tools
  larder hub copy github:acme/tools dir:mirror --tag nats-v2.10.24 --dry-run")]
struct CopyArgs {
    /// The hub to read: `github:owner/name`, an https url, or a folder, as `LARDER_HUB` names one.
    #[arg(value_name = "FROM")]
    from: String,
    /// The hub to write.
    #[arg(value_name = "TO")]
    to: String,
    /// Copy only this release, such as `nats-v2.10.24` (repeatable). Default: all.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// Write nothing, and say what would be copied.
    #[arg(short = 'n', long)]
    dry_run: bool,
    #[command(flatten)]
    jobs: JobArgs,
}

/// Remove old versions that nothing needs, and what killed runs left
///
/// Without `--yes` it removes nothing and says what would go, how many bytes that is, and why the
/// rest stays. Versions stay that versions.yml pins or versions.lock names, and the newest ones of
/// each subsystem. Subsystems that this project does not know, project releases and tombstones are
/// never touched.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder hub gc --keep 5
  larder hub gc --keep 5 --yes")]
struct GcArgs {
    /// How many of the newest versions of each subsystem stay.
    #[arg(long, value_name = "N")]
    keep: u16,
    /// How old leftovers of killed runs must be, such as `1d` or `12h`.
    #[arg(long, value_name = "TIME", default_value = "1d", value_parser = age)]
    older_than: Duration,
    /// Remove also old versions of subsystems that have channels, whose files may link to them.
    #[arg(long)]
    published: bool,
    /// Remove it.
    #[arg(long)]
    yes: bool,
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

fn age(text: &str) -> Result<Duration, &'static str> {
    human::parse_age(text).ok_or(human::AGE_HINT)
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        HubCommand::Copy(args) => run_copy(args, global),
        HubCommand::Gc(args) => run_gc(args, global),
        HubCommand::Presign(args) => run_presign(args, global),
    }
}

fn run_copy(args: &CopyArgs, global: &Global) -> Result<ExitCode> {
    let tags = args.tags.iter().map(|tag| Ok(tag.parse()?));
    let tags: Vec<Tag> = tags.collect::<Result<_>>()?;
    let session = Session::open(
        global,
        Options {
            dry_run: args.dry_run,
            ..Options::default()
        },
    )?;
    let start = global.start()?;
    let open = |name: &str, text: &str| -> Result<Hub> {
        let config = HubConfig::parse(text, &start, &global.startup.user)?;
        global.check_hub(name, text, &config);
        session.ctx.open_other(&config)
    };
    let (from, to) = (open("FROM", &args.from)?, open("TO", &args.to)?);
    let what = Copy {
        from: &from,
        to: &to,
        tags: &tags,
        jobs: args.jobs.get(),
    };
    let errors = copy(&session.ctx, &what)?;
    Ok(session.end(errors.into()))
}

fn run_gc(args: &GcArgs, global: &Global) -> Result<ExitCode> {
    let session = Session::open(
        global,
        Options {
            dry_run: !args.yes,
            ..Options::default()
        },
    )?;
    let what = Gc {
        keep: args.keep.into(),
        older_than: args.older_than,
        published: args.published,
    };
    let errors = gc(&session.ctx, what)?;
    Ok(session.end(errors.into()))
}

fn run_presign(args: &PresignArgs, global: &Global) -> Result<ExitCode> {
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
