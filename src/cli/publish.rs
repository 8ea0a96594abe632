//! `larder publish`.

use std::num::NonZeroUsize;
use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::Global;
use super::session::{ReadOnlySession, Session};
use super::settings::current_dir;
use crate::report::table::{Table, stdout_width};
use crate::report::{Tone, Verbosity};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{
    CheckResult, PublishCheck, PublishChecksDocument, PublishChecksEntry, PublishState,
    PublishStatusDocument,
};
use larder_core::model::{ChannelKind, Outcome};
use larder_engine::context::Options;
use larder_engine::plan::Selection;
use larder_engine::publish::{
    ChannelEnd, ChosenChannels, PublishEnd, PublishOptions, RenderOptions, publish_all, render_all,
    status as publish_status, validate_all,
};

/// Release on the hub and feed every package manager from there
///
/// Every package manager is a channel that is fed from the hub's release. `publish:` of a recipe
/// says which channels a subsystem has. A run checks everything, releases all platforms on the hub
/// unless they are there, fetches each asset from its public url and compares it, and then pushes
/// to every channel what is not there yet, and reads it back. A failure of one channel does not
/// stop the others. What is there with the same content is left alone, and nothing that is
/// published is overwritten: run it again after a failure, an interruption or a kill.
///
/// With `--render` only the files of the channels are written to a folder: formulae, manifests,
/// packages, images, scripts. That needs no network and no tool of a channel. The same release
/// gives the same files, byte for byte, on any machine.
///
/// Exits with code 1 if a channel failed, 5 if the only failures were channels that gave no answer,
/// and 4 if a channel has other bytes under the same version.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  larder publish all --dry-run
  larder publish all
  larder publish nats --to homebrew,npm
  larder publish status
  larder publish nats --render --to homebrew,deb --out site/packages
  larder publish validate all"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<PublishCommand>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum PublishCommand {
    /// Check what must hold before anything is published
    ///
    /// The checks are those of `publish.validate`, what the channels need (a version that they can
    /// write, texts, urls, packages for all platforms), and for Go modules what a reader of the
    /// module expects. Nothing is written and no remote is asked. Exits with code 1 if a check
    /// fails.
    Validate(ValidateArgs),
    /// Show which version each channel has, and how publishing ended last time
    ///
    /// The remotes are asked, with few requests each; the counts and the last results are from this
    /// project's own record in `.larder/publish`. Exits with code 0 whatever the channels have.
    Status(StatusArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct StatusArgs {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct ValidateArgs {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
}

#[derive(Clone, Debug, clap::Args)]
struct RunArgs {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    channels: ChannelArgs,
    /// Only write the files of the channels.
    #[arg(long)]
    render: bool,
    /// Write nothing, and ask every remote what it has and whether the credentials suffice.
    #[arg(short = 'n', long, conflicts_with = "render")]
    dry_run: bool,
    /// Sign the release. Without this option larder signs only if the project needs signatures
    /// (`trust.managed`) and there is a key.
    #[arg(long, conflicts_with = "render")]
    sign: bool,
    /// How many channels are fed at the same time. Default: `publish.concurrency`.
    #[arg(short, long, value_name = "N", env = larder_core::variables::JOBS, value_parser = super::values::jobs)]
    jobs: Option<u16>,
    /// The folder for the files: DIR/<name>/<channel>/… Default: .dist/channels.
    #[arg(long, value_name = "DIR", requires = "render")]
    out: Option<Utf8PathBuf>,
}

/// Which channels.
#[derive(Clone, Debug, clap::Args)]
pub struct ChannelArgs {
    /// Only these channels (repeatable, or separated by commas).
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    to: Vec<ChannelKind>,
    /// Not these channels.
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    skip: Vec<ChannelKind>,
}

impl ChannelArgs {
    /// The channels.
    pub fn resolve(&self) -> Result<ChosenChannels> {
        let Self { to, skip } = self;
        if let Some(both) = to.iter().find(|kind| skip.contains(kind)) {
            return Err(
                Error::usage(format!("`--to` and `--skip` both name {both}"))
                    .hint("name it with one of them"),
            );
        }
        Ok(ChosenChannels {
            to: to.clone(),
            skip: skip.clone(),
        })
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        Some(PublishCommand::Validate(args)) => validate(args, global),
        Some(PublishCommand::Status(args)) => status(args, global),
        None if args.run.render => render(&args.run, global),
        None => publish(&args.run, global),
    }
}

fn publish(args: &RunArgs, global: &Global) -> Result<ExitCode> {
    let options = PublishOptions {
        channels: args.channels.resolve()?,
        jobs: args.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into())),
    };
    let session = Session::open(
        global,
        Options {
            dry_run: args.dry_run,
            sign: args.sign,
            ..Options::default()
        },
    )?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let PublishEnd { errors, channels } = publish_all(&session.ctx, &selection, &options);
    let failed = channels.iter().any(|end| end.outcome == Outcome::Failed);
    let code = session.end(weighed(errors).into());
    // The lines above may be far away, between the messages of what failed.
    if failed && !global.json && global.verbosity() != Verbosity::Quiet {
        let table = ends_table(&channels).render(stdout_width(), global.stderr_paint());
        global.message(table.trim_end());
    }
    Ok(code)
}

fn ends_table(channels: &[ChannelEnd]) -> Table {
    let mut table = Table::new(["name", "version", "channel", "result", "detail"]).flexible(4);
    for end in channels {
        let tone = match end.outcome {
            Outcome::Failed => Tone::Bad,
            Outcome::Skipped => Tone::Dim,
            _ => Tone::Good,
        };
        table.row([
            (end.name.as_str(), Tone::Strong),
            (end.version.as_str(), Tone::Plain),
            (end.channel.as_str(), Tone::Plain),
            (end.outcome.as_str(), tone),
            (end.detail.as_deref().unwrap_or_default(), Tone::Plain),
        ]);
    }
    table
}

/// The failures as they decide the exit code: trying later helps only if that is true of all of
/// them.
fn weighed(errors: Vec<Error>) -> Vec<Error> {
    let is_final = |error: &Error| matches!(error.kind(), Kind::Failed | Kind::Refused);
    if !errors.iter().any(is_final) {
        return errors;
    }
    let weigh = |error: Error| match error.kind() {
        Kind::Unavailable => error.with_kind(Kind::Failed),
        _ => error,
    };
    errors.into_iter().map(weigh).collect()
}

fn render(args: &RunArgs, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let out = match &args.out {
        Some(out) if out.as_str().is_empty() => {
            return Err(Error::usage("`--out` is empty").hint("name a folder"));
        }
        // Where the user is, not where the project is.
        Some(out) => Some(current_dir()?.join(out)),
        None => None,
    };
    let options = RenderOptions {
        channels: args.channels.resolve()?,
        out,
    };
    let errors = render_all(&session.ctx, &selection, &options);
    Ok(session.end(errors.into()))
}

fn validate(args: &ValidateArgs, global: &Global) -> Result<ExitCode> {
    let session = ReadOnlySession::open(global, Options::default())?;
    let selection = Selection::parse(&session.ctx.project, &args.names)?;
    let document = validate_all(&session.ctx, &selection)?;
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(if document.ok {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn status(args: &StatusArgs, global: &Global) -> Result<ExitCode> {
    let session = ReadOnlySession::open(global, Options::default())?;
    let all = ["all".to_owned()];
    let names = if args.names.is_empty() {
        &all[..]
    } else {
        &args.names
    };
    let selection = Selection::parse(&session.ctx.project, names)?;
    let document = publish_status(&session.ctx, &selection)?;
    if global.json {
        global.print_json(&document)?;
    } else {
        let table = status_table(&document);
        global.print(&table.render(stdout_width(), global.stdout_paint()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn status_table(document: &PublishStatusDocument) -> Table {
    let columns = [
        "name",
        "channel",
        "state",
        "there",
        "wanted",
        "last",
        "published",
        "errors",
        "detail",
    ];
    let mut table = Table::new(columns).flexible(8);
    for entry in &document.subsystems {
        for channel in &entry.channels {
            let tone = match channel.state {
                PublishState::Published => Tone::Good,
                PublishState::Missing | PublishState::Unknown => Tone::Bad,
                PublishState::Skipped => Tone::Dim,
            };
            let last = channel.last.as_ref().map_or(String::new(), |last| {
                format!("{} {}", last.version, last.outcome)
            });
            let places = channel.places.join(", ");
            table.row([
                (entry.name.as_str(), Tone::Strong),
                (channel.channel.as_str(), Tone::Plain),
                (channel.state.as_str(), tone),
                (channel.current.as_deref().unwrap_or("-"), Tone::Plain),
                (channel.wanted.as_deref().unwrap_or("-"), Tone::Plain),
                (&last, Tone::Plain),
                (&channel.publishes.to_string(), Tone::Plain),
                (&channel.errors.to_string(), Tone::Plain),
                (channel.detail.as_deref().unwrap_or(&places), Tone::Plain),
            ]);
        }
    }
    table
}

fn table(document: &PublishChecksDocument) -> Table {
    let mut table = Table::new(["name", "version", "check", "result", "detail"]).flexible(4);
    for PublishChecksEntry {
        name,
        version,
        checks,
    } in &document.subsystems
    {
        for PublishCheck {
            check,
            result,
            detail,
            hint,
        } in checks
        {
            let (word, tone) = match result {
                CheckResult::Ok => ("ok", Tone::Good),
                CheckResult::Failed => ("failed", Tone::Bad),
                CheckResult::Skipped => ("skipped", Tone::Dim),
            };
            let mut text = detail.clone().unwrap_or_default();
            if let Some(hint) = hint {
                text = format!("{text}; {hint}");
            }
            table.row([
                (name.as_str(), Tone::Strong),
                (version.as_str(), Tone::Plain),
                (check, Tone::Plain),
                (word, tone),
                (&text, Tone::Plain),
            ]);
        }
    }
    table
}
