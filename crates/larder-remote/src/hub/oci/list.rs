//! Lists releases: the registry's list of tags, and the manifest of each tag. The manifests say what
//! release they are of and what files they have, so no blob is read.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use larder_core::error::Result;
use larder_core::model::{AssetName, Tag};

use super::artifact::{ASSET, Part, SIGNATURE, Stored};
use super::names;
use super::store::Store;
use crate::hub::{ListedAsset, Release};

/// How many manifests are read at once.
const READERS: usize = 8;

impl Store {
    /// All releases.
    pub(super) fn releases(&self) -> Result<Vec<Release>> {
        let tags = self.repository.tags()?;
        Ok(grouped(self.read_all(
            tags.into_iter().filter(|tag| names::is_content(tag)),
        )?))
    }

    /// One release; `None` if it has nothing.
    pub(super) fn listed(&self, release: &Tag) -> Result<Option<Release>> {
        let releases = grouped(self.all_of(release)?);
        Ok(releases.into_iter().find(|found| found.tag == *release))
    }

    /// The assets of a release.
    pub(super) fn assets_of(&self, release: &Tag) -> Result<Vec<Stored>> {
        let mut all = self.all_of(release)?;
        all.retain(|stored| stored.kind == ASSET);
        Ok(all)
    }

    /// All artifacts of a release.
    pub(super) fn all_of(&self, release: &Tag) -> Result<Vec<Stored>> {
        let tags = self.repository.tags()?;
        let own = tags
            .into_iter()
            .filter(|tag| names::may_be_of(tag, release));
        let mut all = self.read_all(own)?;
        all.retain(|stored| stored.release == *release);
        Ok(all)
    }

    /// Reads what tags lead to, sorted by tag.
    fn read_all(&self, tags: impl Iterator<Item = String>) -> Result<Vec<Stored>> {
        let tags: Vec<String> = tags.collect();
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::new());
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..READERS.min(tags.len()) {
                scope.spawn(|| {
                    while let Some(tag) = tags.get(next.fetch_add(1, Ordering::Relaxed)) {
                        match self.stored(tag) {
                            Ok(stored) => lock(&found).extend(stored),
                            Err(error) => {
                                next.store(tags.len(), Ordering::Relaxed);
                                lock(&failure).get_or_insert(error);
                            }
                        }
                    }
                });
            }
        });
        if let Some(error) = lock(&failure).take() {
            return Err(error);
        }
        let mut found = std::mem::take(&mut *lock(&found));
        found.sort_by(|a: &Stored, b| a.at.cmp(&b.at));
        Ok(found)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The releases that these artifacts are of.
fn grouped(all: Vec<Stored>) -> Vec<Release> {
    let manifests: Vec<_> = all
        .iter()
        .filter(|stored| stored.kind == ASSET)
        .map(|stored| stored.manifest.digest)
        .collect();
    let mut releases: BTreeMap<Tag, BTreeMap<AssetName, ListedAsset>> = BTreeMap::new();
    for stored in &all {
        // The signature of an asset that was replaced is none.
        let is_outdated = stored.kind == SIGNATURE
            && !stored
                .subject
                .is_some_and(|subject| manifests.contains(&subject));
        if is_outdated {
            continue;
        }
        let files = releases.entry(stored.release.clone()).or_default();
        for file in &stored.files {
            let Some(name) = &file.name else { continue };
            files.insert(name.clone(), listed(name.clone(), file, None));
            if stored.kind == ASSET {
                let sidecar = name.sidecar();
                let inputs = stored.inputs.clone();
                files.insert(sidecar.clone(), listed(sidecar, &stored.config, inputs));
            }
        }
    }
    let releases = releases.into_iter().filter(|(_, files)| !files.is_empty());
    releases
        .map(|(tag, files)| Release {
            tag,
            draft: false,
            immutable: false,
            assets: files.into_values().collect(),
        })
        .collect()
}

fn listed(name: AssetName, part: &Part, inputs: Option<String>) -> ListedAsset {
    ListedAsset {
        name,
        size: part.blob.size,
        sha256: Some(part.blob.digest),
        inputs,
    }
}
