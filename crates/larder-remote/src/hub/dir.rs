//! The folder hub: `<root>/<tag>/<asset>` and `<root>/<tag>/<asset>.json`, on a local disk or a share.
//!
//! Publishing, in this order, so that a reader sees nothing or the whole:
//! 1. Stage a copy beside its place (`.tmp-*`), hashed on its way, flushed.
//! 2. Give it its name only if nobody took it; then the sidecar, the same way. An asset without a sidecar is invisible.
//! 3. Derive `manifest.json` and `checksums.txt` from the sidecars that are there now, write what differs, and look again
//!    until nothing new was found: two writers end with both their assets in it.
//!
//! Killed anywhere, the next `publish` goes on from what is there. A lock per release saves work and lets the left-overs of
//! the dead be told from the living's; where locks are unsupported, all stays correct and left-overs stay a day.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tempfile::NamedTempFile;

use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::fs::{self, IoContext};
use larder_core::model::{AssetName, Digest, Hasher, Tag};

use super::derived::{self, Home};
use super::{
    Body, Hub, Listed, PlainFile, Progress, PublishOptions, Published, Receipt, Release, Upload,
};

const STAGED: &str = ".tmp-";
/// A sidecar whose asset is being replaced: it takes its place as soon as the new bytes have theirs.
const NEXT: &str = ".next-";
const LOCK: &str = ".lock";
/// Text of a project release for people.
const NOTES: &str = "notes.md";

/// A folder as a hub.
pub struct DirHub {
    root: Utf8PathBuf,
}

impl DirHub {
    /// A hub in a folder, which need not exist yet.
    pub fn new(root: &Utf8Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    fn dir(&self, tag: &Tag) -> Utf8PathBuf {
        self.root.join(tag.as_str())
    }

    /// Sidecars of a release, by asset. A damaged one speaks for nothing: its reader will be told, other assets are not held up.
    fn sidecars(&self, tag: &Tag) -> Result<BTreeMap<AssetName, Sidecar>> {
        let dir = self.dir(tag);
        let mut found = BTreeMap::new();
        for name in fs::list(&dir)? {
            let Some(asset) = name
                .strip_suffix(".json")
                .and_then(|asset| asset.parse::<AssetName>().ok())
            else {
                continue;
            };
            if name == derived::MANIFEST || fs::stat(dir.join(asset.as_str()))?.is_none() {
                continue;
            }
            match self.sidecar(tag, &asset) {
                Ok(Some(sidecar)) => drop(found.insert(asset, sidecar)),
                Err(error) if error.kind() != Kind::Integrity => return Err(error),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Publishes one asset.
    fn publish_one(
        &self,
        tag: &Tag,
        upload: &Upload<'_>,
        replace: bool,
        progress: Progress<'_>,
    ) -> Result<Published> {
        let dir = self.dir(tag);
        let (asset, sidecar) = (
            dir.join(upload.name.as_str()),
            dir.join(upload.name.sidecar().as_str()),
        );
        let ours = &upload.sidecar;
        let text = ours.to_json();
        // Another writer may come between a look and a rename: then look again.
        for _ in 0..16 {
            finish_replacement(&dir, &upload.name)?;
            let existing = match self.sidecar(tag, &upload.name) {
                Err(error) if replace && error.kind() == Kind::Integrity => None,
                other => other?,
            };
            let size = fs::stat(&asset)?.map(|meta| meta.len());
            match (existing, size) {
                (None, None) => {
                    if stage(&dir, upload.file, &ours.sha256, ours.size, progress)?.keep(&asset)?
                        && stage_bytes(&dir, text.as_bytes())?.keep(&sidecar)?
                    {
                        return Ok(Published::Added);
                    }
                }
                // Killed between asset and sidecar, or put there by hand.
                (None, Some(size)) => {
                    let same = size == ours.size && digest(&asset)? == ours.sha256;
                    if same && !replace {
                        if stage_bytes(&dir, text.as_bytes())?.keep(&sidecar)? {
                            return Ok(Published::Added);
                        }
                    } else if replace {
                        return swap(&dir, upload, &text, progress);
                    } else {
                        return Ok(Published::Taken(None));
                    }
                }
                (Some(there), size) => {
                    let same = there.artifact == ours.artifact
                        && there.content.inputs == ours.content.inputs;
                    let whole =
                        size == Some(there.size) && (!replace || digest(&asset)? == there.sha256);
                    return match (same, whole, replace) {
                        (true, true, _) => Ok(Published::Present),
                        // Its bytes are gone or cut: the same artifact takes their place.
                        (true, false, _) | (false, _, true) => swap(&dir, upload, &text, progress),
                        // Gone, and others will hardly come by the same bytes again: what is described is nowhere.
                        (false, _, false) if size.is_none() => swap(&dir, upload, &text, progress),
                        (false, _, false) if there.content.inputs == ours.content.inputs => {
                            Ok(Published::Stands(Box::new(there)))
                        }
                        (false, _, false) => Ok(Published::Taken(Some(Box::new(there)))),
                    };
                }
            }
        }
        Err(
            Error::unavailable(format!("too many writers publish {asset} at once"))
                .hint("run again"),
        )
    }

    /// Brings `manifest.json` and `checksums.txt` in line with the sidecars.
    fn derive(&self, tag: &Tag) -> Result<()> {
        let dir = self.dir(tag);
        let mut seen = None;
        for _ in 0..16 {
            let sidecars = self.sidecars(tag)?;
            if sidecars.is_empty() {
                return Ok(());
            }
            let wanted = derived::files(Home::default(), tag, &sidecars);
            if seen.as_ref() == Some(&wanted) {
                return Ok(());
            }
            for (name, bytes) in &wanted {
                let path = dir.join(name);
                if fs::read_opt(&path)?.as_deref() != Some(bytes.as_slice()) {
                    stage_bytes(&dir, bytes)?.replace(&path)?;
                }
            }
            seen = Some(wanted);
        }
        Ok(())
    }
}

impl Hub for DirHub {
    fn id(&self) -> String {
        format!("dir:{}", self.root)
    }

    fn describe(&self) -> String {
        self.root.to_string()
    }

    fn concurrency(&self) -> usize {
        8
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        format!("{}/{tag}/{asset}", self.root)
    }

    fn writable(&self) -> Result<(), String> {
        match fs::stat(&self.root) {
            Ok(Some(meta)) if !meta.is_dir() => Err(format!("the hub {} is no folder", self.root)),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn sidecar(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Sidecar>> {
        let path = self.dir(tag).join(asset.sidecar().as_str());
        let Some(file) = open(&path)? else {
            return Ok(None);
        };
        let bytes = crate::http::read_small(file, 4 * 1024 * 1024, path.as_str())?;
        Sidecar::parse(&bytes, path.as_str()).map(Some)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        let path = self.dir(tag).join(asset.as_str());
        let Some(file) = open(&path)? else {
            return Ok(None);
        };
        let size = file.metadata().at("look at", &path)?.len();
        Ok(Some(Body {
            reader: Box::new(file),
            size: Some(size),
            place: path.into_string(),
        }))
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        let dir = self.dir(tag);
        let mut assets = Vec::new();
        for name in fs::list(&dir)? {
            let Ok(name) = name.parse::<AssetName>() else {
                continue;
            };
            if name.as_str() == NOTES {
                continue;
            }
            if let Some(meta) =
                fs::stat(dir.join(name.as_str()))?.filter(std::fs::Metadata::is_file)
            {
                assets.push(Listed {
                    name,
                    size: meta.len(),
                    sha256: None,
                    inputs: None,
                });
            }
        }
        let release = Release {
            tag: tag.clone(),
            draft: false,
            immutable: false,
            assets,
        };
        Ok((!release.assets.is_empty()).then_some(release))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        let tags = fs::list(&self.root)?
            .into_iter()
            .filter_map(|name| name.parse::<Tag>().ok());
        tags.filter_map(|tag| self.release(&tag).transpose())
            .collect()
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let dir = self.dir(tag);
        fs::create_dir_all(&dir)?;
        let _lock = Lock::take(&dir);
        let mut assets = Vec::new();
        for upload in uploads {
            assets.push((
                tag.clone(),
                self.publish_one(tag, upload, options.replace, progress)?,
            ));
        }
        self.derive(tag)?;
        Ok(Receipt {
            assets,
            staged: false,
            url: None,
        })
    }

    fn publish_project(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        fs::create_dir_all(&self.root)?;
        let dir = self.dir(tag);
        let _lock = Lock::take(&self.root);
        if fs::list(&dir)?.is_empty() {
            // All of it appears by one rename.
            let whole = tempfile::Builder::new()
                .prefix(STAGED)
                .tempdir_in(&self.root)
                .at("create a folder in", &self.root)?;
            let staged = Utf8Path::from_path(whole.path())
                .ok_or_else(|| Error::usage("the hub's path is not UTF-8"))?;
            fs::set_mode(staged, 0o755)?;
            for PlainFile {
                name,
                file,
                sha256,
                size,
            } in files
            {
                stage(staged, file, sha256, *size, progress)?.keep(&staged.join(name.as_str()))?;
            }
            stage_bytes(staged, notes.as_bytes())?.keep(&staged.join(NOTES))?;
            fs::rename(staged, &dir)?;
            fs::sync_dir(&self.root)?;
            let assets = files
                .iter()
                .map(|_| (tag.clone(), Published::Added))
                .collect();
            return Ok(Receipt {
                assets,
                staged: false,
                url: None,
            });
        }
        let mut assets = Vec::new();
        let mut refused = Vec::new();
        for PlainFile {
            name,
            file: _,
            sha256,
            size,
        } in files
        {
            let path = dir.join(name.as_str());
            let there = fs::stat(&path)?.map(|meta| meta.len());
            let what = match there {
                None => Published::Added,
                Some(len) if len == *size && digest(&path)? == *sha256 => Published::Present,
                Some(_) => {
                    refused.push(name.to_string());
                    Published::Replaced
                }
            };
            assets.push((tag.clone(), what));
        }
        if !refused.is_empty() && !options.replace {
            return Err(Error::failed(format!(
                "the release {tag} in {} already has other bytes as {}",
                self.root,
                refused.join(", ")
            ))
            .hint("published bytes are never overwritten: use another tag, or `--replace`"));
        }
        for (
            PlainFile {
                name,
                file,
                sha256,
                size,
            },
            (_, what),
        ) in files.iter().zip(&assets)
        {
            if *what != Published::Present {
                stage(&dir, file, sha256, *size, progress)?.replace(&dir.join(name.as_str()))?;
            }
        }
        if fs::read_text_opt(dir.join(NOTES))?.as_deref() != Some(notes) {
            stage_bytes(&dir, notes.as_bytes())?.replace(&dir.join(NOTES))?;
        }
        Ok(Receipt {
            assets,
            staged: false,
            url: None,
        })
    }

    fn finalize(&self, _tag: &Tag) -> Result<()> {
        Ok(())
    }

    fn abort(&self, _tag: &Tag) -> Result<()> {
        Ok(())
    }
}

/// Opens a file of the hub for reading: what is not there is absent, what can't be read is not.
fn open(path: &Utf8Path) -> Result<Option<File>> {
    let kind = |error: Error, io: Option<io::ErrorKind>| match io {
        Some(io::ErrorKind::PermissionDenied) => error.with_kind(Kind::Refused),
        _ => error.with_kind(Kind::Unavailable),
    };
    match fs::open_opt(path) {
        Ok(None) => Ok(None),
        Ok(Some(file)) if file.metadata().is_ok_and(|meta| meta.is_file()) => Ok(Some(file)),
        Ok(Some(_)) => Err(Error::integrity(format!("{path} is no file"))),
        Err(error) => {
            let denied = error
                .causes()
                .iter()
                .any(|cause| cause.to_lowercase().contains("permission denied"));
            Err(kind(
                error,
                denied.then_some(io::ErrorKind::PermissionDenied),
            ))
        }
    }
}

fn digest(path: &Utf8Path) -> Result<Digest> {
    Ok(Digest::of_reader(fs::open(path)?).at("read", path)?.0)
}

/// A file staged in the folder where it is to be, flushed.
struct Staged(NamedTempFile);

impl Staged {
    fn in_dir(dir: &Utf8Path) -> Result<Self> {
        tempfile::Builder::new()
            .prefix(STAGED)
            .tempfile_in(dir)
            .at("create a file in", dir)
            .map(Self)
    }

    fn flush(&self) -> Result<()> {
        fs::set_mode(self.0.path(), 0o644)?;
        self.0.as_file().sync_all().at("flush", self.0.path())
    }

    /// Gives it its name if nobody took it; whether that worked.
    fn keep(self, path: &Utf8Path) -> Result<bool> {
        match self.0.persist_noclobber(path) {
            Ok(_) => fs::sync_dir(fs::parent(path.as_std_path())).map(|()| true),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(fs::io_error("write", path, &e.error)),
        }
    }

    /// Gives it its name, whoever had it.
    fn replace(self, path: &Utf8Path) -> Result<()> {
        self.0
            .persist(path)
            .map_err(|e| fs::io_error("write", path, &e.error))?;
        fs::sync_dir(fs::parent(path.as_std_path()))
    }
}

fn stage_bytes(dir: &Utf8Path, bytes: &[u8]) -> Result<Staged> {
    let mut staged = Staged::in_dir(dir)?;
    staged.0.write_all(bytes).at("write", staged.0.path())?;
    staged.flush()?;
    Ok(staged)
}

/// Stages a copy of a package; bytes that are not those its sidecar speaks of are never published.
fn stage(
    dir: &Utf8Path,
    file: &Utf8Path,
    sha256: &Digest,
    size: u64,
    progress: Progress<'_>,
) -> Result<Staged> {
    let mut staged = Staged::in_dir(dir)?;
    let (mut hasher, mut copied) = (Hasher::new(), 0);
    let mut source = fs::open(file)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = source.read(&mut buffer).at("read", file)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
        staged
            .0
            .write_all(&buffer[..n])
            .at("write", staged.0.path())?;
        copied += n as u64;
        progress(n as u64);
    }
    let found = hasher.finish();
    if found != *sha256 || copied != size {
        return Err(
            Error::integrity(format!("{file} changed after it was packaged"))
                .cause(format!("sha256 {found}, its sidecar says {sha256}"))
                .hint("package it again"),
        );
    }
    staged.flush()?;
    Ok(staged)
}

/// Puts new bytes in the place of others: both files are ready before the first rename, and a kill between the two renames
/// is mended by [`finish_replacement`].
fn swap(
    dir: &Utf8Path,
    upload: &Upload<'_>,
    text: &str,
    progress: Progress<'_>,
) -> Result<Published> {
    let bytes = stage(
        dir,
        upload.file,
        &upload.sidecar.sha256,
        upload.sidecar.size,
        progress,
    )?;
    let next = dir.join(format!("{NEXT}{}", upload.name.sidecar()));
    stage_bytes(dir, text.as_bytes())?.replace(&next)?;
    bytes.replace(&dir.join(upload.name.as_str()))?;
    fs::rename(&next, dir.join(upload.name.sidecar().as_str()))?;
    fs::sync_dir(dir)?;
    Ok(Published::Replaced)
}

/// Ends a replacement that was killed: if the new bytes have their place, so shall their sidecar; else it was not begun.
fn finish_replacement(dir: &Utf8Path, name: &AssetName) -> Result<()> {
    let next = dir.join(format!("{NEXT}{}", name.sidecar()));
    let Some(bytes) = fs::read_opt(&next)? else {
        return Ok(());
    };
    let asset = dir.join(name.as_str());
    let arrived = match Sidecar::parse(&bytes, next.as_str()) {
        Ok(sidecar) => fs::stat(&asset)?.is_some() && digest(&asset)? == sidecar.sha256,
        Err(_) => false,
    };
    if arrived {
        fs::rename(&next, dir.join(name.sidecar().as_str()))
    } else {
        fs::remove_file(&next)
    }
}

/// The lock of a folder: one publisher at a time, where the file system can.
struct Lock(Option<File>);

impl Lock {
    /// Waits for it, then clears away what killed publishers left.
    fn take(dir: &Utf8Path) -> Self {
        let path = dir.join(LOCK);
        let file = fs::open(&path).or_else(|_| fs::create(&path)).ok();
        let locked = file.filter(|file| file.lock().is_ok());
        let age = if locked.is_some() {
            Duration::ZERO
        } else {
            Duration::from_hours(24)
        };
        for name in fs::list(dir).unwrap_or_default() {
            let path = dir.join(&name);
            let old = || {
                let modified = fs::lstat(&path)
                    .ok()
                    .flatten()
                    .and_then(|meta| meta.modified().ok());
                modified.is_some_and(|at| at.elapsed().is_ok_and(|passed| passed >= age))
            };
            if name.starts_with(STAGED) && (age.is_zero() || old()) {
                // Litter that can't be removed harms nobody.
                let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
            }
        }
        Self(locked)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Closing it frees it too.
            let _ = file.unlock();
        }
    }
}
