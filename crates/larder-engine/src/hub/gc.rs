//! `hub gc`: removes from the hub what killed publishers left, and old versions that nothing needs.
//!
//! A version is known by the sidecars of its release. It stays if versions.yml pins it, if a line of
//! versions.lock names it (a stale one, too: a branch may use it), if it is among the newest of its
//! subsystem, or if it was published to channels, whose files link to it. Project releases,
//! tombstones and subsystems that the project does not know are never touched.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::events::{Did, Event};
use crate::lock::{self, Needed};
use larder_core::error::{Error, Result};
use larder_core::human;
use larder_core::model::{Action, Name, Outcome, Version};
use larder_remote::hub::{HubPublisher, HubReader, Leftover, Release, ReleaseKind};

/// What may go.
#[derive(Clone, Copy, Debug)]
pub struct Gc {
    /// How many of the newest versions of each subsystem stay.
    pub keep: usize,
    /// How old leftovers must be, so that no writer still works on them.
    pub older_than: Duration,
    /// Old versions of subsystems with channels may go, too.
    pub published: bool,
}

/// A version of a subsystem on the hub: its release, and one more for each platform that came too
/// late for it.
struct OnHub {
    releases: Vec<Release>,
    stays: Option<String>,
}

/// Removes what nothing needs; in a dry run, only says what. Returns every failure.
pub fn gc(ctx: &Context, what: Gc) -> Result<Vec<Error>> {
    let hub = ctx.hub()?;
    let publisher = ctx.publisher()?;
    let needed = ctx.lock.needed();
    let versions = versions(ctx, hub, &needed, what)?;
    let leftovers = publisher.leftovers()?;
    ctx.events
        .started(Action::Gc, versions.len() + leftovers.len(), []);
    let mut errors = Vec::new();
    for ((name, version), on_hub) in &versions {
        ctx.cancel.check()?;
        let did = Did::new(Action::Gc, format!("{name} {version}"), Outcome::Cleaned);
        let bytes = on_hub.releases.iter().flat_map(|release| &release.assets);
        let bytes = bytes.map(|asset| asset.size).sum();
        end(ctx, did, bytes, on_hub.stays.clone(), &mut errors, || {
            remove(ctx, publisher, &on_hub.releases)
        });
    }
    for leftover in &leftovers {
        ctx.cancel.check()?;
        let did = Did::new(Action::Gc, &leftover.place, Outcome::Cleaned);
        let stays = stays(ctx, leftover, &needed, what);
        end(
            ctx,
            did,
            leftover.size.unwrap_or(0),
            stays,
            &mut errors,
            || publisher.remove_leftover(leftover),
        );
    }
    Ok(errors)
}

/// Does and reports one step.
fn end(
    ctx: &Context,
    mut did: Did,
    bytes: u64,
    stays: Option<String>,
    errors: &mut Vec<Error>,
    remove: impl FnOnce() -> Result<()>,
) {
    if let Some(why) = stays {
        did.outcome = Outcome::UpToDate;
        did.reason = Some(format!("stays: {why}"));
    } else if ctx.options.dry_run {
        did.outcome = Outcome::Skipped;
        did.dry_run = true;
        did.bytes = bytes;
        did.reason = Some(format!(
            "would be removed ({}); --yes removes it",
            human::bytes(bytes)
        ));
    } else {
        did.bytes = bytes;
        if let Err(error) = remove() {
            did.outcome = Outcome::Failed;
            did.error = Some(error.clone());
            errors.push(error);
        }
    }
    ctx.events.send(Event::Did(did));
}

/// The versions of the project's subsystems on the hub, and why each stays.
fn versions(
    ctx: &Context,
    hub: &dyn HubReader,
    needed: &Needed,
    what: Gc,
) -> Result<BTreeMap<(Name, Version), OnHub>> {
    let mut found: BTreeMap<(Name, Version), OnHub> = BTreeMap::new();
    for release in hub.releases()? {
        ctx.cancel.check()?;
        if release.draft || release.kind() != ReleaseKind::Subsystem {
            continue;
        }
        if let Some(of) = subsystem_of(ctx, hub, &release)? {
            let on_hub = found.entry(of).or_insert_with(|| OnHub {
                releases: Vec::new(),
                stays: None,
            });
            on_hub.releases.push(release);
        }
    }
    let mut newest: BTreeMap<Name, Vec<Version>> = BTreeMap::new();
    for (name, version) in found.keys() {
        newest
            .entry(name.clone())
            .or_default()
            .push(version.clone());
    }
    for versions in newest.values_mut() {
        versions.sort_by(|a, b| Reverse(a.sort_key()).cmp(&Reverse(b.sort_key())));
        versions.truncate(what.keep);
    }
    for ((name, version), on_hub) in &mut found {
        let Some(subsystem) = ctx.project.subsystems.get(name) else {
            continue;
        };
        let has_channels = !subsystem.publish.channels.is_empty();
        on_hub.stays = if subsystem.version == *version {
            Some("versions.yml pins it".to_owned())
        } else if needed.versions.contains(&(name.clone(), version.clone())) {
            Some(format!("{} has lines of it", lock::FILE))
        } else if newest
            .get(name)
            .is_some_and(|newest| newest.contains(version))
        {
            Some(format!("it is among the newest {} of {name}", what.keep))
        } else if has_channels && !what.published {
            Some("channels may link to it; with --published it goes all the same".to_owned())
        } else {
            None
        };
    }
    Ok(found)
}

/// The subsystem and the version that all sidecars of a release state; `None` if they do not agree
/// with each other and the tag, or the project does not know the subsystem.
fn subsystem_of(
    ctx: &Context,
    hub: &dyn HubReader,
    release: &Release,
) -> Result<Option<(Name, Version)>> {
    let tag = release.tag.as_str();
    let could_be = |name: &Name| tag.starts_with(&format!("{name}-"));
    if !ctx.project.subsystems.keys().any(could_be) {
        return Ok(None);
    }
    let mut stated = BTreeSet::new();
    for asset in release.described() {
        if let Some(sidecar) = hub.sidecar(&release.tag, &asset.name)? {
            let content = sidecar.content;
            stated.insert((content.name, content.version));
        }
    }
    let only = stated.pop_first().filter(|_| stated.is_empty());
    Ok(only.filter(|(name, version)| {
        ctx.project.subsystems.contains_key(name) && tag.starts_with(&format!("{name}-{version}"))
    }))
}

/// Removes the releases of a version: each asset with its sidecar first, then the files that joined.
fn remove(ctx: &Context, publisher: &dyn HubPublisher, releases: &[Release]) -> Result<()> {
    for release in releases {
        let described = release.described().map(|asset| &asset.name);
        // What joined goes before the last sidecar, so that a release that was begun is still known.
        let joined = release.attachments().map(|asset| &asset.name);
        for name in joined.chain(described) {
            ctx.cancel.check()?;
            publisher.remove(&release.tag, name)?;
        }
    }
    Ok(())
}

/// Why a leftover stays.
fn stays(ctx: &Context, leftover: &Leftover, needed: &Needed, what: Gc) -> Option<String> {
    if let Some(why) = &leftover.stays {
        return Some(why.clone());
    }
    if let Some((tag, asset)) = lock::tag_and_asset(&leftover.place) {
        if needed.assets.contains(&(tag.clone(), asset)) {
            return Some(format!("{} has adopted it", lock::FILE));
        }
        let is_ours = |name: &Name| tag.as_str().starts_with(&format!("{name}-"));
        if !ctx.project.subsystems.keys().any(is_ours) {
            return Some("the project has no such subsystem".to_owned());
        }
    }
    let age = leftover
        .since
        .map(|since| Timestamp::now().duration_since(since).unsigned_abs());
    match age {
        Some(age) if age >= what.older_than => None,
        None if what.older_than.is_zero() => None,
        _ => Some(format!(
            "a writer may still work on it: it is not known to be older than {}",
            human::duration(what.older_than)
        )),
    }
}
