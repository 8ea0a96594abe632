//! `.bin`: installed binaries and their stamp, switched by one atomic replacement.
//!
//! ```text
//! .bin/nats-server -> .v/current/nats-server      .bin/.version -> .v/current/.version
//! .bin/.v/current  -> 3f2a9c01d2e4-7              the pivot: an artifact's digest, 12 hex, and a counter
//! .bin/.v/3f2a9c01d2e4-7/{nats-server,.version,LICENSE}
//! .bin/.v/previous · .bin/.v/tmp-*                what rollback goes back to · staging
//! ```
//!
//! Installing, in this order:
//! 1. stage: files are written into `.v/tmp-*`, with their modes, then the stamp; each is flushed, then the folder;
//! 2. the staged folder is renamed to its final name, `.v` is flushed;
//! 3. links of new names are made: they lead nowhere yet;
//! 4. `previous` is pointed at what `current` names;
//! 5. `current` is replaced by rename: this is the switch;
//! 6. links of names that are gone are removed (they lead nowhere by now), old folders and litter go.
//!
//! Killed anywhere, readers see the old or the new set; the next installation or [`Bin::heal`] completes step 6.
//!
//! Where links can't be made (probed): the stamp is removed first, each file replaced by rename, the stamp written last.
//!
//! What lies around is removed only by who knows to be alone ([`Bin::shared`]): it may be another process's staging.

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
    alone: bool,
    links: bool,
}

/// A folder on the same file system in which an artifact is put together; removed with all in it unless installed.
#[derive(Debug)]
pub struct Staging {
    dir: tempfile::TempDir,
}

impl Staging {
    /// The folder.
    pub fn path(&self) -> &Utf8Path {
        // Made under a Utf8Path with an ASCII name.
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
            alone: true,
            links: true,
        }
    }

    /// The same set; without links, files are installed as plain ones, also where links could be made.
    #[must_use]
    pub fn with_links(mut self, links: bool) -> Self {
        self.links = links;
        self
    }

    /// The same set, where others may be installing it at this moment (no lock was to be had): nothing that could be
    /// theirs is removed.
    #[must_use]
    pub fn shared(self) -> Self {
        Self {
            alone: false,
            ..self
        }
    }

    /// The set that is installed at this moment, for reading: another that is installed meanwhile does not mix with it.
    #[must_use]
    pub fn pinned(&self) -> Self {
        let linked = fs::read_link(self.dir.join(stamp::FILE)).is_some();
        let dir = self
            .current()
            .filter(|_| linked)
            .map_or_else(|| self.dir.clone(), |current| self.versions().join(current));
        Self {
            dir,
            alone: false,
            ..self.clone()
        }
    }

    /// The folder in which binaries stand under their names.
    pub fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// Path of one of its files: where it stands under its name, or (included files) in the current folder.
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

    /// The installed artifact by its stamp, unverified; `None` when not installed.
    pub fn stamped(&self) -> Result<Option<Artifact>> {
        Ok(fs::read_opt(self.dir.join(stamp::FILE))?
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| stamp::parse(&self.name, &text))
            .filter(|artifact| artifact.platform == self.platform))
    }

    /// What has to look the same for the installed artifact to be unchanged: stamp and files, links followed, and the
    /// folder in which a killed installation would have left something.
    pub fn watch(&self, artifact: &Artifact) -> Result<Vec<Watched>> {
        let mut watched = Vec::with_capacity(artifact.files.len() + 2);
        for path in [self.versions(), self.dir.join(stamp::FILE)] {
            watched.push(Watched::look(&path, true)?);
        }
        for file in &artifact.files {
            watched.push(Watched::look(&self.file(file.name.as_str()), true)?);
        }
        Ok(watched)
    }

    /// Reads and hashes every installed file; the first thing that is not as stamped, if any.
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
                    "{name} has another mode than its stamp says ({mode:04o})"
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

    /// A staging folder beside the installed sets.
    pub fn stage(&self) -> Result<Staging> {
        let versions = self.versions();
        fs::create_dir_all(&versions)?;
        let dir = tempfile::Builder::new()
            .prefix("tmp-")
            .tempdir_in(&versions)
            .at("create a folder in", &versions)?;
        Ok(Staging { dir })
    }

    /// Installs what stands in the staging folder: every file of the artifact under its name, already verified.
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
            self.install_flat(&staging, artifact)?;
            drop(staging);
        }
        self.watch(artifact)
    }

    fn install_linked(&self, staging: Staging, artifact: &Artifact) -> Result<()> {
        let versions = self.versions();
        fs::set_mode(staging.path(), 0o755)?;
        let staged = Utf8PathBuf::from_path_buf(staging.dir.keep()).unwrap_or_default();
        let folder = self
            .settle_folder(&staged, artifact)
            .inspect_err(|_| drop(fs::remove_dir_all(&staged)))?;
        let switched = fs::sync_dir(&versions)
            .and_then(|()| self.link_new(artifact))
            .and_then(|()| {
                if let Some(current) = self.current() {
                    self.point("previous", &current)?;
                }
                self.point("current", &folder)
            });
        if let Err(error) = switched {
            // The old set stands as it was; this one was never visible.
            let _ = fs::remove_dir_all(versions.join(&folder));
            return Err(error);
        }
        fs::sync_dir(&versions)?;
        self.heal(artifact)
    }

    /// Renames a staged folder to `<12 hex of the artifact's digest>-<counter>`, a name that was not used here before.
    fn settle_folder(&self, staged: &Utf8Path, artifact: &Artifact) -> Result<String> {
        let counters = fs::list(self.versions())?
            .into_iter()
            .filter_map(|name| name.rsplit_once('-')?.1.parse::<u64>().ok());
        let mut counter = counters.max().unwrap_or(0);
        loop {
            counter += 1;
            let folder = format!("{}-{counter}", artifact.digest().short());
            match fs::rename(staged, self.versions().join(&folder)) {
                Ok(()) => return Ok(folder),
                // Another process took the name a moment ago.
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

    /// Replaces a link of `.v` atomically.
    fn point(&self, link: &str, folder: &str) -> Result<()> {
        let staged = self
            .versions()
            .join(format!("tmp-{link}-{}", std::process::id()));
        fs::remove_file(&staged)?;
        fs::symlink(folder, &staged)?;
        fs::rename(&staged, self.versions().join(link))
    }

    /// Makes the links of names that are not there yet; they lead nowhere before the switch. Plain files (of a time
    /// without links) stay as they are, but their stamp goes: what follows is no longer what it says.
    fn link_new(&self, artifact: &Artifact) -> Result<()> {
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

    /// Makes one link, if it is not there; tells whether it had to.
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

    /// Makes the links that should be there, removes those that should not, and old folders and litter. In a set without
    /// links, only litter. Writes only where something is amiss.
    pub fn heal(&self, artifact: &Artifact) -> Result<()> {
        let flat = fs::lstat(self.dir.join(stamp::FILE))?.is_some_and(|meta| meta.is_file());
        let current = self.current().filter(|_| !flat);
        if current.is_some() {
            self.heal_links(artifact)?;
        }
        if !self.alone {
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

    fn heal_links(&self, artifact: &Artifact) -> Result<()> {
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

    fn install_flat(&self, staging: &Staging, artifact: &Artifact) -> Result<()> {
        fs::remove_file(self.dir.join(stamp::FILE))?;
        for file in &artifact.files {
            fs::rename(staging.path().join(&file.name), self.dir.join(&file.name))?;
        }
        fs::sync_dir(&self.dir)?;
        fs::rename(staging.path().join(stamp::FILE), self.dir.join(stamp::FILE))?;
        fs::sync_dir(&self.dir)?;
        // What else stands here is an older set's: names that are gone, folders of a time with links.
        for name in fs::list(&self.dir)? {
            let keep = name == ".p"
                || name == stamp::FILE
                || artifact.files.iter().any(|file| file.name.as_str() == name)
                || self.dir.join(&name) == self.versions();
            if !keep {
                remove_any(&self.dir.join(&name))?;
            }
        }
        self.heal(artifact)
    }

    /// Goes back to the previous set; the present one becomes the previous. `None` where there is none to go back to.
    pub fn rollback(&self) -> Result<Option<Artifact>> {
        let (Some(previous), Some(current)) = (self.previous(), self.current()) else {
            return Ok(None);
        };
        if previous == current {
            return Ok(None);
        }
        let text = fs::read_text_opt(self.versions().join(&previous).join(stamp::FILE))?;
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
        self.link_new(&artifact)?;
        self.point("current", &previous)?;
        self.point("previous", &current)?;
        fs::sync_dir(self.versions())?;
        self.heal(&artifact)?;
        Ok(Some(artifact))
    }

    /// Removes the whole installed set (of this platform; the host's takes all platforms with it); tells whether
    /// there was one.
    pub fn clean(&self) -> Result<bool> {
        let there = fs::lstat(&self.dir)?.is_some();
        // The stamp goes first: what is half removed must not look installed.
        fs::remove_file(self.dir.join(stamp::FILE))?;
        fs::remove_dir_all(&self.dir)?;
        Ok(there)
    }
}

/// Names that stand in `.bin` itself: the executables and, last, the stamp. Included files stay in the set's folder.
fn all_names(artifact: &Artifact) -> impl Iterator<Item = &str> {
    let executables = artifact
        .files
        .iter()
        .filter(|file| file.mode == 0o755)
        .map(|file| file.name.as_str());
    executables.chain(std::iter::once(stamp::FILE))
}

/// Whether links can be made here; a full disk is no answer to that.
fn can_link(staging: &Utf8Path) -> Result<bool> {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let probe = staging.with_extension("link");
    match fs::try_symlink("probe", &probe) {
        // A probe that can't be removed is litter that the next clean-up takes.
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
