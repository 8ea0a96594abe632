//! Tombstones: a signed statement on the hub that a version must not be used any more.
//!
//! A tombstone is a release of its own, `<name>-<version>-yanked`, with `tombstone.json` and the
//! signature of it. A project that names keys asks for it before it uses anything that it does not
//! have installed yet, once in a run for each version, whether the lock pins the version or not. What
//! is installed and up to date is not asked about: such a run uses no network. `verify --all` asks.
//!
//! What an answer means:
//!
//! | class       | here                                                                     |
//! |-------------|--------------------------------------------------------------------------|
//! | absent      | it is not yanked                                                         |
//! | unavailable | the run goes on, with a warning: what it uses is signed or pinned anyway |
//! | refused     | the target fails                                                         |
//! | wrong       | a tombstone without a good signature is ignored, and that is said        |
//!
//! Who can keep the hub from answering can hide a tombstone; the warning says so.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};

use super::signing::Signer;
use super::verified;
use crate::acquire::request::Request;
use crate::context::Context;
use crate::events::Level;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::{AssetName, Digest, Name, Outcome, Tag, Version};
use larder_core::project::TrustConfig;
use larder_remote::hub::{HubReader, PlainFile, PublishOptions};

/// What the tag of a tombstone ends with.
pub const SUFFIX: &str = "-yanked";
const FILE: &str = "tombstone.json";
const SCHEMA: u32 = 1;

/// What a tombstone says. It has no time: the same tombstone has the same bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    schema: u32,
    /// The subsystem.
    pub name: Name,
    /// The version that must not be used.
    pub version: Version,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a run has learned about tombstones.
#[derive(Debug, Default)]
pub struct Tombstones(Mutex<HashMap<(Name, Version), Slot>>);

type Slot = Arc<OnceLock<Result<Option<Tombstone>>>>;

/// Refuses a version that was yanked. With `--allow-yanked` it only warns.
pub fn check(request: &Request<'_>) -> Result<()> {
    check_version(request, &request.subsystem.version)
}

/// The same for a version of the subsystem that may not be the pinned one.
pub fn check_version(request: &Request<'_>, version: &Version) -> Result<()> {
    let (run, name) = (request.run, &request.target.name);
    let Some(Tombstone { reason, .. }) = of(run, name, version)? else {
        return Ok(());
    };
    let reason = reason.unwrap_or_else(|| "no reason is given".to_owned());
    if run.options.allow_yanked {
        let text = format!(
            "{name} {version} was yanked ({reason}), and is used because of --allow-yanked"
        );
        run.events.note(Some(request.target), Level::Warning, text);
        return Ok(());
    }
    Err(Error::integrity(format!("{name} {version} was yanked"))
        .cause(reason)
        .hint(format!(
            "`larder bump {name}` pins another version; `--allow-yanked` uses this one anyway"
        )))
}

/// The tombstone of a version, if the project asks for tombstones and there is a good one.
pub fn of(run: &Context, name: &Name, version: &Version) -> Result<Option<Tombstone>> {
    if !run.project.trust.has_keys() {
        return Ok(None);
    }
    let slot = {
        let mut known = run
            .tombstones
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry((name.clone(), version.clone())).or_default())
    };
    slot.get_or_init(|| ask(run, name, version)).clone()
}

fn ask(run: &Context, name: &Name, version: &Version) -> Result<Option<Tombstone>> {
    let note = |level, text| run.events.note(None, level, text);
    if run.options.offline {
        note(
            Level::Detail,
            format!("whether {name} {version} was yanked is not asked, because of --offline"),
        );
        return Ok(None);
    }
    match read(run, name, version) {
        Err(error) if error.kind() == Kind::Unavailable => {
            note(
                Level::Warning,
                format!("it is not known whether {name} {version} was yanked: {error}"),
            );
            Ok(None)
        }
        Ok(Found::Ignored(place, why)) => {
            note(
                Level::Warning,
                format!("{place} is ignored: it has no good signature ({why})"),
            );
            Ok(None)
        }
        Ok(Found::Good(tombstone)) => Ok(Some(tombstone)),
        Ok(Found::Nothing) => Ok(None),
        Err(error) => Err(error),
    }
}

enum Found {
    Good(Tombstone),
    Nothing,
    /// What is at this place proves nothing, for this reason.
    Ignored(String, String),
}

fn tag(name: &Name, version: &Version) -> Result<Tag> {
    Ok(format!("{}{SUFFIX}", Tag::of(name, version)).parse()?)
}

fn file() -> Result<AssetName> {
    Ok(FILE.parse()?)
}

fn signature() -> Result<AssetName> {
    Ok(format!("{FILE}.minisig").parse()?)
}

/// The keys that a tombstone may be signed with: those of the releases, or all if the project asks
/// for no signatures of releases.
fn keys(trust: &TrustConfig) -> TrustConfig {
    let mut trust = trust.clone();
    if trust.managed().next().is_none() {
        trust.keys.iter_mut().for_each(|key| key.managed = true);
    }
    trust
}

/// A good tombstone on any hub counts. Otherwise what was ignored is said, and a hub that gave no
/// answer leaves it open.
fn read(run: &Context, name: &Name, version: &Version) -> Result<Found> {
    let (mut found, mut silent) = (Found::Nothing, None);
    for hub in run.hubs()? {
        match read_on(hub.reader(), run, name, version) {
            Ok(Found::Nothing) => {}
            Ok(good @ Found::Good(_)) => return Ok(good),
            Ok(ignored @ Found::Ignored(..)) => found = ignored,
            Err(error) if error.kind() == Kind::Unavailable => silent = Some(error),
            Err(error) => return Err(error),
        }
    }
    match (found, silent) {
        (Found::Nothing, Some(error)) => Err(error),
        (found, _) => Ok(found),
    }
}

fn read_on(hub: &dyn HubReader, run: &Context, name: &Name, version: &Version) -> Result<Found> {
    let (tag, file) = (tag(name, version)?, file()?);
    let ignored = |why: String| Found::Ignored(hub.place(&tag, &file), why);
    let Some(bytes) = hub.small_file(&tag, &file)? else {
        return Ok(Found::Nothing);
    };
    let Some(signature) = hub.small_file(&tag, &signature()?)? else {
        return Ok(ignored("it is not signed".to_owned()));
    };
    let signature = String::from_utf8_lossy(&signature);
    let trust = keys(&run.project.trust);
    if let Err(why) = verified(&trust, (&tag, &file), &bytes, &signature, version) {
        return Ok(ignored(why));
    }
    Ok(match serde_json::from_slice::<Tombstone>(&bytes) {
        Ok(found) if found.name == *name && found.version == *version => Found::Good(found),
        Ok(found) => ignored(format!("it is about {} {}", found.name, found.version)),
        Err(error) => ignored(error.to_string()),
    })
}

/// Publishes the tombstone of a version, signed with the key of the user. A good one that is there
/// with the same reason is left alone.
pub fn yank(
    run: &Context,
    name: &Name,
    version: &Version,
    reason: Option<&str>,
) -> Result<(Tag, Outcome)> {
    let signer = Signer::new(run)?;
    signer.check(version)?;
    let (tag, file) = (tag(name, version)?, file()?);
    if let Some(reason) = reason
        && reason.contains(char::is_control)
    {
        return Err(
            Error::usage("the reason has several lines or control characters")
                .hint("write one line"),
        );
    }
    let tombstone = Tombstone {
        schema: SCHEMA,
        name: name.clone(),
        version: version.clone(),
        reason: reason.map(str::to_owned),
    };
    // This also removes what a killed run left.
    let scratch = fs::Scratch::new(&run.settings.remote.temp, "yank")?;
    if let Found::Good(there) = read_on(run.hub()?, run, name, version)?
        && (there == tombstone || reason.is_none())
    {
        return Ok((tag, Outcome::UpToDate));
    }
    let mut text = serde_json::to_string_pretty(&tombstone)
        .map_err(|error| Error::failed("cannot write a tombstone").cause(error))?;
    text.push('\n');
    let signed = signer.sign_file(&tag, &file, text.as_bytes())?;
    let mut paths = Vec::new();
    for (name, text) in [(file, &text), (signature()?, &signed)] {
        let path = scratch.path().join(name.as_str());
        fs::write_atomic(&path, text.as_bytes())?;
        paths.push((name, path, text));
    }
    let files: Vec<PlainFile<'_>> = paths
        .iter()
        .map(|(name, path, text)| PlainFile {
            name: name.clone(),
            file: path,
            sha256: Digest::of(text.as_bytes()),
            size: text.len() as u64,
        })
        .collect();
    let notes = format!(
        "{name} {version} must not be used any more{}.\n",
        reason
            .map(|reason| format!(": {reason}"))
            .unwrap_or_default()
    );
    let options = PublishOptions {
        replace: true,
        never_latest: true,
        ..PublishOptions::default()
    };
    let published = run
        .publisher()?
        .publish_project(&tag, &files, &notes, options, &|_| ());
    published.map(|_| (tag, Outcome::Released))
}
