//! What belongs into a release: for each upload the asset and then its sidecar, at the end the files derived from all
//! sidecars; the draft is made visible last.
//!
//! A round reads the release as it is, decides per upload, writes what is missing, and looks again. Whatever gets in the
//! way (a lost answer, another job, a list that lags) ends the round, and the next one starts from what is there then. So
//! it makes no difference whether a round was ended by the world or the whole program by a signal.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use super::api::{Api, RawAsset, RawRelease, Source};
use super::session::{Item, Session, Stop};
use super::{label, swap};
use crate::hub::{Progress, PublishOptions, Published, Receipt, Upload};
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

/// Names of what is derived from the sidecars.
pub(super) const DERIVED: [&str; 2] = [
    crate::hub::derived::MANIFEST,
    crate::hub::derived::CHECKSUMS,
];
/// How often derived files are written before giving up: each time someone else was faster.
const DERIVED_ROUNDS: u32 = 12;
/// GitHub takes assets below this size.
const TOO_LARGE: u64 = 2 << 30;

/// Sidecars by their asset's id, whose bytes never change.
#[derive(Default)]
pub(super) struct Sidecars(Mutex<HashMap<u64, Arc<Sidecar>>>);

impl Sidecars {
    fn get(&self, api: &Api, asset: &RawAsset) -> Result<Option<Arc<Sidecar>>> {
        if let Some(known) = self.lock().get(&asset.id) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(bytes) = api.small_asset(asset.id)? else {
            return Ok(None);
        };
        let sidecar = Arc::new(Sidecar::parse(&bytes, &asset.name)?);
        self.lock().insert(asset.id, Arc::clone(&sidecar));
        Ok(Some(sidecar))
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Sidecar>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a release holds under an upload's name.
enum Found {
    /// What we would upload.
    Right,
    /// Other bytes of the same inputs.
    Standing(Arc<Sidecar>),
    /// Something of other inputs, or without a sidecar.
    Other(Option<Arc<Sidecar>>),
    /// The asset, but no sidecar.
    NoSidecar,
    /// The sidecar, but no asset.
    NoAsset,
    /// A sidecar of something that is not there.
    Stale,
    /// Nothing.
    Nothing,
}

/// What a round of publishing needs besides the session.
struct Order<'a> {
    sidecars: &'a Sidecars,
    uploads: &'a [Upload<'a>],
    options: PublishOptions,
    /// A release for one late upload: nothing is gathered in its draft.
    solo: bool,
    /// The server said that it can't be changed, whatever it states.
    locked: bool,
}

/// Publishes uploads to a tag.
pub(super) fn publish(
    api: &Api,
    sidecars: &Sidecars,
    tag: &Tag,
    uploads: &[Upload<'_>],
    options: PublishOptions,
    progress: Progress<'_>,
) -> Result<Receipt> {
    if let Some(large) = uploads
        .iter()
        .find(|upload| upload.sidecar.size >= TOO_LARGE)
    {
        return Err(Error::failed(format!(
            "{} is too large: GitHub takes assets below 2 GiB",
            large.name
        ))
        .hint("leave out what can be fetched otherwise, or use another hub"));
    }
    let mut order = Order {
        sidecars,
        uploads,
        options,
        solo: false,
        locked: false,
    };
    let mut results: Vec<Option<Published>> = vec![None; uploads.len()];
    let (staged, url) = run(api, tag, progress, &mut order, &mut results)?;
    let mut receipt = Receipt {
        assets: Vec::new(),
        staged,
        url,
    };
    for (upload, result) in uploads.iter().zip(results) {
        if let Some(result) = result {
            receipt.assets.push((tag.clone(), result));
            continue;
        }
        // Too late for an immutable release: it gets one of its own.
        let late = tag.suffixed(&upload.sidecar.content.inputs);
        let mut order = Order {
            sidecars,
            uploads: std::slice::from_ref(upload),
            options,
            solo: true,
            locked: false,
        };
        let mut result = vec![None];
        let (staged, url) = run(api, &late, progress, &mut order, &mut result)?;
        receipt.staged |= staged;
        receipt.url = receipt.url.or(url);
        match result.pop().flatten() {
            Some(published) => receipt.assets.push((late, published)),
            None => {
                return Err(Error::refused(format!(
                    "the release {late} is immutable and does not hold {}",
                    upload.name
                ))
                .hint("bump the version: an immutable release can't be repaired"));
            }
        }
    }
    Ok(receipt)
}

fn run(
    api: &Api,
    tag: &Tag,
    progress: Progress<'_>,
    order: &mut Order<'_>,
    results: &mut [Option<Published>],
) -> Result<(bool, Option<String>)> {
    let mut session = Session::new(api, tag, progress);
    loop {
        match session.run(|session| round(session, order, results)) {
            Ok(done) => return Ok(done),
            Err(Stop::Immutable(_)) if !order.locked => order.locked = true,
            Err(Stop::Fatal(error) | Stop::Again(error) | Stop::Immutable(error)) => {
                return Err(error);
            }
        }
    }
}

/// One round. Gives whether the release stays a draft, and its page.
fn round(
    session: &mut Session<'_>,
    order: &Order<'_>,
    results: &mut [Option<Published>],
) -> Result<(bool, Option<String>), Stop> {
    let mut release = session.current()?;
    let locked = !release.draft && (release.immutable || order.locked);
    let wrote_before = session.wrote;
    for upload in order.uploads {
        if !locked && swap::recover(session, &release, &upload.name)? {
            release = session.look_until(release.id, [upload.name.sidecar().as_str()])?;
        }
    }
    for (upload, result) in order.uploads.iter().zip(results.iter_mut()) {
        let found = find(session, order, &release, upload)?;
        *result = if locked {
            keep(order, upload, found, result.take())?
        } else {
            add(session, order, &release, upload, found, result.take())?
        };
    }
    if locked {
        return Ok((false, Some(release.html_url)));
    }
    let ours: Vec<&Upload<'_>> = order
        .uploads
        .iter()
        .zip(results.iter())
        .filter(|(_, r)| !matches!(r, Some(Published::Taken(_)) | None))
        .map(|(u, _)| u)
        .collect();
    if session.wrote != wrote_before || session.wrote {
        let names: Vec<AssetName> = ours
            .iter()
            .flat_map(|u| [u.name.clone(), u.name.sidecar()])
            .collect();
        release = session.look_until(release.id, names.iter().map(AssetName::as_str))?;
        for upload in &ours {
            if !matches!(
                find(session, order, &release, upload)?,
                Found::Right | Found::Standing(_)
            ) {
                return Err(Stop::Again(Error::unavailable(format!(
                    "{} changed while it was published",
                    upload.name
                ))));
            }
        }
    }
    release = derive(session, order.sidecars, release)?;
    swap::sweep(session, &release, |name| {
        DERIVED.contains(&name)
            || ours
                .iter()
                .any(|u| u.name.as_str() == name || u.name.sidecar().as_str() == name)
    })?;
    let digests: BTreeMap<String, Digest> = ours
        .iter()
        .flat_map(|u| {
            [
                (u.name.to_string(), u.sidecar.sha256),
                (
                    u.name.sidecar().to_string(),
                    Digest::of(u.sidecar.to_json().as_bytes()),
                ),
            ]
        })
        .collect();
    let digests: BTreeMap<&str, Digest> = digests
        .iter()
        .map(|(name, digest)| (name.as_str(), *digest))
        .collect();
    if release.draft {
        let gathers = session.is_immutable()? && !order.solo;
        if order.options.stage || gathers {
            session.tidy(&release, &digests)?;
            return Ok((true, Some(release.html_url)));
        }
        audit(session, order.sidecars, &release)?;
        session.tidy(&release, &digests)?;
        release = session.make_visible(&release, &json!({"make_latest": "false"}))?;
    } else if session.wrote {
        session.tidy(&release, &digests)?;
    }
    Ok((false, Some(release.html_url)))
}

/// What there is under an upload's name.
fn find(
    session: &Session<'_>,
    order: &Order<'_>,
    release: &RawRelease,
    upload: &Upload<'_>,
) -> Result<Found, Stop> {
    let ours = &upload.sidecar;
    let asset = release.whole(upload.name.as_str());
    let Some(stated) = release.whole(upload.name.sidecar().as_str()) else {
        return Ok(match asset {
            None => Found::Nothing,
            Some(asset) if session.same(asset, ours.size, &ours.sha256)? => Found::NoSidecar,
            Some(_) => Found::Other(None),
        });
    };
    let theirs = match order.sidecars.get(session.api, stated) {
        Ok(Some(theirs)) => theirs,
        Ok(None) => {
            return Err(Stop::Again(Error::unavailable(format!(
                "{} went away",
                stated.name
            ))));
        }
        Err(error)
            if order.options.replace && error.kind() == larder_core::error::Kind::Integrity =>
        {
            return Ok(Found::Other(None));
        }
        Err(error) => return Err(error.into()),
    };
    let same_inputs = theirs.content.inputs == ours.content.inputs
        && theirs.content.origin == ours.content.origin;
    match asset {
        None if same_inputs && theirs.sha256 == ours.sha256 => Ok(Found::NoAsset),
        None => Ok(Found::Stale),
        Some(asset) if !session.same(asset, theirs.size, &theirs.sha256)? => {
            if order.options.replace {
                return Ok(Found::Other(Some(theirs)));
            }
            Err(contradiction(session.tag, &upload.name, &theirs, asset).into())
        }
        Some(_) if same_inputs && theirs.artifact == ours.artifact => Ok(Found::Right),
        Some(_) if same_inputs => Ok(Found::Standing(theirs)),
        Some(_) => Ok(Found::Other(Some(theirs))),
    }
}

fn contradiction(tag: &Tag, name: &AssetName, sidecar: &Sidecar, asset: &RawAsset) -> Error {
    let found = asset.sha256().map_or_else(
        || format!("{} bytes", asset.size),
        |digest| digest.to_string(),
    );
    Error::integrity(format!("{name} of {tag} is not what its sidecar states"))
        .cause(format!(
            "the sidecar says {}, the hub has {found}",
            sidecar.sha256
        ))
        .hint("`larder release --replace` puts it right")
}

/// In a release that can't be changed: what stands, or `None` for what has to go elsewhere.
fn keep(
    order: &Order<'_>,
    upload: &Upload<'_>,
    found: Found,
    before: Option<Published>,
) -> Result<Option<Published>, Stop> {
    match found {
        Found::Right => Ok(Some(before.unwrap_or(Published::Present))),
        _ if order.options.replace && !matches!(found, Found::Nothing) => {
            Err(Error::refused(format!(
                "{} is in an immutable release: it can't be replaced",
                upload.name
            ))
            .hint("bump the version")
            .into())
        }
        Found::Standing(theirs) => Ok(Some(Published::Stands(Box::new((*theirs).clone())))),
        _ => Ok(None),
    }
}

/// Writes what is missing of an upload.
fn add(
    session: &mut Session<'_>,
    order: &Order<'_>,
    release: &RawRelease,
    upload: &Upload<'_>,
    found: Found,
    before: Option<Published>,
) -> Result<Option<Published>, Stop> {
    let Upload {
        name,
        file,
        sidecar,
    } = upload;
    let (sidecar_name, text) = (name.sidecar(), sidecar.to_json());
    let asset = Item {
        name: name.as_str(),
        label: None,
        source: Source::File(file),
        size: sidecar.size,
        sha256: sidecar.sha256,
    };
    let label = label::of(&sidecar_name, &sidecar.content.inputs);
    let stated = Item::bytes(sidecar_name.as_str(), text.as_bytes()).labelled(&label);
    let written = match before {
        Some(already @ (Published::Added | Published::Replaced)) => Some(already),
        _ => None,
    };
    let writes = !matches!(found, Found::Right | Found::Standing(_) | Found::Other(_))
        || order.options.replace;
    if writes && !matches!(found, Found::Right) {
        for broken in [name.as_str(), sidecar_name.as_str()] {
            if let Some(left) = release.asset(broken).filter(|asset| !asset.is_whole()) {
                session.delete(left.id)?;
            }
        }
    }
    Ok(Some(match found {
        Found::Right => written.unwrap_or(Published::Present),
        Found::Standing(_) | Found::Other(_) if order.options.replace => {
            swap::replace_pair(session, release, asset, stated)?;
            Published::Replaced
        }
        Found::Standing(theirs) => Published::Stands(Box::new((*theirs).clone())),
        Found::Other(theirs) => Published::Taken(theirs.map(|theirs| Box::new((*theirs).clone()))),
        Found::Stale => {
            swap::replace_pair(session, release, asset, stated)?;
            written.unwrap_or(Published::Added)
        }
        Found::Nothing => {
            session.put(release, asset)?;
            session.put(release, stated)?;
            written.unwrap_or(Published::Added)
        }
        Found::NoSidecar => {
            session.put(release, stated)?;
            written.unwrap_or(Published::Added)
        }
        Found::NoAsset => {
            session.put(release, asset)?;
            written.unwrap_or(Published::Added)
        }
    }))
}

/// Sidecars of a release with their assets' names, of assets that are there and as stated; sorted by name.
fn pairs(
    api: &Api,
    sidecars: &Sidecars,
    release: &RawRelease,
) -> Result<BTreeMap<AssetName, Arc<Sidecar>>> {
    let mut pairs = BTreeMap::new();
    for stated in &release.assets {
        let Some(asset) = stated
            .name
            .strip_suffix(".json")
            .and_then(|name| release.whole(name))
        else {
            continue;
        };
        let (true, Ok(name)) = (stated.is_whole(), asset.name.parse::<AssetName>()) else {
            continue;
        };
        // Someone else's damaged sidecar is not ours to complain of here: `audit` does before anything becomes visible.
        let Some(sidecar) = (match sidecars.get(api, stated) {
            Err(error) if error.kind() == larder_core::error::Kind::Integrity => None,
            found => found?,
        }) else {
            continue;
        };
        if asset.size == sidecar.size
            && asset.sha256().is_none_or(|digest| digest == sidecar.sha256)
        {
            pairs.insert(name, sidecar);
        }
    }
    Ok(pairs)
}

/// Writes the derived files until they agree with the sidecars. Whoever writes last looks again, so the last one is right.
pub(super) fn derive(
    session: &mut Session<'_>,
    sidecars: &Sidecars,
    mut release: RawRelease,
) -> Result<RawRelease, Stop> {
    let mut why = Error::unavailable("the derived files did not settle");
    for _ in 0..DERIVED_ROUNDS {
        let pairs = pairs(session.api, sidecars, &release)?;
        if pairs.is_empty() {
            return Ok(release);
        }
        let files = super::derived_files(session.api, session.tag, &pairs);
        let mut right = true;
        for (name, bytes) in &files {
            let item = Item::bytes(name, bytes);
            let done = match release.asset(name) {
                Some(there) if session.same(there, item.size, &item.sha256)? => continue,
                Some(broken) if !broken.is_whole() => session
                    .delete(broken.id)
                    .and_then(|()| session.put(&release, item).map(drop)),
                Some(_) => swap::replace_one(session, &release, item),
                None => session.put(&release, item).map(drop),
            };
            right = false;
            match done {
                Ok(()) => {}
                Err(Stop::Again(error)) => {
                    why = error;
                    break;
                }
                Err(stop) => return Err(stop),
            }
        }
        if right {
            return Ok(release);
        }
        release = session.look(release.id)?;
    }
    Err(Stop::Again(why))
}

/// Before anything becomes visible: every sidecar is readable and its asset is as it says.
pub(super) fn audit(
    session: &Session<'_>,
    sidecars: &Sidecars,
    release: &RawRelease,
) -> Result<(), Stop> {
    for stated in release
        .assets
        .iter()
        .filter(|a| a.is_whole() && !DERIVED.contains(&a.name.as_str()))
    {
        let Some(name) = stated.name.strip_suffix(".json") else {
            continue;
        };
        let (Some(asset), Ok(parsed)) = (release.whole(name), name.parse::<AssetName>()) else {
            continue;
        };
        let Some(sidecar) = sidecars.get(session.api, stated)? else {
            continue;
        };
        if !session.same(asset, sidecar.size, &sidecar.sha256)? {
            return Err(contradiction(session.tag, &parsed, &sidecar, asset).into());
        }
    }
    Ok(())
}

/// Publishes a draft as it stands.
pub(super) fn finalize(api: &Api, sidecars: &Sidecars, tag: &Tag) -> Result<()> {
    let mut session = Session::new(api, tag, &|_| {});
    let done = session.run(|session| {
        let Some(mut release) = session.existing()? else {
            let none = Error::failed(format!("there is no draft of {tag} to publish"))
                .hint("`larder release` makes one");
            return Err(none.into());
        };
        if !release.draft {
            return Ok(());
        }
        if !release.assets.iter().any(RawAsset::is_whole) {
            return Err(Error::failed(format!("the draft of {tag} is empty"))
                .hint("`larder release` fills it")
                .into());
        }
        release = derive(session, sidecars, release)?;
        swap::sweep(session, &release, |_| true)?;
        audit(session, sidecars, &release)?;
        session.tidy(&release, &BTreeMap::new())?;
        // Cache releases never become the latest; project releases, which have no sidecars, may.
        let cache = !pairs(session.api, sidecars, &release)?.is_empty();
        let change = json!({"make_latest": if cache { "false" } else { "legacy" }});
        session.make_visible(&release, &change).map(drop)
    });
    done.map_err(|stop| match stop {
        Stop::Fatal(error) | Stop::Again(error) | Stop::Immutable(error) => error,
    })
}

/// Deletes every draft of a tag, with its assets.
pub(super) fn abort(api: &Api, tag: &Tag) -> Result<()> {
    let mut session = Session::new(api, tag, &|_| {});
    for draft in session
        .candidates()?
        .into_iter()
        .filter(|release| release.draft)
    {
        api.delete_release(draft.id)
            .map_err(super::api::Trouble::error)?;
    }
    Ok(())
}
