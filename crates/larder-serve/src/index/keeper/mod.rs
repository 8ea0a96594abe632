//! The thread that keeps the index. It owns all that changes, and it never waits for a file: files
//! are hashed by other threads, which send it messages.
//!
//! A name is in one of these states:
//!
//! ```text
//! registered   in the snapshot
//! refused      not registered, for a reason that was logged
//! Writing      written to since it appeared or changed, and not closed yet: held back
//! Settling     nothing tells whether its writer is done: held back until it stays the same
//! Hashing      being read; `again` if it changed in the meantime
//! ```
//! A registered file that changes is taken out of the index at once, and comes back with its new
//! digest.

mod registry;
mod walks;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use larder_core::error::{Error, Result};
use larder_core::model::Digest;
use tokio::sync::oneshot;

use super::entry::Entry;
use super::folder::{Folder, Found, Stamp};
use super::hashing::Hashing;
use super::name::{Coordinate, Unfit, parse};
use super::notices::Notice;
use super::remembered::Remembered;
use super::{Index, Pace};
use crate::log::Log;

/// What the keeper is told.
#[derive(Debug)]
pub enum Message {
    /// Something changed in the folder.
    Notice(Notice),
    /// A file was read; `None` if it changed while it was read.
    Hashed {
        file: String,
        result: io::Result<Option<(Stamp, Digest)>>,
    },
    /// A file with a known digest will be put into the folder.
    Announce {
        file: String,
        stamp: Stamp,
        digest: Digest,
    },
    /// It was put into the folder.
    Register {
        file: String,
        stamp: Stamp,
        digest: Digest,
        reply: oneshot::Sender<Option<Arc<Entry>>>,
    },
    /// Read what is under a name.
    Refresh {
        file: String,
        reply: oneshot::Sender<()>,
    },
    /// Write the digests to disk.
    Save { reply: oneshot::Sender<()> },
}

/// A file that is not registered yet.
#[derive(Debug)]
enum Pending {
    Writing,
    Settling { stamp: Stamp, due: Instant },
    Hashing { again: bool },
}

/// How sure it is that a file is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Its writer is done.
    Complete,
    /// Nothing is known: it is complete if it is old enough.
    Old,
    /// Nothing is known: it is complete if it stays the same from one walk to the next.
    Unchanged,
}

/// Starts the thread. It ends with the index.
pub fn start(
    index: Weak<Index>,
    (sender, receiver): (Sender<Message>, Receiver<Message>),
    remembered: Remembered,
    pace: Pace,
    log: Log,
) -> Result<()> {
    let Some(folder) = index.upgrade().map(|index| index.folder.clone()) else {
        return Ok(());
    };
    let mut keeper = Keeper {
        hashing: Hashing::new(folder.clone(), sender.clone())?,
        index,
        folder,
        sender,
        remembered,
        pace,
        log,
        entries: BTreeMap::new(),
        files: HashMap::new(),
        pending: HashMap::new(),
        refused: HashMap::new(),
        announced: HashMap::new(),
        settling: None,
        is_gone: false,
        first: Some(HashSet::new()),
        walk: None,
        is_changed: true,
        publish_at: Instant::now(),
        save_at: None,
    };
    std::thread::Builder::new()
        .name("larder-index".into())
        .spawn(move || keeper.run(&receiver))
        .map(drop)
        .map_err(|e| Error::failed("cannot start the thread of the index").cause(e))
}

struct Keeper {
    index: Weak<Index>,
    folder: Arc<Folder>,
    sender: Sender<Message>,
    hashing: Hashing,
    remembered: Remembered,
    pace: Pace,
    log: Log,
    entries: BTreeMap<Coordinate, Arc<Entry>>,
    files: HashMap<Box<str>, Arc<Entry>>,
    pending: HashMap<String, Pending>,
    refused: HashMap<String, Unfit>,
    /// Files that are about to be put into the folder.
    announced: HashMap<String, (Stamp, Digest)>,
    /// When the first of the settling files is due.
    settling: Option<Instant>,
    /// Whether the folder itself was moved or removed.
    is_gone: bool,
    /// The files of the first scan that are not decided yet; `None` when it is complete.
    first: Option<HashSet<String>>,
    /// The next walk, where there are no notices.
    walk: Option<Instant>,
    is_changed: bool,
    publish_at: Instant,
    save_at: Option<Instant>,
}

impl Keeper {
    fn run(&mut self, messages: &Receiver<Message>) {
        self.watch();
        self.walk_all(self.unsure(), true);
        loop {
            self.end_first_scan();
            let mut has_waiting = false;
            let mut next = match messages.recv_timeout(self.pause()) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut replies: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
            // Several changes at once make one snapshot.
            for _ in 0..1000 {
                let Some(message) = next.take() else { break };
                has_waiting |= self.handle(message, &mut replies);
                next = messages.try_recv().ok();
            }
            if let Some(message) = next {
                self.handle(message, &mut replies);
            }
            self.do_what_is_due();
            if self.is_changed && (has_waiting || Instant::now() >= self.publish_at) {
                self.publish();
            }
            for reply in replies {
                reply();
            }
            if self.index.strong_count() == 0 {
                return;
            }
        }
    }

    /// How long nothing is to be done.
    fn pause(&self) -> Duration {
        let publish = self.is_changed.then_some(self.publish_at);
        let all = self.settling.into_iter().chain(publish);
        let all = all.chain(self.walk).chain(self.save_at);
        let now = Instant::now();
        all.min().map_or(Duration::from_secs(1), |next| {
            next.saturating_duration_since(now)
                .min(Duration::from_secs(1))
        })
    }

    /// Handles a message. True if someone waits for the next snapshot.
    fn handle(&mut self, message: Message, replies: &mut Vec<Box<dyn FnOnce() + Send>>) -> bool {
        match message {
            Message::Notice(notice) => {
                self.notice(notice);
                false
            }
            Message::Hashed { file, result } => {
                self.hashed(&file, result);
                false
            }
            Message::Announce {
                file,
                stamp,
                digest,
            } => {
                self.announced.insert(file, (stamp, digest));
                false
            }
            Message::Register {
                file,
                stamp,
                digest,
                reply,
            } => {
                self.announced.remove(&file);
                self.decided(&file);
                let entry = self.register_put(&file, stamp, digest);
                replies.push(Box::new(move || _ = reply.send(entry)));
                true
            }
            Message::Refresh { file, reply } => {
                self.announced.remove(&file);
                if !matches!(self.pending.get(&file), Some(Pending::Writing)) {
                    self.check(&file, Trust::Complete);
                }
                replies.push(Box::new(move || _ = reply.send(())));
                true
            }
            Message::Save { reply } => {
                self.save();
                replies.push(Box::new(move || _ = reply.send(())));
                false
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Written(file) => self.written(file),
            Notice::Complete(file) => self.check(&file, Trust::Complete),
            Notice::Changed(file) => {
                if matches!(self.pending.get(&file), Some(Pending::Writing)) {
                    // It may be gone; otherwise its writer is still at work.
                    if matches!(self.folder.inspect(&file), Found::Absent) {
                        self.forget(&file);
                    }
                } else {
                    self.check(&file, Trust::Complete);
                }
            }
            Notice::Lost => {
                self.log.warning(
                    "there were too many changes in the folder at once; it is read again",
                    &[],
                );
                self.walk_all(Trust::Old, true);
            }
            Notice::Gone => {
                self.log.warning(
                    &format!("the folder {} was moved or removed", self.folder.path()),
                    &[],
                );
                self.is_gone = true;
                self.walk = Some(Instant::now());
            }
        }
    }

    /// Sets the state of a file that is not registered yet.
    fn wait(&mut self, file: &str, pending: Pending) {
        match &pending {
            // The first scan does not wait for it.
            Pending::Writing => self.leave_first_scan(file),
            Pending::Settling { due, .. } => {
                self.settling = Some(self.settling.map_or(*due, |first| first.min(*due)));
            }
            Pending::Hashing { .. } => {}
        }
        self.pending.insert(file.to_owned(), pending);
    }

    /// A file is registered, refused or gone.
    fn decided(&mut self, file: &str) {
        self.pending.remove(file);
        self.leave_first_scan(file);
    }

    fn leave_first_scan(&mut self, file: &str) {
        if let Some(first) = &mut self.first {
            first.remove(file);
        }
    }

    /// A file was created or written to.
    fn written(&mut self, file: String) {
        if matches!(self.pending.get(&file), Some(Pending::Writing)) {
            return;
        }
        match self.folder.inspect(&file) {
            // A further name of a file is never closed, so it would be held back for ever.
            Found::File {
                stamp,
                is_linked: false,
            } => {
                let is_registered = self.files.get(file.as_str()).map(|entry| entry.stamp);
                if is_registered != Some(stamp) {
                    self.withdraw(&file);
                }
                if parse(&file).is_ok() {
                    self.wait(&file, Pending::Writing);
                }
            }
            _ => self.check(&file, Trust::Complete),
        }
    }

    /// Looks at a name, and does what is needed.
    fn check(&mut self, file: &str, trust: Trust) {
        if file.starts_with('.') {
            return;
        }
        let stamp = match (self.folder.inspect(file), parse(file)) {
            (Found::Absent, _) => return self.forget(file),
            (Found::Unfit(unfit), _) | (Found::File { .. }, Err(unfit)) => {
                return self.refuse(file, unfit);
            }
            (Found::File { stamp, .. }, Ok(_)) => stamp,
        };
        if self
            .files
            .get(file)
            .is_some_and(|entry| entry.stamp == stamp)
        {
            return self.decided(file);
        }
        self.withdraw(file);
        if let Some((known, digest)) = self.announced.get(file).copied()
            && known == stamp
        {
            self.decided(file);
            return self.register(file, stamp, digest);
        }
        if let Some(digest) = self.remembered.take(file, &stamp) {
            self.count(|counts| &counts.remembered);
            self.decided(file);
            return self.register(file, stamp, digest);
        }
        if let Some(Pending::Hashing { again }) = self.pending.get_mut(file) {
            *again = true;
            return;
        }
        let wait = match trust {
            Trust::Complete => Duration::ZERO,
            Trust::Old => self.pace.settle.saturating_sub(age(&stamp)),
            Trust::Unchanged => match self.pending.get(file) {
                Some(Pending::Settling { .. }) => return,
                _ => self.pace.walk,
            },
        };
        if wait.is_zero() {
            self.hash(file);
        } else {
            let due = Instant::now() + wait;
            self.wait(file, Pending::Settling { stamp, due });
        }
    }

    fn hash(&mut self, file: &str) {
        self.wait(file, Pending::Hashing { again: false });
        self.hashing.start(file.to_owned());
    }

    fn hashed(&mut self, file: &str, result: io::Result<Option<(Stamp, Digest)>>) {
        self.count(|counts| &counts.hashed);
        let Some(Pending::Hashing { again }) = self.pending.get(file) else {
            return;
        };
        let again = *again;
        self.decided(file);
        match result {
            Ok(Some((stamp, digest))) if !again => match self.folder.inspect(file) {
                Found::File { stamp: now, .. } if now == stamp => {
                    self.register(file, stamp, digest);
                }
                _ => self.check(file, Trust::Complete),
            },
            // It changed while it was read. If nothing tells when its writer is done, it waits.
            Ok(_) => self.check(file, self.unsure()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.forget(file),
            Err(error) => self.refuse(file, Unfit::Unreadable(error.to_string())),
        }
    }
}

/// How long ago a file changed; nothing if its time is in the future.
fn age(stamp: &Stamp) -> Duration {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(0));
    u64::try_from(now - stamp.modified).map_or(Duration::ZERO, Duration::from_nanos)
}
