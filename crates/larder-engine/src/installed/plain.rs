//! Installed sets without links, for Windows and for file systems that have none: plain files in `.bin`.
//!
//! ```text
//! .bin/{nats-server,.version,LICENSE}       the current set
//! .bin/.v/3f2a9c01d2e4-7/{nats-server,…}     the set that rollback restores
//! ```
//!
//! The stamp is removed first, each file is replaced, and the stamp is written last. The files that are replaced become the
//! previous set: they are moved, because Windows can rename a program that runs, and can't replace or remove it. If
//! something fails on the way, everything is put back, so that the old set stays complete. If the process is killed on the
//! way, nothing counts as installed; the lists of [`super::unfinished`] name what may be there.

use std::cmp::Reverse;

use super::open::{OpenSet, is_set};
use super::{obstacles, starters, tree};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{self, Entry, OwnFolder};
use larder_core::model::{Artifact, Name};

/// What was moved while a set is replaced, so that it can be moved back.
struct Moved<'a> {
    open: &'a OpenSet,
    /// The old files.
    aside: OwnFolder,
    displaced: Vec<String>,
    /// The new files, and the folder that they came from.
    from: &'a OwnFolder,
    placed: Vec<String>,
}

impl Moved<'_> {
    /// Moves an old file aside. Where a file can have two names, it stays until the new one replaces it.
    fn displace(&mut self, name: &str) -> Result<()> {
        let dir = &self.open.dir;
        if !matches!(dir.entry(name)?, Some(Entry::File(_))) {
            return Ok(());
        }
        let linked = !cfg!(windows) && dir.hard_link(name, (&self.aside, name)).is_ok();
        if !linked {
            dir.rename(name, (&self.aside, name))?;
        }
        self.displaced.push(name.to_owned());
        Ok(())
    }

    fn place(&mut self, name: &str) -> Result<()> {
        self.from.rename(name, (&self.open.dir, name))?;
        self.placed.push(name.to_owned());
        Ok(())
    }

    /// Puts everything back. Returns whether that worked.
    fn undo(&self) -> bool {
        let dir = &self.open.dir;
        let placed = self
            .placed
            .iter()
            .all(|name| dir.rename(name, (self.from, name)).is_ok());
        let displaced = self
            .displaced
            .iter()
            .all(|name| self.aside.rename(name, (dir, name)).is_ok());
        placed && displaced
    }
}

impl OpenSet {
    /// The artifact that plain files are, as their stamp describes it.
    fn plain_artifact(&self, name: &Name) -> Result<Option<(Artifact, String)>> {
        if !self.is_flat()? {
            return Ok(None);
        }
        let text = fs::read_or_absent(self.dir.path().join(stamp::FILE))?;
        let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
        Ok(text.and_then(|text| Some((stamp::parse(name, &text)?, text))))
    }

    /// The set that a rollback restores, if the current one has no links: the newest complete one.
    pub(super) fn previous_plain(&self, name: &Name) -> Result<Option<(String, Artifact)>> {
        let mut sets = self.versions.list()?;
        let current = self.plain_artifact(name)?.map(|(artifact, _)| artifact);
        let is_current = |set: &str| {
            let tree = current.as_ref().filter(|current| current.tree.is_some());
            tree.is_some_and(|tree| starters::is_of(set, tree))
        };
        sets.retain(|set| is_set(set) && !is_current(set));
        sets.sort_by_key(|set| Reverse(counter(set)));
        for set in sets {
            let Some(folder) = self.versions.folder(&set)? else {
                continue;
            };
            let text = fs::read_or_absent(folder.path().join(stamp::FILE))?;
            let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(artifact) = text.and_then(|text| stamp::parse(name, &text)) else {
                continue;
            };
            let mut complete = starters::is_complete(&folder, &artifact)?;
            for file in artifact.files.iter().filter(|_| artifact.tree.is_none()) {
                complete &= folder.entry(file.name.as_str())? == Some(Entry::File(file.size));
            }
            if complete {
                return Ok(Some((set, artifact)));
            }
        }
        Ok(None)
    }

    /// Replaces what is installed with the files and the stamp in a folder.
    pub(super) fn install_plain(
        &self,
        from: &OwnFolder,
        artifact: &Artifact,
        locked: bool,
    ) -> Result<()> {
        self.note_plain(&stamp::render(artifact))?;
        let old = self.plain_artifact(&artifact.name)?;
        if self.dir.read_link(stamp::FILE).is_some() {
            self.keep_current_links()?;
            self.dir.remove_file(stamp::FILE)?;
        }
        let listed = self.take_stamp_of_plain_files(locked)?;
        let mut moved = Moved {
            open: self,
            aside: self.versions.unique_folder("tmp-old-")?,
            displaced: Vec::new(),
            from,
            placed: Vec::new(),
        };
        let replaced = self.replace_plain(&mut moved, artifact, old.as_ref().map(|(old, _)| old));
        if let Err(error) = replaced {
            if let Some(listed) = listed
                && moved.undo()
            {
                self.versions.rename(&listed, (&self.dir, stamp::FILE))?;
            }
            return Err(error);
        }
        if let Some((old, text)) = &old {
            self.keep_as_previous(&moved, old, text, artifact)?;
        }
        let names = tree::plain_names(artifact);
        // Everything else here belongs to an older set: names that no longer exist, or folders that links pointed to.
        for name in self.dir.list()? {
            let keep = [".p", ".v", stamp::FILE].contains(&name.as_str()) || names.contains(&name);
            if !keep {
                remove_or_move_aside(&self.dir, &name)?;
            }
        }
        Ok(())
    }

    fn replace_plain(
        &self,
        moved: &mut Moved<'_>,
        artifact: &Artifact,
        old: Option<&Artifact>,
    ) -> Result<()> {
        let names = tree::plain_names(artifact);
        for name in old.iter().flat_map(|old| tree::plain_names(old)) {
            moved.displace(&name)?;
        }
        // Names of the old set must be gone before the new stamp is there; its links are dangling now.
        self.remove_plain(&artifact.name, &names)?;
        for name in &names {
            // A program that nobody described, and that runs.
            if cfg!(windows) {
                moved.displace(name)?;
            }
            moved.place(name)?;
        }
        self.dir.sync()?;
        moved.place(stamp::FILE)?;
        self.dir.sync()
    }

    /// The set with links that is current stays as the previous one.
    fn keep_current_links(&self) -> Result<()> {
        if let (Some(previous), Some(current)) = (self.previous(), self.current())
            && previous != current
        {
            self.versions.remove("previous")?;
            self.versions.remove(&previous)?;
        }
        Ok(())
    }

    /// Makes the previous set of the old files, if all of them were there. An installation of the same artifact again
    /// changes nothing about the previous set.
    fn keep_as_previous(
        &self,
        moved: &Moved<'_>,
        old: &Artifact,
        text: &str,
        new: &Artifact,
    ) -> Result<()> {
        if old.tree.is_some() {
            // Its folder is where it was.
            return Ok(());
        }
        let all = old.files.iter().all(|file| {
            moved
                .displaced
                .iter()
                .any(|name| *name == file.name.as_str())
        });
        if !all || old.digest() == new.digest() {
            return Ok(());
        }
        moved.aside.write_atomic(stamp::FILE, text.as_bytes())?;
        moved.aside.set_mode(0o755)?;
        let last = self
            .versions
            .list()?
            .iter()
            .filter(|set| is_set(set))
            .map(|set| counter(set))
            .max();
        let set = format!("{}-{}", old.digest().short(), last.unwrap_or(0) + 1);
        obstacles::clear_link(&self.versions, &set)?;
        let name = moved.aside.path().file_name().unwrap_or_default();
        self.versions.rename(name, (&self.versions, &set))?;
        self.versions.sync()
    }
}

/// Removes something in `.bin`. A program that runs can't be removed on Windows: it is moved to where
/// a later installation removes it.
pub(super) fn remove_or_move_aside(dir: &OwnFolder, name: &str) -> Result<()> {
    match dir.remove(name) {
        Err(error) if cfg!(windows) => {
            let moved = dir
                .make_folder(".v")
                .and_then(|versions| versions.unique_folder("tmp-old-"))
                .and_then(|aside| dir.rename(name, (&aside, name)));
            moved.map_err(|_| error)
        }
        removed => removed,
    }
}

fn counter(set: &str) -> u64 {
    set.rsplit_once('-')
        .and_then(|(_, counter)| counter.parse().ok())
        .unwrap_or(0)
}
