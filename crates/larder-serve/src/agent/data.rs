//! The agent's folder: who the agent is, what it has decided, and what it tells others.
//!
//! ```text
//! <data_dir>/lock               held as long as an agent uses the folder
//! <data_dir>/node.json          the id and the secret of the node, 0600
//! <data_dir>/state.json         what has been decided; state.copy.json is a second copy
//! <data_dir>/status.json        what the agent does, for others to read
//! <data_dir>/binaries/<sha256>/ the binaries; `current` and `previous` lead to two of them
//! <data_dir>/downloads/         what is being downloaded
//! ```
//! Each file is written beside and renamed, so it is whole whenever the agent or the machine stops.
//! A file that is damaged all the same is put aside, and the agent goes on with the second copy.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::file_lock::{FileLock, LockSettings, Waiting};
use larder_core::fs;
use larder_core::model::Digest;
use larder_core::staging::{self, StagedFile};
use serde::{Deserialize, Serialize};

use super::release::{Attempt, Release};
use crate::log::Log;

/// How long an agent waits for another one that is about to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who the agent is for the server.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The id of the node.
    pub node_id: String,
    /// Its secret.
    pub secret: String,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("node_id", &self.node_id)
            .finish_non_exhaustive()
    }
}

/// A version that has to show that it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The rollout that offered it; empty if none did.
    pub rollout: String,
    /// How long it must be healthy.
    pub soak_ms: u64,
    /// How often it has been started. It is written before the start.
    pub starts: u32,
}

/// The child, as the next agent recognises it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptChild {
    /// Its process id.
    pub pid: u32,
    /// When it was started, in the system's own form; empty where the system does not tell.
    pub started: String,
    /// What it runs.
    pub checksum: Digest,
}

/// What has been decided.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// What is to run.
    pub current: Option<Release>,
    /// What ran before and held.
    pub previous: Option<Release>,
    /// Whether `current` still has to show that it holds.
    pub trial: Option<Trial>,
    /// Whether `current` runs because a newer version did not hold.
    pub has_returned: bool,
    /// What must not run.
    pub denied: BTreeSet<Digest>,
    /// Failures that the server does not know yet.
    pub unreported: Vec<Attempt>,
    /// The child.
    pub child: Option<KeptChild>,
}

impl Kept {
    /// The same for another name: what was decided for the name before says nothing about this one,
    /// except which bytes must not run.
    pub fn of(mut self, name: &str) -> Self {
        if self
            .current
            .as_ref()
            .is_some_and(|current| current.name != name)
        {
            self.current = None;
            self.trial = None;
            self.has_returned = false;
        }
        self.previous = self
            .previous
            .take()
            .filter(|previous| previous.name == name);
        self
    }
}

/// What the agent does, for others to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The name of the agent.
    pub agent_id: String,
    /// The id of the node, if the server has given one.
    pub node_id: Option<String>,
    /// The version that runs, or is being started.
    pub version: Option<String>,
    /// Its digest.
    pub checksum: Option<Digest>,
    /// What the agent does.
    pub state: &'static str,
    /// The process id of the child.
    pub pid: Option<u32>,
    /// The version to go back to.
    pub previous: Option<String>,
    /// What must not run.
    pub denied: Vec<Digest>,
    /// Why it is so, if there is more to say.
    pub reason: Option<String>,
}

/// The folder, which no other agent uses meanwhile.
#[derive(Debug)]
pub struct DataDir {
    path: Utf8PathBuf,
    log: Log,
    _lock: FileLock,
}

impl DataDir {
    /// Opens a folder, and waits a moment for an agent that still uses it.
    pub fn open(path: &Utf8Path, locks: LockSettings, cancel: Cancel, log: Log) -> Result<Self> {
        fs::create_own_dir_all(path)?;
        let path = fs::canonicalize(path)?;
        let locks = LockSettings {
            timeout: Some(locks.timeout.unwrap_or(PATIENCE)),
            ..locks
        };
        let waiting = Waiting::new(locks, cancel, |_| ());
        let lock = FileLock::take(&path, "lock", &waiting).map_err(|error| {
            error
                .context(format!("another agent uses the folder {path}"))
                .hint("end that agent, or give this one another `data_dir`")
        })?;
        if !lock.is_held() {
            return Err(Error::failed(format!(
                "the folder {path} can't be locked, so two agents could use it"
            ))
            .hint("check its owner and mode, or use a `data_dir` on a local file system"));
        }
        for folder in ["binaries", "downloads"] {
            fs::create_own_dir_all(path.join(folder))?;
        }
        Ok(Self {
            path,
            log,
            _lock: lock,
        })
    }

    /// The absolute path.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Who the agent is; nobody yet at the first start.
    pub fn node(&self) -> Node {
        self.parsed("node.json").unwrap_or_default()
    }

    /// Keeps who the agent is.
    pub fn keep_node(path: &Utf8Path, node: &Node) -> Result<()> {
        let file = path.join("node.json");
        let mut staged = StagedFile::new(path, &staging::prefix("node.json"))?;
        // Before there is anything in it.
        fs::set_mode(staged.path(), 0o600)?;
        staged.write(json(node)?.as_bytes())?;
        staged.flush(0o600)?;
        staged.rename_over(&file)?;
        fs::sync_dir(path)
    }

    /// What has been decided.
    pub fn kept(&self) -> Kept {
        self.parsed("state.json")
            .or_else(|| self.parsed("state.copy.json"))
            .unwrap_or_default()
    }

    /// Keeps what has been decided.
    pub fn keep(&self, kept: &Kept) -> Result<()> {
        let text = json(kept)?;
        fs::write_atomic(self.path.join("state.json"), text.as_bytes())?;
        // The first copy counts; the second one is for the case that it is damaged later.
        let copied = fs::write_atomic(self.path.join("state.copy.json"), text.as_bytes());
        if let Err(error) = copied {
            self.log.warning(&error.to_string(), &[]);
        }
        self.link("current", kept.current.as_ref());
        self.link("previous", kept.previous.as_ref());
        Ok(())
    }

    /// Tells others what the agent does.
    pub fn tell(&self, status: &Status) -> Result<()> {
        let text = json(status)? + "\n";
        fs::write_atomic(self.path.join("status.json"), text.as_bytes())
    }

    /// Makes a link for people to a version's folder. Nothing reads it.
    fn link(&self, name: &str, release: Option<&Release>) {
        let link = self.path.join(name);
        let target = release.map(|release| format!("binaries/{}", release.checksum));
        let present = fs::read_link(&link);
        if present.as_deref() == target.as_deref().map(std::path::Path::new) {
            return;
        }
        let staged = self.path.join(format!(".tmp-{name}"));
        let _ = match target {
            Some(target) => fs::remove_file(&staged)
                .and_then(|()| fs::symlink(target, &staged))
                .and_then(|()| fs::rename(&staged, &link)),
            None => fs::remove_file(&link),
        };
    }

    /// A file that was written before. One that is damaged is put aside.
    fn parsed<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        let file = self.path.join(name);
        let bytes = fs::read_or_absent(&file).ok()??;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(error) => {
                let aside = self.path.join(format!("{name}.damaged"));
                self.log.warning(
                    &format!("{file} is damaged ({error}); it is kept as {aside}"),
                    &[("file", &file)],
                );
                let _ = fs::rename(&file, aside);
                None
            }
        }
    }
}

fn json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::failed("cannot write the agent's state as JSON").cause(error))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::log::Level;

    fn open(path: &Utf8Path) -> Result<DataDir> {
        let locks = LockSettings {
            timeout: Some(Duration::from_millis(50)),
            ..LockSettings::default()
        };
        let log = Log::new(Arc::new(|_: &str| ()), false, Level::Error);
        DataDir::open(path, locks, Cancel::new(), log)
    }

    fn kept(version: &str) -> Kept {
        Kept {
            current: Some(Release {
                name: "tool".into(),
                version: version.into(),
                checksum: Digest::of(version.as_bytes()),
                file: format!("tool-{version}-linux-x86_64"),
                size: 1,
            }),
            denied: [Digest::of(b"bad")].into(),
            ..Kept::default()
        }
    }

    #[test]
    fn two_agents_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let first = open(path).unwrap();
        let error = open(path).unwrap_err();
        assert!(error.to_string().contains("another agent uses"), "{error}");
        drop(first);
        open(path).unwrap();
    }

    #[test]
    fn a_damaged_file_is_put_aside_and_its_copy_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let data = open(path).unwrap();
        assert_eq!(data.kept(), Kept::default());
        data.keep(&kept("1.0.0")).unwrap();
        let whole = fs::read(path.join("state.json")).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"", b"\0\0\0", b"{}}"] {
            fs::write_atomic(path.join("state.json"), damaged).unwrap();
            assert_eq!(data.kept(), kept("1.0.0"));
            assert!(fs::exists(path.join("state.json.damaged")));
        }
        fs::write_atomic(path.join("state.copy.json"), b"{").unwrap();
        assert_eq!(data.kept(), Kept::default());
        let linked = fs::read_link(path.join("current")).unwrap();
        assert!(linked.starts_with("binaries"));
    }

    #[cfg(unix)]
    #[test]
    fn the_secret_of_the_node_is_the_owners() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap();
        let data = open(path).unwrap();
        for secret in ["one", "two"] {
            let node = Node {
                node_id: "n".into(),
                secret: secret.into(),
            };
            DataDir::keep_node(path, &node).unwrap();
            assert_eq!(data.node(), node);
            let meta = fs::stat(path.join("node.json")).unwrap().unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        }
    }
}
