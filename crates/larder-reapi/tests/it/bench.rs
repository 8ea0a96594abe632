//! A client, folders for it, and actions that are easily described.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use larder_cluster::{Cluster, Options};
use larder_core::cancel::Cancel;
use larder_core::error::Result;
use larder_engine::executor::remote::{
    CacheUse, ExecutorSettings, PreparedAction, RemoteAction, RemoteEnd, RemoteExecutor as _,
    RemoteInput, RemoteProgress, RemoteResult, RemoteStage,
};
use larder_reapi::{Client, Tuning};
use larder_remote::http::{Secret, Settings};

/// Deadlines and pauses that are short enough for tests.
pub fn quick() -> Settings {
    Settings {
        backoff: Duration::from_millis(5),
        connect: Duration::from_secs(5),
        idle: Duration::from_millis(1500),
        ..Settings::default()
    }
}

/// A client of a cluster.
pub fn client(cluster: &Cluster) -> Client {
    client_with(&cluster.url(), "", &[], quick()).unwrap()
}

/// A client of any url.
pub fn client_with(
    url: &str,
    instance: &str,
    headers: &[(&str, &str)],
    settings: Settings,
) -> Result<Client> {
    let settings_of_executor = ExecutorSettings {
        url: url.to_owned(),
        instance: instance.to_owned(),
        cache: CacheUse::Write,
        execute: true,
        jobs: NonZeroUsize::new(64).unwrap(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Secret::new(value)))
            .collect(),
    };
    Client::new(&settings_of_executor, settings, Tuning::default())
}

/// A cluster with default options.
pub fn cluster() -> Cluster {
    Cluster::start(Options::default())
}

/// A folder for the sources and one for the outputs.
pub struct Folders {
    _dir: tempfile::TempDir,
    pub src: Utf8PathBuf,
    pub out: Utf8PathBuf,
}

impl Folders {
    pub fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let (src, out) = (root.join("src"), root.join("out"));
        std::fs::create_dir_all(&src).unwrap();
        std::fs::create_dir_all(&out).unwrap();
        for (name, bytes) in files {
            let path = src.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self {
            _dir: dir,
            src,
            out,
        }
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.out.join(name)).unwrap()
    }

    /// An action with the folder `src` as `src` in its input root.
    pub fn action(&self, script: &str) -> RemoteAction<'_> {
        action(&self.src, script)
    }

    /// Runs an action to its end.
    pub fn run(&self, client: &Client, script: &str) -> Result<RemoteResult> {
        let action = self.action(script);
        let prepared = client.prepare(&action, &Cancel::new())?;
        prepared.execute(false, &self.out, &Stages::default(), &Cancel::new())
    }

    /// The result in the action cache.
    pub fn cached(&self, client: &Client, script: &str) -> Result<Option<RemoteResult>> {
        let action = self.action(script);
        let prepared = client.prepare(&action, &Cancel::new())?;
        prepared.cached(&self.out, &Stages::default(), &Cancel::new())
    }
}

/// An action with a folder as `src` in its input root.
pub fn action<'a>(src: &'a Utf8Path, script: &str) -> RemoteAction<'a> {
    RemoteAction {
        script: script.to_owned(),
        environment: BTreeMap::from([("PATH".to_owned(), "/usr/bin:/bin".to_owned())]),
        inputs: vec![RemoteInput {
            path: "src".to_owned(),
            folder: src,
            without: &[],
        }],
        empty_folders: vec!["out".to_owned()],
        output: "out".to_owned(),
        properties: BTreeMap::from([("OSFamily".to_owned(), "linux".to_owned())]),
        timeout: Some(Duration::from_mins(1)),
        salt: b"key version 1".to_vec(),
    }
}

/// Prepares an action.
pub fn prepare<'a>(client: &'a Client, action: &RemoteAction<'a>) -> Box<dyn PreparedAction + 'a> {
    client.prepare(action, &Cancel::new()).unwrap()
}

/// Fails unless the script exited with 0.
pub fn assert_succeeded(result: &RemoteResult) {
    let text = String::from_utf8_lossy(&result.output);
    assert_eq!(result.ended, RemoteEnd::Exited(0), "{text}");
}

/// Records the steps.
#[derive(Default)]
pub struct Stages(pub Mutex<Vec<RemoteStage>>);

impl RemoteProgress for Stages {
    fn stage(&self, stage: RemoteStage) {
        self.0.lock().unwrap().push(stage);
    }
    fn bytes(&self, _: u64) {}
}

/// Bytes that no compression or pattern makes small: the numbers of a generator.
pub fn noise(size: usize) -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}
