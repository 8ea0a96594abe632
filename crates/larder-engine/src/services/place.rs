//! The folder of a service in `.larder/services`: its record, its locks and requests to end it.

use std::fs::TryLockError;
use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::definition::Definition;
use larder_core::error::{Error, Result};
use larder_core::file_lock::{FileLock, Waiting};
use larder_core::fs::{IoContext, OwnFolder};
use larder_process::Identity;

const ALIVE: &str = "alive";
const RECORD: &str = "record.json";
const START: &str = "start";
const STOP: &str = "stop";

/// The version of the record's form. A record of another version is not read.
const SCHEMA: u32 = 1;
/// The size of a record is bounded, because it may be anybody's file.
const LONGEST: u64 = 1024 * 1024;

/// Who started a service, and ends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Owner {
    /// `larder up`: it stays until `larder down`.
    Up,
    /// A run of tasks: it ends with that run.
    Run {
        /// Distinguishes the run from every other one.
        id: String,
        /// The process of the run, for messages.
        pid: u32,
    },
}

/// A process, and when it was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub pid: u32,
    /// Empty where the system does not tell.
    pub started: String,
}

impl Process {
    pub fn of(pid: u32) -> Self {
        let started = Identity::of(pid).map_or_else(String::new, |identity| identity.started);
        Self { pid, started }
    }

    pub fn identity(&self) -> Identity {
        Identity {
            pid: self.pid,
            started: self.started.clone(),
        }
    }
}

/// What the supervisor of a service has recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub schema: u32,
    pub owner: Owner,
    pub definition: Definition,
    /// The port at which the service is asked whether it is ready.
    pub port: Option<u16>,
    pub supervisor: Process,
    /// The service itself, as soon as it has been started.
    pub process: Option<Process>,
    /// How the service ended, as soon as it has.
    pub ended: Option<String>,
}

impl Record {
    pub fn new(owner: Owner, definition: Definition, port: Option<u16>) -> Self {
        Self {
            schema: SCHEMA,
            owner,
            definition,
            port,
            supervisor: Process::of(std::process::id()),
            process: None,
            ended: None,
        }
    }
}

/// Whether a service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It does not run, and has no supervisor. Its last record, if there is one.
    Stopped(Option<Record>),
    /// It has a supervisor, which has not started it yet.
    Starting,
    /// It runs.
    Running(Record),
    /// It has ended, and its supervisor ends what is left of it.
    Ending(Record),
}

/// The folder of a service.
#[derive(Clone, Debug)]
pub(super) struct Place {
    root: Utf8PathBuf,
    name: String,
    below: Utf8PathBuf,
}

impl Place {
    pub fn of(root: &Utf8Path, name: &str) -> Self {
        Self {
            root: root.to_owned(),
            name: name.to_owned(),
            below: Utf8Path::new(".larder/services").join(name),
        }
    }

    /// The services that have a folder in a project.
    pub fn all(root: &Utf8Path) -> Result<Vec<String>> {
        match OwnFolder::open(root, ".larder/services")? {
            Some(folder) => folder.list(),
            None => Ok(Vec::new()),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of the variable that marks the processes of this service.
    pub fn mark(&self) -> String {
        self.root.join(&self.below).into_string()
    }

    /// The path of the log, as it is shown: relative to the project.
    pub fn shown_log(&self) -> String {
        format!(".larder/logs/services/{}.log", self.name)
    }

    pub fn log(&self) -> Utf8PathBuf {
        self.root.join(self.shown_log())
    }

    /// Begins a new log. The one before is kept beside it.
    pub fn new_log(&self) -> Result<()> {
        let folder = OwnFolder::create(&self.root, ".larder/logs/services")?;
        let name = format!("{}.log", self.name);
        if folder.entry(&name)?.is_some() {
            folder.rename(&name, (&folder, &format!("{name}.old")))?;
        }
        folder.create_file(&name).map(drop)
    }

    fn folder(&self) -> Result<Option<OwnFolder>> {
        OwnFolder::open(&self.root, &self.below)
    }

    fn make_folder(&self) -> Result<OwnFolder> {
        OwnFolder::create(&self.root, &self.below)
    }

    /// Waits until no other larder starts or stops this service.
    pub fn lock(&self, waiting: &Waiting) -> Result<FileLock> {
        let lock = FileLock::take(&self.root, self.below.join(START), waiting)?;
        if lock.is_held() {
            return Ok(lock);
        }
        Err(Error::failed(format!("cannot lock {}", self.mark()))
            .cause("services need file locks, by which larder knows whether they run")
            .hint("move the project to a file system that has locks and can be written"))
    }

    /// Shows that this process supervises the service, until the lock is dropped.
    pub fn live(&self, waiting: &Waiting) -> Result<FileLock> {
        FileLock::take(&self.root, self.below.join(ALIVE), waiting)
    }

    /// Whether the service has a supervisor.
    pub fn is_supervised(&self) -> Result<bool> {
        let Some(folder) = self.folder()? else {
            return Ok(false);
        };
        let Some(file) = folder.open_file(ALIVE)? else {
            return Ok(false);
        };
        // Several processes may look at the same time, so they share the lock.
        match file.try_lock_shared() {
            Ok(()) => {
                let _ = file.unlock();
                Ok(false)
            }
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error).at("lock", folder.path().join(ALIVE)),
        }
    }

    pub fn state(&self) -> Result<State> {
        if !self.is_supervised()? {
            return Ok(State::Stopped(self.record()?));
        }
        Ok(match self.record()? {
            Some(record) if record.ended.is_some() => State::Ending(record),
            Some(record) if record.process.is_some() => State::Running(record),
            _ => State::Starting,
        })
    }

    /// The record; `None` if there is none that this larder understands.
    pub fn record(&self) -> Result<Option<Record>> {
        let Some(file) = self.folder()?.map(|folder| folder.open_file(RECORD)) else {
            return Ok(None);
        };
        let Some(file) = file? else {
            return Ok(None);
        };
        let mut text = Vec::new();
        file.take(LONGEST)
            .read_to_end(&mut text)
            .at("read", self.root.join(&self.below).join(RECORD))?;
        let record: Option<Record> = serde_json::from_slice(&text).ok();
        Ok(record.filter(|record| record.schema == SCHEMA))
    }

    pub fn write(&self, record: &Record) -> Result<()> {
        let text = serde_json::to_vec(record)
            .map_err(|e| Error::failed("cannot write a record").cause(e))?;
        self.make_folder()?.write_atomic(RECORD, &text)
    }

    /// Removes the record and the request to stop of the last supervisor.
    pub fn clear(&self) -> Result<()> {
        let folder = self.make_folder()?;
        folder.remove(RECORD)?;
        folder.remove(STOP)
    }

    /// Asks the supervisor to end the service.
    pub fn request_stop(&self) -> Result<()> {
        self.make_folder()?.create_file(STOP).map(drop)
    }

    /// Whether the supervisor is to end the service: it was asked to, or the record is gone.
    pub fn should_stop(&self) -> bool {
        let Ok(Some(folder)) = self.folder() else {
            return true;
        };
        let has = |name| matches!(folder.entry(name), Ok(Some(_)));
        has(STOP) || !has(RECORD)
    }
}
