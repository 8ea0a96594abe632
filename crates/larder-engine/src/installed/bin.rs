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
//! 2. the staged folder is renamed to its final name, `.v` is flushed;
//! 3. links for new names are made; they are dangling until the switch;
//! 4. `previous` is set to the folder that `current` names;
//! 5. `current` is replaced by rename: this is the switch;
//! 6. links for names that no longer exist are removed (they are dangling now), then old folders and leftover files.
//!
//! If the process is killed at any point, readers see the old or the new set; the next installation or [`Bin::repair`]
//! completes step 6.
//!
//! Where the file system has no links (this is probed), the stamp is removed first, each file is replaced by rename, and
//! the stamp is written last.
//!
//! Leftover files are removed only by a process that holds the target's file lock (see [`Bin::shared`]): without it, they
//! may be another process's staging folder.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::Watched;
use larder_core::error::{Error, Result};
use larder_core::formats::stamp;
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{Artifact, ArtifactFile, Name, Platform};

/// The installed set of one target.
#[derive(Clone, Debug)]
pub struct Bin {
    name: Name,
    platform: Platform,
    dir: Utf8PathBuf,
    /// Whether this process holds the file lock of the set.
    locked: bool,
    links: bool,
}

/// A folder on the same file system in which an artifact is put together. It is removed with its content unless it is
/// installed.
#[derive(Debug)]
pub struct Staging {
    dir: tempfile::TempDir,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        // Always UTF-8: it was made in a Utf8Path, with an ASCII name.
        Utf8Path::from_path(self.dir.path()).unwrap_or(Utf8Path::new("."))
    }
}

impl Bin {
    /// `.bin` of a subsystem's folder for the host, `.bin/.p/<platform>` for another platform.
    pub fn new(name: &Name, subsystem_dir: &Utf8Path, platform: &Platform) -> Self {
        let bin = subsystem_dir.join(".bin");
        let dir = if *platform == Platform::host() {
            bin
        } else {
            bin.join(".p").join(platform.to_string())
        };
        Self {
            name: name.clone(),
            platform: *platform,
            dir,
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
        Self {
            dir,
            locked: false,
            ..self.clone()
        }
    }

    /// The folder that contains the binaries under their names.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Path of one of its files: in [`Self::dir`], or in the current set's folder for an included file.
    pub fn file(&self, name: &str) -> Utf8PathBuf {
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

    /// The installed artifact as its stamp describes it; the files are not verified. `None` if nothing is installed.
    pub fn stamped(&self) -> Result<Option<Artifact>> {
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
        for file in &artifact.files {
            watched.push(Watched::read(&self.file(file.name.as_str()), true)?);
        }
        Ok(watched)
    }

    /// Reads and hashes every installed file; returns the first difference from the stamp, if there is one.
    pub fn damage(&self, artifact: &Artifact) -> Result<Option<String>> {
        for ArtifactFile {
            name,
            mode,
            size,
            sha256,
        } in &artifact.files
        {
            let path = self.file(name.as_str());
            let Some(meta) = fs::stat(&path)? else {
                return Ok(Some(format!("{name} is missing")));
            };
            if !meta.is_file() {
                return Ok(Some(format!("{name} is not a file")));
            }
            if meta.len() != *size {
                return Ok(Some(format!(
                    "{name} has {} bytes, its stamp says {size}",
                    meta.len()
                )));
            }
            if !mode_is(&meta, *mode) {
                return Ok(Some(format!(
                    "{name} does not have the mode that its stamp says ({mode:04o})"
                )));
            }
            if tree::hash_file(&path)?.0 != *sha256 {
                return Ok(Some(format!(
                    "{name} is not the file that its stamp names (sha256 differs)"
                )));
            }
        }
        Ok(None)
    }

    /// Creates a staging folder next to the installed sets.
    pub fn stage(&self) -> Result<Staging> {
        let versions = self.versions();
        fs::create_dir_all(&versions)?;
        let dir = tempfile::Builder::new()
            .prefix("tmp-")
            .tempdir_in(&versions)
            .at("create a folder in", &versions)?;
        Ok(Staging { dir })
    }

    /// Installs the content of the staging folder. It must contain every file of the artifact under its name, verified.
    /// Returns what to record in the state.
    pub fn install(&self, staging: Staging, artifact: &Artifact) -> Result<Vec<Watched>> {
        for ArtifactFile {
            name,
            mode,
            size: _,
            sha256: _,
        } in &artifact.files
        {
            let path = staging.path().join(name);
            fs::set_mode(&path, *mode)?;
            fs::open(&path)?.sync_all().at("flush", &path)?;
        }
        let mut file = fs::create(staging.path().join(stamp::FILE))?;
        file.write_all(stamp::render(artifact).as_bytes())
            .at("write", staging.path().join(stamp::FILE))?;
        fs::set_mode(staging.path().join(stamp::FILE), 0o644)?;
        file.sync_all()
            .at("flush", staging.path().join(stamp::FILE))?;
        drop(file);
        fs::sync_dir(staging.path())?;
        if self.links && can_link(staging.path())? {
            self.install_linked(staging, artifact)?;
        } else {
            self.install_without_links(&staging, artifact)?;
            drop(staging);
        }
        self.watch(artifact)
    }

    fn install_linked(&self, staging: Staging, artifact: &Artifact) -> Result<()> {
        let versions = self.versions();
        fs::set_mode(staging.path(), 0o755)?;
        let staged = Utf8PathBuf::from_path_buf(staging.dir.keep()).unwrap_or_default();
        let folder = self
            .rename_staged(&staged, artifact)
            .inspect_err(|_| drop(fs::remove_dir_all(&staged)))?;
        let switched = fs::sync_dir(&versions)
            .and_then(|()| self.make_missing_links(artifact))
            .and_then(|()| {
                if let Some(current) = self.current() {
                    self.replace_link("previous", &current)?;
                }
                self.replace_link("current", &folder)
            });
        if let Err(error) = switched {
            // The old set is unchanged, and the new one was never visible.
            let _ = fs::remove_dir_all(versions.join(&folder));
            return Err(error);
        }
        fs::sync_dir(&versions)?;
        self.repair(artifact)
    }

    /// Renames a staged folder to `<12 hex of the artifact's digest>-<counter>`, a name that was not used here before.
    fn rename_staged(&self, staged: &Utf8Path, artifact: &Artifact) -> Result<String> {
        let counters = fs::list(self.versions())?
            .into_iter()
            .filter_map(|name| name.rsplit_once('-')?.1.parse::<u64>().ok());
        let mut counter = counters.max().unwrap_or(0);
        loop {
            counter += 1;
            let folder = format!("{}-{counter}", artifact.digest().short());
            match fs::rename(staged, self.versions().join(&folder)) {
                Ok(()) => return Ok(folder),
                // Another process has just taken the name: try the next one.
                Err(_) if fs::lstat(self.versions().join(&folder))?.is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn current(&self) -> Option<String> {
        fs::read_link(self.versions().join("current"))?
            .into_os_string()
            .into_string()
            .ok()
    }

    /// Replaces a link in `.v` atomically.
    fn replace_link(&self, link: &str, folder: &str) -> Result<()> {
        let staged = self
            .versions()
            .join(format!("tmp-{link}-{}", std::process::id()));
        fs::remove_file(&staged)?;
        fs::symlink(folder, &staged)?;
        fs::rename(&staged, self.versions().join(link))
    }

    /// Makes the missing links; they are dangling until the switch. Plain files, from an installation without links, are
    /// kept, but their stamp is removed because it will no longer describe the installed set.
    fn make_missing_links(&self, artifact: &Artifact) -> Result<()> {
        if fs::lstat(self.dir.join(stamp::FILE))?.is_some_and(|meta| meta.is_file()) {
            fs::remove_file(self.dir.join(stamp::FILE))?;
        }
        let mut changed = false;
        for name in all_names(artifact) {
            if fs::lstat(self.dir.join(name))?.is_none_or(|meta| meta.is_symlink()) {
                changed |= self.link(name)?;
            }
        }
        if changed {
            fs::sync_dir(&self.dir)
        } else {
            Ok(())
        }
    }

    /// Makes one link unless it exists; returns whether it had to.
    fn link(&self, name: &str) -> Result<bool> {
        let link = self.dir.join(name);
        let target = format!(".v/current/{name}");
        if fs::read_link(&link).is_some_and(|found| found.as_os_str() == target.as_str()) {
            return Ok(false);
        }
        let staged = self
            .versions()
            .join(format!("tmp-link-{}", std::process::id()));
        fs::remove_file(&staged)?;
        fs::symlink(&target, &staged)?;
        fs::rename(&staged, &link)?;
        Ok(true)
    }

    /// Makes missing links and removes links that should not exist, old folders and leftover files; in a set without links,
    /// only leftover files. Writes nothing if the set is in order.
    pub fn repair(&self, artifact: &Artifact) -> Result<()> {
        let flat = fs::lstat(self.dir.join(stamp::FILE))?.is_some_and(|meta| meta.is_file());
        let current = self.current().filter(|_| !flat);
        if current.is_some() {
            self.repair_links(artifact)?;
        }
        if !self.locked {
            return Ok(());
        }
        let previous = self.previous().filter(|_| current.is_some());
        for name in fs::list(self.versions())? {
            let link = current.is_some() && (name == "current" || name == "previous");
            if !link && current.as_deref() != Some(&name) && previous.as_deref() != Some(&name) {
                remove_any(&self.versions().join(&name))?;
            }
        }
        Ok(())
    }

    fn repair_links(&self, artifact: &Artifact) -> Result<()> {
        let visible: Vec<&str> = all_names(artifact).collect();
        let mut changed = false;
        for name in &visible {
            changed |= self.link(name)?;
        }
        for name in fs::list(&self.dir)? {
            let ours = fs::read_link(self.dir.join(&name))
                .is_some_and(|target| target.starts_with(".v/current"));
            if ours && !visible.contains(&name.as_str()) {
                fs::remove_file(self.dir.join(&name))?;
                changed = true;
            }
        }
        if changed {
            fs::sync_dir(&self.dir)?;
        }
        Ok(())
    }

    fn previous(&self) -> Option<String> {
        fs::read_link(self.versions().join("previous"))?
            .into_os_string()
            .into_string()
            .ok()
    }

    fn install_without_links(&self, staging: &Staging, artifact: &Artifact) -> Result<()> {
        fs::remove_file(self.dir.join(stamp::FILE))?;
        for file in &artifact.files {
            fs::rename(staging.path().join(&file.name), self.dir.join(&file.name))?;
        }
        fs::sync_dir(&self.dir)?;
        fs::rename(staging.path().join(stamp::FILE), self.dir.join(stamp::FILE))?;
        fs::sync_dir(&self.dir)?;
        // Everything else here belongs to an older set: names that no longer exist, or folders that links pointed to.
        for name in fs::list(&self.dir)? {
            let keep = name == ".p"
                || name == stamp::FILE
                || artifact.files.iter().any(|file| file.name.as_str() == name)
                || self.dir.join(&name) == self.versions();
            if !keep {
                remove_any(&self.dir.join(&name))?;
            }
        }
        self.repair(artifact)
    }

    /// Switches to the previous set; the current one becomes the previous. `None` if there is no previous set.
    pub fn rollback(&self) -> Result<Option<Artifact>> {
        let (Some(previous), Some(current)) = (self.previous(), self.current()) else {
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
        for ArtifactFile {
            name,
            mode: _,
            size: _,
            sha256,
        } in &artifact.files
        {
            if tree::hash_file(&self.versions().join(&previous).join(name))?.0 != *sha256 {
                return Err(Error::integrity(format!(
                    "the previous {} is damaged: {name} differs from its stamp",
                    self.name
                ))
                .hint(format!(
                    "set the version in versions.yml and run `larder ensure {}`",
                    self.name
                )));
            }
        }
        self.make_missing_links(&artifact)?;
        self.replace_link("current", &previous)?;
        self.replace_link("previous", &current)?;
        fs::sync_dir(self.versions())?;
        self.repair(&artifact)?;
        Ok(Some(artifact))
    }

    /// Removes the whole installed set of this platform; returns whether there was one. The folder of the host's set
    /// contains those of all other platforms, so they are removed with it.
    pub fn clean(&self) -> Result<bool> {
        let existed = fs::lstat(&self.dir)?.is_some();
        // The stamp is removed first, so that a partly removed set does not count as installed.
        fs::remove_file(self.dir.join(stamp::FILE))?;
        fs::remove_dir_all(&self.dir)?;
        Ok(existed)
    }
}

/// Names in `.bin` itself: the executables and, last, the stamp. Included files are only in the set's folder.
fn all_names(artifact: &Artifact) -> impl Iterator<Item = &str> {
    let executables = artifact
        .files
        .iter()
        .filter(|file| file.mode == 0o755)
        .map(|file| file.name.as_str());
    executables.chain(std::iter::once(stamp::FILE))
}

/// Whether the file system supports links. A full or read-only disk is an error, because it does not answer that.
fn can_link(staging: &Utf8Path) -> Result<bool> {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let probe = staging.with_extension("link");
    match fs::try_symlink("probe", &probe) {
        // If the probe can't be removed, the next repair removes it.
        Ok(()) => fs::remove_file(&probe).map(|()| true).or(Ok(true)),
        Err(e) if matches!(e.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem) => {
            Err(fs::io_error("link", &probe, &e))
        }
        Err(_) => Ok(false),
    }
}

fn remove_any(path: &Utf8Path) -> Result<()> {
    match fs::lstat(path)? {
        Some(meta) if meta.is_dir() => fs::remove_dir_all(path),
        _ => fs::remove_file(path),
    }
}

#[cfg(unix)]
fn mode_is(meta: &std::fs::Metadata, mode: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o7777 == mode
}

#[cfg(not(unix))]
fn mode_is(_meta: &std::fs::Metadata, _mode: u32) -> bool {
    true
}
