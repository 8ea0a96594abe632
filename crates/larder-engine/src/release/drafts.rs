//! Publishes the drafts of subsystems' releases once the requested platforms are complete, or deletes the drafts.

use std::collections::BTreeSet;
use std::time::Instant;

use super::hub_status::{HubReleases, HubStatus, hub_status};
use crate::context::Context;
use crate::events::{Did, Event};
use crate::plan::{Platforms, Selection, Targets};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Tag, Target};
use larder_core::project::Subsystem;

/// Publishes the drafts of some subsystems. If platforms of a subsystem are missing, the error names them and nothing of
/// that subsystem is published. Returns every failure.
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
                    missing.push(format!("{} (released from other inputs)", target.platform));
                }
                HubStatus::Missing => missing.push(target.platform.to_string()),
            }
        }
        if !missing.is_empty() {
            return Err(Error::failed(format!(
                "the release of {} does not have {}",
                subsystem.name,
                missing.join(", ")
            ))
            .hint(
                "run `larder release` on machines that can make them, or select fewer platforms with `--platform`",
            ));
        }
        if drafts.is_empty() {
            return Ok((Outcome::UpToDate, "already published".to_owned()));
        }
        drafts
            .iter()
            .try_for_each(|tag| ctx.publisher()?.finalize(tag))?;
        Ok((Outcome::Released, "published".to_owned()))
    })
}

/// Deletes the drafts of some subsystems with their assets. Returns every failure.
pub fn abort(ctx: &Context, names: &[String]) -> Result<Vec<Error>> {
    each_release(ctx, names, |releases, subsystem| {
        // Platforms that are added to an immutable release later have tags of their own.
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
        Ok((Outcome::Cleaned, "the draft was deleted".to_owned()))
    })
}

fn targets(ctx: &Context, name: &Name, platforms: &Platforms) -> Vec<Target> {
    let selection = Selection::Names(vec![name.clone()]);
    let targets = Targets::new(&ctx.project, &selection, platforms);
    targets.existing().cloned().collect()
}

/// Runs a step for each subsystem's release and reports it under its tag. After a failure the others are still tried.
fn each_release(
    ctx: &Context,
    names: &[String],
    step: impl Fn(&HubReleases, &Subsystem) -> Result<(Outcome, String)>,
) -> Result<Vec<Error>> {
    ctx.publisher()?;
    let selection = Selection::parse(&ctx.project, names)?;
    let subsystems = selection.subsystems(&ctx.project);
    ctx.events.started(Action::Release, subsystems.len(), []);
    // The hub is listed once, when the first subsystem needs it.
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
