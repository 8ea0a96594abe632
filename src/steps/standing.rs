//! What the hub has of a cell: released, in a draft, made from other inputs, or missing.
//!
//! One listing of the hub serves all cells. What an asset was made from is told by its name where that is suffixed, by the
//! lock where it pins these very bytes, and else by its sidecar.

use std::collections::BTreeMap;

use super::context::Context;
use super::locking;
use crate::error::{Error, Result};
use crate::hub::Release;
use crate::integrity::{PinKind, Wanted};
use crate::model::{AssetName, Cell, Digest, Origin, Tag};

/// What the hub has of a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// An asset of accepted inputs, visible.
    Released(Tag, AssetName),
    /// An asset in a draft that waits for `release finalize`.
    Draft(Tag, AssetName),
    /// Only assets that were made from other inputs.
    OtherInputs(Tag, AssetName),
    /// Nothing.
    Missing,
}

impl Standing {
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
            Self::Released(tag, asset) | Self::Draft(tag, asset) | Self::OtherInputs(tag, asset) => Some((tag, asset)),
            Self::Missing => None,
        }
    }
}

/// The hub's releases by tag, listed once.
pub struct Shelf(BTreeMap<Tag, Release>);

impl Shelf {
    /// Lists the hub.
    pub fn list(ctx: &Context) -> Result<Self> {
        if ctx.options.offline {
            return Err(Error::unavailable("--offline: the hub is not asked"));
        }
        Ok(Self(ctx.hub()?.releases()?.into_iter().map(|release| (release.tag.clone(), release)).collect()))
    }

    /// The release of a tag.
    pub fn release(&self, tag: &Tag) -> Option<&Release> {
        self.0.get(tag)
    }
}

/// What the hub has of a cell.
pub fn standing(ctx: &Context, cell: &Cell, shelf: &Shelf) -> Result<Standing> {
    let subsystem = ctx.subsystem(cell)?;
    let wanted = ctx.wanted(cell)?;
    let tag = Tag::of(&subsystem.name, &subsystem.version);
    let extension = subsystem.format(&cell.platform).extension();
    let name = |suffix: Option<&Digest>| AssetName::of(&subsystem.package.name, &cell.platform, extension, suffix);
    // Suffixed names say by themselves of which inputs they are.
    let mut candidates = vec![(tag.clone(), name(None), false)];
    for inputs in [&wanted.build, &wanted.original].into_iter().flatten() {
        candidates.push((tag.clone(), name(Some(&inputs.digest)), true));
        candidates.push((tag.suffixed(&inputs.digest), name(None), true));
    }
    let mut best = Standing::Missing;
    for (tag, asset, suffixed) in candidates {
        let Some(release) = shelf.release(&tag) else { continue };
        let listed = |name: &AssetName| release.assets.iter().find(|listed| listed.name == *name);
        // An asset without a sidecar is invisible.
        let (Some(found), Some(_)) = (listed(&asset), listed(&asset.sidecar())) else { continue };
        if release.draft {
            best = Standing::Draft(tag, asset);
        } else if suffixed || pinned(ctx, cell, &wanted, &tag, &asset, found.sha256) || accepted(ctx, &wanted, &tag, &asset)? {
            return Ok(Standing::Released(tag, asset));
        } else if best == Standing::Missing {
            best = Standing::OtherInputs(tag, asset);
        }
    }
    Ok(best)
}

/// The lock pins these bytes, under accepted inputs.
fn pinned(ctx: &Context, cell: &Cell, wanted: &Wanted, tag: &Tag, asset: &AssetName, sha256: Option<Digest>) -> bool {
    [Origin::Build, Origin::Original].into_iter().any(|origin| {
        ctx.locking
            .pin(ctx, cell, wanted, origin, PinKind::Asset)
            .is_some_and(|pin| Some(pin.sha256) == sha256 && pin.url == locking::asset_url(&ctx.project, tag, asset))
    })
}

fn accepted(ctx: &Context, wanted: &Wanted, tag: &Tag, asset: &AssetName) -> Result<bool> {
    let sidecar = ctx.hub()?.sidecar(tag, asset)?;
    Ok(sidecar.is_some_and(|sidecar| wanted.accepts(sidecar.content.origin, &sidecar.content.inputs)))
}
