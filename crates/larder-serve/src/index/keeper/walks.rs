//! Walking the folder, watching it, and waiting for files of which nothing tells when their writer is
//! done.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use super::{Keeper, Message, Pending, Trust};
use crate::index::folder::Found;
use crate::index::notices;

impl Keeper {
    /// Starts to watch the folder. Without notices it is walked.
    pub(super) fn watch(&mut self) {
        let sender = self.sender.clone();
        let tell = move |notice| sender.send(Message::Notice(notice)).is_ok();
        let watched = notices::watch(self.folder.path(), tell);
        self.walk = match watched {
            Ok(()) if !notices::is_remote(self.folder.path()) => None,
            Ok(()) => Some(Instant::now() + self.pace.walk),
            Err(error) => {
                self.log.info(
                    &format!(
                        "the folder is read again and again, because it can't be watched: {error}"
                    ),
                    &[],
                );
                Some(Instant::now() + self.pace.walk)
            }
        };
    }

    /// Walks the folder. Files that are being written to are no exception if notices were lost.
    pub(super) fn walk_all(&mut self, trust: Trust, forget_writers: bool) {
        self.count(|counts| &counts.walks);
        let names = match self.folder.names() {
            Ok(names) => names,
            Err(error) => {
                self.log.error(&error.to_string(), &[]);
                return;
            }
        };
        if forget_writers {
            self.pending
                .retain(|_, pending| !matches!(pending, Pending::Writing));
        }
        let present: HashSet<&str> = names.iter().map(String::as_str).collect();
        let is_gone = |file: &&str| !present.contains(file);
        let known = self.files.keys().map(|file| &**file);
        let known = known.chain(self.refused.keys().map(String::as_str));
        let known = known.chain(self.pending.keys().map(String::as_str));
        let gone: Vec<String> = known.filter(is_gone).map(str::to_owned).collect();
        for file in gone {
            self.forget(&file);
        }
        for file in &names {
            if !matches!(self.pending.get(file), Some(Pending::Writing)) {
                self.check(file, trust);
            }
            if let Some(first) = &mut self.first
                && self.pending.contains_key(file)
            {
                first.insert(file.clone());
            }
        }
    }

    pub(super) fn do_what_is_due(&mut self) {
        let now = Instant::now();
        if self.settling.is_some_and(|due| due <= now) {
            self.settle(now);
        }
        if self.walk.is_some_and(|due| due <= now) {
            self.walk_again();
        }
        if self.save_at.is_some_and(|due| due <= now) {
            self.save();
        }
    }

    /// Hashes the files that stayed the same for long enough.
    pub(super) fn settle(&mut self, now: Instant) {
        self.settling = None;
        let mut over = Vec::new();
        for (file, pending) in &self.pending {
            if let Pending::Settling { stamp, due } = pending {
                if *due <= now {
                    over.push((file.clone(), *stamp));
                } else {
                    self.settling = Some(self.settling.map_or(*due, |first| first.min(*due)));
                }
            }
        }
        for (file, before) in over {
            match self.folder.inspect(&file) {
                Found::File { stamp, .. } if stamp == before => self.hash(&file),
                _ => {
                    self.decided(&file);
                    self.check(&file, self.unsure());
                }
            }
        }
    }

    /// How files are trusted of which nothing is known.
    pub(super) fn unsure(&self) -> Trust {
        if self.walk.is_some() {
            Trust::Unchanged
        } else {
            Trust::Old
        }
    }

    pub(super) fn walk_again(&mut self) {
        if self.is_gone && self.folder.reopen().is_ok() {
            self.is_gone = false;
            self.watch();
        }
        self.walk_all(self.unsure(), self.walk.is_none());
        self.walk = self.walk.map(|_| Instant::now() + self.pace.walk);
    }

    pub(super) fn end_first_scan(&mut self) {
        if self.first.as_ref().is_none_or(|first| !first.is_empty()) {
            return;
        }
        self.first = None;
        self.remembered.clear();
        self.publish();
        let Some(index) = self.index.upgrade() else {
            return;
        };
        index.set_ready();
        let (registered, refused) = (self.entries.len(), self.refused.len());
        let hashed = index.counts.hashed.load(Relaxed);
        let remembered = index.counts.remembered.load(Relaxed);
        self.log.info(
            &format!(
                "{registered} files are registered ({hashed} hashed, {remembered} remembered), {refused} are not"
            ),
            &[
                ("registered", &registered),
                ("hashed", &hashed),
                ("remembered", &remembered),
                ("refused", &refused),
            ],
        );
    }
}
