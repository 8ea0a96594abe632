//! What is registered and what is refused, and telling both to everyone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use larder_core::model::Digest;

use super::{Keeper, Pending, Trust};
use crate::index::Counts;
use crate::index::entry::Entry;
use crate::index::folder::{Found, Stamp};
use crate::index::name::{Unfit, parse};
use crate::index::snapshot::Snapshot;

impl Keeper {
    pub(super) fn register_put(
        &mut self,
        file: &str,
        stamp: Stamp,
        digest: Digest,
    ) -> Option<Arc<Entry>> {
        match self.folder.inspect(file) {
            Found::File { stamp: now, .. } if now == stamp => {
                self.register(file, stamp, digest);
            }
            _ => self.check(file, Trust::Complete),
        }
        let entry = self.files.get(file)?;
        (entry.digest == digest).then(|| entry.clone())
    }

    pub(super) fn register(&mut self, file: &str, stamp: Stamp, digest: Digest) {
        let coordinate = match parse(file) {
            Ok(coordinate) => coordinate,
            Err(unfit) => return self.refuse(file, unfit),
        };
        if let Some(other) = self.entries.get(&coordinate)
            && &*other.file != file
        {
            let second = Unfit::Second(other.file.to_string());
            return self.refuse(file, second);
        }
        self.accept(file);
        let entry = Arc::new(Entry {
            coordinate: coordinate.clone(),
            file: file.into(),
            digest,
            stamp,
        });
        self.log.detail(
            &format!("{file} is registered"),
            &[("file", &file), ("sha256", &digest)],
        );
        self.entries.insert(coordinate, entry.clone());
        self.files.insert(file.into(), entry);
        self.changed();
    }

    /// Takes a file out of the index.
    pub(super) fn withdraw(&mut self, file: &str) {
        if let Some(entry) = self.files.remove(file) {
            self.entries.remove(&entry.coordinate);
            self.log.detail(
                &format!("{file} is no longer registered"),
                &[("file", &file)],
            );
            self.changed();
            // It can be the first of two files for the same binary.
            let waiting: Vec<String> = self
                .refused
                .iter()
                .filter(|(_, unfit)| matches!(unfit, Unfit::Second(first) if first == file))
                .map(|(second, _)| second.clone())
                .collect();
            for second in waiting {
                self.check(&second, Trust::Complete);
            }
        }
    }

    /// A file is gone.
    pub(super) fn forget(&mut self, file: &str) {
        self.withdraw(file);
        self.accept(file);
        if let Some(Pending::Hashing { again }) = self.pending.get_mut(file) {
            *again = true;
        } else {
            self.decided(file);
        }
    }

    /// A file is not registered, for a reason that is logged once.
    pub(super) fn refuse(&mut self, file: &str, unfit: Unfit) {
        self.withdraw(file);
        self.decided(file);
        if self.refused.get(file) != Some(&unfit) {
            self.log.warning(
                &format!("{file} is not registered: {unfit}"),
                &[("file", &file), ("reason", &unfit)],
            );
            self.refused.insert(file.to_owned(), unfit);
            self.count_refused();
        }
    }

    /// A file is no longer refused.
    pub(super) fn accept(&mut self, file: &str) {
        if self.refused.remove(file).is_some() {
            self.count_refused();
        }
    }

    pub(super) fn changed(&mut self) {
        self.is_changed = true;
        self.save_at.get_or_insert(Instant::now() + self.pace.save);
    }

    pub(super) fn publish(&mut self) {
        let started = Instant::now();
        if let Some(index) = self.index.upgrade() {
            index.publish(Snapshot::new(self.entries.values().cloned().collect()));
        }
        self.is_changed = false;
        // Many changes to a large index must not keep a processor busy.
        let pause = (started.elapsed() * 10).max(Duration::from_millis(5));
        self.publish_at = Instant::now() + pause.min(Duration::from_millis(500));
    }

    pub(super) fn save(&mut self) {
        if self.save_at.take().is_none() {
            return;
        }
        let entries = self.entries.values().map(|entry| &**entry);
        if let Err(error) = self.remembered.write(entries) {
            self.log.warning(
                &format!("the digests can't be remembered for the next start: {error}"),
                &[],
            );
        }
    }

    pub(super) fn count(&self, which: impl FnOnce(&Counts) -> &AtomicU64) {
        if let Some(index) = self.index.upgrade() {
            which(&index.counts).fetch_add(1, Relaxed);
        }
    }

    pub(super) fn count_refused(&self) {
        if let Some(index) = self.index.upgrade() {
            index
                .counts
                .refused
                .store(self.refused.len() as u64, Relaxed);
        }
    }
}
