//! Publishes to the folder of a release, in this order:
//! 1. Stage a copy in the same folder. It is hashed while it is copied, then flushed to disk.
//! 2. Rename it to its final name unless another file has that name; then do the same with its
//!    sidecar. An asset without a sidecar is invisible. If it is to be signed, its signature is there
//!    before its sidecar, so that no reader sees it without one.
//! 3. Sign the sidecar that is there now, unless it has a good signature.
//! 4. [`sidecars::derive`]: derive `manifest.json` and `checksums.txt` from the sidecars that are
//!    there now.
//!
//! If a call is killed at any point, the next call continues from the existing state.

use camino::{Utf8Path, Utf8PathBuf};

use super::sidecars;
use super::stage::{digest, stage, stage_bytes};
use crate::hub::reader::next_sidecar;
use crate::hub::{Progress, Published, Signing, Upload};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::fs::{self, OwnFolder};
use larder_core::model::{AssetName, Tag};

/// How many times one asset is tried. A try fails if another writer changes the folder between a
/// check and the rename.
const TRIES: usize = 16;

/// Publishes uploads to the folder of a release, without the derived files. Returns what became of
/// each upload and of its signature.
pub(super) fn publish(
    folder: &OwnFolder,
    tag: &Tag,
    uploads: &[Upload<'_>],
    replace: bool,
    progress: Progress<'_>,
) -> Result<(Vec<Published>, Vec<Signing>)> {
    let dir = folder.path();
    let mut published = Vec::new();
    let mut signatures = Vec::new();
    for upload in uploads {
        let to = To { dir, tag };
        let outcome = publish_one(to, upload, replace, progress)?;
        signatures.push(match outcome {
            Published::Added | Published::Replaced | Published::Present => sign(to, upload)?,
            Published::AlreadyPublished(_) | Published::NameTaken(_) => Signing::NotAsked,
        });
        published.push(outcome);
    }
    Ok((published, signatures))
}

/// The folder of a release, and its tag.
#[derive(Clone, Copy)]
struct To<'a> {
    dir: &'a Utf8Path,
    tag: &'a Tag,
}

impl To<'_> {
    /// Writes the signature of a sidecar that is about to become visible.
    fn sign(self, upload: &Upload<'_>, text: &str) -> Result<()> {
        let Some(signer) = upload.signer else {
            return Ok(());
        };
        let signature = signer.sign(self.tag, &upload.name, text, &upload.sidecar)?;
        let path = self.dir.join(upload.name.signature().as_str());
        stage_bytes(self.dir, signature.as_bytes())?.rename_over(&path)
    }
}

/// Signs the sidecar that is there now, unless it has a good signature.
fn sign(to: To<'_>, upload: &Upload<'_>) -> Result<Signing> {
    let Some(signer) = upload.signer else {
        return Ok(Signing::NotAsked);
    };
    let Some(bytes) = sidecars::small_file(to.dir, &upload.name.sidecar())? else {
        return Ok(Signing::NotAsked);
    };
    let text = String::from_utf8_lossy(&bytes);
    let there = sidecars::small_file(to.dir, &upload.name.signature())?;
    if there.is_some_and(|there| signer.is_good(to.tag, &upload.name, &text, &there)) {
        return Ok(Signing::Present);
    }
    to.sign(upload, &text)?;
    Ok(Signing::Added)
}

/// Publishes one asset.
fn publish_one(
    to: To<'_>,
    upload: &Upload<'_>,
    replace: bool,
    progress: Progress<'_>,
) -> Result<Published> {
    let dir = to.dir;
    let (asset, sidecar) = (
        dir.join(upload.name.as_str()),
        dir.join(upload.name.sidecar().as_str()),
    );
    let ours = &upload.sidecar;
    let text = upload.sidecar_text();
    for _ in 0..TRIES {
        finish_replacement(dir, &upload.name)?;
        let existing = match sidecars::read(dir, &upload.name) {
            Err(error) if replace && error.kind() == Kind::Integrity => None,
            other => other?,
        };
        let size = fs::stat(&asset)?.map(|meta| meta.len());
        match (existing, size) {
            (None, None) => {
                let bytes = stage(dir, upload.file, &ours.sha256, ours.size, progress)?;
                to.sign(upload, &text)?;
                if bytes.rename_new(&asset)?
                    && stage_bytes(dir, text.as_bytes())?.rename_new(&sidecar)?
                {
                    return Ok(Published::Added);
                }
            }
            // A publisher was killed between asset and sidecar, or a person put the asset there.
            (None, Some(size)) => {
                let same = size == ours.size && digest(&asset)? == ours.sha256;
                if same && !replace {
                    to.sign(upload, &text)?;
                    if stage_bytes(dir, text.as_bytes())?.rename_new(&sidecar)? {
                        return Ok(Published::Added);
                    }
                } else if replace {
                    return replace_pair(to, upload, &text, progress);
                } else {
                    return Ok(Published::NameTaken(None));
                }
            }
            (Some(there), size) => {
                let same =
                    there.artifact == ours.artifact && there.content.inputs == ours.content.inputs;
                let whole =
                    size == Some(there.size) && (!replace || digest(&asset)? == there.sha256);
                return match (same, whole, replace) {
                    (true, true, _) => Ok(Published::Present),
                    // The asset is missing or incomplete: the same artifact replaces it.
                    (true, false, _) | (false, _, true) => {
                        replace_pair(to, upload, &text, progress)
                    }
                    // The bytes that the sidecar describes are gone, and a new build is unlikely to
                    // give the same bytes.
                    (false, _, false) if size.is_none() => {
                        replace_pair(to, upload, &text, progress)
                    }
                    (false, _, false) if there.content.inputs == ours.content.inputs => {
                        Ok(Published::AlreadyPublished(Box::new(there)))
                    }
                    (false, _, false) => Ok(Published::NameTaken(Some(Box::new(there)))),
                };
            }
        }
    }
    Err(Error::unavailable(format!("too many writers publish {asset} at once")).hint("run again"))
}

/// The new sidecar of an asset that is being replaced.
pub(super) fn next(dir: &Utf8Path, asset: &AssetName) -> Utf8PathBuf {
    dir.join(next_sidecar(asset))
}

/// Replaces an asset and its sidecar. Both files are staged before the first rename; if the process
/// is killed between the two renames, [`finish_replacement`] does the second one later.
fn replace_pair(
    to: To<'_>,
    upload: &Upload<'_>,
    text: &str,
    progress: Progress<'_>,
) -> Result<Published> {
    let dir = to.dir;
    let bytes = stage(
        dir,
        upload.file,
        &upload.sidecar.sha256,
        upload.sidecar.size,
        progress,
    )?;
    let next = next(dir, &upload.name);
    stage_bytes(dir, text.as_bytes())?.rename_over(&next)?;
    bytes.rename_over(&dir.join(upload.name.as_str()))?;
    // Until the next rename, readers are told that a replacement is under way.
    to.sign(upload, text)?;
    fs::rename(&next, dir.join(upload.name.sidecar().as_str()))?;
    fs::sync_dir(dir)?;
    Ok(Published::Replaced)
}

/// Finishes a replacement that was killed. If the new asset already has its final name, renames the
/// staged sidecar as well; otherwise the first rename was not done, and the staged sidecar is
/// removed.
pub(super) fn finish_replacement(dir: &Utf8Path, name: &AssetName) -> Result<()> {
    let next = next(dir, name);
    let Some(bytes) = fs::read_or_absent(&next)? else {
        return Ok(());
    };
    let asset = dir.join(name.as_str());
    let arrived = match Sidecar::parse(&bytes, next.as_str()) {
        Ok(sidecar) => fs::stat(&asset)?.is_some() && digest(&asset)? == sidecar.sha256,
        Err(_) => false,
    };
    if arrived {
        fs::rename(&next, dir.join(name.sidecar().as_str()))
    } else {
        fs::remove_file(&next)
    }
}
