//! Handles one upload: finds what the release contains under its name, and writes what is missing.
//! Derived files and the visibility of the release are handled elsewhere.

use std::sync::Arc;

use super::label;
use super::replace;
use super::session::{Session, Stop};
use super::sidecars::{Sidecars, contradiction};
use super::transfer::Item;
use crate::github::{Content, Release};
use crate::hub::{Published, Upload};
use larder_core::error::{Error, Kind};
use larder_core::formats::Sidecar;

/// What a release contains under the name of an upload.
pub(super) enum Found {
    /// The same artifact, complete.
    Same,
    /// Other bytes that were made from the same inputs.
    OtherBytes(Arc<Sidecar>),
    /// An asset of other inputs, or one without a sidecar.
    Other(Option<Arc<Sidecar>>),
    /// Our asset without its sidecar.
    OnlyAsset,
    /// Our sidecar without its asset.
    OnlySidecar,
    /// A sidecar of another artifact, whose asset is missing.
    StaleSidecar,
    /// Nothing.
    Nothing,
}

/// Finds what the release contains under the name of an upload. An asset that differs from its
/// sidecar is an error, except with `replace`, which replaces it.
pub(super) fn find(
    session: &Session<'_>,
    sidecars: &Sidecars,
    release: &Release,
    upload: &Upload<'_>,
    replace: bool,
) -> Result<Found, Stop> {
    let ours = &upload.sidecar;
    let asset = release.whole(upload.name.as_str());
    let Some(stated) = release.whole(upload.name.sidecar().as_str()) else {
        return Ok(match asset {
            None => Found::Nothing,
            Some(asset) if session.has_bytes(asset, ours.size, &ours.sha256)? => Found::OnlyAsset,
            Some(_) => Found::Other(None),
        });
    };
    let theirs = match sidecars.get(session.api(), stated) {
        Ok(Some(theirs)) => theirs,
        Ok(None) => {
            return Err(Stop::Retry(Error::unavailable(format!(
                "{} was deleted in the meantime",
                stated.name
            ))));
        }
        Err(error) if replace && error.kind() == Kind::Integrity => return Ok(Found::Other(None)),
        Err(error) => return Err(error.into()),
    };
    let same_inputs = theirs.content.inputs == ours.content.inputs
        && theirs.content.origin == ours.content.origin;
    match asset {
        None if same_inputs && theirs.sha256 == ours.sha256 => Ok(Found::OnlySidecar),
        None => Ok(Found::StaleSidecar),
        Some(asset) if !session.has_bytes(asset, theirs.size, &theirs.sha256)? => {
            if replace {
                return Ok(Found::Other(Some(theirs)));
            }
            Err(contradiction(session.tag, &upload.name, &theirs, asset).into())
        }
        Some(_) if same_inputs && theirs.artifact == ours.artifact => Ok(Found::Same),
        Some(_) if same_inputs => Ok(Found::OtherBytes(theirs)),
        Some(_) => Ok(Found::Other(Some(theirs))),
    }
}

/// The outcome of an upload to an immutable release; `None` if the upload needs another release.
pub(super) fn outcome_if_immutable(
    upload: &Upload<'_>,
    replace: bool,
    found: Found,
    before: Option<Published>,
) -> Result<Option<Published>, Stop> {
    match found {
        Found::Same => Ok(Some(before.unwrap_or(Published::Present))),
        _ if replace && !matches!(found, Found::Nothing) => Err(Error::refused(format!(
            "{} is in an immutable release: it can't be replaced",
            upload.name
        ))
        .hint("bump the version")
        .into()),
        Found::OtherBytes(theirs) => Ok(Some(Published::AlreadyPublished(Box::new(
            (*theirs).clone(),
        )))),
        _ => Ok(None),
    }
}

/// Writes what is missing of an upload. `before` is the outcome of the previous round.
pub(super) fn write_missing(
    session: &mut Session<'_>,
    release: &Release,
    upload: &Upload<'_>,
    replace: bool,
    found: Found,
    before: Option<Published>,
) -> Result<Published, Stop> {
    let Upload {
        name,
        file,
        sidecar,
    } = upload;
    let (sidecar_name, text) = (name.sidecar(), sidecar.to_json());
    let asset = Item {
        name: name.as_str(),
        label: None,
        content: Content::File(file),
        size: sidecar.size,
        sha256: sidecar.sha256,
    };
    let label = label::of(&sidecar_name, &sidecar.content.inputs);
    let stated = Item::bytes(sidecar_name.as_str(), text.as_bytes()).labelled(&label);
    let written = match before {
        Some(already @ (Published::Added | Published::Replaced)) => Some(already),
        _ => None,
    };
    let writes = match found {
        Found::Same => false,
        Found::OtherBytes(_) | Found::Other(_) => replace,
        Found::OnlyAsset | Found::OnlySidecar | Found::StaleSidecar | Found::Nothing => true,
    };
    if writes {
        for broken in [name.as_str(), sidecar_name.as_str()] {
            if let Some(left) = release.asset(broken).filter(|asset| !asset.is_whole()) {
                session.delete(left.id)?;
            }
        }
    }
    match found {
        Found::Same => return Ok(written.unwrap_or(Published::Present)),
        Found::OtherBytes(_) | Found::Other(_) if replace => {
            replace::replace_pair(session, release, asset, stated)?;
            return Ok(Published::Replaced);
        }
        Found::OtherBytes(theirs) => {
            return Ok(Published::AlreadyPublished(Box::new((*theirs).clone())));
        }
        Found::Other(theirs) => {
            let theirs = theirs.map(|theirs| Box::new((*theirs).clone()));
            return Ok(Published::NameTaken(theirs));
        }
        Found::StaleSidecar => replace::replace_pair(session, release, asset, stated)?,
        Found::Nothing => {
            session.upload(release, asset)?;
            session.upload(release, stated)?;
        }
        Found::OnlyAsset => {
            session.upload(release, stated)?;
        }
        Found::OnlySidecar => {
            session.upload(release, asset)?;
        }
    }
    Ok(written.unwrap_or(Published::Added))
}
