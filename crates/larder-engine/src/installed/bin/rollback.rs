//! Going back to the previous set.

use camino::Utf8Path;

use super::Bin;
use crate::installed::open::OpenSet;
use crate::installed::tree::{self, Links};
use larder_core::error::{Error, Result};
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::keys::tree::hash_file;
use larder_core::model::{Artifact, ArtifactFile};

impl Bin {
    /// Switches to the previous set; the current one becomes the previous. `None` if there is no previous set.
    pub fn rollback(
        &self,
        check: impl FnOnce(&Artifact) -> Result<()>,
    ) -> Result<Option<Artifact>> {
        let Some(open) = OpenSet::open(&self.base, &self.below)? else {
            return Ok(None);
        };
        if self.locked {
            open.complete_exchange()?;
        }
        if open.is_flat()? {
            return self.rollback_plain(&open, check);
        }
        if open.dir.read_link(stamp::FILE).is_none() {
            return Ok(None);
        }
        let (Some(previous), Some(current)) = (open.previous(), open.current()) else {
            return Ok(None);
        };
        if previous == current {
            return Ok(None);
        }
        let text = fs::read_or_absent(self.versions().join(&previous).join(stamp::FILE))?;
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(artifact) = text.and_then(|text| stamp::parse(&self.name, &text)) else {
            return Ok(None);
        };
        self.check_previous(&self.versions().join(&previous), &artifact)?;
        check(&artifact)?;
        if open.make_missing_links(&artifact, self.locked)? {
            open.dir.sync()?;
        }
        open.exchange_sets()?;
        open.versions.sync()?;
        self.repair_open(&open, &artifact)?;
        Ok(Some(artifact))
    }

    fn rollback_plain(
        &self,
        open: &OpenSet,
        check: impl FnOnce(&Artifact) -> Result<()>,
    ) -> Result<Option<Artifact>> {
        let Some((set, artifact)) = open.previous_plain(&self.name)? else {
            return Ok(None);
        };
        let Some(folder) = open.versions.folder(&set)? else {
            return Ok(None);
        };
        self.check_previous(folder.path(), &artifact)?;
        check(&artifact)?;
        if artifact.tree.is_some() {
            open.install_starters(&set, &artifact, self.locked)?;
        } else {
            open.install_plain(&folder, &artifact, self.locked)?;
        }
        self.repair_open(open, &artifact)?;
        Ok(Some(artifact))
    }

    /// Reads the files of the previous set and compares them with its stamp.
    fn check_previous(&self, folder: &Utf8Path, artifact: &Artifact) -> Result<()> {
        let damaged = |what: String| {
            Error::integrity(format!("the previous {} is damaged: {what}", self.name)).hint(
                format!(
                    "set the version in versions.yml and run `larder ensure {}`",
                    self.name
                ),
            )
        };
        if artifact.tree.is_some() {
            let links = if self.is_linked() {
                Links::All
            } else {
                Links::None
            };
            let found = tree::difference(folder, artifact, links, true, || Ok(false))?;
            return found.map_or(Ok(()), |what| Err(damaged(what)));
        }
        for ArtifactFile {
            name,
            mode: _,
            size: _,
            sha256,
        } in &artifact.files
        {
            if hash_file(&folder.join(name))?.0 != *sha256 {
                return Err(damaged(format!("{name} differs from its stamp")));
            }
        }
        Ok(())
    }
}
