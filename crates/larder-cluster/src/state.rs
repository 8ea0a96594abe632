//! What the cluster stores, and what clients did.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use larder_core::model::Digest;
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Status};

use crate::{Fault, Options};

/// A blob's bytes, shared with those who send them.
pub(crate) type Bytes = std::sync::Arc<[u8]>;

/// What clients did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub capabilities: usize,
    pub find_missing: usize,
    pub batches: usize,
    pub streams_written: usize,
    pub streams_read: usize,
    /// Blobs that were stored although they were there.
    pub stored_again: usize,
    pub stored: usize,
    pub executes: usize,
    pub waits: usize,
    pub cancels: usize,
    /// Actions that ran on a worker.
    pub runs: usize,
    /// The largest number of actions that ran at once.
    pub most_at_once: usize,
    pub hits: usize,
    pub updates: usize,
    pub status_queries: usize,
    /// The largest message of a batch.
    pub largest_batch: usize,
}

/// An operation as its streams see it.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    pub stage: re::execution_stage::Value,
    pub done: Option<re::ExecuteResponse>,
}

#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub blobs: HashMap<Digest, Bytes>,
    pub results: HashMap<Digest, re::ActionResult>,
    /// Uploads that are not complete, by the names of their resources.
    pub uploads: HashMap<String, Vec<u8>>,
    pub operations: HashMap<String, watch::Receiver<Progress>>,
    pub cancelled: HashSet<String>,
    pub counts: Counts,
    pub running: usize,
    next: u64,
    faults: Vec<Fault>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub options: Options,
    pub workers: Semaphore,
    stored: Mutex<Stored>,
}

impl State {
    pub fn new(options: Options) -> Self {
        Self {
            workers: Semaphore::new(options.workers),
            options,
            stored: Mutex::default(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn order(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    pub fn pending(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    /// The first ordered failure that applies, which is used up.
    pub fn take<T>(&self, applies: impl Fn(Fault) -> Option<T>) -> Option<T> {
        let mut stored = self.lock();
        let at = stored
            .faults
            .iter()
            .position(|fault| applies(*fault).is_some())?;
        applies(stored.faults.remove(at))
    }

    /// Whether a failure was ordered, which is used up.
    pub fn happens(&self, fault: Fault) -> bool {
        self.take(|ordered| (ordered == fault).then_some(()))
            .is_some()
    }

    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    /// A name that no operation had before.
    pub fn operation_name(&self) -> String {
        let mut stored = self.lock();
        stored.next += 1;
        format!("operations/{}", stored.next)
    }

    /// Checks the credentials of a request.
    pub fn admit<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let tool = request
            .metadata()
            .get_bin("build.bazel.remote.execution.v2.requestmetadata-bin");
        if tool.is_none() {
            return Err(Status::invalid_argument(
                "the request does not say which tool asks",
            ));
        }
        let given = request
            .metadata()
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        match &self.options.token {
            Some(token) if given.is_none() => Err(Status::unauthenticated(format!(
                "no credentials; `{token}` was expected"
            ))),
            Some(token) if given != Some(token) => Err(Status::permission_denied("not for you")),
            _ => Ok(()),
        }
    }

    /// Checks the instance and the digest function of a request.
    pub fn check(&self, instance: &str, digest_function: i32) -> Result<(), Status> {
        if instance != self.options.instance {
            return Err(Status::invalid_argument(format!(
                "unknown instance `{instance}`"
            )));
        }
        if ![0, re::digest_function::Value::Sha256 as i32].contains(&digest_function) {
            return Err(Status::invalid_argument("only SHA-256 is stored"));
        }
        Ok(())
    }

    /// Stores a blob, whose digest is checked.
    pub fn store(&self, digest: Option<&re::Digest>, bytes: &[u8]) -> Result<(), Status> {
        let stated = parse(digest)?;
        let is_right = Digest::of(bytes) == stated.0 && bytes.len() as u64 == stated.1;
        if !is_right {
            return Err(Status::invalid_argument(
                "the bytes do not have their digest",
            ));
        }
        let mut stored = self.lock();
        stored.counts.stored += 1;
        if stored.blobs.insert(stated.0, bytes.into()).is_some() {
            stored.counts.stored_again += 1;
        }
        Ok(())
    }

    /// A blob's bytes. The empty blob is always there.
    pub fn blob(&self, digest: &Digest) -> Option<Bytes> {
        let found = self.lock().blobs.get(digest).cloned();
        found.or_else(|| (*digest == Digest::of(b"")).then(|| Bytes::from(&b""[..])))
    }
}

/// A digest of a message, and its size.
pub(crate) fn parse(digest: Option<&re::Digest>) -> Result<(Digest, u64), Status> {
    let wrong = || Status::invalid_argument("no valid digest");
    let digest = digest.ok_or_else(wrong)?;
    let hash = digest.hash.parse().map_err(|_| wrong())?;
    Ok((hash, u64::try_from(digest.size_bytes).map_err(|_| wrong())?))
}

/// The digest of bytes as a message.
pub(crate) fn digest_of(bytes: &[u8]) -> re::Digest {
    re::Digest {
        hash: Digest::of(bytes).to_string(),
        size_bytes: i64::try_from(bytes.len()).expect("a size"),
    }
}
