//! Takes packages that `larder package` made in another job or on another machine, for a release
//! where nothing of the project is run: the job that may write to the hub does not build.
//!
//! Whoever made a package could run the project's code, so the package is taken in like one from a
//! hub: it must be of the target and accepted by the recipe, and the archive must hold what its
//! sidecar states.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::package::{Packaged, Pins};
use crate::acquire::admission::{self, Candidate, Evidence, Refusal};
use crate::acquire::intake::{self, Arrival, Contents, Transfer};
use crate::acquire::request::Request;
use crate::context::Context;
use crate::events::Events;
use larder_core::archive::{ArchiveKind, Budget, ReadAs};
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::fs;
use larder_core::model::{AssetName, Proof, Target};
use larder_remote::origin::Stated;

/// More than any sidecar has.
const LARGEST_SIDECAR: u64 = 16 << 20;

/// The package of a target in a folder, after everything about it was checked.
pub fn package_in(
    ctx: &Context,
    target: &Target,
    folder: &Utf8Path,
    pins: Pins,
    signs: bool,
) -> Result<Packaged> {
    let mut request = Request::new(ctx, target)?;
    if pins == Pins::AreReplaced {
        request = request.ignoring_lock();
    }
    let asset = ctx.subsystem(target)?.assets(&target.platform).asset();
    let (file, described) = (folder.join(&asset), folder.join(asset.sidecar()));
    for path in [&file, &described] {
        match fs::lstat(path)? {
            Some(meta) if meta.is_file() => {}
            Some(_) => return Err(Error::failed(format!("{path} is not a file"))),
            None => {
                return Err(
                    Error::failed(format!("{folder} has no package of {target}"))
                        .cause(format!("there is no {path}"))
                        .hint("`larder package` makes the package and its sidecar in .dist"),
                );
            }
        }
    }
    if fs::stat(&described)?.is_none_or(|meta| meta.len() > LARGEST_SIDECAR) {
        return Err(Error::integrity(format!("{described} is too large")));
    }
    let sidecar = Sidecar::parse(&fs::read(&described)?, described.as_str())?;
    let content = &sidecar.content;
    if content.name != target.name || content.platform != target.platform {
        return Err(Error::integrity(format!(
            "{described} is of {} for {}",
            content.name, content.platform
        )));
    }
    if !request.wanted.accepts(content.origin, &content.inputs) {
        return Err(Error::failed(format!(
            "the package of {target} in {folder} was made from other inputs than the recipe has now"
        ))
        .hint("make it again from the same commit"));
    }
    let proof = proof_in(ctx, target, folder, &asset)?;
    // Who releases it here with a key vouches for it; else somebody must have done so before.
    let evidence = match &proof {
        None if signs => Evidence::AboutToBeSigned,
        proof => Evidence::Released(proof.as_ref()),
    };
    // Where it came from is not known here, so an original that only the recipe pins needs a line in
    // the lock, which names the artifact.
    let candidate = Candidate {
        artifact: content,
        file: None,
        places: &BTreeSet::new(),
        evidence,
    };
    admission::admit(&request, candidate).map_err(|refusal| {
        let lock = format!("`larder lock {} --platform all` pins it", target.name);
        match refusal {
            Refusal::Unproven(_) => refusal.into_error(&request).hint(lock),
            refusal => refusal.into_error(&request),
        }
    })?;
    let scratch = fs::Scratch::new(&ctx.settings.remote.temp, "package")?;
    unpack(&request, &ctx.events, &file, &sidecar, scratch.path())?;
    Ok(Packaged {
        asset,
        file,
        sidecar,
        up_to_date: true,
    })
}

/// The signature that lies beside a package, with the sidecar that it is of.
pub fn proof_in(
    ctx: &Context,
    target: &Target,
    folder: &Utf8Path,
    asset: &AssetName,
) -> Result<Option<Proof>> {
    let read = |path: Utf8PathBuf| {
        let bytes = fs::read_bounded(path, LARGEST_SIDECAR)?;
        Ok::<_, Error>(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    };
    let signature = read(folder.join(asset.signature()))?;
    let sidecar = read(folder.join(asset.sidecar()))?;
    let tag = ctx
        .subsystem(target)?
        .assets(&target.platform)
        .tag()
        .clone();
    Ok(signature.zip(sidecar).map(|(signature, sidecar)| Proof {
        tag,
        asset: asset.clone(),
        sidecar,
        signature,
    }))
}

/// Unpacks a package into an empty folder, and checks that it has the digest and holds the files
/// that its sidecar states. `events` receives the progress.
pub(crate) fn unpack(
    request: &Request<'_>,
    events: &Events,
    file: &Utf8Path,
    sidecar: &Sidecar,
    folder: &Utf8Path,
) -> Result<()> {
    let asset = file.file_name().unwrap_or_default();
    let stated = [Stated::sha256(
        sidecar.sha256,
        format!("its sidecar {asset}.json"),
    )];
    let arrival = Arrival {
        place: file.as_str(),
        read_as: ReadAs::Exactly(ArchiveKind::of_name(asset)),
        reader: Box::new(fs::open(file)?),
        size: Some(sidecar.size),
        stated: &stated,
        signature: None,
        select: intake::packaged(sidecar.content.tree.is_some()),
        single: None,
        budget: Budget::from(request.subsystem.limits),
    };
    let transfer = Transfer {
        events,
        ..request.transfer()
    };
    let arrived = intake::receive(transfer, arrival, folder)?;
    let contents = Contents::Stated(&sidecar.content);
    intake::artifact(file.as_str(), &arrived, &contents, folder)?;
    Ok(())
}
