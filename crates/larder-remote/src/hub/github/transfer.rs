//! One asset at a time, so that a lost answer can be told from a failure: upload, check, rename,
//! delete. Does not know what belongs into a release.

use super::session::{Session, Stop};
use crate::github::{Asset, Content, NewAsset, Release, WriteError};
use larder_core::error::{Error, Result};
use larder_core::model::Digest;

/// How often one upload is tried within a round.
const UPLOADS: u32 = 4;

/// Something to upload, and the digest by which it is recognised.
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
    /// The same with a label.
    pub(super) fn labelled(self, label: &'a str) -> Self {
        Self {
            label: Some(label),
            ..self
        }
    }
    /// The same under another name.
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
    /// Whether an asset has these bytes. Where the server states no digest, they are read.
    pub(super) fn same(&self, asset: &Asset, size: u64, sha256: &Digest) -> Result<bool> {
        if !asset.is_whole() || asset.size != size {
            return Ok(false);
        }
        if let Some(stated) = asset.sha256() {
            return Ok(stated == *sha256);
        }
        let Some(body) = self.api().asset(asset.id)? else {
            return Ok(false);
        };
        let (found, _) = Digest::of_reader(body)
            .map_err(|e| crate::http::read_error(&e, &format!("cannot read {}", asset.name)))?;
        Ok(found == *sha256)
    }

    /// Uploads one thing and checks that it is there, whole and under its name. [`Stop::Again`]:
    /// something else has the name.
    pub(super) fn put(&mut self, release: &Release, item: Item<'_>) -> Result<Asset, Stop> {
        let mut last = Error::unavailable(format!("cannot upload {}", item.name));
        for n in 0..UPLOADS {
            if n > 0 {
                self.rest(n)?;
            }
            self.wrote = true;
            match self.api().upload(release, item.new_asset(), self.progress) {
                Ok(made) => {
                    self.uploaded.insert(made.id);
                    if made.name != item.name {
                        self.delete(made.id)?;
                        let message = format!(
                            "GitHub keeps `{}` under another name: `{}`",
                            item.name, made.name
                        );
                        return Err(Stop::Fatal(Error::failed(message).hint(
                            "set `package.name` to one of letters, digits, `.`, `-`, `_`",
                        )));
                    }
                    if self.same(&made, item.size, &item.sha256)? {
                        return Ok(made);
                    }
                    self.delete(made.id)?;
                    let message = format!(
                        "{} arrived as other bytes than its sidecar states",
                        item.name
                    );
                    last = Error::integrity(message)
                        .hint("`larder package` it anew, then release again");
                }
                Err(WriteError::Taken(_)) => {
                    // Perhaps an earlier try of ours succeeded. Lists may lag behind.
                    let seen = self.look_until(release.id, [item.name])?;
                    let Some(there) = seen.asset(item.name) else {
                        continue;
                    };
                    if self.same(there, item.size, &item.sha256)? {
                        return Ok(there.clone());
                    }
                    if there.is_whole() {
                        return Err(Stop::Again(Error::failed(format!(
                            "{} was published by someone else meanwhile",
                            item.name
                        ))));
                    }
                    self.delete(there.id)?;
                }
                Err(WriteError::Unknown(error)) => {
                    last = error;
                    let seen = self.look(release.id)?;
                    match seen.asset(item.name) {
                        Some(there) if self.same(there, item.size, &item.sha256)? => {
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

    /// Deletes an asset; it may be gone already.
    pub(super) fn delete(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        self.api().delete_asset(id)?;
        self.staged.remove(&id);
        Ok(())
    }

    /// Deletes an asset that must still be there: if it is not, someone else changes the release.
    pub(super) fn delete_own(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        if self.api().delete_asset(id)? {
            return Ok(());
        }
        Err(Stop::Again(Error::unavailable(
            "someone else changes the release at the same time",
        )))
    }

    /// Gives an asset another name.
    pub(super) fn rename(&mut self, id: u64, name: &str) -> Result<(), Stop> {
        self.wrote = true;
        self.api().rename_asset(id, name)?;
        self.staged.remove(&id);
        Ok(())
    }
}
