//! The folders of an installed set, open for changing it. Everything here is relative to the open folders and follows no
//! link, so it can't change anything elsewhere. What is done when, and why, is in [`super::bin`].

use camino::{Utf8Path, Utf8PathBuf};

use super::{Flushing, obstacles};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{self, Entry, OwnFolder};
use larder_core::model::{Artifact, is_short_hex};

/// A folder on the same file system in which an artifact is put together. It is removed with its content unless it is
/// installed.
#[derive(Debug)]
pub struct Staging {
    pub(super) open: OpenSet,
    pub(super) folder: OwnFolder,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        self.folder.path()
    }

    pub(super) fn name(&self) -> &str {
        self.path().file_name().unwrap_or_default()
    }

    /// Renames the folder to `<12 hex of the artifact's digest>-<counter>`, a name that was not used here before.
    pub(super) fn rename(&self, artifact: &Artifact) -> Result<String> {
        let versions = &self.open.versions;
        let counters = versions
            .list()?
            .into_iter()
            // The random part of a staging folder's name may consist of digits.
            .filter(|name| is_set(name))
            .filter_map(|name| name.rsplit_once('-')?.1.parse::<u64>().ok());
        let mut counter = counters.max().unwrap_or(0);
        loop {
            counter += 1;
            let folder = format!("{}-{counter}", artifact.digest().short());
            match versions.rename(self.name(), (versions, &folder)) {
                Ok(()) => return Ok(folder),
                // Another process has just taken the name: try the next one.
                Err(_) if versions.entry(&folder)?.is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After an installation nothing has this name. A failure is ignored: the next repair removes the folder.
        let _ = self.open.versions.remove(self.name());
    }
}

/// `.bin` and `.bin/.v`.
#[derive(Debug)]
pub(super) struct OpenSet {
    pub(super) dir: OwnFolder,
    pub(super) versions: OwnFolder,
}

impl OpenSet {
    /// Opens the folders of a set, if they exist.
    pub(super) fn open(base: &Utf8Path, below: &Utf8PathBuf) -> Result<Option<Self>> {
        let Some(dir) = OwnFolder::open(base, below)? else {
            return Ok(None);
        };
        Ok(dir.folder(".v")?.map(|versions| Self { dir, versions }))
    }

    /// Flushes what was written to the set: together with others, or as `own` does.
    pub(super) fn flush(
        &self,
        flushing: Option<&Flushing<'_>>,
        own: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        match flushing {
            Some(flushing) => flushing.flush(&self.versions, own),
            None => own(),
        }
    }

    pub(super) fn current(&self) -> Option<String> {
        self.versions
            .read_link("current")
            .filter(|name| is_set(name))
    }

    pub(super) fn previous(&self) -> Option<String> {
        self.versions
            .read_link("previous")
            .filter(|name| is_set(name))
    }

    /// Whether the stamp is a file, as in a set without links.
    pub(super) fn is_flat(&self) -> Result<bool> {
        Ok(matches!(self.dir.entry(stamp::FILE)?, Some(Entry::File(_))))
    }

    /// Replaces a link in `.v` atomically.
    pub(super) fn replace_link(&self, link: &str, folder: &str) -> Result<()> {
        let staged = format!("tmp-{link}-{}", std::process::id());
        obstacles::clear_link(&self.versions, link)?;
        self.versions
            .replace_link(folder, &staged, (&self.versions, link))
    }

    /// Makes one link in `.bin` unless it exists; returns whether it had to.
    fn link(&self, name: &str) -> Result<bool> {
        let target = format!(".v/current/{name}");
        if self
            .dir
            .read_link(name)
            .is_some_and(|found| found == target)
        {
            return Ok(false);
        }
        let staged = format!("tmp-link-{}", std::process::id());
        self.versions
            .replace_link(&target, &staged, (&self.dir, name))?;
        Ok(true)
    }

    /// Makes the missing links, the stamp's last; they are dangling until the switch. They replace plain files of an
    /// installation without links, whose stamp is removed first. `locked`: this process has the file lock of the set. Returns
    /// whether a link was made, so that `.bin` is to be flushed.
    pub(super) fn make_missing_links(&self, artifact: &Artifact, locked: bool) -> Result<bool> {
        let visible: Vec<String> = all_names(artifact).map(str::to_owned).collect();
        self.take_stamp_of_plain_files(locked)?;
        self.remove_plain(&artifact.name, &visible)?;
        let mut changed = false;
        for name in visible {
            changed |= self.link(&name)?;
        }
        Ok(changed)
    }

    pub(super) fn repair_links(&self, artifact: &Artifact) -> Result<()> {
        let visible: Vec<&str> = all_names(artifact).collect();
        let mut changed = false;
        for name in &visible {
            changed |= self.link(name)?;
        }
        changed |= self.remove_links_except(&visible)?;
        if changed { self.dir.sync() } else { Ok(()) }
    }

    /// Removes our links with other names than these; returns whether there were any.
    pub(super) fn remove_links_except(&self, visible: &[&str]) -> Result<bool> {
        let mut changed = false;
        for name in self.dir.list()? {
            let target = self.dir.read_link(&name);
            let ours =
                target.is_some_and(|target| Utf8Path::new(&target).starts_with(".v/current"));
            if ours && !visible.contains(&name.as_str()) {
                self.dir.remove_file(&name)?;
                changed = true;
            }
        }
        Ok(changed)
    }
}

/// Names in `.bin` itself: the programs and, last, the stamp. Other files are only in the set's folder.
pub(super) fn all_names(artifact: &Artifact) -> impl Iterator<Item = &str> {
    artifact.programs().chain(std::iter::once(stamp::FILE))
}

/// Whether a name in `.v` is one of a set's folder.
pub(super) fn is_set(name: &str) -> bool {
    let parts = name.rsplit_once('-');
    parts.is_some_and(|(hex, counter)| is_short_hex(hex) && counter.parse::<u64>().is_ok())
}

/// Whether the file system supports links: one is made and read back. A full or read-only disk is an error, because it does not answer that.
pub(super) fn can_link(staging: &Staging) -> Result<bool> {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let (versions, probe) = (&staging.open.versions, format!("{}.link", staging.name()));
    match versions.try_symlink(staging.name(), &probe) {
        Ok(()) => {
            // Some systems say that they made a link, and there is none.
            let leads = |link: &str| {
                let read = versions.read_link(link);
                read.as_deref() == Some(staging.name())
                    && obstacles::leads_to_file(&versions.path().join(link).join(stamp::FILE))
            };
            let mut works = leads(&probe);
            if works && cfg!(windows) {
                // Not every link to a folder can be replaced by another one there.
                let second = format!("{}.link2", staging.name());
                works = versions
                    .replace_link(staging.name(), &second, (versions, &probe))
                    .is_ok()
                    && leads(&probe);
                let _ = versions.remove(&second);
            }
            // If the probe can't be removed, the next repair removes it.
            let _ = versions.remove(&probe);
            Ok(works)
        }
        Err(e) if matches!(e.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem) => {
            Err(fs::io_error("link", versions.path().join(probe), &e))
        }
        Err(_) => Ok(false),
    }
}
