//! Another version of a subsystem: what is to be locked for it, and how `versions.yml` comes to pin it.

use std::time::Instant;

use camino::Utf8Path;
use rayon::prelude::*;

use crate::acquire::sources::original::Pins;
use crate::context::Context;
use crate::events::{Did, Event, Finished, Level};
use crate::lock_resolve;
use crate::plan::{Platforms, Selection, Targets};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::LockLine;
use larder_core::fs;
use larder_core::model::{Action, Name, Outcome, Target, Version};
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, Subsystem, edit};
use larder_remote::origin::{Newest, VersionLookup};

/// A subsystem that is to have another version.
#[derive(Clone, Debug)]
struct Bump {
    /// Which.
    name: Name,
    /// What is pinned now.
    from: Version,
    /// What shall be.
    to: Version,
}

/// What to pin.
#[derive(Clone, Debug)]
pub struct Wish {
    name: String,
    version: Option<Version>,
    pre: bool,
    lock: bool,
}

impl Wish {
    /// A subsystem, or `all`; without a version the newest one, with `pre` also a pre-release. `lock`: the new version is
    /// locked for all of the project's platforms.
    pub fn new(name: &str, version: Option<Version>, pre: bool, lock: bool) -> Result<Self> {
        if name == "all" && version.is_some() {
            return Err(Error::usage("`bump all` takes no version")
                .hint("it pins the newest version of each; name one subsystem"));
        }
        Ok(Self {
            name: name.to_owned(),
            version,
            pre,
            lock,
        })
    }

    /// The subsystems that are meant. A mistake of the command line is told as one, before anything begins.
    pub fn check(&self, project: &Project, user: &UserConfig) -> Result<Selection> {
        let selection = Selection::parse(project, std::slice::from_ref(&self.name))?;
        if let ([subsystem], Some(wanted)) = (&selection.subsystems(project)[..], &self.version) {
            let bump = Bump {
                name: subsystem.name.clone(),
                from: subsystem.version.clone(),
                to: wanted.clone(),
            };
            proposed(&project.root, user, &versions(&project.root)?, &[bump])?;
        }
        Ok(selection)
    }
}

/// Pins what is wished for some subsystems, told as events; the context's project becomes the one with the new versions.
/// Gives every failure.
pub fn bump(
    ctx: &mut Context,
    user: &UserConfig,
    selection: &Selection,
    wish: &Wish,
) -> Result<Vec<Error>> {
    let subsystems = selection.subsystems(&ctx.project);
    ctx.events.send(Event::Started {
        action: Action::Bump,
        steps: subsystems.len(),
    });
    let root = ctx.project.root.clone();
    let text = versions(&root)?;
    let mut errors = Vec::new();
    // Before anything is fetched: can the file be changed at all, and is the project right with it?
    let bumps = changes(ctx, &subsystems, wish, &mut errors, |bump| {
        proposed(&root, user, &text, std::slice::from_ref(bump)).map(drop)
    });
    let hub = ctx.project.hub.clone();
    ctx.project = proposed(&root, user, &text, &bumps)?;
    ctx.project.hub = hub;
    for bump in &bumps {
        if let Err(error) = one(ctx, bump, wish.lock) {
            errors.push(error);
        }
    }
    Ok(errors)
}

/// Text of `versions.yml`.
fn versions(root: &Utf8Path) -> Result<String> {
    fs::read_text(root.join("versions.yml"))
}

/// The project as it would be with all of these.
fn proposed(root: &Utf8Path, user: &UserConfig, text: &str, bumps: &[Bump]) -> Result<Project> {
    Project::load_as_if(root, &edited(text, bumps)?, user)
}

/// What is to change. What is not, and why, is told.
fn changes(
    ctx: &Context,
    subsystems: &[&Subsystem],
    wish: &Wish,
    errors: &mut Vec<Error>,
    check: impl Fn(&Bump) -> Result<()>,
) -> Vec<Bump> {
    let answers: Vec<Result<Newest>> = match &wish.version {
        Some(version) => vec![Ok(Newest::Known {
            version: version.clone(),
            asked: String::new(),
        })],
        None => VersionLookup::new(ctx.publishers(), &ctx.cancel).all(subsystems, wish.pre),
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
                if *from != to && (asked.is_empty() || from.is_older_than(&to)) =>
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
            Ok(Newest::Unknown(why)) if wish.name == "all" => {
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
fn one(ctx: &Context, bump: &Bump, lock: bool) -> Result<()> {
    let start = Instant::now();
    let Bump { name, from, to } = bump;
    let mut did = Did::new(Action::Bump, name.as_str(), Outcome::Bumped);
    let change = format!("{from} to {to}");
    let ended = if ctx.options.dry_run {
        did.outcome = Outcome::Skipped;
        did.reason = Some(format!("would change from {change}"));
        Ok(())
    } else {
        did.reason = Some(change);
        locked(ctx, bump, lock).and_then(|()| write(&ctx.project.root, std::slice::from_ref(bump)))
    };
    did.seconds = start.elapsed().as_secs_f64();
    if let Err(error) = &ended {
        (did.outcome, did.reason, did.error) = (Outcome::Failed, None, Some(error.clone()));
    }
    ctx.events.send(Event::Did(did));
    if ended.is_ok() && !ctx.options.dry_run {
        ctx.events
            .note(None, Level::Detail, format!("next: larder ensure {name}"));
    }
    ended
}

/// Locks the new version for every platform, or for none.
fn locked(ctx: &Context, bump: &Bump, lock: bool) -> Result<()> {
    if !lock {
        return Ok(());
    }
    let selection = Selection::Names(vec![bump.name.clone()]);
    let targets = Targets::new(&ctx.project, &selection, &Platforms::All);
    let targets: Vec<Target> = targets.existing().cloned().collect();
    let start = Instant::now();
    let found = lock_lines(ctx, &targets);
    let failed = found
        .iter()
        .filter_map(|(_, lines)| lines.as_ref().err())
        .min_by_key(|error| error.kind().rank())
        .cloned();
    let mut ended = failed.as_ref().map_or(Ok(()), |error| match error.kind() {
        Kind::Interrupted(_) => Err(error.clone()),
        _ => Err(given_up(bump, error)),
    });
    for (target, lines) in found {
        let mut told = Finished::new(Action::Lock, target, bump.to.clone(), Outcome::Skipped);
        told.seconds = start.elapsed().as_secs_f64();
        match lines {
            Ok(_) if ended.is_err() => {
                told.reason = Some("another platform could not be locked".into());
            }
            Ok(lines) => match ctx.lock.write(&lines, false) {
                Ok(true) => told.outcome = Outcome::Locked,
                Ok(false) => told.outcome = Outcome::UpToDate,
                Err(error) => {
                    ended = Err(given_up(bump, &error));
                    (told.outcome, told.error) = (Outcome::Failed, Some(error));
                }
            },
            Err(error) => (told.outcome, told.error) = (Outcome::Failed, Some(error)),
        }
        ctx.events.send(Event::Finished(told));
    }
    ended
}

/// `versions.yml` as it would be with all of these.
fn edited(text: &str, bumps: &[Bump]) -> Result<String> {
    bumps.iter().try_fold(text.to_owned(), |text, bump| {
        edit::set_version(&text, &bump.name, &bump.to)
    })
}

/// What the lock lacks of a subsystem at its project's version, for every platform that the project has it for. Nothing is
/// written.
fn lock_lines(ctx: &Context, targets: &[Target]) -> Vec<(Target, Result<Vec<LockLine>>)> {
    let lines = |target: &Target| {
        (
            target.clone(),
            ctx.cancel
                .check()
                .and_then(|()| lock_resolve::lines(ctx, target, Pins::Lock)),
        )
    };
    targets.par_iter().map(lines).collect()
}

/// Changes `versions.yml` as it is by now: what came into it meanwhile stays.
fn write(root: &Utf8Path, bumps: &[Bump]) -> Result<()> {
    let text = versions(root)?;
    let changed = edited(&text, bumps)?;
    if changed == text {
        Ok(())
    } else {
        fs::rewrite(root.join("versions.yml"), changed.as_bytes())
    }
}

/// It stays as it was: what could not be locked is not pinned.
fn given_up(bump: &Bump, because: &Error) -> Error {
    let Bump { name, from, to } = bump;
    Error::new(
        because.kind(),
        format!("{name} stays at {from}: {to} could not be locked for every platform"),
    )
    .hint(format!(
        "versions.yml is as it was; `larder bump {name} {to} --no-lock` changes it all the same"
    ))
}
