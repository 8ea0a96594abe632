//! The project's lock during a run: looking up what is pinned for a target, and adding lines for what was accepted.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use camino::Utf8PathBuf;

use crate::installed::Watched;
use larder_core::error::{Error, Kind, Result};
use larder_core::file_lock::Waiting;
use larder_core::formats::{Lock, LockKey, LockLine, Pin, PinKind};
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, AssetName, Digest, Name, Origin, Tag, Target, Version};
use larder_core::project::{HubConfig, Project, Subsystem};
use larder_remote::hub::HubReader;

/// The name of the lock's file.
pub const FILE: &str = "versions.lock";

/// What the lines of a lock need of the hub, those that are stale today included.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// The versions that they name.
    pub versions: BTreeSet<(Name, Version)>,
    /// The assets that they pin.
    pub assets: BTreeSet<(Tag, AssetName)>,
}

/// The project's lock: the lines on disk and those that this run has added.
pub struct ProjectLock {
    path: Utf8PathBuf,
    guard: Utf8PathBuf,
    lock: Mutex<Lock>,
    append: bool,
    /// Held while this process writes the file: where file locks don't work, nothing else keeps two of
    /// its threads from overwriting each other's lines.
    writing: Mutex<()>,
    /// The file's signature before it was read.
    read: Watched,
    /// Whether this run wrote to the file.
    written: AtomicBool,
    waiting: Waiting,
}

impl ProjectLock {
    /// Reads the lock of a project; `append` allows `ensure` to add lines.
    pub fn load(root: &camino::Utf8Path, append: bool, waiting: Waiting) -> Result<Self> {
        let path = root.join(FILE);
        let read = Watched::read(&path, true)?;
        let lock = Mutex::new(Lock::load(&path)?);
        Ok(Self {
            path,
            guard: root.join(".larder/locks/lock"),
            lock,
            append,
            writing: Mutex::new(()),
            read,
            written: AtomicBool::new(false),
            waiting,
        })
    }

    /// The signature of the file whose lines this run used; `None` if another process changed the
    /// file while this run wrote to it.
    pub fn watched(&self) -> Result<Option<Watched>> {
        if !self.written.load(Ordering::Relaxed) {
            return Ok(Some(self.read.clone()));
        }
        let watched = Watched::read(&self.path, true)?;
        let same = Lock::load(&self.path)? == *self.lock();
        Ok(same.then_some(watched))
    }

    /// The versions that any line names, and the assets that lines pin.
    pub fn needed(&self) -> Needed {
        let mut needed = Needed::default();
        for line in self.lock().lines() {
            match line {
                LockLine::Bytes(key, pin) => {
                    needed.versions.insert((key.name, key.version));
                    if key.kind == PinKind::Asset {
                        needed.assets.extend(tag_and_asset(&pin.url));
                    }
                }
                LockLine::Commit { name, version, .. } => {
                    needed.versions.insert((name, version));
                }
            }
        }
        needed
    }

    fn alone(&self) -> std::sync::MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Lock> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pin for a target's accepted inputs of one origin.
    pub fn pin(
        &self,
        subsystem: &Subsystem,
        target: &Target,
        wanted: &Wanted,
        origin: Origin,
        kind: PinKind,
    ) -> Option<Pin> {
        let version = &subsystem.version;
        let inputs = wanted.of(origin)?.digest;
        self.lock()
            .lookup(
                &target.name,
                version,
                &target.platform,
                origin,
                kind,
                &inputs,
            )
            .cloned()
    }

    /// The pin of exactly these inputs of an artifact, which may be of another version than the pinned
    /// one.
    pub fn pin_of(&self, artifact: &Artifact, kind: PinKind) -> Option<Pin> {
        let Artifact {
            name,
            version,
            platform,
            emulated: _,
            origin,
            inputs,
            commit: _,
            files: _,
            tree: _,
        } = artifact;
        self.lock()
            .lookup(name, version, platform, *origin, kind, inputs)
            .cloned()
    }

    /// The hub's assets that are pinned for a target's accepted inputs, each with its tag and asset name.
    pub fn pinned_assets(
        &self,
        subsystem: &Subsystem,
        target: &Target,
        wanted: &Wanted,
    ) -> impl Iterator<Item = (Pin, (Tag, AssetName))> {
        let pins = [Origin::Build, Origin::Original]
            .map(|origin| self.pin(subsystem, target, wanted, origin, PinKind::Asset));
        pins.into_iter()
            .flatten()
            .filter_map(|pin| tag_and_asset(&pin.url).map(|named| (pin, named)))
    }

    /// The commit that is pinned for a revision of a git source.
    pub fn commit(&self, subsystem: &Subsystem, url: &str, rev: &str) -> Option<String> {
        let Subsystem { name, version, .. } = subsystem;
        self.lock()
            .commit(name, version, url, rev)
            .map(str::to_owned)
    }

    /// Compares the commit of a git revision with the one that the lock pins. Another commit (a tag that moved) is an
    /// integrity error.
    pub fn check_commit(
        &self,
        subsystem: &Subsystem,
        url: &str,
        rev: &str,
        commit: &str,
    ) -> Result<()> {
        match self.commit(subsystem, url, rev) {
            Some(pinned) if pinned != commit => {
                Err(Error::integrity(format!("{rev} of {url} moved"))
                    .cause(format!("it is {commit} now, versions.lock pins {pinned}"))
                    .hint(format!(
                        "if the new commit is correct, run `larder lock --update {}`",
                        subsystem.name
                    )))
            }
            _ => Ok(()),
        }
    }

    /// Adds a line, and writes it to the file if this run may. If the lock has a line that pins other bytes, that line is
    /// kept and the result is an integrity error.
    pub fn record(&self, line: &LockLine) -> Result<()> {
        let changed = self.lock().insert(line.clone())?;
        if changed && self.append {
            let _alone = self.alone();
            self.written.store(true, Ordering::Relaxed);
            Lock::append_to(
                &self.path,
                &self.guard,
                &self.waiting,
                std::slice::from_ref(line),
            )?;
        }
        Ok(())
    }

    /// Adds a line and replaces one that pins other bytes; writes it to the file if this run may.
    pub fn record_replacing(&self, line: &LockLine) -> Result<()> {
        if self.append {
            return self.write(std::slice::from_ref(line), true).map(drop);
        }
        self.lock().replace(line.clone());
        Ok(())
    }

    /// Adds lines to the file; with `replace` (`lock --update`) they replace lines that pin other bytes. Returns whether
    /// the file changed.
    pub fn write(&self, lines: &[LockLine], replace: bool) -> Result<bool> {
        let change = |lock: &mut Lock| {
            let mut changed = false;
            for line in lines {
                changed |= if replace {
                    lock.replace(line.clone())
                } else {
                    lock.insert(line.clone())?
                };
            }
            Ok(changed)
        };
        change(&mut self.lock())?;
        let _alone = self.alone();
        self.written.store(true, Ordering::Relaxed);
        Lock::update(&self.path, &self.guard, &self.waiting, change)
    }
}

/// The line that pins the file that an artifact was taken from.
pub fn line(artifact: &Artifact, kind: PinKind, sha256: Digest, size: u64, url: &str) -> LockLine {
    let key = LockKey {
        name: artifact.name.clone(),
        version: artifact.version.clone(),
        platform: artifact.platform,
        origin: artifact.origin,
        kind,
        inputs: artifact.inputs,
    };
    LockLine::Bytes(
        key,
        Pin {
            artifact: Some(artifact.digest()),
            sha256,
            size,
            url: url.to_owned(),
        },
    )
}

/// The address of an asset, for the lock. It is the same on every machine that uses this hub: a folder is written as in
/// the project, relative to the project if possible, and a repository is on the server in `GITHUB_SERVER_URL`.
///
/// It shows people where the bytes came from. larder compares only its tag and asset (see [`tag_and_asset`]), so lines
/// that were written when the server had another name stay valid.
pub fn asset_url(
    project: &Project,
    config: &HubConfig,
    hub: &dyn HubReader,
    tag: &Tag,
    asset: &AssetName,
) -> String {
    if let HubConfig::Dir { written, .. } = config
        && written.is_relative()
    {
        return format!(
            "{}/{tag}/{asset}",
            written.as_str().trim_end_matches('/').replace('\\', "/")
        );
    }
    let place = hub.place(tag, asset);
    let relative = place
        .strip_prefix(project.root.as_str())
        .and_then(|rest| rest.strip_prefix('/'));
    relative.map(str::to_owned).unwrap_or(place)
}

/// The tag and the asset name: the last two segments of an asset's URL or path.
pub fn tag_and_asset(url: &str) -> Option<(Tag, AssetName)> {
    let mut segments = url.rsplit('/');
    let asset = segments.next()?.parse().ok()?;
    Some((segments.next()?.parse().ok()?, asset))
}

/// The error of `--locked` if the lock has no line for an original (exit code 3).
pub fn missing_line(target: &Target) -> Error {
    Error::new(
        Kind::Locked,
        format!("versions.lock has no line for the original of {target}"),
    )
    .hint(format!(
        "run `larder lock {} --platform all` and commit versions.lock",
        target.name
    ))
}
