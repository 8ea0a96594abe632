//! `verify --all`: proves again every byte that is installed, cached, packaged or collected, with the
//! signatures, and names what differs and what can't be proven.
//!
//! Nothing recorded is believed: files are hashed, and signatures are checked against the text that
//! was signed. Nothing is changed, and nothing of the project is run. What is *different* contradicts
//! its description, a pin, or `trust:`. What is *unproven* is as it was made, and nothing from outside
//! of this machine says that it is right: builds that nobody signed, above all.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use rayon::prelude::*;

use super::{Shown, Vouched, describe, judge, yank};
use crate::acquire::admission::{self, Candidate, Refusal};
use crate::acquire::freshness::admit_installed;
use crate::acquire::request::Request;
use crate::cache::Entry;
use crate::collect;
use crate::context::Context;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::documents::{ProofEntry, ProofState, ProofsDocument};
use larder_core::formats::{PinKind, Sidecar};
use larder_core::fs;
use larder_core::keys::tree;
use larder_core::model::{Artifact, Digest, Origin, Platform, Target};

/// What a check found: whether it is proven, and by what, or why not.
type Verdict = (ProofState, String);

/// Proves everything of a project.
pub fn prove(ctx: &Context) -> Result<ProofsDocument> {
    let targets = targets(ctx);
    let found: Vec<Vec<ProofEntry>> = targets
        .par_iter()
        .map(|target| {
            let mut entries = Vec::new();
            entries.extend(installed(ctx, target)?);
            entries.extend(cached(ctx, target)?);
            entries.extend(packaged(ctx, target)?);
            entries.extend(collected(ctx, target)?);
            Ok(entries)
        })
        .collect::<Result<_>>()?;
    let mut entries: Vec<ProofEntry> = found.into_iter().flatten().collect();
    entries.extend(cache_files(ctx)?);
    let count = |state| entries.iter().filter(|entry| entry.state == state).count();
    Ok(ProofsDocument {
        project: ctx.project.name.clone(),
        proven: count(ProofState::Proven),
        unproven: count(ProofState::Unproven),
        different: count(ProofState::Different),
        entries,
    })
}

/// The error if anything differs.
pub fn failure(document: &ProofsDocument) -> Option<Error> {
    let mut different = document
        .entries
        .iter()
        .filter(|entry| entry.state == ProofState::Different);
    let first = different.next()?;
    Some(
        Error::integrity(format!(
            "{} is not what it should be",
            larder_core::human::count(document.different, "thing")
        ))
        .cause(format!("{} {}: {}", first.place, first.what, first.reason))
        .hint("`larder ensure all` repairs what is installed, `larder cache verify` sets damaged files of the cache aside"),
    )
}

/// Every subsystem for every platform that it could be there for.
fn targets(ctx: &Context) -> Vec<Target> {
    let subsystems = ctx.project.subsystems.values();
    let all = subsystems.flat_map(|subsystem| {
        let platforms = subsystem.platforms.iter().copied();
        let own: BTreeSet<Platform> = platforms.chain([subsystem.host()]).collect();
        own.into_iter().map(|platform| Target {
            name: subsystem.name.clone(),
            platform,
        })
    });
    all.collect()
}

fn entry(place: &'static str, target: &Target, version: &str, verdict: Verdict) -> ProofEntry {
    let (state, reason) = verdict;
    ProofEntry {
        place,
        what: format!("{} {version} ({})", target.name, target.platform),
        state,
        reason,
    }
}

/// Errors of integrity and of what is missing are findings; others end the command.
fn finding(error: Error) -> Result<Verdict> {
    match error.kind() {
        Kind::Integrity | Kind::Failed | Kind::Locked => {
            let cause = error.causes().first().map(|cause| format!(": {cause}"));
            let text = format!("{error}{}", cause.unwrap_or_default());
            Ok((ProofState::Different, text))
        }
        _ => Err(error),
    }
}

fn installed(ctx: &Context, target: &Target) -> Result<Option<ProofEntry>> {
    let bin = ctx.bin(target);
    if fs::lstat(bin.dir())?.is_none() {
        return Ok(None);
    }
    let request = Request::new(ctx, target)?;
    let Some(artifact) = bin.stamped()? else {
        let empty = fs::list(bin.dir())?.is_empty();
        let reason = "there are files without a valid stamp".to_owned();
        let version = request.subsystem.version.as_str();
        let verdict = (ProofState::Different, reason);
        return Ok((!empty).then(|| entry("installed", target, version, verdict)));
    };
    let verdict = if let Some(damage) = bin.damage(&artifact)? {
        (ProofState::Different, damage)
    } else if !request.wanted.accepts(artifact.origin, &artifact.inputs) {
        let reason =
            "its files are as its stamp says, and it is of other inputs than the recipe has now";
        (ProofState::Unproven, reason.to_owned())
    } else {
        match admit_installed(&request, &artifact) {
            Ok(Ok((admitted, _))) => with_signature(&request, &artifact, admitted.vouched())?,
            Ok(Err(refusal)) => finding(refusal.into_error(&request))?,
            Err(error) => finding(error)?,
        }
    };
    let verdict = unless_yanked(ctx, &request, verdict)?;
    Ok(Some(entry(
        "installed",
        target,
        artifact.version.as_str(),
        verdict,
    )))
}

/// A version that was yanked is not what should be here.
fn unless_yanked(ctx: &Context, request: &Request<'_>, verdict: Verdict) -> Result<Verdict> {
    let (name, version) = (&request.target.name, &request.subsystem.version);
    Ok(match yank::of(ctx, name, version)? {
        Some(tombstone) if !ctx.options.allow_yanked => {
            let reason = tombstone
                .reason
                .unwrap_or_else(|| "no reason is given".into());
            (ProofState::Different, format!("it was yanked: {reason}"))
        }
        _ => verdict,
    })
}

/// Checks again what was decided when an artifact was installed: the signature itself, with the text
/// that it is of, from the cache or else from the hub.
fn with_signature(
    request: &Request<'_>,
    artifact: &Artifact,
    vouched: &Vouched,
) -> Result<Verdict> {
    let run = request.run;
    let trust = &run.project.trust;
    if let Vouched::Signed(_) = vouched {
        let digest = artifact.digest();
        let cached = run.cache.lookup(artifact.origin, &artifact.inputs)?;
        let cached = cached.filter(|entry| entry.artifact.digest() == digest);
        let proof = match cached.and_then(|entry| entry.proof) {
            Some(proof) => Some(*proof),
            None if run.options.offline => None,
            None => proof_on_hub(request, artifact)?,
        };
        let Some(proof) = proof else {
            let reason = "its signature is neither in the cache nor on the hub";
            return Ok((ProofState::Unproven, reason.to_owned()));
        };
        if let Err(error) = judge(trust, artifact, None, Some(&proof)) {
            return finding(error);
        }
    }
    Ok(by_pins(request, artifact, vouched))
}

fn proof_on_hub(
    request: &Request<'_>,
    artifact: &Artifact,
) -> Result<Option<larder_core::model::Proof>> {
    let names = request.subsystem.assets(&request.target.platform);
    let own = [names.asset(), names.suffixed_asset(&artifact.inputs)];
    let hubs = request.run.hubs()?.iter();
    for (hub, name) in hubs.flat_map(|hub| own.iter().map(|name| (hub.reader(), name.clone()))) {
        if let Some(described) = hub.described(names.tag(), &name)?
            && described.sidecar.content == *artifact
        {
            return hub.proof(names.tag(), &name, &described.text);
        }
    }
    Ok(None)
}

/// Whether anything from outside of this machine says that an artifact is right.
fn by_pins(request: &Request<'_>, artifact: &Artifact, vouched: &Vouched) -> Verdict {
    let digest = artifact.digest();
    let is_pinned = [PinKind::Asset, PinKind::Upstream].into_iter().any(|kind| {
        let pin = request.pin(artifact.origin, kind);
        pin.is_some_and(|pin| pin.artifact == Some(digest))
    });
    let who = describe(&request.run.project.trust, vouched);
    match vouched {
        Vouched::Signed(_) | Vouched::Publisher(Shown::Checksum | Shown::Signature(_)) => {
            (ProofState::Proven, who)
        }
        _ if is_pinned => (ProofState::Proven, format!("{who}; versions.lock names it")),
        Vouched::BuiltHere | Vouched::Publisher(_) | Vouched::Nobody => (
            ProofState::Unproven,
            format!("{who}; nothing else names it"),
        ),
    }
}

fn cached(ctx: &Context, target: &Target) -> Result<Vec<ProofEntry>> {
    let request = Request::new(ctx, target)?;
    let mut entries = Vec::new();
    for origin in [Origin::Original, Origin::Build] {
        let Some(inputs) = request.wanted.of(origin) else {
            continue;
        };
        let Some(found) = ctx.cache.lookup(origin, &inputs.digest)? else {
            continue;
        };
        let verdict = cache_entry(&request, &found)?;
        let version = found.artifact.version.as_str();
        entries.push(entry("cached", target, version, verdict));
    }
    Ok(entries)
}

fn cache_entry(request: &Request<'_>, found: &Entry) -> Result<Verdict> {
    if !request.run.cache.is_whole(&found.artifact)? {
        let reason = "a file of it is missing or damaged".to_owned();
        return Ok((ProofState::Different, reason));
    }
    match admission::admit(request, Candidate::from(found)) {
        Ok(admitted) => Ok(by_pins(request, &found.artifact, admitted.vouched())),
        Err(Refusal::OtherPlace(place)) => {
            let reason = format!("it came from {place}, and this project does not use it");
            Ok((ProofState::Unproven, reason))
        }
        Err(refusal) => finding(refusal.into_error(request)),
    }
}

/// Every file of the cache, whatever project it belongs to: its name is its digest.
fn cache_files(ctx: &Context) -> Result<Vec<ProofEntry>> {
    if ctx.cache.ignored().is_some() {
        return Ok(Vec::new());
    }
    let damaged = ctx.cache.damaged()?.into_iter().map(|name| ProofEntry {
        place: "cached",
        what: format!("file {name}"),
        state: ProofState::Different,
        reason: "its bytes do not have the digest that it is named by".to_owned(),
    });
    Ok(damaged.collect())
}

fn packaged(ctx: &Context, target: &Target) -> Result<Option<ProofEntry>> {
    let request = Request::new(ctx, target)?;
    let asset = request.subsystem.assets(&target.platform).asset();
    let dist = ctx.project.root.join(".dist");
    let (file, described) = (dist.join(&asset), dist.join(asset.sidecar()));
    if fs::lstat(&file)?.is_none() {
        return Ok(None);
    }
    let verdict = package(&request, &file, &described)?;
    let version = request.subsystem.version.as_str();
    Ok(Some(entry("packaged", target, version, verdict)))
}

fn package(request: &Request<'_>, file: &Utf8Path, described: &Utf8Path) -> Result<Verdict> {
    let Some(bytes) = fs::read_or_absent(described)? else {
        let reason = format!("{} is missing", described.file_name().unwrap_or_default());
        return Ok((ProofState::Different, reason));
    };
    let sidecar = match Sidecar::parse(&bytes, described.as_str()) {
        Ok(sidecar) => sidecar,
        Err(error) => return finding(error),
    };
    let (sha256, size) = tree::hash_file(file)?;
    if (sha256, size) != (sidecar.sha256, sidecar.size) {
        let reason = format!(
            "it has sha256 {sha256}, its sidecar says {}",
            sidecar.sha256
        );
        return Ok((ProofState::Different, reason));
    }
    let content = &sidecar.content;
    if !request.wanted.accepts(content.origin, &content.inputs) {
        let reason = "it is of other inputs than the recipe has now".to_owned();
        return Ok((ProofState::Unproven, reason));
    }
    let ctx = request.run;
    let name = file.file_name().unwrap_or_default().parse()?;
    let dist = file.parent().unwrap_or(file);
    let proof = crate::release::handed_over::proof_in(ctx, request.target, dist, &name)?;
    if let Some(proof) = proof {
        return Ok(
            match judge(&ctx.project.trust, content, Some(&sha256), Some(&proof)) {
                Ok(key) => (ProofState::Proven, format!("signed by {}", key.name)),
                Err(error) => finding(error)?,
            },
        );
    }
    // A package is made from what is installed; it is as well proven as that.
    match admit_installed(request, content) {
        Ok(Ok((admitted, _))) => with_signature(request, content, admitted.vouched()),
        Ok(Err(refusal)) => finding(refusal.into_error(request)),
        Err(error) => finding(error),
    }
}

fn collected(ctx: &Context, target: &Target) -> Result<Vec<ProofEntry>> {
    let root = ctx
        .project
        .root
        .join(".collection/binaries")
        .join(&target.name);
    let mut entries = Vec::new();
    for version in fs::list(&root)? {
        let folder = root.join(&version);
        let Some(verdict) = collection(ctx, target, &version, &folder)? else {
            continue;
        };
        entries.push(entry("collected", target, &version, verdict));
    }
    Ok(entries)
}

fn collection(
    ctx: &Context,
    target: &Target,
    version: &str,
    folder: &Utf8PathBuf,
) -> Result<Option<Verdict>> {
    let files = folder.join(target.platform.to_string());
    if fs::lstat(&files)?.is_none() {
        return Ok(None);
    }
    let Some(stated) = collect::stated(folder, target.platform)? else {
        let reason = "its manifest.json does not name it".to_owned();
        return Ok(Some((ProofState::Different, reason)));
    };
    let names = fs::list(&files)?;
    for (name, size, sha256) in &stated {
        let path = files.join(name);
        let whole = fs::lstat(&path)?.is_some_and(|meta| meta.is_file() && meta.len() == *size);
        if !whole || tree::hash_file(&path)?.0 != *sha256 {
            let reason = format!("{name} is not what its manifest.json says");
            return Ok(Some((ProofState::Different, reason)));
        }
    }
    let whole = collect::tree_in(&target.name, &files)?;
    if let Some(artifact) = &whole {
        if let Some(odd) = collect::tree_difference(&files, artifact)? {
            return Ok(Some((ProofState::Different, odd)));
        }
    } else if let Some(odd) = names
        .iter()
        .find(|name| !stated.iter().any(|(known, ..)| known == *name))
    {
        let reason = format!("{odd} is there, and its manifest.json does not name it");
        return Ok(Some((ProofState::Different, reason)));
    }
    let request = Request::new(ctx, target)?;
    let pin = request.pin(Origin::Original, PinKind::Upstream);
    let pinned = pin.and_then(|pin| pin.artifact);
    if request.subsystem.version.as_str() != version {
        let reason = "it is of another version than the pinned one".to_owned();
        return Ok(Some((ProofState::Unproven, reason)));
    }
    let found = match whole {
        Some(artifact) => Some(artifact.digest()),
        None => artifact_of(&request, &stated),
    };
    Ok(Some(match (pinned, found) {
        (Some(pinned), Some(found)) if pinned == found => {
            (ProofState::Proven, "versions.lock names it".to_owned())
        }
        (Some(pinned), _) => {
            let reason = format!("versions.lock says artifact {pinned}, and this is another");
            (ProofState::Different, reason)
        }
        (None, _) => {
            let reason = "only its manifest.json says what it is".to_owned();
            (ProofState::Unproven, reason)
        }
    }))
}

/// Whether the lock pins another artifact than the one that was collected for a target of this
/// version's folder.
pub fn contradicts_lock(request: &Request<'_>, folder: &Utf8Path) -> Result<bool> {
    let pin = request.pin(Origin::Original, PinKind::Upstream);
    let Some(pinned) = pin.and_then(|pin| pin.artifact) else {
        return Ok(false);
    };
    let files = folder.join(request.target.platform.to_string());
    if let Some(artifact) = collect::tree_in(&request.target.name, &files)? {
        return Ok(artifact.digest() != pinned);
    }
    let stated = collect::stated(folder, request.target.platform)?;
    let found = stated.and_then(|stated| artifact_of(request, &stated));
    Ok(found != Some(pinned))
}

/// The digest of the artifact that some files are.
fn artifact_of(request: &Request<'_>, files: &[(String, u64, Digest)]) -> Option<Digest> {
    use larder_core::model::{ArtifactFile, artifact_digest};
    let binaries = request
        .subsystem
        .binaries_on(&request.target.platform)
        .len();
    let names = request.subsystem.file_names(&request.target.platform);
    let files = names.into_iter().enumerate().map(|(n, name)| {
        let (_, size, sha256) = files.iter().find(|(known, ..)| known == name.as_str())?;
        Some(ArtifactFile {
            mode: if n < binaries { 0o755 } else { 0o644 },
            size: *size,
            sha256: *sha256,
            name: name.into(),
        })
    });
    Some(artifact_digest(&files.collect::<Option<Vec<_>>>()?))
}
