//! The release on the hub that the channels are fed from: every platform's asset, its SBOM and
//! provenance, and the packages that join it while it is a draft.

use std::num::NonZeroUsize;

use super::Reached;
use super::gate::Guarded;
use crate::context::Context;
use crate::events::{Event, Finished};
use crate::plan::{Platforms, Targets};
use crate::publish::gather::{Gathered, public_url};
use crate::release::binary::{self, ReleaseOptions, release_all};
use crate::release::hub_status::{HubReleases, HubStatus, hub_status};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome, Tag, Target};
use larder_core::project::Subsystem;
use larder_remote::hub::PublishOptions;

/// Puts the assets of a subsystem on the hub, in a draft if the hub has drafts and the release is
/// not published yet. Returns every failure.
pub(super) fn release_assets(
    ctx: &Context,
    subsystem: &Subsystem,
    jobs: Option<NonZeroUsize>,
) -> Reached<()> {
    if let Err(error) = ctx.publisher() {
        return only_read(ctx, subsystem, &error).map_err(|error| vec![error]);
    }
    let tag = Tag::of(&subsystem.name, &subsystem.version);
    let published = is_published(ctx, &tag).map_err(|error| vec![error])?;
    let options = ReleaseOptions {
        publish: PublishOptions {
            stage: !published,
            ..PublishOptions::default()
        },
        attest: true,
    };
    let dist = ctx.project.root.join(".dist");
    // The first one makes the release, which several at a time would make twice.
    let alone = usize::from(!published).min(subsystem.platforms.len());
    let (first, others) = subsystem.platforms.split_at(alone);
    for platforms in [first, others] {
        if platforms.is_empty() {
            continue;
        }
        let platforms = Platforms::List(platforms.to_vec());
        let names = [subsystem.name.to_string()];
        let targets = Targets::parse(&ctx.project, &names, &platforms).map_err(|e| vec![e])?;
        let errors = release_all(ctx, &targets, Some(&dist), options, jobs);
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    Ok(())
}

/// Whether the hub has the release, and shows it to everybody.
fn is_published(ctx: &Context, tag: &Tag) -> Result<bool> {
    let release = ctx.hub()?.release(tag)?;
    Ok(release.is_some_and(|release| !release.draft))
}

/// A hub that can't be written must have every asset already.
fn only_read(ctx: &Context, subsystem: &Subsystem, why: &Error) -> Result<()> {
    let releases = HubReleases::list(ctx)?;
    for platform in &subsystem.platforms {
        let target = target(subsystem, *platform);
        if !matches!(
            hub_status(ctx, &target, &releases)?,
            HubStatus::Released(..)
        ) {
            return Err(why.clone().hint(format!(
                "{target} has to be released before it is published"
            )));
        }
    }
    Ok(())
}

/// Says which platforms would be released, and whether the hub can be written.
pub(super) fn would_release(ctx: &Context, subsystem: &Subsystem) -> Result<()> {
    let releases = HubReleases::list(ctx)?;
    for platform in &subsystem.platforms {
        let target = target(subsystem, *platform);
        let status = hub_status(ctx, &target, &releases)?;
        if matches!(status, HubStatus::Released(..)) {
            continue;
        }
        ctx.publisher()?;
        let version = subsystem.version.clone();
        let mut finished = Finished::new(Action::Release, target, version, Outcome::Skipped);
        finished.dry_run = true;
        finished.reason = Some("would be released".into());
        ctx.events.send(Event::Finished(finished));
    }
    Ok(())
}

fn target(subsystem: &Subsystem, platform: larder_core::model::Platform) -> Target {
    Target {
        name: subsystem.name.clone(),
        platform,
    }
}

/// Gives each platform the tag and the name that the hub has its asset under. Returns the tags that
/// are drafts.
pub(super) fn name_as_published(
    ctx: &Context,
    subsystem: &Subsystem,
    gathered: &mut Gathered,
) -> Result<Vec<Tag>> {
    let releases = HubReleases::list(ctx)?;
    let mut drafts = Vec::new();
    for platform in &mut gathered.release.platforms {
        let target = target(subsystem, platform.platform());
        let status = hub_status(ctx, &target, &releases)?;
        let (tag, asset) = match status {
            HubStatus::Released(tag, asset) => (tag, asset),
            HubStatus::Draft(tag, asset) => {
                if !drafts.contains(&tag) {
                    drafts.push(tag.clone());
                }
                (tag, asset)
            }
            HubStatus::OtherInputs(..) | HubStatus::Missing => {
                return Err(Error::unavailable(format!(
                    "{} does not show {target} yet, which was released a moment ago",
                    ctx.hub()?.describe()
                ))
                .hint("run the command again"));
            }
        };
        platform.url = public_url(ctx, subsystem, &target.platform, &tag, &asset)?;
        (platform.tag, platform.asset) = (tag, asset);
    }
    Ok(drafts)
}

/// Publishes the drafts, and pins what everybody gets from now on.
pub(super) fn finalize(
    ctx: &Context,
    subsystem: &Subsystem,
    gathered: &Gathered,
    drafts: &[Tag],
) -> Result<()> {
    for tag in drafts {
        ctx.cancel.check()?;
        ctx.publisher()?.finalize(tag)?;
    }
    for platform in &gathered.release.platforms {
        if drafts.contains(&platform.tag) {
            let target = target(subsystem, platform.platform());
            binary::pin_published(
                ctx,
                &target,
                (&platform.tag, &platform.asset),
                &platform.sidecar,
                false,
            )?;
        }
    }
    Ok(())
}

/// The assets that must be public before anything is pushed.
pub(super) fn guarded(gathered: &Gathered) -> Vec<Guarded> {
    let of = |platform: &larder_channels::release::PlatformRelease| Guarded {
        tag: platform.tag.clone(),
        asset: platform.asset.clone(),
        url: platform.url.clone(),
        sha256: platform.sidecar.sha256,
        size: platform.sidecar.size,
    };
    gathered.release.platforms.iter().map(of).collect()
}
