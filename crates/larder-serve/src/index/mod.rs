//! The index: which files of the folder are registered, and their digests.
//!
//! One thread, the `keeper`, owns everything that changes; requests read an immutable
//! [`Snapshot`], which it replaces as a whole. It learns of changes from `notices` or, where there
//! are none, by walking the folder again.
//!
//! An index that is fed from a hub is a second kind of keeper: it publishes snapshots through the
//! same [`Index`], so that nothing above this module knows where entries come from.

pub mod entry;
pub mod folder;
mod hashing;
mod keeper;
pub mod name;
mod notices;
mod remembered;
pub mod snapshot;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use camino::Utf8Path;
use larder_core::error::Result;
use larder_core::model::Digest;
use tokio::sync::{Notify, oneshot};

pub use entry::{BinaryInfo, Entry};
pub use folder::{Folder, Stamp};
pub use snapshot::Snapshot;

use crate::hub::Hub;
use crate::log::Log;
use keeper::Message;

/// The waiting times of the index.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// A file that changed less than this long ago may still be written to, where nothing tells
    /// when its writer is done.
    pub settle: Duration,
    /// How often the folder is walked where there are no notices.
    pub walk: Duration,
    /// How long after a change the digests are written to disk.
    pub save: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(2),
            walk: Duration::from_millis(700),
            save: Duration::from_secs(3),
        }
    }
}

/// What the index counts.
#[derive(Debug, Default)]
pub struct Counts {
    /// Files whose bytes were read and hashed.
    pub hashed: AtomicU64,
    /// Files whose digest was remembered from an earlier run.
    pub remembered: AtomicU64,
    /// Files in the folder that are not registered.
    pub refused: AtomicU64,
    /// Walks through the whole folder.
    pub walks: AtomicU64,
}

/// The index. It is shared by all requests.
#[derive(Debug)]
pub struct Index {
    folder: Arc<Folder>,
    current: RwLock<Arc<Snapshot>>,
    is_ready: AtomicBool,
    ready: Notify,
    counts: Counts,
    keeper: Sender<Message>,
    /// The hub, if the binaries do not come from a folder.
    hub: Option<Arc<Hub>>,
}

impl Index {
    /// Starts to read a folder. The digests are remembered in the folder `data`.
    pub fn open(folder: Folder, data: &Utf8Path, pace: Pace, log: Log) -> Result<Arc<Self>> {
        let (sender, receiver) = std::sync::mpsc::channel();
        let index = Arc::new(Self {
            folder: Arc::new(folder),
            current: RwLock::default(),
            is_ready: AtomicBool::new(false),
            ready: Notify::new(),
            counts: Counts::default(),
            keeper: sender.clone(),
            hub: None,
        });
        let remembered = remembered::Remembered::read(data)?;
        keeper::start(
            Arc::downgrade(&index),
            (sender, receiver),
            remembered,
            pace,
            log,
        )?;
        Ok(index)
    }

    /// An index of what a hub has. `folder` holds the bytes that were downloaded from it.
    pub fn of_hub(folder: Arc<Folder>, hub: Arc<Hub>) -> Arc<Self> {
        Arc::new(Self {
            folder,
            current: RwLock::default(),
            is_ready: AtomicBool::new(false),
            ready: Notify::new(),
            counts: Counts::default(),
            keeper: std::sync::mpsc::channel().0,
            hub: Some(hub),
        })
    }

    /// The hub, if the binaries do not come from a folder.
    pub fn hub(&self) -> Option<&Arc<Hub>> {
        self.hub.as_ref()
    }

    /// Why the first scan is not complete.
    pub fn unready(&self) -> String {
        match self.hub.as_ref().map(|hub| hub.away()) {
            None => "the server is still reading its folder".to_owned(),
            Some(None) => "the server is still reading its hub".to_owned(),
            Some(Some(why)) => format!("the hub can't be read: {why}"),
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// What is registered now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        match self.current.read() {
            Ok(current) => current.clone(),
            Err(poisoned) => poisoned.into_inner().clone(),
        }
    }

    /// Whether the first scan is complete.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Waits until the first scan is complete.
    pub async fn wait_until_ready(&self) {
        let notified = self.ready.notified();
        if !self.is_ready() {
            notified.await;
        }
    }

    /// What was counted.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Tells that a file with a known digest will be put into the folder, so that it is not hashed
    /// again. [`Self::register`] or [`Self::refresh`] must follow.
    pub fn announce(&self, file: &str, stamp: Stamp, digest: Digest) {
        let file = file.to_owned();
        let _ = self.keeper.send(Message::Announce {
            file,
            stamp,
            digest,
        });
    }

    /// Registers a file that was put into the folder, and waits until requests see it. `None` if
    /// the file was replaced or removed in the meantime.
    pub async fn register(&self, file: &str, stamp: Stamp, digest: Digest) -> Option<Arc<Entry>> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Register {
            file: file.to_owned(),
            stamp,
            digest,
            reply,
        };
        self.keeper.send(message).ok()?;
        answer.await.ok().flatten()
    }

    /// Reads what is under a name now, and waits until requests see it.
    pub async fn refresh(&self, file: &str) {
        let (reply, answer) = oneshot::channel();
        let file = file.to_owned();
        if self.keeper.send(Message::Refresh { file, reply }).is_ok() {
            let _ = answer.await;
        }
    }

    /// Tells that a file is not what the index says.
    pub fn doubt(&self, file: &str) {
        let (reply, _) = oneshot::channel();
        let file = file.to_owned();
        let _ = self.keeper.send(Message::Refresh { file, reply });
    }

    /// Writes the digests to disk, and waits for it.
    pub async fn save(&self) {
        let (reply, answer) = oneshot::channel();
        if self.keeper.send(Message::Save { reply }).is_ok() {
            let _ = answer.await;
        }
    }

    pub(crate) fn publish(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        match self.current.write() {
            Ok(mut current) => *current = snapshot,
            Err(poisoned) => *poisoned.into_inner() = snapshot,
        }
    }

    pub(crate) fn set_ready(&self) {
        self.is_ready.store(true, Ordering::Release);
        self.ready.notify_waiters();
    }
}
