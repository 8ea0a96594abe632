//! `larder install`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::ensure::report_success;
use super::session::Session;
use crate::report::Redactor;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::SourceEntry;
use larder_core::model::{Name, SourceKind, Version};
use larder_core::project::{HubConfig, Project};
use larder_engine::context::Options;
use larder_engine::ensure::Ensured;
use larder_engine::install::{self, Chain};

/// Install a subsystem's binaries into a folder of your choice
///
/// Inside a project, any version of its subsystems can be installed; larder searches the same
/// sources as `ensure`. Outside a project, name a hub with `--hub`; the binaries are then taken
/// from its releases.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder install nats                                   install the pinned version into ~/.local/bin
  larder install nats@v2.10.20 --to /usr/local/bin
  larder install nats --source original --dry-run       show the sources and which one would be used
  larder install nats@v2.10.24 --hub github:acme/plat   install without a project")]
pub struct Args {
    /// The subsystem, and optionally a version. Default: the pinned version, or the newest one of
    /// the hub.
    #[arg(value_name = "NAME[@VERSION]")]
    what: String,
    /// The folder to install into.
    #[arg(long, value_name = "DIR", default_value = "~/.local/bin")]
    to: Utf8PathBuf,
    /// Use only this source: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", conflicts_with = "hub", value_parser = super::values::word::<SourceKind>)]
    source: Option<SourceKind>,
    /// Show which source would be used, and change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Install from this hub: a folder, a url (also that of a running `larder serve`),
    /// `github:owner/name`, `s3://bucket/prefix`, or `oci://registry/repository`.
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let (name, version) = match args.what.split_once('@') {
        Some((name, "")) => {
            return Err(Error::usage("the version is empty").hint(format!(
                "write it after `@`: `larder install {name}@VERSION`"
            )));
        }
        Some((name, version)) => (name, Some(version.parse::<Version>()?)),
        None => (args.what.as_str(), None),
    };
    let start = global.start()?;
    let to = start.join(global.startup.expand("--to", args.to.as_str())?);
    if let Some(hub) = &args.hub {
        let config = HubConfig::parse(hub, &start, &global.startup.user)?;
        global.check_hub("--hub", hub, &config);
        return from_hub(args, global, &config, &name.parse()?, version, &to);
    }
    let root = global
        .root()
        .map_err(|error| error.hint("without a project, name a hub: `--hub github:owner/name`"))?;
    from_project(args, global, global.load(&root)?, name, version, &to)
}

fn from_project(
    args: &Args,
    global: &Global,
    mut project: Project,
    name: &str,
    version: Option<Version>,
    to: &Utf8Path,
) -> Result<ExitCode> {
    let selection = install::choose(&mut project, name, version)?;
    let options = Options {
        source: args.source,
        offline: args.offline,
        dry_run: args.dry_run,
        ..Options::default()
    };
    let mut session = Session::with_project(global, project, options)?;
    let _apart = install::apart(session.context_mut()?)?;
    if args.dry_run {
        for chain in install::chains(&session.ctx, &selection)? {
            let choice = chain
                .choice()
                .map_or("no source has it".to_owned(), |source| {
                    format!("would install from {source} into {to}")
                });
            print_result(
                global,
                &format!("{}{choice}\n", text(&chain, &global.redactor())),
            )?;
        }
        return Ok(session.end(Ensured::default()));
    }
    let placed = install::from_project(&session.ctx, &selection, to);
    print_files(global, &placed.files)?;
    Ok(session.end(placed.errors.into()))
}

fn from_hub(
    args: &Args,
    global: &Global,
    config: &HubConfig,
    name: &Name,
    version: Option<Version>,
    to: &Utf8Path,
) -> Result<ExitCode> {
    let started = Instant::now();
    let cancel = Cancel::new();
    let settings = global.startup.remote(args.offline)?;
    let found = install::Found::find(
        config,
        &settings,
        &cancel,
        name,
        version.as_ref(),
        &global.trust()?,
    )?;
    if args.dry_run {
        print_result(
            global,
            &format!(
                "{}would install into {to}\n",
                text(&found.chain(), &global.redactor())
            ),
        )?;
        if global.json {
            return Ok(report_success(Vec::new(), global, started));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let (files, finished) = found.install(to, &cancel)?;
    print_files(global, &files)?;
    Ok(report_success(vec![finished], global, started))
}

/// Each source and its answer. An arrow marks the source that would be used.
fn text(chain: &Chain, redactor: &Redactor) -> String {
    let Chain {
        target,
        version,
        sources,
    } = chain;
    let mut text = format!("{} {version} for {}\n", target.name, target.platform);
    for SourceEntry {
        source,
        chosen,
        answer,
    } in sources
    {
        let arrow = if *chosen { "→" } else { " " };
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "  {arrow} {source:<9} {}",
            redactor.clean_line(answer)
        );
    }
    text
}

fn print_files(global: &Global, files: &[Utf8PathBuf]) -> Result<()> {
    files
        .iter()
        .try_for_each(|file| print_result(global, &format!("{file}\n")))
}

/// Prints the command's result to stdout; with `--json` to stderr, because stdout is then reserved
/// for JSON lines.
fn print_result(global: &Global, text: &str) -> Result<()> {
    if global.json {
        global.message(text.trim_end());
        return Ok(());
    }
    global.print(text)
}
