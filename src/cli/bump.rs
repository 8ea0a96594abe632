//! `larder bump`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use super::Global;
use super::session::Session;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::{Action, Outcome, Target, Version};
use larder_core::project::{Project, Subsystem};
use larder_engine::events::{Did, Event, Finished, Level};
use larder_engine::plan::{Platforms, Selection};
use larder_engine::steps::bump::{self, Bump};
use larder_engine::steps::{Context, Options};
use larder_remote::origin::{Asking, Newest, is_older};

/// Pin another version in versions.yml
///
/// Changes the one value and leaves every other byte as it is: comments, order, quotes. Without a version the newest one
/// is asked for (see `larder outdated`). The new version is locked for all of the project's platforms, as `larder lock` does;
/// where that fails, because the publisher does not have it for one of them, say, versions.yml stays as it was.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bump nats v2.10.25     this one
  larder bump nats              the newest
  larder bump all               everything that is outdated
  larder bump nats --dry-run    what it would be")]
pub struct Args {
    /// A subsystem, or `all` for everything that is outdated.
    #[arg(value_name = "NAME")]
    name: String,
    /// The version to pin. Default: the newest.
    #[arg(value_name = "VERSION")]
    version: Option<String>,
    /// Take pre-releases for newest, too. Without it only where the present version is one.
    #[arg(long, conflicts_with = "version")]
    pre: bool,
    /// Leave versions.lock alone.
    #[arg(long)]
    no_lock: bool,
    /// Say what would change; change nothing.
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let wanted: Option<Version> = args.version.as_ref().map(|text| text.parse()).transpose()?;
    if args.name == "all" && wanted.is_some() {
        return Err(Error::usage("`bump all` takes no version")
            .hint("it pins the newest version of each; name one subsystem"));
    }
    let (root, user) = (global.root()?, &global.startup.user);
    let text = fs::read_text(root.join("versions.yml"))?;
    let project = global.load(&root)?;
    let selection = Selection::parse(&project, std::slice::from_ref(&args.name))?;
    if let ([subsystem], Some(wanted)) = (&selection.subsystems(&project)[..], &wanted) {
        // A mistake of the command line is told as one, before anything begins.
        let bump = Bump {
            name: subsystem.name.clone(),
            from: subsystem.version.clone(),
            to: wanted.clone(),
        };
        Project::load_as_if(&root, &bump::edited(&text, &[bump])?, user)?;
    }
    let options = Options {
        offline: args.offline,
        dry_run: args.dry_run,
        ..Options::default()
    };
    let mut session = Session::with_project(global, project, options)?;
    let subsystems = selection.subsystems(&session.ctx.project);
    session.begin(Action::Bump, subsystems.len());
    let mut errors = Vec::new();
    // Before anything is fetched: can the file be changed at all, and is the project right with it?
    let right = |bumps: &[Bump]| Project::load_as_if(&root, &bump::edited(&text, bumps)?, user);
    let bumps = targets(
        &session.ctx,
        &subsystems,
        wanted,
        args,
        &mut errors,
        |bump| right(std::slice::from_ref(bump)).map(drop),
    );
    let mut proposed = right(&bumps)?;
    proposed.hub.clone_from(&session.ctx.project.hub);
    if let Some(ctx) = Arc::get_mut(&mut session.ctx) {
        ctx.project = proposed;
    }
    for bump in &bumps {
        if let Err(error) = one(&session.ctx, bump, args) {
            errors.push(error);
        }
    }
    Ok(session.end(&BTreeMap::new(), &errors))
}

/// What is to change. What is not, and why, is told.
fn targets(
    ctx: &Context,
    subsystems: &[&Subsystem],
    wanted: Option<Version>,
    args: &Args,
    errors: &mut Vec<Error>,
    check: impl Fn(&Bump) -> Result<()>,
) -> Vec<Bump> {
    let answers: Vec<Result<Newest>> = match wanted {
        Some(version) => vec![Ok(Newest::Known {
            version,
            asked: String::new(),
        })],
        None => Asking::new(ctx.publishers(), &ctx.cancel).all(subsystems, args.pre),
    };
    let mut bumps = Vec::new();
    for (subsystem, answer) in subsystems.iter().zip(answers) {
        let Subsystem {
            name,
            version: from,
            ..
        } = subsystem;
        let mut did = Did::new(Action::Bump, name.as_str(), Outcome::UpToDate);
        match answer {
            Ok(Newest::Known { version: to, asked })
                if *from != to && (asked.is_empty() || is_older(from, &to)) =>
            {
                let bump = Bump {
                    name: name.clone(),
                    from: from.clone(),
                    to,
                };
                match check(&bump) {
                    Ok(()) => {
                        bumps.push(bump);
                        continue;
                    }
                    Err(error) => {
                        let error = error.context(format!("{name} can't have version {}", bump.to));
                        (did.outcome, did.error) = (Outcome::Failed, Some(error));
                    }
                }
            }
            Ok(Newest::Known { asked, .. }) if asked.is_empty() => {
                did.reason = Some(format!("{from} is pinned already"));
            }
            Ok(Newest::Known { version, asked }) if version == *from => {
                did.reason = Some(format!("{from} is the newest, says {asked}"));
            }
            Ok(Newest::Known { version, asked }) => {
                did.reason = Some(format!(
                    "{from} is newer than {version}, the newest that {asked} has"
                ));
            }
            Ok(Newest::Unknown(why)) if args.name == "all" => {
                (did.outcome, did.reason) = (
                    Outcome::Skipped,
                    Some(format!("the newest version is not known: {why}")),
                );
            }
            Ok(Newest::Unknown(why)) => {
                let error =
                    Error::usage(format!("the newest version of {name} is not known: {why}"))
                        .hint(format!("name it: `larder bump {name} VERSION`"));
                (did.outcome, did.error) = (Outcome::Failed, Some(error));
            }
            Err(error) => {
                let error = error.context(format!("cannot ask for the newest version of {name}"));
                (did.outcome, did.error) = (Outcome::Failed, Some(error));
            }
        }
        errors.extend(did.error.clone());
        ctx.events.send(Event::Did(did));
    }
    bumps
}

/// Locks and pins one.
fn one(ctx: &Context, bump: &Bump, args: &Args) -> Result<()> {
    let start = Instant::now();
    let Bump { name, from, to } = bump;
    let mut did = Did::new(Action::Bump, name.as_str(), Outcome::Bumped);
    let change = format!("{from} to {to}");
    let ended = if args.dry_run {
        did.outcome = Outcome::Skipped;
        did.reason = Some(format!("would change from {change}"));
        Ok(())
    } else {
        did.reason = Some(change);
        locked(ctx, bump, args.no_lock)
            .and_then(|()| bump::write(&ctx.project.root, std::slice::from_ref(bump)))
    };
    did.seconds = start.elapsed().as_secs_f64();
    if let Err(error) = &ended {
        (did.outcome, did.reason, did.error) = (Outcome::Failed, None, Some(error.clone()));
    }
    ctx.events.send(Event::Did(did));
    if ended.is_ok() && !args.dry_run {
        ctx.events
            .note(None, Level::Detail, format!("next: larder ensure {name}"));
    }
    ended
}

/// Locks the new version for every platform, or for none.
fn locked(ctx: &Context, bump: &Bump, skip: bool) -> Result<()> {
    let Some(subsystem) = ctx.project.subsystems.get(&bump.name).filter(|_| !skip) else {
        return Ok(());
    };
    let (platforms, _) = Platforms::All.of(&ctx.project, subsystem);
    let targets: Vec<Target> = platforms
        .into_iter()
        .map(|platform| Target {
            name: bump.name.clone(),
            platform,
        })
        .collect();
    let start = Instant::now();
    let found = bump::lock_lines(ctx, &targets);
    let failed = found
        .iter()
        .filter_map(|(_, lines)| lines.as_ref().err())
        .min_by_key(|error| error.kind().rank())
        .cloned();
    let mut ended = failed.as_ref().map_or(Ok(()), |error| match error.kind() {
        Kind::Interrupted(_) => Err(error.clone()),
        _ => Err(bump::given_up(bump, error)),
    });
    for (target, lines) in found {
        let mut told = Finished::new(Action::Lock, target, bump.to.clone(), Outcome::Skipped);
        told.seconds = start.elapsed().as_secs_f64();
        match lines {
            Ok(_) if ended.is_err() => {
                told.reason = Some("another platform could not be locked".into());
            }
            Ok(lines) => match ctx.locking.write(&lines, false) {
                Ok(true) => told.outcome = Outcome::Locked,
                Ok(false) => told.outcome = Outcome::UpToDate,
                Err(error) => {
                    ended = Err(bump::given_up(bump, &error));
                    (told.outcome, told.error) = (Outcome::Failed, Some(error));
                }
            },
            Err(error) => (told.outcome, told.error) = (Outcome::Failed, Some(error)),
        }
        ctx.events.send(Event::Finished(told));
    }
    ended
}
