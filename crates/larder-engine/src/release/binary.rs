//! Releases a packaged artifact on the hub. The hub is asked every time; nothing about releases is stored locally.
//!
//! The first published asset is kept. If the hub already has the same artifact, nothing is done. If it has other bytes made
//! from the same inputs, those are installed here instead, with a warning. If it has an artifact of other inputs, this one
//! gets a suffixed name.

use std::num::NonZeroUsize;

use camino::Utf8Path;

use super::attest::{self, Attestation};
use super::handed_over::{package_in, proof_in, unpack};
use super::notes::release_notes;
use super::package::{Packaged, Pins, package};
use super::pending;
use super::signed;
use crate::acquire;
use crate::acquire::availability::Availability;
use crate::acquire::intake;
use crate::acquire::replaced::read_as_described;
use crate::acquire::request::Request;
use crate::acquire::sources::ManagedAsset;
use crate::context::Context;
use crate::events::{Level, Phase};
use crate::lock;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use crate::trust::signing::Signer;
use crate::trust::yank;
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::{LockLine, PinKind, Sidecar};
use larder_core::fs::Scratch;
use larder_core::model::{Action, AssetName, Outcome, Tag, Target};
use larder_core::project::HubConfig;
use larder_remote::hub::{
    Attest, Attested, PublishOptions, Published, SidecarSigner, Signing, Upload,
};

/// How to release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReleaseOptions {
    /// How to publish.
    pub publish: PublishOptions,
    /// Attach an SBOM and the provenance.
    pub attest: bool,
}

/// The result of releasing one target.
#[derive(Clone, Debug)]
pub struct Released {
    /// `released`, or `up-to-date` if the hub already had it.
    pub outcome: Outcome,
    /// Number of bytes sent.
    pub bytes: u64,
    /// `<hub>/<tag>/<asset>`.
    pub place: String,
    /// An explanation of the outcome, if it needs one.
    pub reason: Option<String>,
}

/// Releases some targets, several at once: what is installed, or the packages in the folder `from`.
/// Returns every failure.
pub fn release_all(
    ctx: &Context,
    targets: &Targets,
    from: Option<&Utf8Path>,
    options: ReleaseOptions,
    jobs: Option<NonZeroUsize>,
) -> Vec<Error> {
    each(ctx, Action::Release, targets, jobs, |target| {
        let signer = Signer::for_release(ctx, &ctx.subsystem(target)?.version)?;
        let (packaged, handed_over) = match from {
            Some(folder) => {
                let packaged = package_in(ctx, target, folder, pins(options), signer.is_some())?;
                let proof = proof_in(ctx, target, folder, &packaged.asset)?;
                (
                    packaged,
                    proof
                        .map(|proof| signed::handed_over(ctx, target, proof))
                        .transpose()?,
                )
            }
            None => (package(ctx, target, pins(options))?, None),
        };
        let signer = signed::choose(signer.as_ref(), handed_over.as_ref());
        let released = release_package(ctx, target, packaged, options, signer)?;
        Ok(StepReport {
            bytes: released.bytes,
            place: Some(released.place),
            reason: released.reason,
            ..StepReport::new(released.outcome)
        })
    })
}

/// Releases a target, and packages it first if necessary.
pub fn release(ctx: &Context, target: &Target, options: ReleaseOptions) -> Result<Released> {
    let signer = Signer::for_release(ctx, &ctx.subsystem(target)?.version)?;
    let packaged = package(ctx, target, pins(options))?;
    let signer = signed::choose(signer.as_ref(), None);
    release_package(ctx, target, packaged, options, signer)
}

fn pins(options: ReleaseOptions) -> Pins {
    if options.publish.replace {
        Pins::AreReplaced
    } else {
        Pins::Hold
    }
}

/// Releases a package. The target is no longer due then.
fn release_package(
    ctx: &Context,
    target: &Target,
    packaged: Packaged,
    options: ReleaseOptions,
    signer: Option<&dyn SidecarSigner>,
) -> Result<Released> {
    yank::check(&Request::new(ctx, target)?)?;
    if signer.is_none() {
        signed::require(ctx, target, &packaged)?;
    }
    let released = publish(ctx, target, packaged, options, signer)?;
    pending::forget(&ctx.project.root, target)?;
    Ok(released)
}

fn publish(
    ctx: &Context,
    target: &Target,
    packaged: Packaged,
    options: ReleaseOptions,
    signer: Option<&dyn SidecarSigner>,
) -> Result<Released> {
    let hub = ctx.hub()?;
    let publisher = ctx.publisher()?;
    let subsystem = ctx.subsystem(target)?;
    let coordinates = subsystem.assets(&target.platform);
    let unpacked = if options.attest {
        let files = Scratch::new(&ctx.settings.remote.temp, "package")?;
        let request = Request::new(ctx, target)?;
        unpack(
            &request,
            &ctx.events,
            &packaged.file,
            &packaged.sidecar,
            files.path(),
        )?;
        Some(files)
    } else {
        None
    };
    let attestation = unpacked
        .as_ref()
        .map(|files| Attestation::new(subsystem, &packaged.sidecar, files));
    let Packaged {
        asset,
        file,
        sidecar,
        up_to_date: _,
    } = packaged;
    ctx.events
        .phase(target, Phase::Uploading, Some(sidecar.size));
    let progress = |bytes| ctx.events.progress(target, bytes);
    let notes = || release_notes(ctx, target);
    let suffixed = coordinates.suffixed_asset(&sidecar.content.inputs);
    for name in [asset, suffixed] {
        ctx.cancel.check()?;
        let upload = Upload {
            name: name.clone(),
            file: &file,
            sidecar: sidecar.clone(),
            text: None,
            signer,
        };
        let receipt = publisher.publish(
            coordinates.tag(),
            std::slice::from_ref(&upload),
            options.publish,
            &notes,
            attestation.as_ref().map(|attest| attest as &dyn Attest),
            &progress,
        )?;
        let attested = receipt.attested;
        let signing = receipt.signatures.first().copied().unwrap_or_default();
        let Some((tag, published)) = receipt.assets.into_iter().next() else {
            continue;
        };
        let place = format!("{}/{tag}/{name}", hub.describe());
        if matches!(
            published,
            Published::Added | Published::Replaced | Published::Present
        ) && !receipt.staged
        {
            pin_published(
                ctx,
                target,
                (&tag, &name),
                &sidecar,
                options.publish.replace,
            )?;
        }
        let released = |outcome, bytes, reason| {
            Ok(Released {
                outcome,
                bytes,
                place: place.clone(),
                reason,
            })
        };
        let staged = receipt.staged.then(|| {
            format!(
                "in a draft: `larder release finalize {}` publishes it",
                target.name
            )
        });
        let attached = attested.and_then(attest::reason);
        match published {
            Published::Added | Published::Replaced => {
                let reason = match attested {
                    Some(Attested::Immutable) => attached.map(str::to_owned),
                    _ => staged,
                };
                return released(Outcome::Released, sidecar.size, reason);
            }
            Published::Present if signing == Signing::Added => {
                let reason = staged.or_else(|| Some("its signature was added".into()));
                return released(Outcome::Released, 0, reason);
            }
            Published::Present if signing == Signing::Immutable => {
                let reason = "it is in an immutable release, where no signature can be added; \
                              a signed release needs another version";
                return released(Outcome::Skipped, 0, Some(reason.into()));
            }
            Published::Present => {
                let outcome = match attested {
                    Some(Attested::Written) => Outcome::Released,
                    _ => Outcome::UpToDate,
                };
                let known = staged.unwrap_or_else(|| "already released".into());
                let reason = match attached {
                    Some(attached) => format!("{known}; {attached}"),
                    None => known,
                };
                return released(outcome, 0, Some(reason));
            }
            Published::AlreadyPublished(theirs) => {
                let text = format!(
                    "{place} was published first with other bytes of the same inputs; it is kept, and is installed here instead"
                );
                ctx.events.note(Some(target), Level::Warning, text);
                adopt(ctx, target, &tag, &name, &theirs)?;
                return released(
                    Outcome::UpToDate,
                    0,
                    Some("another build of the same inputs was published first".into()),
                );
            }
            Published::NameTaken(None) if adopted(ctx, target, &tag, &name)? => {
                let reason =
                    "the hub's asset without a sidecar is kept, because versions.lock pins it";
                return released(Outcome::UpToDate, 0, Some(reason.into()));
            }
            // An asset of other inputs has this name: try the suffixed one.
            Published::NameTaken(_) => {}
        }
    }
    Err(Error::failed(format!(
        "{} has other assets under both names of {target}",
        hub.describe()
    ))
    .hint(format!(
        "`larder release {} --replace` replaces them with this one",
        target.name
    )))
}

/// Installs a published artifact in place of the local build of the same inputs.
fn adopt(
    ctx: &Context,
    target: &Target,
    tag: &Tag,
    asset: &AssetName,
    sidecar: &Sidecar,
) -> Result<()> {
    let held = acquire::lock_target(ctx, target)?;
    let request = Request::new(ctx, target)?;
    let staging = held.bin.stage()?;
    let described = (tag, asset, sidecar);
    let fetched = read_as_described(ctx.hub()?, &ctx.cancel, described, |sidecar, version| {
        intake::clear_folder(staging.path())?;
        let published = ManagedAsset::from_sidecar(tag.clone(), asset.clone(), sidecar.clone());
        published.fetch(&request, staging.path(), version)
    })?;
    match fetched {
        Availability::Have(taken) => {
            let reason = "published first".to_owned();
            acquire::install(&request, &held.bin, staging, taken, reason, &|| ()).map(drop)
        }
        Availability::Absent(_) => Err(Error::unavailable(format!(
            "{asset} of {tag}, which was published first, has disappeared from the hub"
        ))
        .hint("run the command again")),
    }
}

/// Whether `lock --adopt` pinned an asset to the current inputs.
fn adopted(ctx: &Context, target: &Target, tag: &Tag, asset: &AssetName) -> Result<bool> {
    let wanted = ctx.wanted(target)?;
    Ok(ctx
        .lock
        .pinned_assets(ctx.subsystem(target)?, target, &wanted)
        .any(|(_, named)| named == (tag.clone(), asset.clone())))
}

/// Pins an asset that was published.
pub(crate) fn pin_published(
    ctx: &Context,
    target: &Target,
    (tag, asset): (&Tag, &AssetName),
    sidecar: &Sidecar,
    replace: bool,
) -> Result<()> {
    let url = lock::asset_url(&ctx.project, ctx.hub()?, tag, asset);
    let line = lock::line(
        &sidecar.content,
        PinKind::Asset,
        sidecar.sha256,
        sidecar.size,
        &url,
    );
    pin(ctx, target, &line, replace)
}

/// Pins what was published, because everyone gets it from now on. It replaces a pin of another build only with `--replace`,
/// or if the hub is a folder inside the project, which can have been removed since the lock was written.
fn pin(ctx: &Context, target: &Target, line: &LockLine, replace: bool) -> Result<()> {
    if replace {
        return ctx.lock.record_replacing(line);
    }
    let in_project = matches!(&ctx.project.hub, HubConfig::Dir { path, .. } if path.starts_with(&ctx.project.root));
    match ctx.lock.record(line) {
        Err(error) if in_project && error.kind() == Kind::Integrity && !ctx.options.locked => {
            let text = "versions.lock pinned another build of the same inputs, which the hub no longer has";
            ctx.events.note(Some(target), Level::Warning, text);
            ctx.lock.write(std::slice::from_ref(line), true).map(drop)
        }
        recorded => recorded,
    }
}
