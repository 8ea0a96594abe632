//! `larder release` and its subcommands.

use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::session::{
    EveryPlatformArgs, JobArgs, LimitArgs, PlatformArgs, ReadOnlySession, Session,
};
use super::settings::current_dir;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{ReleaseStatusDocument, ReleaseStatusEntry};
use larder_core::model::{SourceKind, Tag};
use larder_engine::context::Options;
use larder_engine::plan::Targets;
use larder_engine::release::binary::release_all;
use larder_engine::release::{self, PublishOptions, ReleaseOptions, drafts, hub_status};

/// Publish installed binaries to the hub
///
/// larder packages what is missing or stale, uploads what the hub does not have yet, and then
/// publishes the release. An asset that is already there with the same artifact is not touched, so
/// a second run writes nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  larder release all
  larder release binary nats --platform linux-arm64
  larder release nats --from packages       made by `larder package` in another job
  larder release all --attest               with an SBOM and the provenance
  larder release all --sign                 with the key in LARDER_SIGNING_KEY
  larder release status
  larder release finalize all
  larder release project v1.0.0"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<ReleaseCommand>,
    #[command(flatten)]
    binary: BinaryArgs,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum ReleaseCommand {
    /// Publish installed binaries, the same as `larder release` without a subcommand
    Binary(BinaryArgs),
    /// Show what the hub has for each subsystem and platform
    ///
    /// The result is also written to .collection/metadata/release-status.json.
    Status(StatusArgs),
    /// Publish the drafts that are complete for all platforms
    ///
    /// If platforms are missing, larder lists them, does not publish that draft, and exits with
    /// code 1.
    Finalize(DraftArgs),
    /// Delete drafts with all their assets
    Abort(DraftArgs),
    /// Release the project's bundles and packages with checksums and a manifest
    Project(ProjectArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct BinaryArgs {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    jobs: JobArgs,
    /// Release the packages in this folder, which `larder package` made elsewhere, instead of what
    /// is installed here.
    #[arg(long, value_name = "DIR")]
    from: Option<Utf8PathBuf>,
    /// Attach an SBOM (`sbom.cdx.json`, and one for each asset) and the provenance
    /// (`provenance.intoto.jsonl`) to the release. Every job that adds a platform needs it.
    #[arg(long)]
    attest: bool,
    #[command(flatten)]
    how: PublishArgs,
    #[command(flatten)]
    signing: SignArgs,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct PublishArgs {
    /// Replace existing assets that have the same name.
    #[arg(long)]
    replace: bool,
    /// Do not publish the release, keep it as a draft. `larder release finalize` publishes it.
    #[arg(long)]
    stage: bool,
}

/// Signing.
#[derive(Clone, Copy, Debug, clap::Args)]
struct SignArgs {
    /// Sign each sidecar with the key in `LARDER_SIGNING_KEY` or `LARDER_SIGNING_KEY_FILE`
    ///
    /// What is already on the hub gets its signature, too. Without this option larder signs only if
    /// the project needs signatures (`trust.managed`) and there is a key.
    #[arg(long)]
    sign: bool,
}

/// `release status`.
#[derive(Clone, Debug, clap::Args)]
struct StatusArgs {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: EveryPlatformArgs,
}

#[derive(Clone, Debug, clap::Args)]
struct DraftArgs {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: EveryPlatformArgs,
}

#[derive(Clone, Debug, clap::Args)]
struct ProjectArgs {
    /// The tag, such as v1.0.0.
    #[arg(value_name = "TAG", value_parser = super::values::word::<Tag>)]
    tag: Tag,
    #[command(flatten)]
    platforms: EveryPlatformArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Use only this source for what is not installed: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", value_parser = super::values::word::<SourceKind>)]
    source: Option<SourceKind>,
    #[command(flatten)]
    how: PublishArgs,
}

impl PublishArgs {
    fn options(self) -> PublishOptions {
        PublishOptions {
            replace: self.replace,
            stage: self.stage,
            ..PublishOptions::default()
        }
    }
}

impl Args {
    /// Whether the command changes the hub.
    pub fn writes(&self) -> bool {
        !matches!(self.command, Some(ReleaseCommand::Status(_)))
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        None => binary(&args.binary, global),
        Some(ReleaseCommand::Binary(binary_args)) => binary(binary_args, global),
        Some(ReleaseCommand::Status(args)) => status(args, global),
        Some(ReleaseCommand::Finalize(args)) => finalize(args, global),
        Some(ReleaseCommand::Abort(args)) => abort(args, global),
        Some(ReleaseCommand::Project(args)) => project(args, global),
    }
}

fn binary(args: &BinaryArgs, global: &Global) -> Result<ExitCode> {
    let run = Options {
        sign: args.signing.sign,
        ..Options::default()
    };
    let session = Session::open(global, run)?;
    let targets = args.platforms.targets(&session.ctx.project, &args.names)?;
    let options = ReleaseOptions {
        publish: args.how.options(),
        attest: args.attest,
    };
    let from = match &args.from {
        Some(folder) => Some(folder_of_packages(folder)?),
        None => None,
    };
    let errors = release_all(
        &session.ctx,
        &targets,
        from.as_deref(),
        options,
        args.jobs.get(),
    );
    Ok(session.end(errors.into()))
}

/// The folder of `--from`, relative to the current folder.
fn folder_of_packages(folder: &Utf8Path) -> Result<Utf8PathBuf> {
    let path = current_dir()?.join(folder);
    match larder_core::fs::stat(&path)? {
        Some(meta) if meta.is_dir() => Ok(path),
        _ => Err(Error::usage(format!("there is no folder {folder}"))
            .hint("--from takes a folder with packages and their sidecars, such as .dist")),
    }
}

fn finalize(args: &DraftArgs, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let session = Session::open(global, Options::default())?;
    let errors = drafts::finalize(&session.ctx, &args.names, &platforms)?;
    Ok(session.end(errors.into()))
}

fn abort(args: &DraftArgs, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let errors = drafts::abort(&session.ctx, &args.names)?;
    Ok(session.end(errors.into()))
}

fn project(args: &ProjectArgs, global: &Global) -> Result<ExitCode> {
    let options = Options {
        source: args.source,
        ..Options::default()
    };
    let session = Session::open(global, options)?;
    let ensured = release::project::release(
        &session.ctx,
        &args.tag,
        &args.platforms.resolve()?,
        args.limits.resolve(),
        args.how.options(),
    )?;
    Ok(session.end(ensured))
}

fn status(args: &StatusArgs, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let session = ReadOnlySession::open(global, Options::default())?;
    let targets = Targets::parse_or_all(&session.ctx.project, &args.names, &platforms)?;
    let document = hub_status::document(&session.ctx, &targets)?;
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn table(document: &ReleaseStatusDocument) -> Table {
    let mut table = Table::new(["name", "version", "platform", "state", "asset"]).flexible(4);
    for ReleaseStatusEntry {
        name,
        version,
        platform,
        state,
        tag,
        asset,
    } in &document.subsystems
    {
        let tone = match *state {
            "released" => Tone::Good,
            "missing" => Tone::Bad,
            _ => Tone::Warn,
        };
        let place = match (tag, asset) {
            (Some(tag), Some(asset)) => format!("{tag}/{asset}"),
            _ => "-".to_owned(),
        };
        table.row([
            (name.as_str(), Tone::Strong),
            (version.as_str(), Tone::Plain),
            (&platform.to_string(), Tone::Plain),
            (*state, tone),
            (&place, Tone::Plain),
        ]);
    }
    table
}
