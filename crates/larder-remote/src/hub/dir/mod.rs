//! The folder hub: `<root>/<tag>/<asset>` and `<root>/<tag>/<asset>.json`, on a local disk or a
//! network share.
//!
//! This file contains the reading part. [`publish`], [`project`] and [`attach`] write, so that a reader sees
//! either no file or the complete file. [`stage`] writes a file and renames it into place,
//! [`sidecars`] writes the derived files, [`clean`] removes, [`permissions`] lets everyone read who may read the hub. A
//! file lock in the folder that is written avoids duplicate work; publishing is correct without it.
//! A file whose name starts with a dot is not an asset.

mod attach;
mod clean;
mod permissions;
mod project;
mod publish;
mod sidecars;
mod stage;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::file_lock::{FileLock, Waiting};
use larder_core::fs::{self, IoContext, OwnFolder};
use larder_core::model::{AssetName, Tag};
use larder_core::staging;

use self::stage::{CLAIM, STAGED};

use super::attachment::{self, Attachment};
use super::reader::NOTES;
use super::{
    Attest, Body, HubPublisher, HubReader, Leftover, ListedAsset, Notes, PlainFile, Progress,
    PublishOptions, ReadOnly, Receipt, Release, Upload,
};

/// The file that publishers lock while they write in its folder.
const LOCK: &str = ".lock";
/// How often a release's folder is opened that is removed meanwhile.
const TRIES: usize = 16;

/// A hub in a folder.
pub struct DirHub {
    root: Utf8PathBuf,
    /// Below this folder no link is followed where the hub is written: the project, if the hub is
    /// in it, because the link may come with the repository; else the hub itself.
    base: Utf8PathBuf,
    waiting: Waiting,
}

/// The lock of a folder while it is written. What killed publishers left there is removed.
fn lock(folder: &OwnFolder, waiting: &Waiting) -> Result<FileLock> {
    let is_new = folder.entry(LOCK)?.is_none();
    let lock = FileLock::take(folder.path(), LOCK, waiting)?;
    if is_new && let Some(file) = folder.lock_file(LOCK)? {
        permissions::share_file(&file, folder.path());
    }
    staging::sweep(folder.path(), STAGED);
    let claim = format!("{STAGED}{CLAIM}");
    for name in folder.list().unwrap_or_default() {
        // Whoever makes a claim has the lock, unless there are no locks; then a claim becomes stale.
        if lock.is_held() && name.starts_with(&claim) {
            let _ = folder.remove_file(&name);
        }
    }
    Ok(lock)
}

impl DirHub {
    /// A hub in a folder, which may not exist yet.
    pub fn new(root: &Utf8Path) -> Self {
        Self {
            root: root.to_owned(),
            base: root.to_owned(),
            waiting: Waiting::default(),
        }
    }

    /// The hub in the folder that a project names.
    pub fn named(root: &Utf8Path, written: &Utf8Path) -> Self {
        let in_project = !written.starts_with("~")
            && written
                .components()
                .all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir));
        let depth = written
            .components()
            .filter(|part| matches!(part, Utf8Component::Normal(_)));
        let base = root.ancestors().nth(depth.count()).filter(|_| in_project);
        Self {
            root: root.to_owned(),
            base: base.unwrap_or(root).to_owned(),
            waiting: Waiting::default(),
        }
    }

    /// Opens the hub's folder for writing in it; makes it if it is missing.
    fn open(&self) -> Result<OwnFolder> {
        let below = self.root.strip_prefix(&self.base).unwrap_or(&self.root);
        permissions::open_root(&self.root, || OwnFolder::create(&self.base, below))
    }

    /// Opens and locks the folder of a release for writing; makes it if it is missing. Whoever
    /// removed the release's last asset may remove the folder too, until it is locked.
    fn release_folder(&self, tag: &Tag) -> Result<(OwnFolder, FileLock)> {
        let hub = self.open()?;
        for _ in 0..TRIES {
            let folder = permissions::open_release(&hub, tag.as_str())?;
            let lock = lock(&folder, &self.waiting)?;
            if hub.entry(tag.as_str())?.is_some()
                && (!lock.is_held() || folder.entry(LOCK)?.is_some())
            {
                return Ok((folder, lock));
            }
        }
        let path = hub.path().join(tag.as_str());
        Err(Error::unavailable(format!("{path} is removed again and again")).hint("run again"))
    }

    /// The same hub; a publisher waits like this for others.
    #[must_use]
    pub fn waiting(self, waiting: Waiting) -> Self {
        Self { waiting, ..self }
    }

    fn dir(&self, tag: &Tag) -> Utf8PathBuf {
        self.root.join(tag.as_str())
    }
}

impl HubReader for DirHub {
    fn id(&self) -> String {
        format!("dir:{}", self.root)
    }

    fn describe(&self) -> String {
        self.root.to_string()
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        format!("{}/{tag}/{asset}", self.root)
    }

    fn lists(&self) -> bool {
        true
    }

    fn suffixes_tags(&self) -> bool {
        false
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        sidecars::small_file(&self.dir(tag), name)
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        let path = self.dir(tag).join(asset.as_str());
        let Some(file) = sidecars::open(&path)? else {
            return Ok(None);
        };
        let meta = file.metadata().at("look at", &path)?;
        Ok(Some(Body {
            reader: Box::new(file),
            size: Some(meta.len()),
            place: path.into_string(),
            version: Some(version(&meta)),
        }))
    }

    fn is_replacing(&self, tag: &Tag, asset: &AssetName) -> bool {
        fs::exists(publish::next(&self.dir(tag), asset))
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
                assets.push(ListedAsset {
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
}

/// What tells a file from others of the same name. A file that was replaced has another inode or
/// another time than the one that replaced it.
fn version(meta: &std::fs::Metadata) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let changed = (meta.ctime(), meta.ctime_nsec());
        format!("{} {changed:?} {:?}", meta.ino(), meta.modified().ok())
    }
    #[cfg(not(unix))]
    format!("{:?} {:?}", meta.created().ok(), meta.modified().ok())
}

impl HubPublisher for DirHub {
    fn ready(&self) -> Result<(), ReadOnly> {
        let why = match fs::stat(&self.root) {
            Ok(Some(meta)) if !meta.is_dir() => format!("the hub {} is not a folder", self.root),
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        };
        Err(ReadOnly {
            hub: self.describe(),
            why,
        })
    }

    fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        _notes: Notes<'_>,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let (folder, _lock) = self.release_folder(tag)?;
        let (assets, signatures) =
            publish::publish(&folder, tag, uploads, options.replace, progress)?;
        Ok(Receipt {
            attested: sidecars::derive(folder.path(), tag, attest)?,
            signatures,
            ..Receipt::plain(tag, assets)
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
        let hub = self.open()?;
        let _lock = lock(&hub, &self.waiting)?;
        let assets = project::publish(&hub, tag, files, notes, options.replace, progress)?;
        Ok(Receipt::plain(tag, assets))
    }

    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        let none = || attachment::no_release(tag, &self.describe());
        self.release(tag)?.ok_or_else(none)?;
        let folder = self.open()?.folder(tag.as_str())?.ok_or_else(none)?;
        let _lock = lock(&folder, &self.waiting)?;
        attach::attach(folder.path(), tag, files, progress)
    }

    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool> {
        let hub = self.open()?;
        let Some(folder) = hub.folder(tag.as_str())? else {
            return Ok(false);
        };
        let lock = lock(&folder, &self.waiting)?;
        let is_removed = clean::remove(&folder, tag, asset)?;
        clean::remove_if_empty(&hub, folder, lock)?;
        Ok(is_removed)
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        clean::leftovers(self, &self.root)
    }

    fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        let hub = self.open()?;
        let Some((folder, name)) = clean::find(&hub, leftover)? else {
            return Ok(());
        };
        let is_release = folder.path() != hub.path();
        // Taking the lock removes what belongs to no running process.
        let lock = lock(&folder, &self.waiting)?;
        clean::remove_leftover(self, &folder, &name)?;
        if is_release {
            clean::remove_if_empty(&hub, folder, lock)?;
        }
        Ok(())
    }
}
