//! Hub status: whether a target is released, in a draft, made from other inputs, or missing.
//!
//! One listing of the hub is enough for all targets. An asset's inputs are read from the first of these that has them: its
//! suffixed name, the lock if it pins these bytes, the hub's listing, its sidecar. A static server has no listing: there
//! each asset is requested.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::collect;
use crate::context::Context;
use crate::plan::Targets;
use crate::plan::matrix::{Matrix, MatrixLimits, matrix};
use larder_core::error::{Error, Result};
use larder_core::formats::Pin;
use larder_core::formats::documents::{ReleaseStatusDocument, ReleaseStatusEntry};
use larder_core::keys::Wanted;
use larder_core::model::{AssetCandidate, AssetName, AssetPlace, Tag, Target};
use larder_remote::hub::{ListedAsset, Release};

/// What the hub has for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubStatus {
    /// A published asset of accepted inputs.
    Released(Tag, AssetName),
    /// An asset of accepted inputs in a draft; `release finalize` publishes it.
    Draft(Tag, AssetName),
    /// Only assets that were made from other inputs.
    OtherInputs(Tag, AssetName),
    /// No asset.
    Missing,
}

impl HubStatus {
    /// The word for this status in JSON and in tables.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Released(..) => "released",
            Self::Draft(..) => "draft",
            Self::OtherInputs(..) => "other-inputs",
            Self::Missing => "missing",
        }
    }

    /// The asset that the status is about, unless it is missing.
    pub fn place(&self) -> Option<(&Tag, &AssetName)> {
        match self {
            Self::Released(tag, asset)
            | Self::Draft(tag, asset)
            | Self::OtherInputs(tag, asset) => Some((tag, asset)),
            Self::Missing => None,
        }
    }
}

/// The hub's releases by tag, listed once; `None` if the hub has no listing.
pub struct HubReleases(Option<BTreeMap<Tag, Release>>);

impl HubReleases {
    /// Lists the hub.
    pub fn list(ctx: &Context) -> Result<Self> {
        if ctx.options.offline {
            return Err(Error::unavailable("the hub can't be asked with --offline"));
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
    /// Whether a tag's release is a draft.
    pub fn is_draft(&self, tag: &Tag) -> bool {
        self.0
            .as_ref()
            .and_then(|releases| releases.get(tag))
            .is_some_and(|release| release.draft)
    }
}

/// Determines the hub status of a target.
pub fn hub_status(ctx: &Context, target: &Target, releases: &HubReleases) -> Result<HubStatus> {
    let subsystem = ctx.subsystem(target)?;
    let wanted = ctx.wanted(target)?;
    let candidates = subsystem
        .assets(&target.platform)
        .candidates(wanted.digests());
    let suffixes_tags = ctx.hub()?.suffixes_tags();
    let pins: Vec<_> = ctx.lock.pinned_assets(subsystem, target, &wanted).collect();
    let reader = StatusReader {
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
                .map(|release| reader.status_in_listing(release, &asset, place, pin))
                .transpose()?,
            None => Some(reader.status_by_request(&tag, &asset, pin)?),
        };
        match found {
            Some(Found::Accepted { draft: false }) => return Ok(HubStatus::Released(tag, asset)),
            Some(Found::Accepted { draft: true }) => best = HubStatus::Draft(tag, asset),
            Some(Found::Other) if best == HubStatus::Missing => {
                best = HubStatus::OtherInputs(tag, asset);
            }
            _ => {}
        }
    }
    Ok(best)
}

/// The hub status of some targets; also written to `.collection/metadata/release-status.json`.
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

/// The matrix of a GitHub Actions job that makes those of the targets that are not released yet.
pub fn missing(ctx: &Context, targets: &Targets, limits: MatrixLimits) -> Result<Matrix> {
    let missing: Vec<Target> = of_all(ctx, targets)?
        .into_iter()
        .filter(|(_, status)| matches!(status, HubStatus::OtherInputs(..) | HubStatus::Missing))
        .map(|(target, _)| target)
        .collect();
    Ok(matrix(&ctx.project, &missing, limits))
}

/// The hub status of each target, determined in parallel.
fn of_all(ctx: &Context, targets: &Targets) -> Result<Vec<(Target, HubStatus)>> {
    let releases = HubReleases::list(ctx)?;
    let targets: Vec<&Target> = targets.existing().collect();
    targets
        .into_par_iter()
        .map(|target| Ok((target.clone(), hub_status(ctx, target, &releases)?)))
        .collect()
}

/// What the hub has under one name.
enum Found {
    /// An asset of accepted inputs.
    Accepted { draft: bool },
    /// An asset of other inputs.
    Other,
    /// No asset, or one with neither a sidecar nor a lock line, which is not visible to larder.
    Nothing,
}

struct StatusReader<'a> {
    ctx: &'a Context,
    wanted: &'a Wanted,
}

impl StatusReader<'_> {
    /// Reads the status from the hub's listing.
    fn status_in_listing(
        &self,
        release: &Release,
        asset: &AssetName,
        place: AssetPlace,
        pin: Option<&Pin>,
    ) -> Result<Found> {
        let Some(entry) = listed(release, asset) else {
            return Ok(Found::Nothing);
        };
        let same = |pin: &Pin| {
            entry.size == pin.size && entry.sha256.is_none_or(|sha256| sha256 == pin.sha256)
        };
        let pinned = pin.is_some_and(same);
        let accepted = match listed(release, &asset.sidecar()) {
            None if !pinned => return Ok(Found::Nothing),
            _ if place.names_inputs() || pinned => true,
            Some(ListedAsset {
                inputs: Some(listed),
                ..
            }) => self
                .wanted
                .digests()
                .any(|inputs| inputs.short() == *listed),
            // A draft's sidecar can't be read by name, and the listing has the inputs of all that larder uploads.
            _ if release.draft => true,
            _ => self.accepted(&release.tag, asset)?.unwrap_or(false),
        };
        Ok(if accepted {
            Found::Accepted {
                draft: release.draft,
            }
        } else {
            Found::Other
        })
    }

    /// Determines the status by requesting the asset itself.
    fn status_by_request(&self, tag: &Tag, asset: &AssetName, pin: Option<&Pin>) -> Result<Found> {
        Ok(match self.accepted(tag, asset)? {
            Some(true) => Found::Accepted { draft: false },
            Some(false) => Found::Other,
            None if pin.is_some() && self.ctx.hub()?.fetch(tag, asset)?.is_some() => {
                Found::Accepted { draft: false }
            }
            None => Found::Nothing,
        })
    }

    /// Whether the asset's sidecar states accepted inputs; `None` if it has no sidecar.
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
