//! Operations on one asset: upload, check, rename, delete. After a lost answer they check whether
//! the operation succeeded. What belongs in a release is decided by the callers.

use super::session::{Session, Stop};
use crate::github::{Asset, Content, NewAsset, Release, WriteError};
use larder_core::error::{Error, Result};
use larder_core::model::Digest;

/// How many times one upload is tried within a round.
const UPLOADS: u32 = 4;

/// An asset to upload, and the digest that identifies its bytes.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    pub(super) label: Option<&'a str>,
    pub(super) content: Content<'a>,
    pub(super) size: u64,
    pub(super) sha256: Digest,
}

impl<'a> Item<'a> {
    /// Bytes in memory.
    pub(super) fn bytes(name: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            name,
            label: None,
            content: Content::Bytes(bytes),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        }
    }
    /// The same asset with a label.
    pub(super) fn labelled(self, label: &'a str) -> Self {
        Self {
            label: Some(label),
            ..self
        }
    }
    /// The same asset under another name.
    pub(super) fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }
    fn new_asset(&self) -> NewAsset<'a> {
        let Self {
            name,
            label,
            content,
            size,
            sha256: _,
        } = *self;
        NewAsset {
            name,
            label,
            content,
            size,
        }
    }
}

impl Session<'_> {
    /// Whether an asset has these bytes. If the server states no digest, downloads the asset and
    /// hashes it.
    pub(super) fn has_bytes(&self, asset: &Asset, size: u64, sha256: &Digest) -> Result<bool> {
        if !asset.is_whole() || asset.size != size {
            return Ok(false);
        }
        Ok(self.digest(asset)? == Some(*sha256))
    }

    /// The digest of an asset: as the server states it, else of the bytes, which are downloaded.
    /// `None` if the asset is gone.
    pub(super) fn digest(&self, asset: &Asset) -> Result<Option<Digest>> {
        if let Some(stated) = asset.sha256() {
            return Ok(Some(stated));
        }
        let Some(body) = self.api().asset(asset.id)? else {
            return Ok(None);
        };
        let (found, _) = Digest::of_reader(body)
            .map_err(|e| crate::http::read_error(&e, &format!("cannot read {}", asset.name)))?;
        Ok(Some(found))
    }

    /// Uploads an asset and checks that it is complete and has its name. Returns [`Stop::Retry`] if
    /// another asset has the name.
    pub(super) fn upload(&mut self, release: &Release, item: Item<'_>) -> Result<Asset, Stop> {
        let mut last = Error::unavailable(format!("cannot upload {}", item.name));
        for n in 0..UPLOADS {
            if n > 0 {
                self.pause_before_retry(n)?;
            }
            self.wrote = true;
            match self.api().upload(release, item.new_asset(), self.progress) {
                Ok(made) => {
                    self.uploaded.insert(made.id);
                    if made.name != item.name {
                        self.delete(made.id)?;
                        let message = format!(
                            "GitHub stored `{}` under another name: `{}`",
                            item.name, made.name
                        );
                        return Err(Stop::Fatal(Error::failed(message).hint(
                            "set `package.name` to a name of letters, digits, `.`, `-`, `_`",
                        )));
                    }
                    if self.has_bytes(&made, item.size, &item.sha256)? {
                        return Ok(made);
                    }
                    self.delete(made.id)?;
                    let message = format!(
                        "the uploaded {} does not have the bytes that its sidecar states",
                        item.name
                    );
                    last = Error::integrity(message)
                        .hint("run `larder package` again, then release again");
                }
                Err(WriteError::Taken(_)) => {
                    // An earlier try may have succeeded. Lists may lag behind, so wait until the
                    // asset is shown.
                    let seen = self.wait_until_visible(release.id, [item.name])?;
                    let Some(there) = seen.asset(item.name) else {
                        continue;
                    };
                    if self.has_bytes(there, item.size, &item.sha256)? {
                        return Ok(there.clone());
                    }
                    if there.is_whole() {
                        return Err(Stop::Retry(Error::failed(format!(
                            "{} was published by another writer in the meantime",
                            item.name
                        ))));
                    }
                    self.delete(there.id)?;
                }
                Err(WriteError::Unknown(error)) => {
                    last = error;
                    let seen = self.read_release(release.id)?;
                    match seen.asset(item.name) {
                        Some(there) if self.has_bytes(there, item.size, &item.sha256)? => {
                            return Ok(there.clone());
                        }
                        Some(there) if !there.is_whole() => self.delete(there.id)?,
                        _ => {}
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Stop::Fatal(last))
    }

    /// Deletes an asset. It is no error if it does not exist.
    pub(super) fn delete(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        self.api().delete_asset(id)?;
        self.staged.remove(&id);
        Ok(())
    }

    /// Deletes an asset that must still exist: if it does not, another writer is changing the
    /// release.
    pub(super) fn delete_own(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        if self.api().delete_asset(id)? {
            return Ok(());
        }
        Err(Stop::Retry(Error::unavailable(
            "another writer is changing the release at the same time",
        )))
    }

    /// Renames an asset.
    pub(super) fn rename(&mut self, id: u64, name: &str) -> Result<(), Stop> {
        self.wrote = true;
        self.api().rename_asset(id, name)?;
        self.staged.remove(&id);
        Ok(())
    }
}
