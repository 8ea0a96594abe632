//! Publishes assets to a release, in this order:
//! 1. Send the parts of a large file, which nobody can read yet.
//! 2. Make it an object unless there is one of its key; then store its sidecar in the same way. An
//!    asset without a sidecar is invisible. If it is to be signed, its signature is there before its
//!    sidecar.
//! 3. Sign the sidecar that is there now, unless it has a good signature.
//! 4. [`sidecars::derive`](super::sidecars::derive): `manifest.json` and `checksums.txt`.
//!
//! If a call is killed at any point, the next call continues from the existing state.

use std::time::Duration;

use super::guard::Guard;
use super::{S3Hub, kind, too_many_writers};
use crate::hub::reader::{MAX_SIDECAR, next_sidecar};
use crate::hub::{HubReader as _, Progress, Published, Signing, Upload};
use crate::s3::{Content, Created};
use larder_core::error::{Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

/// How many times one asset is tried. A try fails if another writer changes it between a look and a
/// write.
const TRIES: usize = 16;
/// How long the sidecar of an asset of another writer may take to arrive.
const ARRIVES: Duration = Duration::from_secs(30);
/// The pause before it is asked for again.
const PAUSE: Duration = Duration::from_millis(500);
const JSON: &str = "application/json";

/// Publishes uploads, without the derived files. Returns what became of each upload and of its
/// signature.
pub(super) fn publish(
    hub: &S3Hub,
    tag: &Tag,
    uploads: &[Upload<'_>],
    replace: bool,
    progress: Progress<'_>,
) -> Result<(Vec<Published>, Vec<Signing>)> {
    let mut published = Vec::new();
    let mut signatures = Vec::new();
    for upload in uploads {
        let to = To {
            hub,
            tag,
            upload,
            progress,
        };
        let outcome = to.publish(replace)?;
        signatures.push(match outcome {
            Published::Added | Published::Replaced | Published::Present => to.sign_present()?,
            Published::AlreadyPublished(_) | Published::NameTaken(_) => Signing::NotAsked,
        });
        published.push(outcome);
    }
    Ok((published, signatures))
}

/// One upload and the release that it goes to.
struct To<'a> {
    hub: &'a S3Hub,
    tag: &'a Tag,
    upload: &'a Upload<'a>,
    progress: Progress<'a>,
}

impl To<'_> {
    fn asset(&self) -> String {
        self.hub.key(self.tag, self.upload.name.as_str())
    }

    fn sidecar(&self) -> String {
        self.hub.key(self.tag, self.upload.name.sidecar().as_str())
    }

    fn next(&self) -> String {
        self.hub.key(self.tag, &next_sidecar(&self.upload.name))
    }

    /// Writes the signature of a sidecar that is about to become visible.
    fn sign(&self, text: &str) -> Result<()> {
        let Some(signer) = self.upload.signer else {
            return Ok(());
        };
        let signature = signer.sign(self.tag, &self.upload.name, text, &self.upload.sidecar)?;
        let key = self
            .hub
            .key(self.tag, self.upload.name.signature().as_str());
        let content = Content::Bytes(signature.as_bytes());
        self.hub.bucket.put(&key, content, "text/plain")
    }

    /// Signs the sidecar that is there now, unless it has a good signature.
    fn sign_present(&self) -> Result<Signing> {
        let Some(signer) = self.upload.signer else {
            return Ok(Signing::NotAsked);
        };
        let (hub, tag, name) = (self.hub, self.tag, &self.upload.name);
        let Some(bytes) = hub.small_file(tag, &name.sidecar())? else {
            return Ok(Signing::NotAsked);
        };
        let text = String::from_utf8_lossy(&bytes);
        let there = hub.small_file(tag, &name.signature())?;
        if there.is_some_and(|there| signer.is_good(tag, name, &text, &there)) {
            return Ok(Signing::Present);
        }
        self.sign(&text)?;
        Ok(Signing::Added)
    }

    fn publish(&self, replace: bool) -> Result<Published> {
        let ours = &self.upload.sidecar;
        let text = self.upload.sidecar_text();
        let mut waited = Duration::ZERO;
        for _ in 0..TRIES {
            self.finish_replacement()?;
            let existing = match self.hub.sidecar(self.tag, &self.upload.name) {
                Err(error) if replace && error.kind() == Kind::Integrity => None,
                other => other?,
            };
            let there = self.hub.bucket.head(&self.asset())?;
            let size = there.as_ref().map(|there| there.size);
            match (existing, there) {
                (None, None) => {
                    if self.add(&text)? {
                        return Ok(Published::Added);
                    }
                }
                (None, Some(_)) if replace => {
                    if let Some(published) = self.replace(&text, true)? {
                        return Ok(published);
                    }
                }
                // A publisher was killed between asset and sidecar, is about to write the sidecar, or
                // a person put the asset there.
                (None, Some(there)) => {
                    if there.size == ours.size && self.digest()? == Some(ours.sha256) {
                        if self.add_sidecar(&text)? {
                            return Ok(Published::Added);
                        }
                        continue;
                    }
                    if there.age + waited >= ARRIVES {
                        return Ok(Published::NameTaken(None));
                    }
                    while there.age + waited < ARRIVES {
                        self.hub.bucket.cancel().check()?;
                        std::thread::sleep(PAUSE);
                        waited += PAUSE;
                        if self.hub.bucket.head(&self.sidecar())?.is_some() {
                            break;
                        }
                    }
                }
                (Some(there), _) => {
                    if let Some(published) = self.compare(there, size, replace, &text)? {
                        return Ok(published);
                    }
                }
            }
        }
        Err(too_many_writers(&self.hub.shown(&self.asset())))
    }

    /// What a complete asset, or the sidecar of a lost one, means for an upload. `None` if another
    /// writer changed it in the meantime.
    fn compare(
        &self,
        there: Sidecar,
        size: Option<u64>,
        replace: bool,
        text: &str,
    ) -> Result<Option<Published>> {
        let ours = &self.upload.sidecar;
        let same_inputs = there.content.inputs == ours.content.inputs;
        let same = there.artifact == ours.artifact && same_inputs;
        let whole = size == Some(there.size) && (!replace || self.digest()? == Some(there.sha256));
        Ok(Some(match (same, whole, replace) {
            (true, true, _) => Published::Present,
            // The asset is missing or incomplete: the same artifact replaces it.
            (true, false, _) | (false, _, true) => return self.replace(text, replace),
            // The bytes that the sidecar describes are gone, and a new build is unlikely to give the
            // same bytes.
            (false, _, false) if size.is_none() => return self.replace(text, false),
            (false, _, false) if same_inputs => Published::AlreadyPublished(Box::new(there)),
            (false, _, false) => Published::NameTaken(Some(Box::new(there))),
        }))
    }

    /// Adds the asset and its sidecar. False if another writer was first with one of them. The
    /// signature is written between the two: that of another writer's sidecar stays.
    fn add(&self, text: &str) -> Result<bool> {
        let key = self.asset();
        let staged = self.stage(&key)?;
        let guard = self.hub.guard(self.tag, staged.is_in_parts())?;
        let is_added = guard.commit(&key, &staged)? == Created::New && {
            self.sign(text)?;
            guard.create(&self.sidecar(), text.as_bytes(), JSON)? == Created::New
        };
        if !is_added {
            self.hub.bucket.discard(&staged);
        }
        Ok(is_added)
    }

    fn add_sidecar(&self, text: &str) -> Result<bool> {
        let guard = self.hub.guard(self.tag, false)?;
        self.sign(text)?;
        Ok(guard.create(&self.sidecar(), text.as_bytes(), JSON)? == Created::New)
    }

    fn stage<'s>(&'s self, key: &str) -> Result<crate::s3::Staged<'s>> {
        let Upload {
            name,
            file,
            sidecar,
            text: _,
            signer: _,
        } = self.upload;
        let kind = kind(name.as_str());
        let (sha256, size) = (&sidecar.sha256, sidecar.size);
        self.hub
            .bucket
            .stage(key, file, sha256, size, kind, self.progress)
    }

    /// Replaces an asset and its sidecar under the lock of the release. The new sidecar is there under
    /// another name first; if the process is killed between the two writes,
    /// [`finish_replacement`] does the second one later. Unless it is `forced`, what another writer has
    /// repaired by then stays: `None`.
    fn replace(&self, text: &str, forced: bool) -> Result<Option<Published>> {
        let staged = self.stage(&self.asset())?;
        let guard = self.hub.lock(self.tag)?;
        if !forced && self.is_whole()? {
            self.hub.bucket.discard(&staged);
            return Ok(None);
        }
        guard.put(&self.next(), text.as_bytes(), JSON)?;
        guard.replace(&staged)?;
        self.sign(text)?;
        end_replacement(
            self.hub,
            &guard,
            self.tag,
            &self.upload.name,
            text.as_bytes(),
        )?;
        Ok(Some(Published::Replaced))
    }

    /// Whether the asset is there as its sidecar states it, by its size.
    fn is_whole(&self) -> Result<bool> {
        let there = self.hub.bucket.head(&self.asset())?;
        let sidecar = self.hub.sidecar(self.tag, &self.upload.name)?;
        Ok(sidecar.is_some_and(|sidecar| there.is_some_and(|there| there.size == sidecar.size)))
    }

    /// Finishes a replacement that was killed. A publisher that replaces has the lock.
    fn finish_replacement(&self) -> Result<()> {
        if self.hub.bucket.head(&self.next())?.is_none() {
            return Ok(());
        }
        let guard = self.hub.lock(self.tag)?;
        finish_replacement(self.hub, &guard, self.tag, &self.upload.name)
    }

    /// The digest of the asset that is there. The store's own is taken if it states one.
    fn digest(&self) -> Result<Option<Digest>> {
        let found = self.hub.hashed(self.tag, &self.upload.name)?;
        Ok(found.and_then(|found| found.sha256))
    }
}

fn end_replacement(
    hub: &S3Hub,
    guard: &Guard<'_>,
    tag: &Tag,
    asset: &AssetName,
    text: &[u8],
) -> Result<()> {
    guard.put(&hub.key(tag, asset.sidecar().as_str()), text, JSON)?;
    hub.bucket.delete(&hub.key(tag, &next_sidecar(asset)))
}

/// Finishes a replacement that was killed, under the lock of the release: if the new asset is there,
/// its sidecar follows; otherwise nothing was replaced yet.
pub(super) fn finish_replacement(
    hub: &S3Hub,
    guard: &Guard<'_>,
    tag: &Tag,
    asset: &AssetName,
) -> Result<()> {
    let next = hub.key(tag, &next_sidecar(asset));
    let Some(found) = hub.bucket.get(&next, MAX_SIDECAR)? else {
        return Ok(());
    };
    let there = hub.hashed(tag, asset)?.and_then(|there| there.sha256);
    let arrived = Sidecar::parse(&found, &hub.shown(&next))
        .is_ok_and(|sidecar| there == Some(sidecar.sha256));
    if arrived {
        end_replacement(hub, guard, tag, asset, &found)
    } else {
        hub.bucket.delete(&next)
    }
}
