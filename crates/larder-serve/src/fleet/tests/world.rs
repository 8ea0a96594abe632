//! A server's fleet with a running time of its own, and agents that speak its messages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::model::Digest;

use crate::fleet::book::Book;
use crate::fleet::record::{ChannelRecord, Event};
use crate::fleet::rollout::{Request, State};
use crate::fleet::store::{Reply, Store, Stored, Write};
use crate::fleet::{Clock, Fleet, Proof, v1, view};
use crate::index::{Folder, Index, Pace};
use crate::log::{Level, Log};

/// When a server is killed: at which commit, and whether the store has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    Before(u64),
    After(u64),
    /// Nothing is killed: the store does not answer for as long as this is set.
    Away,
}

/// A store in memory, which counts its transactions.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Mutex<(Book, Vec<Event>)>,
    commits: AtomicU64,
    kill: Mutex<Option<Kill>>,
}

impl MemoryStore {
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    pub fn kill(&self, kill: Option<Kill>) {
        *self.kill.lock().unwrap() = kill;
    }

    pub fn all_events(&self) -> Vec<Event> {
        self.kept.lock().unwrap().1.clone()
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Reply<'_, Stored> {
        if *self.kill.lock().unwrap() == Some(Kill::Away) {
            return Box::pin(std::future::ready(Err(Error::unavailable("it is away"))));
        }
        let (book, events) = &*self.kept.lock().unwrap();
        let channel = |((name, channel), version): (&(String, String), &String)| ChannelRecord {
            name: name.clone(),
            channel: channel.clone(),
            version: version.clone(),
        };
        let stored = Stored {
            nodes: book.nodes.values().cloned().collect(),
            channels: book.channels.iter().map(channel).collect(),
            rollouts: book.rollouts.values().cloned().collect(),
            last_event: events.last().map_or(0, |event| event.id),
        };
        Box::pin(std::future::ready(Ok(stored)))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Reply<'a, ()> {
        Box::pin(async move {
            // A database takes its time.
            tokio::task::yield_now().await;
            let number = self.commits.fetch_add(1, Ordering::Relaxed) + 1;
            let kill = *self.kill.lock().unwrap();
            if matches!(kill, Some(Kill::Away)) || kill == Some(Kill::Before(number)) {
                return Err(Error::failed("killed before the commit"));
            }
            let (book, events) = &mut *self.kept.lock().unwrap();
            book.apply(writes.to_vec());
            for write in writes {
                if let Write::Event(event) = write {
                    assert!(events.last().is_none_or(|last| last.id < event.id));
                    events.push((**event).clone());
                }
            }
            if kill == Some(Kill::After(number)) {
                return Err(Error::failed("killed after it"));
            }
            Ok(())
        })
    }

    fn events(&self, after: u64, limit: usize) -> Reply<'_, Vec<Event>> {
        let events = self
            .all_events()
            .into_iter()
            .filter(|event| event.id > after);
        Box::pin(std::future::ready(Ok(events.take(limit).collect())))
    }

    fn prune(&self, keep: u64) -> Reply<'_, u64> {
        let events = &mut self.kept.lock().unwrap().1;
        let keep = usize::try_from(keep).unwrap();
        let removed = events.len().saturating_sub(keep);
        events.drain(..removed);
        Box::pin(std::future::ready(Ok(removed as u64)))
    }

    fn backup<'a>(&'a self, _: &'a Utf8Path) -> Reply<'a, ()> {
        Box::pin(std::future::ready(Err(Error::usage(
            "there is nothing to back up",
        ))))
    }
}

/// What becomes of a version on a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Good,
    CrashesAtOnce,
    /// It never answers its health check, and the agent does not notice either.
    Hangs,
    /// It is healthy for so many moments of its own.
    HealthyFor(u32),
}

/// An agent, as far as the server sees it.
#[derive(Clone, Debug)]
pub struct Agent {
    pub name: String,
    pub node: String,
    pub secret: String,
    pub process: String,
    pub running: Option<(String, String)>,
    healthy_for: u32,
    denied: BTreeSet<String>,
    previous: Option<(String, String)>,
    hangs: bool,
    /// Whether the server has acknowledged the last failure.
    is_reported: bool,
    attempt: Option<v1::Attempt>,
    /// Versions that were started, in their order.
    pub started: Vec<String>,
    pub is_cut: bool,
}

/// The server, its agents, and the versions.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub fleet: Arc<Fleet>,
    index: Arc<Index>,
    time: Arc<AtomicU64>,
    pub agents: Vec<Agent>,
    pub versions: BTreeMap<&'static str, Version>,
    /// Whether a server whose store fails is taken for dead.
    pub restarts: bool,
    folder: tempfile::TempDir,
}

pub const MOMENT: Duration = Duration::from_secs(10);

fn clock(time: &Arc<AtomicU64>) -> Clock {
    let time = Arc::clone(time);
    Clock(Box::new(move || {
        Duration::from_millis(time.load(Ordering::Relaxed))
    }))
}

fn log() -> Log {
    Log::new(Arc::new(|_: &str| {}), false, Level::Error)
}

impl World {
    /// With `app` 1.0.0, 2.0.0 and 3.0.0 for Linux, and 2.0.0 as `two` says.
    pub async fn new(agents: usize, two: Version) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for version in ["1.0.0", "2.0.0", "3.0.0"] {
            let file = folder.path().join(format!("app-{version}-linux-x86_64"));
            larder_core::fs::write_atomic(Utf8Path::from_path(&file).unwrap(), version.as_bytes())
                .unwrap();
        }
        let data = folder.path().join("data");
        larder_core::fs::create_dir_all(Utf8Path::from_path(&data).unwrap()).unwrap();
        let served = Folder::open(Utf8Path::from_path(folder.path()).unwrap()).unwrap();
        let data = Utf8Path::from_path(&data).unwrap().to_owned();
        let pace = Pace {
            settle: Duration::ZERO,
            ..Pace::default()
        };
        let index = Index::open(served, &data, pace, log()).unwrap();
        index.wait_until_ready().await;
        let store = Arc::new(MemoryStore::default());
        let time = Arc::new(AtomicU64::new(0));
        let fleet = open(&store, &index, &time).await;
        let mut world = Self {
            store,
            fleet,
            index,
            time,
            agents: Vec::new(),
            versions: BTreeMap::from([
                ("1.0.0", Version::Good),
                ("2.0.0", two),
                ("3.0.0", Version::Good),
            ]),
            restarts: true,
            folder,
        };
        world
            .fleet
            .move_channel("app", "stable", "1.0.0", "test")
            .await
            .unwrap();
        for number in 0..agents {
            world.enroll(&format!("agent-{number}"), "stable").await;
        }
        world.run(3).await;
        world
    }

    /// Another agent.
    pub async fn enroll(&mut self, name: &str, channel: &str) {
        let request = enrolment(name, "", &format!("{name}-1"), channel);
        let join = Proof::Join("join".into());
        let answer = self.fleet.enroll(&join, &request).await.unwrap();
        self.agents.push(Agent {
            name: name.to_owned(),
            node: answer.node_id,
            secret: answer.secret,
            process: request.process,
            running: None,
            healthy_for: 0,
            denied: answer.denied.into_iter().collect(),
            previous: None,
            hangs: false,
            is_reported: false,
            attempt: None,
            started: Vec::new(),
            is_cut: false,
        });
    }

    /// The server starts again with what the store has.
    pub async fn restart(&mut self) {
        self.time.store(0, Ordering::Relaxed);
        self.fleet = open(&self.store, &self.index, &self.time).await;
    }

    /// Removes the binary of a version from the server.
    pub async fn remove(&self, version: &str) {
        let file = format!("app-{version}-linux-x86_64");
        let path = self.folder.path().join(&file);
        larder_core::fs::remove_file(Utf8Path::from_path(&path).unwrap()).unwrap();
        self.index.refresh(&file).await;
    }

    /// Time passes without anything.
    pub fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.time.fetch_add(millis, Ordering::Relaxed);
    }

    /// Moments: each agent is heard once, and the server ticks once. A server that was killed
    /// starts again.
    pub async fn run(&mut self, moments: usize) {
        for _ in 0..moments {
            self.pass(MOMENT);
            let mut is_alive = true;
            for number in 0..self.agents.len() {
                is_alive &= self.heartbeat(number).await;
            }
            is_alive &= self.fleet.tick(MOMENT).await;
            if !is_alive && self.restarts {
                self.restart().await;
            }
        }
    }

    /// One agent does what it was told, and is heard. False if the server was killed.
    async fn heartbeat(&mut self, number: usize) -> bool {
        let versions = self.versions.clone();
        let agent = &mut self.agents[number];
        agent.live(&versions);
        if agent.is_cut {
            return true;
        }
        let proof = Proof::Secret(agent.secret.clone());
        if let Some(attempt) = &agent.attempt
            && attempt.phase() == v1::Phase::Failed
            && !agent.is_reported
        {
            let report = v1::ReportRequest {
                node_id: agent.node.clone(),
                process: agent.process.clone(),
                attempt: Some(attempt.clone()),
            };
            if self.fleet.report(&proof, &report).await.is_err() {
                return false;
            }
            agent.is_reported = true;
        }
        let Ok(answer) = self.fleet.heartbeat(&proof, &agent.said()) else {
            return true;
        };
        agent.denied = answer.denied.into_iter().collect();
        if let Some(target) = answer.target {
            agent.follow(&target, &versions);
        }
        true
    }

    pub async fn start(&self, settings: &str) -> view::Rollout {
        let text = format!(
            r#"{{"name": "app", "channel": "stable", "version": "2.0.0", "soak": "30s"{}{settings}}}"#,
            if settings.is_empty() { "" } else { ", " }
        );
        let request: Request = serde_json::from_str(&text).unwrap();
        self.fleet.start_rollout(request, "test").await.unwrap()
    }

    /// Until the rollout has ended, or too many moments have passed.
    pub async fn run_until_ended(&mut self, id: &str) -> view::Rollout {
        for _ in 0..400 {
            self.run(1).await;
            let rollout = self.fleet.rollout(id).unwrap();
            let ended = matches!(
                rollout.state,
                State::Succeeded | State::RolledBack | State::Aborted
            );
            if ended || (rollout.state == State::Halted && !rollout.rollback) {
                return rollout;
            }
        }
        self.fleet.rollout(id).unwrap()
    }

    /// How many agents run a version.
    pub fn running(&self, version: &str) -> usize {
        let runs = |agent: &&Agent| agent.running.as_ref().is_some_and(|(it, _)| it == version);
        self.agents.iter().filter(runs).count()
    }

    pub fn channel(&self) -> String {
        self.fleet.channels().unwrap()[0].version.clone()
    }

    /// Events of one kind that tell of this change.
    pub fn events(&self, event: &str, to: &str) -> usize {
        let fits = |one: &&Event| one.event == event && one.to.as_deref() == Some(to);
        self.store.all_events().iter().filter(fits).count()
    }
}

async fn open(store: &Arc<MemoryStore>, index: &Arc<Index>, time: &Arc<AtomicU64>) -> Arc<Fleet> {
    let store: Arc<dyn Store> = store.clone();
    let result: Result<Arc<Fleet>> =
        Fleet::with_clock(store, index.clone(), MOMENT, log(), clock(time)).await;
    result.unwrap()
}

pub fn enrolment(agent: &str, node: &str, process: &str, channel: &str) -> v1::EnrollRequest {
    v1::EnrollRequest {
        agent_id: agent.to_owned(),
        node_id: node.to_owned(),
        process: process.to_owned(),
        platform: "linux".to_owned(),
        arch: "amd64".to_owned(),
        name: "app".to_owned(),
        channel: channel.to_owned(),
        version: String::new(),
        agent_version: "0.1.0".to_owned(),
    }
}

pub fn digest_of(version: &str) -> String {
    Digest::of(version.as_bytes()).to_string()
}

impl Agent {
    /// A moment of the child.
    fn live(&mut self, versions: &BTreeMap<&'static str, Version>) {
        let Some((version, _)) = &self.running else {
            return;
        };
        self.healthy_for += 1;
        if let Version::HealthyFor(moments) = versions[version.as_str()]
            && self.healthy_for > moments
            && self.previous.is_some()
        {
            self.fail("the health check failed");
        }
    }

    /// Back to the version before; the digest is never tried again.
    fn fail(&mut self, reason: &str) {
        let (version, checksum) = self.running.take().unwrap();
        self.denied.insert(checksum.clone());
        let rollout = self
            .attempt
            .take()
            .map(|attempt| attempt.rollout)
            .unwrap_or_default();
        self.attempt = Some(v1::Attempt {
            version,
            checksum,
            phase: v1::Phase::Failed.into(),
            reason: reason.to_owned(),
            rollout,
        });
        self.is_reported = false;
        self.running = self.previous.take();
        self.healthy_for = 0;
    }

    fn follow(&mut self, target: &v1::Target, versions: &BTreeMap<&'static str, Version>) {
        let wanted = (target.version.clone(), target.checksum.clone());
        if self.running.as_ref() == Some(&wanted) {
            return;
        }
        assert!(
            !self.denied.contains(&target.checksum),
            "a denied digest is offered"
        );
        self.started.push(target.version.clone());
        self.previous = self.running.replace(wanted);
        self.healthy_for = 0;
        self.attempt = Some(v1::Attempt {
            version: target.version.clone(),
            checksum: target.checksum.clone(),
            phase: v1::Phase::Running.into(),
            reason: String::new(),
            rollout: target.rollout.clone(),
        });
        self.hangs = versions[target.version.as_str()] == Version::Hangs;
        if versions[target.version.as_str()] == Version::CrashesAtOnce {
            self.fail("it ended with code 1");
        }
    }

    fn said(&self) -> v1::HeartbeatRequest {
        let running = self
            .running
            .as_ref()
            .map(|(version, checksum)| v1::Running {
                name: "app".to_owned(),
                version: version.clone(),
                checksum: checksum.clone(),
            });
        let health = if running.is_none() || self.hangs {
            v1::Health::Unspecified
        } else {
            v1::Health::Healthy
        };
        v1::HeartbeatRequest {
            node_id: self.node.clone(),
            process: self.process.clone(),
            running,
            health: health.into(),
            healthy_for_ms: u64::from(self.healthy_for) * 10_000,
            pid: 1,
            attempt: self.attempt.clone(),
        }
    }
}
