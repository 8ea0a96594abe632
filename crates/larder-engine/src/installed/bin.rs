//! `.bin`: installed binaries and their stamp, switched by one atomic replacement.
//!
//! ```text
//! .bin/nats-server -> .v/current/nats-server      .bin/.version -> .v/current/.version
//! .bin/.v/current  -> 3f2a9c01d2e4-7              the pivot: an artifact's digest, 12 hex, and a counter
//! .bin/.v/3f2a9c01d2e4-7/{nats-server,.version,LICENSE}
//! .bin/.v/previous · .bin/.v/tmp-*                the set that rollback restores · staging
//! ```
//!
//! Installing, in this order:
//! 1. stage: files are written into `.v/tmp-*`, with their modes, then the stamp; each is flushed, then the folder;
//! 2. the staged folder is renamed to its final name;
//! 3. links for new names are made; they are dangling until the switch; `.v` and `.bin` are flushed;
//! 4. `previous` is set to the folder that `current` names;
//! 5. `current` is replaced by rename: this is the switch; `.v` is flushed;
//! 6. links for names that no longer exist are removed (they are dangling now), then old folders and leftover files.
//!
//! If the process is killed at any point, readers see the old or the new set; the next installation or [`Bin::repair`]
//! completes step 6.
//!
//! Where the file system has no links (this is probed), the stamp is removed first, each file is replaced by rename, and
//! the stamp is written last: see [`super::plain`]. From such plain files to links: the stamp is removed first and no set is
//! current, so that no link leads anywhere until the switch. [`super::unfinished`] remembers what a killed process can't.
//!
//! A tree (an artifact with folders) has its files and links in the set's folder under their paths, and a link of each
//! binary's name at the top: `.bin/nvim -> .v/current/nvim -> bin/nvim`. Without links see [`super::starters`].
//!
//! Where several sets are installed at once, they are flushed together: see [`super::commit`].
//!
//! Leftover files are removed only by a process that holds the target's file lock (see [`Bin::shared`]): without it, they
//! may be another process's staging folder.

mod rollback;
mod trees;

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::open::{OpenSet, Staging, all_names, can_link, is_set};
use super::tree::{self, Links};
use super::unfinished::is_unfinished;
use super::{Flushing, Watched, hide, obstacles, plain, starters};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::keys::tree::hash_file;
use larder_core::model::{Artifact, ArtifactFile, Name, Platform};

/// The installed set of one target.
#[derive(Clone, Debug)]
pub struct Bin {
    name: Name,
    platform: Platform,
    /// The subsystem's folder, and the path of the set in it.
    base: Utf8PathBuf,
    below: Utf8PathBuf,
    /// The folder from which files are read; see [`Bin::pinned`].
    dir: Utf8PathBuf,
    /// The folder of the files of a tree and which links it has, if [`Bin::pinned`] chose it.
    pinned: Option<(Utf8PathBuf, Links)>,
    /// Whether this process holds the file lock of the set.
    locked: bool,
    links: bool,
}

impl Bin {
    /// `.bin` of a subsystem's folder for the host's platform, `.bin/.p/<platform>` for another one.
    pub fn new(
        name: &Name,
        subsystem_dir: &Utf8Path,
        platform: &Platform,
        host: &Platform,
    ) -> Self {
        let below = if platform == host {
            ".bin".into()
        } else {
            Utf8PathBuf::from(format!(".bin/.p/{platform}"))
        };
        Self {
            name: name.clone(),
            platform: *platform,
            dir: subsystem_dir.join(&below),
            base: subsystem_dir.to_owned(),
            below,
            pinned: None,
            locked: true,
            links: true,
        }
    }

    /// The same set; if `links` is false, plain files are installed even where links could be made.
    #[must_use]
    pub fn with_links(mut self, links: bool) -> Self {
        self.links = links;
        self
    }

    /// The same set for a process without the file lock: other processes may be installing it at the same time, so nothing
    /// that could be theirs is removed.
    #[must_use]
    pub fn shared(self) -> Self {
        Self {
            locked: false,
            ..self
        }
    }

    /// The set that is installed now, for reading: if another set is installed meanwhile, the two are not mixed.
    #[must_use]
    pub fn pinned(&self) -> Self {
        let linked = fs::read_link(self.dir.join(stamp::FILE)).is_some();
        let dir = self
            .current()
            .filter(|_| linked)
            .map_or_else(|| self.dir.clone(), |current| self.versions().join(current));
        let pinned = if linked {
            (dir.clone(), Links::All)
        } else {
            let stamped = self.stamped().ok().flatten();
            let root = stamped.map_or_else(|| dir.clone(), |artifact| self.root(&artifact));
            (root, Links::None)
        };
        Self {
            dir,
            pinned: Some(pinned),
            locked: false,
            ..self.clone()
        }
    }

    /// The folder that contains the binaries under their names.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Path of a file of an artifact without folders: in [`Self::dir`], or in the current set's folder for an included
    /// file.
    pub(super) fn file(&self, name: &str) -> Utf8PathBuf {
        let visible = self.dir.join(name);
        if fs::lstat(&visible).is_ok_and(|meta| meta.is_some()) {
            visible
        } else {
            self.versions().join("current").join(name)
        }
    }

    fn versions(&self) -> Utf8PathBuf {
        self.dir.join(".v")
    }

    /// Whether larder installed something in the folder: it has the folders that no installation goes without, or a valid
    /// stamp. A folder `.bin` of someone else has none of them.
    pub fn is_ours(&self) -> Result<bool> {
        let Some(dir) = OwnFolder::open(&self.base, &self.below)? else {
            return Ok(false);
        };
        // A link in place of `.v` is refused.
        let has = |name| dir.folder(name).map(|folder| folder.is_some());
        Ok(has(".v")? || has(".p")? || self.stamped()?.is_some())
    }

    /// The installed artifact as its stamp describes it; the files are not verified. `None` if nothing is installed.
    pub fn stamped(&self) -> Result<Option<Artifact>> {
        if !obstacles::leads_to_file(&self.dir.join(stamp::FILE)) {
            return Ok(None);
        }
        Ok(fs::read_or_absent(self.dir.join(stamp::FILE))?
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| stamp::parse(&self.name, &text))
            .filter(|artifact| artifact.platform == self.platform))
    }

    /// The paths whose metadata proves that the installed artifact is unchanged: its stamp and files, with links followed,
    /// and `.v`, which changes if an installation was killed.
    pub fn watch(&self, artifact: &Artifact) -> Result<Vec<Watched>> {
        let mut watched = Vec::with_capacity(artifact.files.len() + 2);
        for path in [self.versions(), self.dir.join(stamp::FILE)] {
            watched.push(Watched::read(&path, true)?);
        }
        if artifact.tree.is_some() {
            let visible = if self.is_linked() {
                artifact.programs().map(str::to_owned).collect()
            } else {
                tree::plain_names(artifact)
            };
            for name in visible {
                watched.push(Watched::read(&self.dir.join(name), true)?);
            }
            tree::watch(&self.root(artifact), artifact, &mut watched)?;
            return Ok(watched);
        }
        for file in &artifact.files {
            watched.push(Watched::read(&self.file(file.name.as_str()), true)?);
        }
        Ok(watched)
    }

    /// Reads and hashes every installed file; returns the first difference from the stamp, if there is one.
    pub fn damage(&self, artifact: &Artifact) -> Result<Option<String>> {
        self.difference(artifact, true)
    }

    /// As [`Self::damage`]; the files are only read and hashed if their contents matter.
    pub fn difference(&self, artifact: &Artifact, contents: bool) -> Result<Option<String>> {
        if fs::read_link(self.dir.join(stamp::FILE)).is_some() && self.current().is_none() {
            return Ok(Some(
                ".v/current is not the link to an installed set".into(),
            ));
        }
        if artifact.tree.is_some() {
            return self.tree_difference(artifact, contents);
        }
        for ArtifactFile {
            name,
            mode,
            size,
            sha256,
        } in &artifact.files
        {
            let path = self.file(name.as_str());
            if fs::lstat(&path)?.is_none() {
                return Ok(Some(format!("{name} is missing")));
            }
            let meta = fs::stat(&path).ok().flatten();
            let Some(meta) = meta.filter(std::fs::Metadata::is_file) else {
                return Ok(Some(format!("{name} is not a file")));
            };
            if meta.len() != *size {
                return Ok(Some(format!(
                    "{name} has {} bytes, its stamp says {size}",
                    meta.len()
                )));
            }
            if !mode_is(&meta, *mode) && self.keeps_modes()? {
                return Ok(Some(format!(
                    "{name} does not have the mode that its stamp says ({mode:04o})"
                )));
            }
            if contents && hash_file(&path)?.0 != *sha256 {
                return Ok(Some(format!(
                    "{name} is not the file that its stamp names (sha256 differs)"
                )));
            }
        }
        Ok(None)
    }

    /// Whether the file system keeps the modes that are set, so that a file's mode says something.
    fn keeps_modes(&self) -> Result<bool> {
        let dir = OwnFolder::open(&self.base, &self.below)?;
        Ok(dir.is_none_or(|dir| {
            let prefix = larder_core::staging::prefix("mode");
            dir.sweep(&prefix);
            dir.keeps_modes()
        }))
    }

    /// Creates a staging folder next to the installed sets.
    pub fn stage(&self) -> Result<Staging> {
        let dir = OwnFolder::create(&self.base, &self.below)?;
        obstacles::clear_versions(&dir, ".v")?;
        let versions = dir.make_folder(".v")?;
        let folder = versions.unique_folder("tmp-")?;
        Ok(Staging {
            open: OpenSet { dir, versions },
            folder,
        })
    }

    /// Installs the content of the staging folder. It must contain every file of the artifact under its name, verified.
    /// Returns what to record in the state.
    pub fn install(&self, staging: Staging, artifact: &Artifact) -> Result<Vec<Watched>> {
        self.install_flushed(staging, artifact, None)
    }

    /// The same for a set that may be flushed together with others.
    pub fn install_flushed(
        &self,
        staging: Staging,
        artifact: &Artifact,
        flushing: Option<&Flushing<'_>>,
    ) -> Result<Vec<Watched>> {
        let stamp_path = staging.path().join(stamp::FILE);
        for file in &artifact.files {
            fs::set_mode(staging.path().join(&file.name), file.mode)?;
        }
        let mut stamp_file = fs::create(&stamp_path)?;
        stamp_file
            .write_all(stamp::render(artifact).as_bytes())
            .at("write", &stamp_path)?;
        fs::set_mode(&stamp_path, 0o644)?;
        // On Windows, a program that was started through a link does not find its folder.
        let may_link = self.links && !(cfg!(windows) && artifact.tree.is_some());
        let linked = may_link && can_link(&staging)?;
        let links = if linked { Links::All } else { Links::None };
        tree::complete(staging.path(), artifact, links)?;
        staging.open.flush(flushing, || {
            fs::flush(&stamp_file).at("flush", &stamp_path)?;
            tree::flush(&staging.folder, artifact)
        })?;
        drop(stamp_file);
        let dir = &staging.open.dir;
        if linked {
            obstacles::clear_names(dir, all_names(artifact))?;
            self.install_linked(&staging, artifact, flushing)?;
        } else {
            let names = tree::plain_names(artifact);
            let names = names.iter().map(String::as_str);
            obstacles::clear_names(dir, names.chain([stamp::FILE]))?;
            let Staging { open, folder } = &staging;
            if artifact.tree.is_some() {
                folder.set_mode(0o755)?;
                let set = staging.rename(artifact)?;
                open.install_starters(&set, artifact, self.locked)?;
            } else {
                open.install_plain(folder, artifact, self.locked)?;
            }
            self.repair_open(open, artifact)?;
        }
        drop(staging);
        self.watch(artifact)
    }

    fn install_linked(
        &self,
        staging: &Staging,
        artifact: &Artifact,
        flushing: Option<&Flushing<'_>>,
    ) -> Result<()> {
        let open = &staging.open;
        staging.folder.set_mode(0o755)?;
        let folder = staging.rename(artifact)?;
        let switched = open
            .make_missing_links(artifact, self.locked)
            .and_then(|linked| {
                open.flush(flushing, || {
                    open.versions.sync()?;
                    if linked { open.dir.sync() } else { Ok(()) }
                })
            })
            .and_then(|()| {
                if let Some(current) = open.current() {
                    open.replace_link("previous", &current)?;
                }
                open.replace_link("current", &folder)
            });
        if let Err(error) = switched {
            // The old set is unchanged, and the new one was never visible.
            let _ = open.versions.remove(&folder);
            return Err(error);
        }
        open.flush(flushing, || open.versions.sync())?;
        self.repair_open(open, artifact)
    }

    fn current(&self) -> Option<String> {
        let current = fs::read_link(self.versions().join("current"))?;
        let current = current.into_os_string().into_string().ok();
        current.filter(|name| is_set(name))
    }

    /// Makes missing links and removes links that should not exist, old folders and leftover files; in a set without links,
    /// only leftover files. Writes nothing if the set is in order.
    pub fn repair(&self, artifact: &Artifact) -> Result<()> {
        match OpenSet::open(&self.base, &self.below)? {
            Some(open) => self.repair_open(&open, artifact),
            None => Ok(()),
        }
    }

    fn repair_open(&self, open: &OpenSet, artifact: &Artifact) -> Result<()> {
        let flat = open.is_flat()?;
        if self.locked {
            open.complete_exchange()?;
        }
        let current = open.current().filter(|_| !flat);
        if current.is_some() {
            open.repair_links(artifact)?;
        }
        if !self.locked {
            return Ok(());
        }
        if flat {
            open.remove_plain(&self.name, &tree::plain_names(artifact))?;
            open.remove_links_except(&[])?;
        }
        let previous = if flat {
            open.previous_plain(&self.name)?.map(|(set, _)| set)
        } else {
            open.previous().filter(|_| current.is_some())
        };
        let names = open.versions.list()?;
        let starters = (flat && artifact.tree.is_some())
            .then(|| starters::newest_set(&names, artifact))
            .flatten();
        for name in names {
            let link = name == "current" || name == "previous";
            let used = link && current.is_some()
                || current.as_deref() == Some(&name)
                || previous.as_deref() == Some(&name)
                || starters.as_deref() == Some(&name);
            // Nothing else in `.v` is larder's.
            if !used && (link || is_set(&name) || name.starts_with("tmp-") || is_unfinished(&name))
            {
                match open.versions.remove(&name) {
                    // A program in it runs, and Windows can't remove it: a later repair does.
                    Err(_) if cfg!(windows) => {}
                    removed => removed?,
                }
            }
        }
        Ok(())
    }

    /// Removes the whole installed set of this platform; returns whether there was one. The folder of the host's set
    /// contains those of all other platforms, so they are removed with it.
    pub fn clean(&self) -> Result<bool> {
        let above = self.below.parent().unwrap_or(&self.below);
        let name = self.below.file_name().unwrap_or_default();
        let Some(above) = OwnFolder::open(&self.base, above)? else {
            return Ok(false);
        };
        let Some(dir) = above.folder(name)? else {
            return Ok(false);
        };
        // What marks the folder as larder's is removed last.
        hide::hide_all(&dir)?;
        for inner in dir.list()? {
            if ![".v", ".p"].contains(&inner.as_str()) {
                plain::remove_or_move_aside(&dir, &inner)?;
            }
        }
        match above.remove(name) {
            // A program in it runs, and Windows can't remove it: the next installation does.
            Err(_) if cfg!(windows) && dir.entry(stamp::FILE)?.is_none() => Ok(true),
            removed => removed.map(|()| true),
        }
    }
}

#[cfg(unix)]
pub(super) fn mode_is(meta: &std::fs::Metadata, mode: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o7777 == mode
}

#[cfg(not(unix))]
pub(super) fn mode_is(_meta: &std::fs::Metadata, _mode: u32) -> bool {
    true
}
