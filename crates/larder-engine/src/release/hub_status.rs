//! What the hub has of a target: released, in a draft, made from other inputs, or missing.
//!
//! One listing of the hub serves all targets. What an asset was made from is told by its name where that is suffixed, by the
//! lock where it pins these very bytes, by the listing where that says it, and else by its sidecar. A static server lists
//! nothing: there each asset is asked for.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::collect;
use crate::context::Context;
use crate::plan::Targets;
use crate::plan::matrix::{Matrix, matrix};
use larder_core::error::{Error, Result};
use larder_core::formats::Pin;
use larder_core::formats::documents::{ReleaseStatusDocument, ReleaseStatusEntry};
use larder_core::keys::Wanted;
use larder_core::model::{AssetCandidate, AssetName, AssetPlace, Tag, Target};
use larder_remote::hub::{ListedAsset, Release};

/// What the hub has of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubStatus {
    /// An asset of accepted inputs, visible.
    Released(Tag, AssetName),
    /// An asset of accepted inputs in a draft that waits for `release finalize`.
    Draft(Tag, AssetName),
    /// Only assets that were made from other inputs.
    OtherInputs(Tag, AssetName),
    /// Nothing.
    Missing,
}

impl HubStatus {
    /// The word in JSON and in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Released(..) => "released",
            Self::Draft(..) => "draft",
            Self::OtherInputs(..) => "other-inputs",
            Self::Missing => "missing",
        }
    }

    /// Where it is, if there is anything.
    pub fn place(&self) -> Option<(&Tag, &AssetName)> {
        match self {
            Self::Released(tag, asset)
            | Self::Draft(tag, asset)
            | Self::OtherInputs(tag, asset) => Some((tag, asset)),
            Self::Missing => None,
        }
    }
}

/// The hub's releases by tag, listed once; nothing where the hub can't list.
pub struct HubReleases(Option<BTreeMap<Tag, Release>>);

impl HubReleases {
    /// Lists the hub.
    pub fn list(ctx: &Context) -> Result<Self> {
        if ctx.options.offline {
            return Err(Error::unavailable("--offline: the hub is not asked"));
        }
        let hub = ctx.hub()?;
        if !hub.lists() {
            return Ok(Self(None));
        }
        Ok(Self(Some(
            hub.releases()?
                .into_iter()
                .map(|release| (release.tag.clone(), release))
                .collect(),
        )))
    }
}

impl HubReleases {
    /// Whether what there is of a tag is a draft.
    pub fn is_draft(&self, tag: &Tag) -> bool {
        self.0
            .as_ref()
            .and_then(|releases| releases.get(tag))
            .is_some_and(|release| release.draft)
    }
}

/// What the hub has of a target.
pub fn hub_status(ctx: &Context, target: &Target, releases: &HubReleases) -> Result<HubStatus> {
    let subsystem = ctx.subsystem(target)?;
    let wanted = ctx.wanted(target)?;
    let candidates = subsystem
        .assets(&target.platform)
        .candidates(wanted.digests());
    let suffixes_tags = ctx.hub()?.suffixes_tags();
    let pins: Vec<_> = ctx.lock.pinned_assets(subsystem, target, &wanted).collect();
    let look = Look {
        ctx,
        wanted: &wanted,
    };
    let mut best = HubStatus::Missing;
    for AssetCandidate { tag, asset, place } in candidates {
        if place == AssetPlace::SuffixedTag && !suffixes_tags {
            continue;
        }
        let pin = pins
            .iter()
            .find(|(_, (at, named))| *at == tag && *named == asset)
            .map(|(pin, _)| pin);
        let found = match &releases.0 {
            Some(listed) => listed
                .get(&tag)
                .map(|release| look.listed(release, &asset, place, pin))
                .transpose()?,
            None => Some(look.asked(&tag, &asset, pin)?),
        };
        match found {
            Some(Found::Ours { draft: false }) => return Ok(HubStatus::Released(tag, asset)),
            Some(Found::Ours { draft: true }) => best = HubStatus::Draft(tag, asset),
            Some(Found::Other) if best == HubStatus::Missing => {
                best = HubStatus::OtherInputs(tag, asset);
            }
            _ => {}
        }
    }
    Ok(best)
}

/// What the hub has of each of some targets; also written to `.collection/metadata/release-status.json`.
pub fn document(ctx: &Context, targets: &Targets) -> Result<ReleaseStatusDocument> {
    let found = of_all(ctx, targets)?;
    let entry = |(target, status): &(Target, HubStatus)| {
        let (tag, asset) = status
            .place()
            .map(|(tag, asset)| (tag.clone(), asset.clone()))
            .unzip();
        Ok(ReleaseStatusEntry {
            name: target.name.clone(),
            version: ctx.subsystem(target)?.version.clone(),
            platform: target.platform,
            state: status.as_str(),
            tag,
            asset,
        })
    };
    let document = ReleaseStatusDocument {
        project: ctx.project.name.clone(),
        hub: ctx.hub()?.describe(),
        complete: found
            .iter()
            .all(|(_, status)| matches!(status, HubStatus::Released(..))),
        subsystems: found.iter().map(entry).collect::<Result<_>>()?,
    };
    collect::write_metadata(&ctx.project, "release-status.json", &document)?;
    Ok(document)
}

/// The matrix of a GitHub Actions job that makes what nobody has released yet of a targets.
pub fn missing(ctx: &Context, targets: &Targets) -> Result<Matrix> {
    let missing: Vec<Target> = of_all(ctx, targets)?
        .into_iter()
        .filter(|(_, status)| matches!(status, HubStatus::OtherInputs(..) | HubStatus::Missing))
        .map(|(target, _)| target)
        .collect();
    Ok(matrix(&ctx.project, &missing))
}

/// What the hub has of each of some targets, asked in parallel.
fn of_all(ctx: &Context, targets: &Targets) -> Result<Vec<(Target, HubStatus)>> {
    let releases = HubReleases::list(ctx)?;
    let targets: Vec<&Target> = targets.existing().collect();
    targets
        .into_par_iter()
        .map(|target| Ok((target.clone(), hub_status(ctx, target, &releases)?)))
        .collect()
}

/// What there is under one name.
enum Found {
    /// An asset of accepted inputs.
    Ours { draft: bool },
    /// One of other inputs.
    Other,
    /// Nothing that counts: an asset with neither sidecar nor lock line is invisible.
    Nothing,
}

struct Look<'a> {
    ctx: &'a Context,
    wanted: &'a Wanted,
}

impl Look<'_> {
    /// By the hub's listing.
    fn listed(
        &self,
        release: &Release,
        asset: &AssetName,
        place: AssetPlace,
        pin: Option<&Pin>,
    ) -> Result<Found> {
        let Some(there) = listed(release, asset) else {
            return Ok(Found::Nothing);
        };
        let same = |pin: &Pin| {
            there.size == pin.size && there.sha256.is_none_or(|sha256| sha256 == pin.sha256)
        };
        let pinned = pin.is_some_and(same);
        let ours = match listed(release, &asset.sidecar()) {
            None if !pinned => return Ok(Found::Nothing),
            _ if place.names_inputs() || pinned => true,
            Some(ListedAsset {
                inputs: Some(told), ..
            }) => self.wanted.digests().any(|inputs| inputs.short() == *told),
            // A draft's sidecar can't be read by name. Larder's own always tell their inputs.
            _ if release.draft => true,
            _ => self.accepted(&release.tag, asset)?.unwrap_or(false),
        };
        Ok(if ours {
            Found::Ours {
                draft: release.draft,
            }
        } else {
            Found::Other
        })
    }

    /// By asking for the asset itself.
    fn asked(&self, tag: &Tag, asset: &AssetName, pin: Option<&Pin>) -> Result<Found> {
        Ok(match self.accepted(tag, asset)? {
            Some(true) => Found::Ours { draft: false },
            Some(false) => Found::Other,
            None if pin.is_some() && self.ctx.hub()?.fetch(tag, asset)?.is_some() => {
                Found::Ours { draft: false }
            }
            None => Found::Nothing,
        })
    }

    /// Whether its sidecar states accepted inputs, if it has one.
    fn accepted(&self, tag: &Tag, asset: &AssetName) -> Result<Option<bool>> {
        let sidecar = self.ctx.hub()?.sidecar(tag, asset)?;
        Ok(sidecar.map(|sidecar| {
            self.wanted
                .accepts(sidecar.content.origin, &sidecar.content.inputs)
        }))
    }
}

fn listed<'a>(release: &'a Release, asset: &AssetName) -> Option<&'a ListedAsset> {
    release.assets.iter().find(|listed| listed.name == *asset)
}
