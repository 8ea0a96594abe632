//! `larder install`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::Global;
use super::ensure::tell_success;
use super::session::{LimitArgs, Session};
use super::settings::{Startup, temp_dir};
use crate::report;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Action, Artifact, Name, Outcome, Platform, SourceKind, Target, Version};
use larder_core::project::{HubConfig, Project};
use larder_engine::acquire::intake::Transfer;
use larder_engine::acquire::search::Attempt;
use larder_engine::acquire::{self, released};
use larder_engine::context::{Context, Options};
use larder_engine::events::Events;
use larder_engine::events::Finished;
use larder_engine::plan::{Plan, Platforms, Selection};
use larder_engine::runner::ensure::Ensure;
use larder_engine::runner::{self, Work};
use larder_engine::steps::UploadDecision;
use larder_remote::RemoteSettings;
use larder_remote::http::Client;

/// Put a subsystem's binaries into a folder of yours
///
/// Inside a project any version of its subsystems can be installed, by the same search as `ensure`. Outside of one, or with
/// `--hub`, it comes from that hub's releases.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder install nats                                   the pinned version, into ~/.local/bin
  larder install nats@v2.10.20 --to /usr/local/bin
  larder install nats --source original --dry-run       the chain of sources, and the choice
  larder install nats@v2.10.24 --hub github:acme/plat   without a project")]
pub struct Args {
    /// The subsystem, with a version if not the pinned (or newest) one.
    #[arg(value_name = "NAME[@VERSION]")]
    what: String,
    /// The folder to put binaries into.
    #[arg(long, value_name = "DIR", default_value = "~/.local/bin")]
    to: Utf8PathBuf,
    /// Use only this source: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", conflicts_with = "hub", value_parser = |text: &str| text.parse::<SourceKind>().map_err(|e| e.to_string()))]
    source: Option<SourceKind>,
    /// Say where it would come from; change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Take it from this hub: a folder, a url, or github:owner/name.
    #[arg(long, value_name = "HUB")]
    hub: Option<String>,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let (name, version) = match args.what.split_once('@') {
        Some((name, version)) => (name, Some(version.parse::<Version>()?)),
        None => (args.what.as_str(), None),
    };
    let start = global.start()?;
    let to = expand(&args.to, &start, &global.startup)?;
    if let Some(hub) = &args.hub {
        return from_hub(
            args,
            global,
            &HubConfig::parse(hub, &start, &global.startup.user)?,
            &name.parse()?,
            version,
            &to,
        );
    }
    let root = global
        .root()
        .map_err(|error| error.hint("without a project, name a hub: `--hub github:owner/name`"))?;
    from_project(args, global, global.load(&root)?, name, version, &to)
}

fn expand(path: &Utf8Path, start: &Utf8Path, startup: &Startup) -> Result<Utf8PathBuf> {
    let Ok(rest) = path.strip_prefix("~") else {
        return Ok(start.join(path));
    };
    let home = startup
        .value("HOME")
        .or_else(|| startup.value("USERPROFILE"));
    let home = home.ok_or_else(|| {
        Error::usage("there is no home folder to install into").hint("name a folder with `--to`")
    })?;
    Ok(Utf8PathBuf::from(home).join(rest))
}

fn from_project(
    args: &Args,
    global: &Global,
    mut project: Project,
    name: &str,
    version: Option<Version>,
    to: &Utf8Path,
) -> Result<ExitCode> {
    let selection = Selection::parse(&project, &[name.to_owned()])?;
    let (Selection::Names(names), Some(version)) = (&selection, version) else {
        if selection == Selection::All {
            return Err(Error::usage("install takes one subsystem")
                .hint("`larder ensure all` makes all of them present"));
        }
        return in_project(args, global, project, &selection, to);
    };
    for name in names {
        if let Some(subsystem) = project.subsystems.get_mut(name) {
            subsystem.version = version.clone();
        }
    }
    in_project(args, global, project, &selection, to)
}

fn in_project(
    args: &Args,
    global: &Global,
    project: Project,
    selection: &Selection,
    to: &Utf8Path,
) -> Result<ExitCode> {
    let scratch = fs::Scratch::new(&temp_dir(), "install")?;
    let apart = Some(scratch.path().to_owned());
    let options = Options {
        source: args.source,
        offline: args.offline,
        dry_run: args.dry_run,
        apart,
        ..Options::default()
    };
    let session = Session::with_project(global, project, options)?;
    let ctx = Arc::clone(&session.ctx);
    let goals: Vec<Target> = selection
        .subsystems(&ctx.project)
        .iter()
        .map(|subsystem| Target {
            name: subsystem.name.clone(),
            platform: Platform::host(),
        })
        .collect();
    if args.dry_run {
        for target in &goals {
            show_chain(global, &ctx, target, to)?;
        }
        return Ok(session.end(&BTreeMap::new(), &[]));
    }
    let plan = Plan::new(&ctx.project, selection, &Platforms::Host);
    session.begin(Action::Ensure, plan.goals().len());
    let ensure = Arc::new(Ensure::new(Arc::clone(&ctx), UploadDecision::No));
    for (target, reason) in plan.skipped() {
        ensure.skipped(target, reason);
    }
    let work: Arc<dyn Work> = ensure.clone();
    let limits = LimitArgs::default().resolve(8);
    let ended = runner::run(&plan, &work, limits, session.runtime.handle(), &ctx.cancel);
    let mut errors: Vec<Error> = ended.errors.into_iter().map(|(_, error)| error).collect();
    if errors.is_empty() {
        let done = ensure.done();
        // What it needs comes along: it would not run without.
        for (target, done) in done.iter().filter(|(target, _)| plan_goal(&plan, target)) {
            let bin = ctx.bin(target);
            if let Err(error) = copy(global, &done.artifact, |file| bin.file(file), to) {
                errors.push(error);
            }
        }
    }
    Ok(session.end(&BTreeMap::new(), &errors))
}

fn plan_goal(plan: &Plan, target: &Target) -> bool {
    plan.goals().into_iter().any(|id| plan.target(id) == target)
}

fn show_chain(global: &Global, ctx: &Context, target: &Target, to: &Utf8Path) -> Result<()> {
    let probe = acquire::probe(ctx, target)?;
    let version = &ctx.subsystem(target)?.version;
    let row = |attempt: &Attempt| {
        let arrow = if probe.choice() == Some(attempt.source) {
            "→"
        } else {
            " "
        };
        format!("  {arrow} {:<9} {}\n", attempt.source, attempt.answer)
    };
    let rows: Vec<String> = probe.attempts.iter().map(row).collect();
    let text = format!(
        "{} {version} for {}\n{}",
        target.name,
        target.platform,
        rows.concat()
    );
    let choice = probe
        .choice()
        .map_or("no source has it\n".to_owned(), |via| {
            format!("would install from {via} into {to}\n")
        });
    tell(global, &(text + &choice))
}

/// Prints what the command is asked for; beside the lines of `--json`, where it would be in the way.
fn tell(global: &Global, text: &str) -> Result<()> {
    if global.json {
        report::say(text.trim_end());
        return Ok(());
    }
    report::print(text)
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
    let RemoteSettings {
        http, github, temp, ..
    } = global.startup.remote(args.offline)?;
    let client = Arc::new(Client::new(http, cancel.clone()));
    let hub = larder_remote::hub::open(config, &client, &github)?;
    let version = match version {
        Some(version) => version,
        None => released::newest(&*hub, name)?.ok_or_else(|| {
            Error::failed(format!("{} has no release of `{name}`", hub.describe()))
        })?,
    };
    let platform = Platform::host();
    let Some((tag, asset, sidecar)) = released::find(&*hub, name, &version, platform)? else {
        return Err(Error::failed(format!(
            "{} has no {name} {version} for {platform}",
            hub.describe()
        )));
    };
    if args.dry_run {
        let chain = format!("  → managed   {} has {tag}/{asset}", hub.describe());
        tell(
            global,
            &format!("{name} {version} for {platform}\n{chain}\nwould install into {to}\n"),
        )?;
        if global.json {
            tell_success(Vec::new(), global, started);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scratch = fs::Scratch::new(&temp, "install")?;
    let dir = scratch.path();
    let target = Target {
        name: name.clone(),
        platform,
    };
    // Nobody listens: a person sees the summary, a program the line.
    let (events, _) = Events::channel();
    let transfer = Transfer {
        target: &target,
        events: &events,
        cancel: &cancel,
    };
    released::take(&*hub, transfer, &tag, &asset, &sidecar, dir)?;
    copy(global, &sidecar.content, |file| dir.join(file), to)?;
    let mut finished = Finished::new(Action::Ensure, target, version, Outcome::Downloaded);
    (finished.via, finished.bytes, finished.seconds) = (
        Some(SourceKind::Managed),
        sidecar.size,
        started.elapsed().as_secs_f64(),
    );
    finished.place = Some(format!("{}/{tag}/{asset}", hub.describe()));
    tell_success(vec![finished], global, started);
    Ok(ExitCode::SUCCESS)
}

/// Copies an artifact's executables into a folder, each switched by rename, and names them.
fn copy(
    global: &Global,
    artifact: &Artifact,
    from: impl Fn(&str) -> Utf8PathBuf,
    to: &Utf8Path,
) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in artifact.files.iter().filter(|file| file.mode == 0o755) {
        let target = to.join(&file.name);
        let mut staged = tempfile::Builder::new()
            .prefix(".tmp-")
            .tempfile_in(to)
            .map_err(|e| fs::io_error("create a file in", to, &e))?;
        let source = from(file.name.as_str());
        std::io::copy(&mut fs::open(&source)?, staged.as_file_mut())
            .map_err(|e| fs::io_error("copy to", &target, &e))?;
        fs::set_mode(staged.path(), file.mode)?;
        staged
            .as_file()
            .sync_all()
            .map_err(|e| fs::io_error("flush", &target, &e))?;
        staged
            .persist(&target)
            .map_err(|e| fs::io_error("write", &target, &e.error))?;
        tell(global, &format!("{target}\n"))?;
    }
    Ok(())
}
