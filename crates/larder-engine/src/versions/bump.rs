//! `bump`: locks another version of a subsystem and pins it in `versions.yml`.

use std::time::Instant;

use camino::Utf8Path;
use rayon::prelude::*;

use crate::context::Context;
use crate::events::{Did, Event, Finished, Level};
use crate::lock_resolve::{self, Lines};
use crate::plan::{Platforms, Selection, Targets};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::LockLine;
use larder_core::fs;
use larder_core::model::{Action, Name, Outcome, Target, Version};
use larder_core::project::user::UserConfig;
use larder_core::project::{Project, Subsystem, edit};
use larder_remote::origin::{Newest, VersionLookup};

/// A change of one subsystem's version.
#[derive(Clone, Debug)]
struct Bump {
    /// The subsystem.
    name: Name,
    /// The version that is pinned now.
    from: Version,
    /// The version to pin.
    to: Version,
}

/// What the user asked to pin.
#[derive(Clone, Debug)]
pub struct BumpRequest {
    name: String,
    version: Option<Version>,
    pre: bool,
    lock: bool,
}

impl BumpRequest {
    /// `name` is a subsystem or `all`. Without a version the newest one is pinned; `pre` allows a pre-release. With `lock`
    /// the new version is locked for all of the project's platforms.
    pub fn new(name: &str, version: Option<Version>, pre: bool, lock: bool) -> Result<Self> {
        if name == "all" && version.is_some() {
            return Err(
                Error::usage("`bump all` does not take a version").hint(
                    "it pins the newest version of each subsystem; name one subsystem to choose its version",
                ),
            );
        }
        Ok(Self {
            name: name.to_owned(),
            version,
            pre,
            lock,
        })
    }

    /// The selected subsystems. A mistake in the command line is reported here, before anything is done.
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

/// Pins the requested versions of some subsystems and reports events. Afterwards the context's project has the new
/// versions. Returns every failure.
pub fn bump(
    ctx: &mut Context,
    user: &UserConfig,
    selection: &Selection,
    request: &BumpRequest,
) -> Result<Vec<Error>> {
    let subsystems = selection.subsystems(&ctx.project);
    ctx.events.started(Action::Bump, subsystems.len(), []);
    let root = ctx.project.root.clone();
    if !ctx.options.dry_run {
        fs::sweep_staged(root.join("versions.yml"));
    }
    let text = versions(&root)?;
    let mut errors = Vec::new();
    // Before anything is fetched, check that the file can be changed and that the project is valid with the change.
    let bumps = changes(ctx, &subsystems, request, &mut errors, |bump| {
        proposed(&root, user, &text, std::slice::from_ref(bump)).map(drop)
    });
    let (hub, read_hubs) = (ctx.project.hub.clone(), ctx.project.read_hubs.clone());
    ctx.project = proposed(&root, user, &text, &bumps)?;
    (ctx.project.hub, ctx.project.read_hubs) = (hub, read_hubs);
    for bump in &bumps {
        if let Err(error) = apply(ctx, bump, request.lock) {
            errors.push(error);
        }
    }
    Ok(errors)
}

/// The text of `versions.yml`.
fn versions(root: &Utf8Path) -> Result<String> {
    fs::read_text(root.join("versions.yml"))
}

/// The project as it would be after these changes.
fn proposed(root: &Utf8Path, user: &UserConfig, text: &str, bumps: &[Bump]) -> Result<Project> {
    Project::load_as_if(root, &edited(text, bumps)?, user)
}

/// The changes to make. For every other subsystem, an event reports why its version does not change.
fn changes(
    ctx: &Context,
    subsystems: &[&Subsystem],
    request: &BumpRequest,
    errors: &mut Vec<Error>,
    check: impl Fn(&Bump) -> Result<()>,
) -> Vec<Bump> {
    let answers: Vec<Result<Newest>> = match &request.version {
        Some(version) => vec![Ok(Newest::Known {
            version: version.clone(),
            asked: String::new(),
        })],
        None => VersionLookup::new(ctx.publishers(), &ctx.cancel).all(subsystems, request.pre),
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
                did.reason = Some(format!("{from} is already pinned"));
            }
            Ok(Newest::Known { version, asked }) if version == *from => {
                did.reason = Some(format!("{from} is the newest version according to {asked}"));
            }
            Ok(Newest::Known { version, asked }) => {
                did.reason = Some(format!(
                    "{from} is newer than {version}, the newest that {asked} has"
                ));
            }
            Ok(Newest::Unknown(why)) if request.name == "all" => {
                (did.outcome, did.reason) = (
                    Outcome::Skipped,
                    Some(format!("the newest version is not known: {why}")),
                );
            }
            Ok(Newest::Unknown(why)) => {
                let error =
                    Error::usage(format!("the newest version of {name} is not known: {why}"))
                        .hint(format!("name the version: `larder bump {name} VERSION`"));
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

/// Locks and pins one new version.
fn apply(ctx: &Context, bump: &Bump, lock: bool) -> Result<()> {
    let start = Instant::now();
    let Bump { name, from, to } = bump;
    let mut did = Did::new(Action::Bump, name.as_str(), Outcome::Bumped);
    let change = format!("{from} to {to}");
    let ended = if ctx.options.dry_run {
        did.outcome = Outcome::Skipped;
        did.dry_run = true;
        did.reason = Some(format!("would change from {change}"));
        Ok(())
    } else {
        did.reason = Some(change);
        lock_all_platforms(ctx, bump, lock).and_then(|()| write(ctx, std::slice::from_ref(bump)))
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

/// Locks the new version for every platform. If one platform fails, none is locked.
fn lock_all_platforms(ctx: &Context, bump: &Bump, lock: bool) -> Result<()> {
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
        _ => Err(not_bumped(bump, error)),
    });
    for (target, lines) in found {
        let mut finished = Finished::new(Action::Lock, target, bump.to.clone(), Outcome::Skipped);
        finished.seconds = start.elapsed().as_secs_f64();
        match lines {
            Ok(_) if ended.is_err() => {
                finished.reason = Some("another platform could not be locked".into());
            }
            Ok(lines) => match ctx.lock.write(&lines, false) {
                Ok(true) => finished.outcome = Outcome::Locked,
                Ok(false) => finished.outcome = Outcome::UpToDate,
                Err(error) => {
                    ended = Err(not_bumped(bump, &error));
                    (finished.outcome, finished.error) = (Outcome::Failed, Some(error));
                }
            },
            Err(error) => (finished.outcome, finished.error) = (Outcome::Failed, Some(error)),
        }
        ctx.events.send(Event::Finished(finished));
    }
    ended
}

/// The text of `versions.yml` after these changes.
fn edited(text: &str, bumps: &[Bump]) -> Result<String> {
    bumps.iter().try_fold(text.to_owned(), |text, bump| {
        edit::set_version(&text, &bump.name, &bump.to)
    })
}

/// The lines that the lock does not have yet, for each target. Nothing is written.
fn lock_lines(ctx: &Context, targets: &[Target]) -> Vec<(Target, Result<Vec<LockLine>>)> {
    let lines = |target: &Target| {
        (
            target.clone(),
            ctx.cancel
                .check()
                .and_then(|()| lock_resolve::lines(ctx, target, Lines::Missing)),
        )
    };
    targets.par_iter().map(lines).collect()
}

/// Changes `versions.yml`. The file is read again, so that changes that were made to it meanwhile are kept.
fn write(ctx: &Context, bumps: &[Bump]) -> Result<()> {
    let root = &ctx.project.root;
    let _alone = super::lock(root, &ctx.waiting)?;
    let text = versions(root)?;
    let changed = edited(&text, bumps)?;
    if changed == text {
        Ok(())
    } else {
        fs::rewrite(root.join("versions.yml"), changed.as_bytes())
    }
}

/// The error if a version could not be locked: then it is not pinned, and `versions.yml` is unchanged.
fn not_bumped(bump: &Bump, because: &Error) -> Error {
    let Bump { name, from, to } = bump;
    Error::new(
        because.kind(),
        format!("{name} stays at {from}: {to} could not be locked for every platform"),
    )
    .hint(format!(
        "versions.yml is unchanged; `larder bump {name} {to} --no-lock` changes it anyway"
    ))
}
