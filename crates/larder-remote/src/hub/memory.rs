//! An in-memory hub for tests of the code that reads and publishes: a map from tags to files, and a
//! switch that makes every read fail. It behaves like the folder hub, but has no locks and stores
//! nothing beyond the process.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::fs;
use larder_core::model::{AssetName, Digest, Tag};

use super::attached::{self, Attest, Attested};
use super::attachment::{self, Attachment};
use super::derived::{self, ReleaseAddress};
use super::leftover::{self, bare_assets};
use super::reader::NOTES;
use super::{
    Body, HubPublisher, HubReader, Leftover, ListedAsset, Notes, PlainFile, Progress,
    PublishOptions, Published, ReadOnly, Receipt, Release, Upload,
};

type Files = BTreeMap<AssetName, Vec<u8>>;

/// A hub in memory.
#[derive(Default)]
pub struct MemoryHub {
    releases: Mutex<BTreeMap<Tag, Files>>,
    failure: Mutex<Option<Error>>,
    reads: AtomicUsize,
}

impl MemoryHub {
    /// An empty hub.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes every later read return this error; `None` makes reads work again.
    pub fn fail(&self, error: Option<Error>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// The number of reads so far.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// Stores a file without any checks, such as an asset without a sidecar, or a damaged sidecar.
    pub fn put(&self, tag: &Tag, name: &AssetName, bytes: &[u8]) {
        let mut releases = self.releases();
        let files = releases.entry(tag.clone()).or_default();
        files.insert(name.clone(), bytes.to_vec());
    }

    fn releases(&self) -> MutexGuard<'_, BTreeMap<Tag, Files>> {
        self.releases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_with<T>(&self, answer: impl FnOnce(&BTreeMap<Tag, Files>) -> Result<T>) -> Result<T> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let failure = self
            .failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match failure {
            Some(error) => Err(error),
            None => answer(&self.releases()),
        }
    }
}

impl HubReader for MemoryHub {
    fn id(&self) -> String {
        "memory".to_owned()
    }

    fn describe(&self) -> String {
        "the hub in memory".to_owned()
    }

    fn place(&self, tag: &Tag, asset: &AssetName) -> String {
        format!("memory:{tag}/{asset}")
    }

    fn lists(&self) -> bool {
        true
    }

    fn suffixes_tags(&self) -> bool {
        false
    }

    fn small_file(&self, tag: &Tag, name: &AssetName) -> Result<Option<Vec<u8>>> {
        self.read_with(|all| Ok(all.get(tag).and_then(|files| files.get(name)).cloned()))
    }

    fn fetch(&self, tag: &Tag, asset: &AssetName) -> Result<Option<Body>> {
        let bytes =
            self.read_with(|all| Ok(all.get(tag).and_then(|files| files.get(asset)).cloned()))?;
        Ok(bytes.map(|bytes| Body {
            size: Some(bytes.len() as u64),
            reader: Box::new(Cursor::new(bytes)),
            place: self.place(tag, asset),
            version: None,
        }))
    }

    fn release(&self, tag: &Tag) -> Result<Option<Release>> {
        self.read_with(|releases| Ok(releases.get(tag).map(|files| listed(tag, files))))
    }

    fn releases(&self) -> Result<Vec<Release>> {
        self.read_with(|all| Ok(all.iter().map(|(tag, files)| listed(tag, files)).collect()))
    }
}

impl HubPublisher for MemoryHub {
    fn ready(&self) -> Result<(), ReadOnly> {
        Ok(())
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
        let mut releases = self.releases();
        let files = releases.entry(tag.clone()).or_default();
        let mut published = Vec::new();
        for upload in uploads {
            let outcome = outcome(files, upload, options.replace)?;
            if matches!(outcome, Published::Added | Published::Replaced) {
                let bytes = read(upload.file, &upload.sidecar.sha256)?;
                progress(bytes.len() as u64);
                let text = upload.sidecar_text();
                files.insert(upload.name.clone(), bytes);
                files.insert(upload.name.sidecar(), text.into_bytes());
            }
            if !matches!(
                outcome,
                Published::AlreadyPublished(_) | Published::NameTaken(_)
            ) {
                sign(files, tag, upload)?;
            }
            published.push(outcome);
        }
        Ok(Receipt {
            attested: derive(files, tag, attest)?,
            ..Receipt::plain(tag, published)
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
        let mut releases = self.releases();
        let there = releases.entry(tag.clone()).or_default();
        let mut published = Vec::new();
        let mut added = Files::new();
        for file in files {
            let outcome = match there.get(&file.name) {
                None => Published::Added,
                Some(bytes) if Digest::of(bytes) == file.sha256 => Published::Present,
                Some(_) if options.replace => Published::Replaced,
                Some(_) => {
                    return Err(Error::failed(format!(
                        "the release {tag} already has a different {}",
                        file.name
                    )));
                }
            };
            if outcome != Published::Present {
                let bytes = read(file.file, &file.sha256)?;
                progress(bytes.len() as u64);
                added.insert(file.name.clone(), bytes);
            }
            published.push(outcome);
        }
        there.extend(added);
        there.insert(NOTES.parse()?, notes.as_bytes().to_vec());
        Ok(Receipt::plain(tag, published))
    }

    fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        let mut releases = self.releases();
        let there = releases
            .get_mut(tag)
            .ok_or_else(|| attachment::no_release(tag, &self.describe()))?;
        let mut attached = Vec::new();
        let mut added = Files::new();
        for PlainFile {
            name,
            file,
            sha256,
            size: _,
        } in files
        {
            attachment::check_name(name)?;
            attached.push(match there.get(name).map(|bytes| Digest::of(bytes)) {
                Some(theirs) if theirs == *sha256 => Attachment::Present,
                Some(theirs) => {
                    return Err(attachment::differs(tag, name, sha256, &theirs.to_string()));
                }
                None => {
                    let bytes = read(file, sha256)?;
                    progress(bytes.len() as u64);
                    added.insert(name.clone(), bytes);
                    Attachment::Added
                }
            });
        }
        there.extend(added);
        Ok(attached)
    }

    fn remove(&self, tag: &Tag, asset: &AssetName) -> Result<bool> {
        let mut releases = self.releases();
        let Some(files) = releases.get_mut(tag) else {
            return Ok(false);
        };
        let mut is_removed = false;
        for name in leftover::belonging(asset) {
            is_removed |= files.remove(&name.parse()?).is_some();
        }
        if is_removed {
            let has_sidecars = files.keys().any(|name| files.contains_key(&name.sidecar()));
            if has_sidecars {
                derive(files, tag, None)?;
            } else {
                files.retain(|name, _| !leftover::is_derived(name.as_str()));
            }
        }
        if files.keys().all(|name| name.as_str() == NOTES) {
            releases.remove(tag);
        }
        Ok(is_removed)
    }

    fn leftovers(&self) -> Result<Vec<Leftover>> {
        let mut found = Vec::new();
        for (tag, files) in &*self.releases() {
            if files.keys().any(|name| name.as_str() == NOTES) {
                continue;
            }
            for asset in bare_assets(&listed(tag, files)) {
                found.push(Leftover {
                    place: self.place(tag, &asset.name),
                    key: format!("{tag}/{}", asset.name),
                    size: Some(asset.size),
                    since: None,
                    stays: None,
                });
            }
        }
        Ok(found)
    }

    fn remove_leftover(&self, leftover: &Leftover) -> Result<()> {
        if self.leftovers()?.contains(leftover)
            && let Some((tag, name)) = leftover.key.split_once('/')
        {
            self.remove(&tag.parse()?, &name.parse()?)?;
        }
        Ok(())
    }
}

fn sidecar(files: Option<&Files>, asset: &AssetName) -> Result<Option<Sidecar>> {
    let name = asset.sidecar();
    let Some(bytes) = files.and_then(|files| files.get(&name)) else {
        return Ok(None);
    };
    Sidecar::parse(bytes, name.as_str()).map(Some)
}

/// Signs the sidecar that is there, unless it has a good signature.
fn sign(files: &mut Files, tag: &Tag, upload: &Upload<'_>) -> Result<()> {
    let Upload { name, signer, .. } = upload;
    let (Some(signer), Some(text)) = (signer, files.get(&name.sidecar())) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(text).into_owned();
    let there = files.get(&name.signature());
    if !there.is_some_and(|there| signer.is_good(tag, name, &text, there)) {
        let signature = signer.sign(tag, name, &text, &upload.sidecar)?;
        files.insert(name.signature(), signature.into_bytes());
    }
    Ok(())
}

/// Decides the outcome of publishing an upload.
fn outcome(files: &Files, upload: &Upload<'_>, replace: bool) -> Result<Published> {
    let ours = &upload.sidecar;
    let bytes = files.get(&upload.name);
    let Some(theirs) = sidecar(Some(files), &upload.name)? else {
        return Ok(match bytes {
            None => Published::Added,
            Some(_) if replace => Published::Replaced,
            Some(bytes) if Digest::of(bytes) == ours.sha256 => Published::Added,
            Some(_) => Published::NameTaken(None),
        });
    };
    let same_inputs = theirs.content.inputs == ours.content.inputs;
    Ok(if bytes.is_none() {
        Published::Replaced
    } else if same_inputs && theirs.artifact == ours.artifact {
        Published::Present
    } else if replace {
        Published::Replaced
    } else if same_inputs {
        Published::AlreadyPublished(Box::new(theirs))
    } else {
        Published::NameTaken(Some(Box::new(theirs)))
    })
}

fn derive(files: &mut Files, tag: &Tag, attest: Option<&dyn Attest>) -> Result<Option<Attested>> {
    let mut sidecars = BTreeMap::new();
    for name in files.keys() {
        if let Some(found) = sidecar(Some(files), name)? {
            sidecars.insert(name.clone(), found);
        }
    }
    for (name, bytes) in derived::files(ReleaseAddress::default(), tag, &sidecars) {
        files.insert(name.parse()?, bytes);
    }
    let Some(attest) = attest else {
        return Ok(None);
    };
    let mut attested = Attested::Present;
    let read = |name: &str| Ok(files.get(&name.parse::<AssetName>()?).cloned());
    for (name, bytes) in attached::files(attest, &sidecars, read)? {
        let before = files.insert(name.parse()?, bytes.clone());
        if before.as_ref() != Some(&bytes) {
            attested = Attested::Written;
        }
    }
    Ok(Some(attested))
}

fn read(file: &camino::Utf8Path, sha256: &Digest) -> Result<Vec<u8>> {
    let bytes = fs::read(file)?;
    if Digest::of(&bytes) != *sha256 {
        return Err(Error::integrity(format!(
            "{file} changed after it was packaged"
        )));
    }
    Ok(bytes)
}

fn listed(tag: &Tag, files: &Files) -> Release {
    let asset = |(name, bytes): (&AssetName, &Vec<u8>)| ListedAsset {
        name: name.clone(),
        size: bytes.len() as u64,
        sha256: Some(Digest::of(bytes)),
        inputs: None,
    };
    Release {
        tag: tag.clone(),
        draft: false,
        immutable: false,
        assets: files
            .iter()
            .filter(|(name, _)| name.as_str() != NOTES)
            .map(asset)
            .collect(),
    }
}
