//! "Only if there is none" on every store.
//!
//! Most stores honour `If-None-Match: *`. Some ignore it and overwrite. Before the first write of a
//! run a probe finds out: two creates of one probe object, of which the second must be refused; a
//! third request tries the same with an upload in parts, when the first of those is due.
//!
//! Where the condition is ignored, and wherever something is replaced, a lock object stands in: one
//! per release, `<prefix>/.lock-<tag>`, with a random owner, who renews it while it works. The store's
//! clock alone decides how old a lock is; one that was not renewed in time was left by a killed
//! writer.
//!
//! Taking a lock on a store without conditions is a write, a pause and a read: the last writer of the
//! lock object has it, and after the pause everybody sees who that is. A writer that needed longer than
//! half the pause from looking to writing starts again. The owner is compared again right before each
//! write that becomes visible (the fence). What remains: a writer that stops between that look and
//! its write for longer than it takes another one to find the lock stale and take it, half a minute.
//! Its late write may then overwrite an asset, which a reader finds by the digest in the sidecar.
//! With conditions, no such case exists for new assets.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::S3Hub;
use crate::s3::{Bucket, Content, Created, Staged};
use larder_core::error::{Error, Result};
use larder_core::model::{Digest, Tag};

/// The age of a lock that was left by a killed writer, in pauses.
const STALE: u32 = 15;
/// The same at least, because stores state times in seconds.
const MIN_STALE: Duration = Duration::from_secs(5);
/// How long a writer waits for a lock of others.
const WAIT: Duration = Duration::from_mins(10);
/// The pause before a lock is looked at again.
const PAUSE: Duration = Duration::from_millis(250);
/// What the names of locks begin with, below the prefix of the hub.
pub(super) const LOCK: &str = ".lock-";
/// What the names of probes begin with.
pub(super) const PROBE: &str = ".probe-";
/// More bytes than a lock has.
const MAX_LOCK: u64 = 4096;
const TEXT: &str = "text/plain";

/// What is known of the store, once it is.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// Whether it creates an object only if there is none.
    creates: Mutex<Option<bool>>,
    /// The same for uploads in parts.
    completes: Mutex<Option<bool>>,
}

/// The right to write in a release.
pub(super) struct Guard<'a> {
    hub: &'a S3Hub,
    /// The lock, if one is needed.
    lock: Option<Lock>,
}

/// A lock that is ours, until it is dropped.
struct Lock {
    bucket: Arc<Bucket>,
    key: String,
    owner: String,
    /// The thread that renews it, and what ends that.
    renewal: Option<(Sender<()>, JoinHandle<()>)>,
}

impl S3Hub {
    /// Whether the store honours the condition. Asks it once.
    pub(super) fn creates_conditionally(&self) -> Result<bool> {
        remember(&self.conditions.creates, || {
            let key = self.probe();
            let create = || self.bucket.create(&key, Content::Bytes(b"probe"), TEXT);
            let first = create()?;
            let second = create();
            // A publisher need not have the right to delete.
            let _ = self.bucket.delete(&key);
            Ok(first == Created::New && second? == Created::Exists)
        })
    }

    /// The same for uploads in parts.
    fn completes_conditionally(&self) -> Result<bool> {
        if !self.creates_conditionally()? {
            return Ok(false);
        }
        remember(&self.conditions.completes, || {
            let key = self.probe();
            self.bucket.put(&key, Content::Bytes(b"probe"), TEXT)?;
            let found = self.bucket.completes_conditionally(&key);
            let _ = self.bucket.delete(&key);
            found
        })
    }

    /// The age of a lock that was left by a killed writer.
    pub(super) fn stale(&self) -> Duration {
        stale(self.bucket.settle())
    }

    fn probe(&self) -> String {
        format!("{}{PROBE}{}", self.prefix, random())
    }

    /// The right to create files of a release.
    pub(super) fn guard(&self, tag: &Tag, in_parts: bool) -> Result<Guard<'_>> {
        let honoured = if in_parts {
            self.completes_conditionally()?
        } else {
            self.creates_conditionally()?
        };
        if honoured {
            Ok(Guard {
                hub: self,
                lock: None,
            })
        } else {
            self.lock(tag)
        }
    }

    /// The right to replace files of a release.
    pub(super) fn lock(&self, tag: &Tag) -> Result<Guard<'_>> {
        let key = format!("{}{LOCK}{tag}", self.prefix);
        let conditional = self.creates_conditionally()?;
        let owner = random();
        let text = text(&owner);
        let settle = self.bucket.settle();
        let stale = stale(settle);
        let started = Instant::now();
        loop {
            self.bucket.cancel().check()?;
            let probed = Instant::now();
            let taken = match self.bucket.head(&key)? {
                Some(lock) if lock.age < stale => false,
                Some(_) if conditional => {
                    self.bucket.delete(&key)?;
                    continue;
                }
                _ => {
                    let content = Content::Bytes(text.as_bytes());
                    if conditional {
                        self.bucket.create(&key, content, TEXT)?;
                    } else {
                        self.bucket.put(&key, content, TEXT)?;
                        let in_time = probed.elapsed() <= settle / 2;
                        std::thread::sleep(settle);
                        if !in_time {
                            give_back(&self.bucket, &key, &owner);
                            continue;
                        }
                    }
                    // An answer may have been lost, so the object says who has it.
                    owns(&self.bucket, &key, &owner)?
                }
            };
            if taken {
                return Ok(Guard {
                    hub: self,
                    lock: Some(Lock::new(&self.bucket, key, owner)),
                });
            }
            if started.elapsed() > WAIT {
                return Err(Error::unavailable(format!(
                    "another writer has the lock {} for too long",
                    self.shown(&key)
                ))
                .hint("run again; if no writer runs, delete that object"));
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// The text of a lock.
fn text(owner: &str) -> String {
    format!("owner {owner}\n")
}

/// The age of a lock that was left by a killed writer.
fn stale(settle: Duration) -> Duration {
    (settle * STALE).max(MIN_STALE)
}

fn owns(bucket: &Bucket, key: &str, owner: &str) -> Result<bool> {
    let found = bucket.get(key, MAX_LOCK)?;
    Ok(found.is_some_and(|found| found == text(owner).as_bytes()))
}

/// Deletes a lock if it is ours.
fn give_back(bucket: &Bucket, key: &str, owner: &str) {
    if owns(bucket, key, owner).unwrap_or(false) {
        // A lock that stays is stale after a while.
        let _ = bucket.delete(key);
    }
}

impl Lock {
    fn new(bucket: &Arc<Bucket>, key: String, owner: String) -> Self {
        let (stop, stopped) = channel();
        let pause = stale(bucket.settle()) / 4;
        let renew = {
            let (bucket, key, owner) = (Arc::clone(bucket), key.clone(), owner.clone());
            move || {
                while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                    if !owns(&bucket, &key, &owner).unwrap_or(true) {
                        break;
                    }
                    let text = text(&owner);
                    let _ = bucket.put(&key, Content::Bytes(text.as_bytes()), TEXT);
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("larder-lock".to_owned())
            .spawn(renew);
        Self {
            bucket: Arc::clone(bucket),
            key,
            owner,
            renewal: thread.ok().map(|thread| (stop, thread)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.renewal.take() {
            drop(stop);
            let _ = thread.join();
        }
        give_back(&self.bucket, &self.key, &self.owner);
    }
}

impl Guard<'_> {
    /// Whether the lock is still ours, right before a write that becomes visible.
    fn check(&self) -> Result<()> {
        let Some(lock) = &self.lock else {
            return Ok(());
        };
        if owns(&lock.bucket, &lock.key, &lock.owner)? {
            return Ok(());
        }
        Err(Error::unavailable(format!(
            "another writer took the lock {}",
            self.hub.shown(&lock.key)
        ))
        .hint("run again; what was uploaded is continued"))
    }

    /// Stores an object if there is none of its key.
    pub(super) fn create(&self, key: &str, bytes: &[u8], kind: &str) -> Result<Created> {
        let bucket = &self.hub.bucket;
        if self.lock.is_none() {
            return bucket.create(key, Content::Bytes(bytes), kind);
        }
        if bucket.head(key)?.is_some() {
            return Ok(Created::Exists);
        }
        self.put(key, bytes, kind).map(|()| Created::New)
    }

    /// The same with a staged file.
    pub(super) fn commit(&self, key: &str, staged: &Staged<'_>) -> Result<Created> {
        let bucket = &self.hub.bucket;
        if self.lock.is_none() {
            return bucket.commit(staged, true);
        }
        if bucket.head(key)?.is_some() {
            return Ok(Created::Exists);
        }
        self.check()?;
        bucket.commit(staged, false)
    }

    /// Stores an object in place of another one, with a lock.
    pub(super) fn put(&self, key: &str, bytes: &[u8], kind: &str) -> Result<()> {
        self.check()?;
        self.hub.bucket.put(key, Content::Bytes(bytes), kind)
    }

    /// The same with a staged file.
    pub(super) fn replace(&self, staged: &Staged<'_>) -> Result<()> {
        self.check()?;
        self.hub.bucket.commit(staged, false).map(drop)
    }
}

/// An answer that is asked for once.
fn remember(slot: &Mutex<Option<bool>>, ask: impl FnOnce() -> Result<bool>) -> Result<bool> {
    let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = *slot {
        return Ok(known);
    }
    let found = ask()?;
    *slot = Some(found);
    Ok(found)
}

/// A text that nobody else has.
fn random() -> String {
    let mut bytes = [0; 16];
    let is_random = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    if is_random.is_err() {
        let unique = format!("{} {:?}", std::process::id(), std::time::SystemTime::now());
        return Digest::of(unique.as_bytes()).short();
    }
    Digest::of(&bytes).short()
}
