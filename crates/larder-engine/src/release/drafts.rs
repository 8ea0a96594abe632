//! Drafts of subsystems' releases: published once the platforms that were asked for are there, or deleted.

use std::collections::BTreeSet;
use std::time::Instant;

use super::hub_status::{HubReleases, HubStatus, hub_status};
use crate::context::Context;
use crate::events::{Did, Event};
use crate::plan::{Platforms, Selection, Targets};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Tag, Target};
use larder_core::project::Subsystem;

/// Publishes the drafts of some subsystems. Where platforms are missing they are named, and nothing of that subsystem is
/// published. Gives every failure.
pub fn finalize(ctx: &Context, names: &[String], platforms: &Platforms) -> Result<Vec<Error>> {
    each_release(ctx, names, |releases, subsystem| {
        let mut missing = Vec::new();
        let mut drafts: Vec<Tag> = Vec::new();
        for target in targets(ctx, &subsystem.name, platforms) {
            match hub_status(ctx, &target, releases)? {
                HubStatus::Released(..) => {}
                HubStatus::Draft(tag, _) if drafts.contains(&tag) => {}
                HubStatus::Draft(tag, _) => drafts.push(tag),
                HubStatus::OtherInputs(..) => {
                    missing.push(format!("{} (there from other inputs)", target.platform));
                }
                HubStatus::Missing => missing.push(target.platform.to_string()),
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
        drafts
            .iter()
            .try_for_each(|tag| ctx.publisher()?.finalize(tag))?;
        Ok((Outcome::Released, "published".to_owned()))
    })
}

/// Deletes the drafts of some subsystems, with all they hold. Gives every failure.
pub fn abort(ctx: &Context, names: &[String]) -> Result<Vec<Error>> {
    each_release(ctx, names, |releases, subsystem| {
        // Late platforms of an immutable release have tags of their own.
        let mut tags = BTreeSet::from([Tag::of(&subsystem.name, &subsystem.version)]);
        for target in targets(ctx, &subsystem.name, &Platforms::All) {
            let (wanted, names) = (ctx.wanted(&target)?, subsystem.assets(&target.platform));
            tags.extend(wanted.digests().map(|inputs| names.suffixed_tag(inputs)));
        }
        tags.retain(|tag| releases.is_draft(tag));
        if tags.is_empty() {
            return Ok((Outcome::UpToDate, "there is no draft".to_owned()));
        }
        tags.iter()
            .try_for_each(|tag| ctx.publisher()?.abort(tag))?;
        Ok((Outcome::Cleaned, "its draft is deleted".to_owned()))
    })
}

fn targets(ctx: &Context, name: &Name, platforms: &Platforms) -> Vec<Target> {
    let selection = Selection::Names(vec![name.clone()]);
    let targets = Targets::new(&ctx.project, &selection, platforms);
    targets.existing().cloned().collect()
}

/// Does one thing to each subsystem's release, told under its tag; a failure does not keep the others from being tried.
fn each_release(
    ctx: &Context,
    names: &[String],
    step: impl Fn(&HubReleases, &Subsystem) -> Result<(Outcome, String)>,
) -> Result<Vec<Error>> {
    ctx.publisher()?;
    let selection = Selection::parse(&ctx.project, names)?;
    let subsystems = selection.subsystems(&ctx.project);
    ctx.events.send(Event::Started {
        action: Action::Release,
        steps: subsystems.len(),
    });
    // Listed once for all, when the first needs it.
    let releases = std::sync::OnceLock::new();
    let one = |subsystem: &Subsystem| {
        ctx.cancel.check()?;
        let releases = releases
            .get_or_init(|| HubReleases::list(ctx))
            .as_ref()
            .map_err(Clone::clone)?;
        step(releases, subsystem)
    };
    let mut errors = Vec::new();
    for subsystem in subsystems {
        let start = Instant::now();
        let tag = Tag::of(&subsystem.name, &subsystem.version);
        let mut did = Did::new(Action::Release, tag.as_str(), Outcome::Failed);
        match one(subsystem) {
            Ok((outcome, reason)) => (did.outcome, did.reason) = (outcome, Some(reason)),
            Err(error) => {
                did.error = Some(error.clone());
                errors.push(error);
            }
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
    }
    Ok(errors)
}
