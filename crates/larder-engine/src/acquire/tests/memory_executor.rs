//! An executor in memory, for tests. It runs scripts on this machine in a folder of its own, as a
//! worker does, and keeps their results by the digest of the action.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;

use crate::executor::remote::{
    ExecutorFacts, PreparedAction, RemoteAction, RemoteEnd, RemoteExecutor, RemoteInput,
    RemoteProgress, RemoteResult, RemoteStage,
};

/// The files of an output folder, by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// Clones are the same executor, as several machines see it.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryExecutor(Arc<Cluster>);

#[derive(Debug, Default)]
struct Cluster {
    results: Mutex<BTreeMap<Digest, Files>>,
    executed: AtomicUsize,
    gone: AtomicBool,
}

impl MemoryExecutor {
    /// How many actions ran.
    pub(super) fn executed(&self) -> usize {
        self.0.executed.load(Ordering::SeqCst)
    }
    /// How many results its cache has.
    pub(super) fn results(&self) -> usize {
        self.0.results.lock().unwrap().len()
    }
    /// The names of the files in the only result.
    pub(super) fn names(&self) -> Vec<String> {
        let results = self.0.results.lock().unwrap();
        results.values().flat_map(BTreeMap::keys).cloned().collect()
    }
    /// Another version of the tools made all results.
    pub(super) fn change_tools(&self, text: &str) {
        for files in self.0.results.lock().unwrap().values_mut() {
            files.insert(".larder-tools".into(), text.into());
        }
    }
    /// From now on it can't be reached.
    pub(super) fn leave(&self) {
        self.0.gone.store(true, Ordering::SeqCst);
    }
    fn check(&self) -> Result<()> {
        if self.0.gone.load(Ordering::SeqCst) {
            return Err(Error::unavailable("nobody answers"));
        }
        Ok(())
    }
}

struct Prepared {
    executor: MemoryExecutor,
    script: String,
    environment: BTreeMap<String, String>,
    root: tempfile::TempDir,
    digest: Digest,
}

impl Prepared {
    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.root.path()).unwrap().to_owned()
    }
    fn put(files: &Files, out: &Utf8Path) {
        for (name, bytes) in files {
            fs::write_atomic(out.join(name), bytes).unwrap();
        }
    }
    fn read(out: &Utf8Path) -> Files {
        let names = fs::list(out).unwrap().into_iter();
        let read = |name: String| (name.clone(), fs::read(out.join(name)).unwrap());
        names.map(read).collect()
    }
    fn keep(&self, files: Files) {
        let mut results = self.executor.0.results.lock().unwrap();
        results.insert(self.digest, files);
    }
}

fn result(ended: i32, output: Vec<u8>, is_cached: bool) -> RemoteResult {
    RemoteResult {
        ended: RemoteEnd::Exited(ended),
        output,
        worker: Some("worker-7".into()),
        is_cached,
        received: 1,
    }
}

impl RemoteExecutor for MemoryExecutor {
    fn place(&self) -> String {
        "grpcs://cluster.example:443/main".into()
    }
    fn facts(&self, _: &Cancel) -> Result<ExecutorFacts> {
        self.check().map(|()| ExecutorFacts::default())
    }
    fn prepare<'a>(
        &'a self,
        action: &RemoteAction<'a>,
        _: &Cancel,
    ) -> Result<Box<dyn PreparedAction + 'a>> {
        let root = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(root.path()).unwrap();
        let mut text = format!("{:?}{:?}", action.script, action.environment);
        for folder in &action.empty_folders {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        for RemoteInput { path, folder, .. } in &action.inputs {
            let to = base.join(path);
            fs::create_dir_all(&to).unwrap();
            for (name, bytes) in Prepared::read(folder) {
                text.push_str(path);
                text.push_str(&name);
                text.push_str(&Digest::of(&bytes).to_string());
                fs::write_atomic(to.join(name), &bytes).unwrap();
            }
        }
        Ok(Box::new(Prepared {
            executor: self.clone(),
            script: action.script.clone(),
            environment: action.environment.clone(),
            digest: Digest::of(text.as_bytes()),
            root,
        }))
    }
}

impl PreparedAction for Prepared {
    fn digest(&self) -> Digest {
        self.digest
    }
    fn cached(
        &self,
        out: &Utf8Path,
        _: &dyn RemoteProgress,
        _: &Cancel,
    ) -> Result<Option<RemoteResult>> {
        self.executor.check()?;
        let results = self.executor.0.results.lock().unwrap();
        Ok(results.get(&self.digest).map(|files| {
            Self::put(files, out);
            result(0, Vec::new(), true)
        }))
    }
    #[expect(
        clippy::disallowed_methods,
        reason = "a worker is another machine, which knows no run"
    )]
    fn execute(
        &self,
        again: bool,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<RemoteResult> {
        self.executor.check()?;
        if !again && let Some(result) = self.cached(out, progress, cancel)? {
            return Ok(result);
        }
        progress.stage(RemoteStage::Executing(Some("worker-7".into())));
        self.executor.0.executed.fetch_add(1, Ordering::SeqCst);
        let ended = Command::new("/bin/sh")
            .args(["-c", &self.script])
            .current_dir(self.root.path())
            .env_clear()
            .envs(&self.environment)
            .output()
            .unwrap();
        let code = ended.status.code().unwrap();
        if code == 0 {
            let files = Self::read(&self.path().join("out"));
            Self::put(&files, out);
            self.keep(files);
        }
        Ok(result(code, ended.stdout, false))
    }
    fn share(
        &self,
        out: &Utf8Path,
        without: &[&str],
        _: &dyn RemoteProgress,
        _: &Cancel,
    ) -> Result<u64> {
        self.executor.check()?;
        let mut files = Self::read(out);
        files.retain(|name, _| !without.contains(&name.as_str()));
        self.keep(files);
        Ok(1)
    }
}
