//! Packs an installed artifact into an asset in `.dist`, with its sidecar.

use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;

use camino::{Utf8Path, Utf8PathBuf};

use crate::acquire::admission::Admitted;
use crate::acquire::freshness::{admit_installed, stamped};
use crate::acquire::request::Request;
use crate::context::Context;
use crate::events::Phase;
use crate::installed::Bin;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use larder_core::archive::{self, Content, PackEntry};
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::FileLock;
use larder_core::formats::{Observed, Sidecar, stamp};
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::model::{Action, Artifact, AssetName, Outcome, Target};
use larder_core::staging::{self, StagedFile};

/// A package in `.dist`.
#[derive(Clone, Debug)]
pub struct Packaged {
    /// The asset's name.
    pub asset: AssetName,
    /// The archive.
    pub file: Utf8PathBuf,
    /// The description of the archive and of the artifact in it.
    pub sidecar: Sidecar,
    /// The same package existed already, undamaged.
    pub up_to_date: bool,
}

/// Whether what is packaged must be what the lock pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pins {
    /// It must.
    Hold,
    /// `release --replace` is about to pin it instead of what the lock pins now.
    AreReplaced,
}

/// Packages some targets, several at once. Returns every failure.
pub fn package_all(ctx: &Context, targets: &Targets, jobs: Option<NonZeroUsize>) -> Vec<Error> {
    each(ctx, Action::Package, targets, jobs, |target| {
        let packaged = package(ctx, target, Pins::Hold)?;
        let outcome = if packaged.up_to_date {
            Outcome::UpToDate
        } else {
            Outcome::Packaged
        };
        Ok(StepReport {
            bytes: packaged.sidecar.size,
            place: Some(ctx.project.relative(&packaged.file)),
            ..StepReport::new(outcome)
        })
    })
}

/// Packages the installed set of a target. An existing, undamaged package of the same artifact is kept.
pub fn package(ctx: &Context, target: &Target, pins: Pins) -> Result<Packaged> {
    let subsystem = ctx.subsystem(target)?;
    let bin = ctx.bin(target).pinned();
    let artifact = wanted_and_installed(ctx, target, &bin, pins)?;
    let format = subsystem.format(&target.platform);
    let asset = subsystem.assets(&target.platform).asset();
    let dist = ctx.project.root.join(".dist");
    let file = dist.join(&asset);
    if let Some(folder) = OwnFolder::open(&ctx.project.root, ".dist")? {
        folder.sweep(&staging::prefix(asset.as_str()));
    }
    if let Some(sidecar) = existing(&dist, &asset, &artifact)? {
        return Ok(Packaged {
            asset,
            file,
            sidecar,
            up_to_date: true,
        });
    }
    let folder = ctx.own_folder(".dist")?;
    let lock = format!(".larder/locks/package-{asset}");
    let lock = FileLock::take(&ctx.project.root, lock, &ctx.waiting)?;
    if lock.is_held() {
        // The process that held the lock before may have made the package.
        if let Some(sidecar) = existing(&dist, &asset, &artifact)? {
            return Ok(Packaged {
                asset,
                file,
                sidecar,
                up_to_date: true,
            });
        }
    }
    ctx.events
        .phase(target, Phase::Packing, Some(artifact.size()));
    // The contents are checked while they are packed.
    if let Some(damage) = bin.difference(&artifact, false)? {
        return Err(damaged(target, &damage));
    }
    let stamp = stamp::render(&artifact);
    let paths: Vec<Utf8PathBuf> = artifact
        .files
        .iter()
        .map(|file| bin.path(&artifact, file.name.as_str()))
        .collect();
    let mut entries = vec![PackEntry {
        name: stamp::FILE,
        mode: 0o644,
        size: stamp.len() as u64,
        content: Content::Bytes(stamp.as_bytes()),
    }];
    for (file, path) in artifact.files.iter().zip(&paths) {
        entries.push(PackEntry {
            name: file.name.as_str(),
            mode: file.mode,
            size: file.size,
            content: Content::Known(path, file.sha256),
        });
    }
    let links = artifact.tree.iter().flat_map(|tree| &tree.links);
    entries.extend(links.map(|link| PackEntry::link(link.name.as_str(), link.target.as_str())));
    let prefix = staging::prefix(asset.as_str());
    let staged = StagedFile::new(&dist, &prefix)?;
    let mut out = BufWriter::new(staged.file());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = |bytes| ctx.events.progress(target, bytes);
    let packed = archive::pack(format, &entries, &mut out, threads, &ctx.cancel, &progress)
        .map_err(|error| content_is_damaged(target, error))?;
    out.flush().at("write", &file)?;
    drop(out);
    staged.flush(0o644)?;
    // The old sidecar is removed first, so that an archive never has the sidecar of another one.
    folder.remove_file(asset.sidecar().as_str())?;
    staged.rename_over(&file)?;
    let (observed, explanation) = provenance(ctx, target, &artifact);
    let sidecar = Sidecar::new(
        artifact.into_inner(),
        packed.sha256,
        packed.size,
        observed,
        explanation,
    );
    let mut staged = StagedFile::new(&dist, &prefix)?;
    staged.write(sidecar.to_json().as_bytes())?;
    staged.flush(0o644)?;
    staged.rename_over(dist.join(asset.sidecar()))?;
    folder.sync()?;
    Ok(Packaged {
        asset,
        file,
        sidecar,
        up_to_date: false,
    })
}

/// The error for an installed target that is not what its stamp says.
pub(super) fn damaged(target: &Target, damage: &str) -> Error {
    Error::integrity(format!("{target} is damaged: {damage}"))
        .hint(format!("`{}` repairs it", target.ensure()))
}

/// The error of packing: a content with another digest is damage.
fn content_is_damaged(target: &Target, error: Error) -> Error {
    if error.kind() == Kind::Integrity {
        damaged(target, error.message())
    } else {
        error
    }
}

/// The installed artifact of a target; an error if it is not accepted by the current recipe, or if a pin contradicts it.
pub(super) fn wanted_and_installed(
    ctx: &Context,
    target: &Target,
    bin: &Bin,
    pins: Pins,
) -> Result<Admitted> {
    let mut request = Request::new(ctx, target)?;
    if pins == Pins::AreReplaced {
        request = request.ignoring_lock();
    }
    let ensure = format!("run `{}` first", target.ensure());
    let artifact = stamped(&request, bin)?
        .ok_or_else(|| Error::failed(format!("{target} is not installed")).hint(&ensure))?;
    if !request.wanted.accepts(artifact.origin, &artifact.inputs) {
        return Err(Error::failed(format!(
            "the installed {target} was made from other inputs than the recipe has now"
        ))
        .hint(&ensure));
    }
    match admit_installed(&request, &artifact)? {
        Ok((admitted, _)) => Ok(admitted),
        Err(refusal) => Err(refusal
            .into_error(&request)
            .hint(format!("`{}` installs what is pinned", target.ensure()))),
    }
}

/// The sidecar of the existing package in `.dist`, if that contains this artifact and is undamaged.
fn existing(dist: &Utf8Path, asset: &AssetName, artifact: &Artifact) -> Result<Option<Sidecar>> {
    let path = dist.join(asset.sidecar());
    let Some(bytes) = fs::read_or_absent(&path)? else {
        return Ok(None);
    };
    let Ok(sidecar) = Sidecar::parse(&bytes, path.as_str()) else {
        return Ok(None);
    };
    let valid = sidecar.content == *artifact
        && fs::stat(dist.join(asset))?.is_some_and(|meta| meta.len() == sidecar.size)
        && larder_core::keys::tree::hash_file(&dist.join(asset))?.0 == sidecar.sha256;
    Ok(valid.then_some(sidecar))
}

/// What was observed when the artifact was made, and the fields that its inputs were computed from.
fn provenance(
    ctx: &Context,
    target: &Target,
    artifact: &Artifact,
) -> (Observed, Vec<(String, String)>) {
    let observed = ctx
        .cache
        .lookup(artifact.origin, &artifact.inputs)
        .ok()
        .flatten()
        .filter(|entry| entry.artifact.digest() == artifact.digest())
        .map_or_else(
            || Observed {
                commit: artifact.commit.clone(),
                ..Observed::default()
            },
            |entry| entry.observed,
        );
    let explanation = ctx
        .wanted(target)
        .ok()
        .and_then(|wanted| Some(wanted.of(artifact.origin)?.explanation()))
        .unwrap_or_default();
    (observed, explanation)
}
