//! Handles one upload: finds what the release contains under its name, and writes what is missing.
//! Derived files and the visibility of the release are handled elsewhere.

use std::sync::Arc;

use super::label;
use super::replace;
use super::session::{Session, Stop};
use super::sidecars::{Sidecars, contradiction};
use super::transfer::Item;
use crate::github::{Content, Release};
use crate::hub::{Published, Signing, Upload};
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
    let sidecar = upload.name.sidecar();
    let Some(stated) = release.whole(sidecar.as_str()) else {
        return Ok(match asset {
            None => Found::Nothing,
            Some(asset) if session.has_bytes(asset, ours.size, &ours.sha256)? => Found::OnlyAsset,
            Some(_) if replace || release.immutable => Found::Other(None),
            // Another writer may just have sent it; its sidecar is the next thing that it sends.
            Some(_) => match session.wait_until_visible(release.id, [sidecar.as_str()]) {
                Ok(release) => return find(session, sidecars, &release, upload, replace),
                Err(Stop::Retry(_)) => Found::Other(None),
                Err(stop) => return Err(stop),
            },
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
        text: _,
        signer,
    } = upload;
    let (sidecar_name, text) = (name.sidecar(), upload.sidecar_text());
    let signature_name = name.signature();
    // A signature that is already good for this text is kept where the sidecar is kept, too.
    let signature = match (signer, &found) {
        (None, _) | (_, Found::Same) => None,
        (Some(signer), _) => Some(signer.sign(session.tag, name, &text, sidecar)?),
    };
    let signature = signature
        .as_ref()
        .map(|text| Item::bytes(signature_name.as_str(), text.as_bytes()));
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
            replace::replace_pair(session, release, asset, stated, signature)?;
            return Ok(Published::Replaced);
        }
        Found::OtherBytes(theirs) => {
            return Ok(Published::AlreadyPublished(Box::new((*theirs).clone())));
        }
        Found::Other(theirs) => {
            let theirs = theirs.map(|theirs| Box::new((*theirs).clone()));
            return Ok(Published::NameTaken(theirs));
        }
        Found::StaleSidecar => replace::replace_pair(session, release, asset, stated, signature)?,
        Found::Nothing => {
            session.upload(release, asset)?;
            upload_signature(session, release, signature)?;
            session.upload(release, stated)?;
        }
        Found::OnlyAsset => {
            upload_signature(session, release, signature)?;
            session.upload(release, stated)?;
        }
        Found::OnlySidecar => {
            session.upload(release, asset)?;
        }
    }
    Ok(written.unwrap_or(Published::Added))
}

/// Uploads a signature before the sidecar that it is of, so that no reader sees the asset without
/// one. One that an earlier try left is replaced.
fn upload_signature(
    session: &mut Session<'_>,
    release: &Release,
    signature: Option<Item<'_>>,
) -> Result<(), Stop> {
    let Some(signature) = signature else {
        return Ok(());
    };
    if let Some(left) = release.asset(signature.name) {
        session.delete(left.id)?;
    }
    session.upload(release, signature).map(drop)
}

/// Signs the sidecar that the release has, unless it has a good signature.
pub(super) fn sign(
    session: &mut Session<'_>,
    release: &Release,
    upload: &Upload<'_>,
    immutable: bool,
) -> Result<Signing, Stop> {
    let Some(signer) = upload.signer else {
        return Ok(Signing::NotAsked);
    };
    let (name, tag) = (&upload.name, session.tag);
    let Some(stated) = release.whole(name.sidecar().as_str()) else {
        return Ok(Signing::NotAsked);
    };
    let small = |session: &Session<'_>, id| session.api().small_asset(id);
    let Some(text) = small(session, stated.id)? else {
        return Err(Stop::Retry(Error::unavailable(format!(
            "{} was deleted in the meantime",
            stated.name
        ))));
    };
    let text = String::from_utf8_lossy(&text);
    let signature_name = name.signature();
    let there = release.asset(signature_name.as_str());
    if let Some(there) = there.filter(|there| there.is_whole())
        && small(session, there.id)?.is_some_and(|bytes| signer.is_good(tag, name, &text, &bytes))
    {
        return Ok(Signing::Present);
    }
    if immutable {
        return Ok(Signing::Immutable);
    }
    let signature = signer.sign(tag, name, &text, &upload.sidecar)?;
    let item = Item::bytes(signature_name.as_str(), signature.as_bytes());
    match there {
        Some(other) if other.is_whole() => replace::replace_one(session, release, item)?,
        there => {
            if let Some(broken) = there {
                session.delete(broken.id)?;
            }
            session.upload(release, item)?;
        }
    }
    Ok(Signing::Added)
}
