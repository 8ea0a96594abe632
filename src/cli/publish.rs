//! `larder publish`.

use std::process::ExitCode;

use camino::Utf8PathBuf;

use super::Global;
use super::session::{ReadOnlySession, Session};
use super::settings::current_dir;
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{
    CheckResult, PublishCheck, PublishChecksDocument, PublishChecksEntry,
};
use larder_core::model::ChannelKind;
use larder_engine::context::Options;
use larder_engine::plan::Selection;
use larder_engine::publish::{RenderOptions, render_all, validate_all};

/// Write the files of package managers for a release
///
/// Every package manager is a channel that is fed from the hub's release. `publish:` of a recipe
/// says which channels a subsystem has. With `--render` the files of the channels are written to a
/// folder: formulae, manifests, packages, images, scripts. That needs no network and no tool of a
/// channel; what is installed or packaged for all platforms of the project stands in for the
/// release. The same release gives the same files, byte for byte, on any machine.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  larder publish all --render
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
    #[arg(long, required = true)]
    render: bool,
    /// The folder for the files: DIR/<name>/<channel>/… Default: .dist/channels.
    #[arg(long, value_name = "DIR", requires = "render")]
    out: Option<Utf8PathBuf>,
}

/// Which channels.
#[derive(Clone, Debug, clap::Args)]
struct ChannelArgs {
    /// Only these channels (repeatable, or separated by commas).
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    to: Vec<ChannelKind>,
    /// Not these channels.
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = super::values::word::<ChannelKind>)]
    skip: Vec<ChannelKind>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.command {
        Some(PublishCommand::Validate(args)) => validate(args, global),
        None => render(&args.run, global),
    }
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
    let ChannelArgs { to, skip } = &args.channels;
    if let Some(both) = to.iter().find(|kind| skip.contains(kind)) {
        return Err(
            Error::usage(format!("`--to` and `--skip` both name {both}"))
                .hint("name it with one of them"),
        );
    }
    let options = RenderOptions {
        to: to.clone(),
        skip: skip.clone(),
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
