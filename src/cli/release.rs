//! `larder release` and its words.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::each::{Told, each};
use super::session::{LimitArgs, Looking, PlatformArgs, Session};
use super::{Global, bundle, ensure};
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Tone};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{ReleaseStatusDocument, ReleaseStatusEntry};
use larder_core::model::{Action, Outcome, Tag, Target};
use larder_core::project::{Project, Subsystem};
use larder_engine::events::{Did, Event};
use larder_engine::plan::{Plan, Platforms, Selection};
use larder_engine::steps::standing::{Shelf, Standing, standing};
use larder_engine::steps::{self, Options, ReleaseOptions, project_release};

/// Publish installed binaries to the hub
///
/// Packages what is missing or stale, asks the hub what it has, uploads the rest, and publishes last. What is there with
/// the same artifact is left alone; a second run writes nothing.
#[derive(Clone, Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:
  larder release all
  larder release binary nats --platform linux-arm64
  larder release status
  larder release finalize all
  larder release project v1.0.0"
)]
pub struct Args {
    #[command(subcommand)]
    word: Option<Word>,
    #[command(flatten)]
    binary: Binary,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Word {
    /// The same as without a word
    Binary(Binary),
    /// Show what the hub has of each subsystem and platform
    ///
    /// Also written to .collection/metadata/release-status.json.
    Status(Few),
    /// Publish drafts whose platforms are all there
    ///
    /// Where platforms are missing they are named, nothing is published, and the exit code is 1.
    Finalize(Chosen),
    /// Delete drafts with all they hold
    Abort(Chosen),
    /// Release the project: bundles, packages, checksums, manifest
    Project(OfProject),
}

#[derive(Clone, Debug, clap::Args)]
struct Binary {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    how: How,
}

#[derive(Clone, Copy, Debug, clap::Args)]
struct How {
    /// Put these assets in the place of others of the same name.
    #[arg(long)]
    replace: bool,
    /// Leave the release a draft; `release finalize` publishes it.
    #[arg(long)]
    stage: bool,
}

/// `release status`.
#[derive(Clone, Debug, clap::Args)]
struct Few {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

#[derive(Clone, Debug, clap::Args)]
struct Chosen {
    /// Subsystems, or `all`.
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

#[derive(Clone, Debug, clap::Args)]
struct OfProject {
    /// The tag, such as v1.0.0.
    #[arg(value_name = "TAG", value_parser = |text: &str| text.parse::<Tag>().map_err(|e| e.to_string()))]
    tag: Tag,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    how: How,
}

impl How {
    fn options(self) -> ReleaseOptions {
        ReleaseOptions {
            replace: self.replace,
            stage: self.stage,
        }
    }
}

impl Args {
    /// Whether it changes the hub.
    pub fn writes(&self) -> bool {
        !matches!(self.word, Some(Word::Status(_)))
    }
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    match &args.word {
        None => binary(&args.binary, global),
        Some(Word::Binary(binary_args)) => binary(binary_args, global),
        Some(Word::Status(args)) => status(args, global),
        Some(Word::Finalize(args)) => finalize(args, global),
        Some(Word::Abort(args)) => abort(args, global),
        Some(Word::Project(args)) => project(args, global),
    }
}

fn binary(args: &Binary, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let ctx = Arc::clone(&session.ctx);
    let options = args.how.options();
    each(
        session,
        Action::Release,
        &args.names,
        &args.platforms.resolve()?,
        |target| {
            let released = steps::release(&ctx, target, options)?;
            Ok((
                released.outcome,
                Told {
                    bytes: released.bytes,
                    place: Some(released.place),
                    reason: released.reason,
                    version: None,
                },
            ))
        },
    )
}

/// Platforms named, else the project's.
fn or_all(platforms: &PlatformArgs) -> Result<Platforms> {
    Ok(match platforms.resolve()? {
        Platforms::Host if !platforms.is_given() => Platforms::All,
        other => other,
    })
}

fn targets(project: &Project, subsystem: &Subsystem, platforms: &Platforms) -> Vec<Target> {
    let (there, _) = platforms.of(project, subsystem);
    there
        .into_iter()
        .map(|platform| Target {
            name: subsystem.name.clone(),
            platform,
        })
        .collect()
}

fn status(args: &Few, global: &Global) -> Result<ExitCode> {
    let platforms = or_all(&args.platforms)?;
    let looking = Looking::open(global, Options::default())?;
    let ctx = &looking.ctx;
    let shelf = Shelf::list(ctx)?;
    let selection = Selection::parse_or_all(&ctx.project, &args.names)?;
    let all: Vec<Target> = selection
        .subsystems(&ctx.project)
        .iter()
        .flat_map(|s| targets(&ctx.project, s, &platforms))
        .collect();
    let found = all
        .par_iter()
        .map(|target| Ok((target, standing(ctx, target, &shelf)?)))
        .collect::<Result<Vec<_>>>()?;
    let entries: Vec<_> = found
        .iter()
        .map(|(target, standing)| {
            let (tag, asset) = standing
                .place()
                .map(|(tag, asset)| (tag.clone(), asset.clone()))
                .unzip();
            ReleaseStatusEntry {
                name: target.name.clone(),
                version: ctx.project.subsystems[&target.name].version.clone(),
                platform: target.platform,
                state: standing.as_str(),
                tag,
                asset,
            }
        })
        .collect();
    let complete = found
        .iter()
        .all(|(_, standing)| matches!(standing, Standing::Released(..)));
    let hub = ctx.hub()?.describe();
    let document = ReleaseStatusDocument {
        project: ctx.project.name.clone(),
        hub,
        complete,
        subsystems: entries,
    };
    let path = ctx
        .project
        .root
        .join(".collection/metadata/release-status.json");
    larder_core::fs::create_dir_all(larder_core::fs::parent(path.as_std_path()))?;
    let text = serde_json::to_string_pretty(&document)
        .map_err(|e| Error::failed("cannot write a document as JSON").cause(e))?;
    larder_core::fs::write_atomic(&path, (text + "\n").as_bytes())?;
    if global.json {
        global.print_json(&document)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(["name", "version", "platform", "state", "asset"]).flexible(4);
    for (target, standing) in &found {
        let tone = match standing {
            Standing::Released(..) => Tone::Good,
            Standing::Missing => Tone::Bad,
            _ => Tone::Warn,
        };
        let platform = target.platform.to_string();
        let place = standing
            .place()
            .map_or_else(|| "-".to_owned(), |(tag, asset)| format!("{tag}/{asset}"));
        let version = ctx.project.subsystems[&target.name].version.as_str();
        let plain = |text| (text, Tone::Plain);
        table.row([
            (target.name.as_str(), Tone::Strong),
            plain(version),
            plain(&platform),
            (standing.as_str(), tone),
            plain(&place),
        ]);
    }
    report::print(&table.render(stdout_width(), global.stdout_paint()))?;
    Ok(ExitCode::SUCCESS)
}

/// Does one thing to each subsystem's release, told under its tag; a failure does not keep the others from being tried.
fn each_release(
    global: &Global,
    names: &[String],
    step: impl Fn(&Session, &Subsystem) -> Result<(Outcome, String)>,
) -> Result<ExitCode> {
    let session = Session::open(global, Options::default())?;
    let ctx = &session.ctx;
    ctx.hub()?
        .writable()
        .map_err(|why| Error::failed("cannot write to the hub").cause(why))?;
    let selection = Selection::parse(&ctx.project, names)?;
    let subsystems = selection.subsystems(&ctx.project);
    session.begin(Action::Release, subsystems.len());
    let mut errors = Vec::new();
    for subsystem in subsystems {
        let start = Instant::now();
        let tag = Tag::of(&subsystem.name, &subsystem.version);
        let mut did = Did::new(Action::Release, tag.as_str(), Outcome::Failed);
        match ctx.cancel.check().and_then(|()| step(&session, subsystem)) {
            Ok((outcome, reason)) => (did.outcome, did.reason) = (outcome, Some(reason)),
            Err(error) => {
                did.error = Some(error.clone());
                errors.push(error);
            }
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
    }
    Ok(session.end(&std::collections::BTreeMap::new(), &errors))
}

fn finalize(args: &Chosen, global: &Global) -> Result<ExitCode> {
    let platforms = or_all(&args.platforms)?;
    let shelf = std::sync::OnceLock::new();
    each_release(global, &args.names, |session, subsystem| {
        let ctx = &session.ctx;
        let shelf = shelf
            .get_or_init(|| Shelf::list(ctx))
            .as_ref()
            .map_err(Clone::clone)?;
        let mut missing = Vec::new();
        let mut drafts: Vec<Tag> = Vec::new();
        for target in targets(&ctx.project, subsystem, &platforms) {
            match standing(ctx, &target, shelf)? {
                Standing::Released(..) => {}
                Standing::Draft(tag, _) if drafts.contains(&tag) => {}
                Standing::Draft(tag, _) => drafts.push(tag),
                Standing::OtherInputs(..) => {
                    missing.push(format!("{} (there from other inputs)", target.platform));
                }
                Standing::Missing => missing.push(target.platform.to_string()),
            }
        }
        if !missing.is_empty() {
            return Err(Error::failed(format!(
                "the release of {} lacks {}",
                subsystem.name,
                missing.join(", ")
            ))
            .hint(
                "`larder release` adds them where they can be made; `--platform` asks for fewer",
            ));
        }
        if drafts.is_empty() {
            return Ok((Outcome::UpToDate, "published already".to_owned()));
        }
        drafts.iter().try_for_each(|tag| ctx.hub()?.finalize(tag))?;
        Ok((Outcome::Released, "published".to_owned()))
    })
}

fn abort(args: &Chosen, global: &Global) -> Result<ExitCode> {
    let shelf = std::sync::OnceLock::new();
    each_release(global, &args.names, |session, subsystem| {
        let ctx = &session.ctx;
        let shelf = shelf
            .get_or_init(|| Shelf::list(ctx))
            .as_ref()
            .map_err(Clone::clone)?;
        let tag = Tag::of(&subsystem.name, &subsystem.version);
        // Late platforms of an immutable release have tags of their own.
        let mut tags = std::collections::BTreeSet::from([tag.clone()]);
        for target in targets(&ctx.project, subsystem, &Platforms::All) {
            let wanted = ctx.wanted(&target)?;
            tags.extend(
                [&wanted.build, &wanted.original]
                    .into_iter()
                    .flatten()
                    .map(|inputs| tag.suffixed(&inputs.digest)),
            );
        }
        tags.retain(|tag| shelf.is_draft(tag));
        if tags.is_empty() {
            return Ok((Outcome::UpToDate, "there is no draft".to_owned()));
        }
        tags.iter().try_for_each(|tag| ctx.hub()?.abort(tag))?;
        Ok((Outcome::Cleaned, "its draft is deleted".to_owned()))
    })
}

fn project(args: &OfProject, global: &Global) -> Result<ExitCode> {
    let platforms = or_all(&args.platforms)?;
    let session = Session::open(global, Options::default())?;
    let ctx = &session.ctx;
    project_release::check_tag(ctx, &args.tag)?;
    let hub = ctx.hub()?;
    hub.writable()
        .map_err(|why| Error::failed(format!("cannot release to {}", hub.describe())).cause(why))?;
    let list = bundle::platforms(&platforms, &ctx.project);
    let plan = Plan::new(&ctx.project, &Selection::All, &platforms);
    session.begin(Action::Release, plan.goals().len() + list.len() + 1);
    let (done, mut errors) = ensure::targets(&session, &plan, args.limits, false);
    if errors.is_empty() {
        let start = Instant::now();
        let mut did = Did::new(Action::Release, args.tag.as_str(), Outcome::Failed);
        match publish(&session, args, &platforms, &list) {
            Ok((outcome, place)) => (did.outcome, did.place) = (outcome, place),
            Err(error) => {
                did.error = Some(error.clone());
                errors.push(error);
            }
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
    }
    Ok(session.end(&done, &errors))
}

fn publish(
    session: &Session,
    args: &OfProject,
    platforms: &Platforms,
    list: &[larder_core::model::Platform],
) -> Result<(Outcome, Option<String>)> {
    let ctx = &session.ctx;
    let all: Vec<Target> = ctx
        .project
        .subsystems
        .values()
        .flat_map(|s| targets(&ctx.project, s, platforms))
        .collect();
    let packages = all
        .iter()
        .map(|target| steps::package(ctx, target))
        .collect::<Result<Vec<_>>>()?;
    let bundles = bundle::all(session, list)
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let bundles: Vec<_> = list.iter().copied().zip(bundles).collect();
    let receipt =
        project_release::publish(ctx, &args.tag, &bundles, &packages, args.how.options())?;
    let wrote = receipt
        .assets
        .iter()
        .any(|(_, published)| *published != larder_remote::hub::Published::Present);
    let place = receipt
        .url
        .or_else(|| Some(format!("{}/{}", ctx.hub().ok()?.describe(), args.tag)));
    Ok((
        if wrote {
            Outcome::Released
        } else {
            Outcome::UpToDate
        },
        place,
    ))
}
