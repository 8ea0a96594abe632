//! Executors on other machines. The engine describes a build as a [`RemoteAction`], which names all
//! that decides its result; a [`RemoteExecutor`] finds the result in a shared action cache, or has a
//! cluster run the action. The engine then checks the outputs exactly as it checks those of a build
//! on this machine.
//!
//! This module knows no protocol, and an executor knows nothing about keys, recipes or sources.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::num::NonZeroUsize;
use std::time::Duration;

use camino::Utf8Path;

use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_core::model::Digest;
pub use larder_core::project::executor::CacheUse;
use larder_remote::http::Secret;

/// Where the executor is and what it is used for, resolved from the user's configuration and the
/// environment.
#[derive(Clone, Debug)]
pub struct ExecutorSettings {
    /// `grpcs://host:port` or, only where plain http is allowed, too, `grpc://host:port`. It has no
    /// path and no credentials.
    pub url: String,
    /// The name of the instance; empty if the cluster has only one.
    pub instance: String,
    /// How the action cache is used.
    pub cache: CacheUse,
    /// Whether builds run there. If not, only the action cache is used.
    pub execute: bool,
    /// The number of actions in flight at once.
    pub jobs: NonZeroUsize,
    /// Headers of every request, by their name in lower case.
    pub headers: Vec<(String, Secret)>,
}

/// All that decides what a build gives. Two actions that are equal have the same digest, whichever
/// machine describes them.
#[derive(Clone, Debug)]
pub struct RemoteAction<'a> {
    /// A script for `/bin/sh -c`. Its current folder is the input root.
    pub script: String,
    /// All environment variables that the script starts with.
    pub environment: BTreeMap<String, String>,
    /// What the input root has. The paths are different and none leads into another.
    pub inputs: Vec<RemoteInput<'a>>,
    /// Folders of the input root that are empty, by their paths in it.
    pub empty_folders: Vec<String>,
    /// The folder in the input root whose content is the output. It is one of `empty_folders`.
    pub output: String,
    /// What the worker has to be.
    pub properties: BTreeMap<String, String>,
    /// The maximum time for the script; without it, the executor's own. Many refuse to run an action
    /// that might take longer than they permit.
    pub timeout: Option<Duration>,
    /// Separates results that differ although everything else is equal.
    pub salt: Vec<u8>,
}

/// A folder of this machine that is part of the input root.
#[derive(Clone, Debug)]
pub struct RemoteInput<'a> {
    /// Its path in the input root, with slashes.
    pub path: String,
    /// The folder. It does not change while the action is used.
    pub folder: &'a Utf8Path,
    /// The names of files and folders right in it that are not part of the input root.
    pub without: &'a [&'a str],
}

/// What an executor says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutorFacts {
    /// The version of the protocol, as text for people.
    pub protocol: String,
    /// Whether it runs actions.
    pub executes: bool,
    /// Whether results may be written to its action cache; `None` if it does not say.
    pub writes_cache: Option<bool>,
}

/// A result that is in the output folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteResult {
    /// How the script ended.
    pub ended: RemoteEnd,
    /// What it printed, on both streams. If that is more than an executor keeps, its end.
    pub output: Vec<u8>,
    /// The worker that ran it, if the executor says so.
    pub worker: Option<String>,
    /// Whether it was in the action cache.
    pub is_cached: bool,
    /// The number of bytes received.
    pub received: u64,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteEnd {
    /// It exited with this code.
    Exited(i32),
    /// It ran longer than the action's timeout.
    TimedOut,
}

/// A step of an action at the executor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteStage {
    /// The action cache is asked, or which blobs are missing.
    Checking,
    /// This number of bytes is sent.
    Uploading(u64),
    /// The action waits for a worker.
    Queued,
    /// It runs, on this worker if the executor says so.
    Executing(Option<String>),
    /// This number of bytes is received.
    Downloading(u64),
}

/// Receives the progress of an action. It may be called from any thread.
pub trait RemoteProgress: Sync {
    /// A step began.
    fn stage(&self, stage: RemoteStage);
    /// The number of bytes sent or received since the step began.
    fn bytes(&self, bytes: u64);
}

/// A cache and, perhaps, a cluster on other machines. Its functions may be called from many threads
/// at once, and they block. Nothing is connected before [`Self::facts`] or an action asks for it.
///
/// Errors: an executor that can't be reached is `Unavailable`, one that refuses the credentials is
/// `Refused`, and bytes that do not have their digest are `Integrity`. No error contains a header.
pub trait RemoteExecutor: Debug + Send + Sync {
    /// `grpcs://host:port/instance`, without a secret.
    fn place(&self) -> String;

    /// Asks the executor about itself.
    fn facts(&self, cancel: &Cancel) -> Result<ExecutorFacts>;

    /// Reads and hashes the inputs of an action. Sends nothing.
    fn prepare<'a>(
        &'a self,
        action: &RemoteAction<'a>,
        cancel: &Cancel,
    ) -> Result<Box<dyn PreparedAction + 'a>>;
}

/// An action whose inputs are hashed. `out` is an existing, empty folder of this machine in all
/// functions that write to it. After an error, it may have anything in it.
pub trait PreparedAction: Send {
    /// The digest of the action.
    fn digest(&self) -> Digest;

    /// The result in the action cache, with all its outputs received and verified into `out`.
    /// `None`, and `out` still empty, if there is none, if it did not exit with 0, or if one of its
    /// outputs is gone.
    fn cached(
        &self,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<Option<RemoteResult>>;

    /// Sends the inputs that the executor lacks, has the action run, and receives and verifies its
    /// outputs into `out`; if the script did not exit with 0, `out` may be empty. With `again`, the
    /// action runs even if its result is in the action cache. A cancellation ends it there, too.
    fn execute(
        &self,
        again: bool,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<RemoteResult>;

    /// Sends what a build on this machine made of the action to the action cache: the content of
    /// `out`, without the files and folders right in it that have these names, as the output of a
    /// script that exited with 0. The inputs may have changed by then and are not read again. What
    /// no machine would accept is an error. Returns the number of bytes sent.
    fn share(
        &self,
        out: &Utf8Path,
        without: &[&str],
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<u64>;
}
