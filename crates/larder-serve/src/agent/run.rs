//! The life of an agent: carries out what is decided, and tells what happened.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::model::Digest;
use larder_remote::http::Client;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::binaries::{self, Binaries};
use super::child::{self, Order};
use super::data::{DataDir, Status};
use super::release::{Attempt, Phase, Release};
use super::server::grpc::{self, Link};
use super::server::http::Catalog;
use super::server::poll::{Poll, ask};
use super::signals::{Received, listen};
use super::supervise::{Action, Event, Fault, Machine, Note, Rules};
use super::view::View;
use super::{Message, Settings, health};
use crate::log::Log;

/// When something that could not be written is written again.
const AGAIN: Duration = Duration::from_secs(1);

/// The agent while it runs.
struct Agent {
    settings: Settings,
    log: Log,
    start: Instant,
    cancel: Cancel,
    data: DataDir,
    store: Binaries,
    catalog: Catalog,
    machine: Machine,
    messages: mpsc::UnboundedSender<Message>,
    view: watch::Sender<View>,
    node_id: watch::Receiver<String>,
    /// Where reports go; `None` without gRPC.
    reports: Option<mpsc::UnboundedSender<Attempt>>,
    checks: Client,
    fetching: BTreeMap<Digest, Cancel>,
    child: Option<mpsc::UnboundedSender<Order>>,
    /// The process whose health is watched.
    watched: Option<(u32, JoinHandle<()>)>,
    told: Option<Status>,
    /// Something that was decided is not written down yet.
    is_unkept: bool,
    /// The status is not written down yet.
    is_untold: bool,
    /// The failure to write that people were told of.
    said: Option<String>,
    is_finished: bool,
}

/// Runs an agent until a signal ends it.
pub async fn run(settings: Settings, log: Log) -> Result<()> {
    let mut signals = listen()?;
    let start = Instant::now();
    let cancel = Cancel::new();
    let config = settings.config.clone();
    let data = DataDir::open(
        &config.data_dir,
        settings.locks.clone(),
        cancel.clone(),
        log.clone(),
    )?;
    let store = Binaries::of(data.path());
    let catalog = Catalog::new(&config, data.path(), settings.http.clone())?;
    let channel = config
        .master_host
        .as_deref()
        .map(|host| grpc::connect(host, &settings.http))
        .transpose()?;
    let fixed = fixed(&settings)?;
    let kept = data.kept().of(&config.name);
    let left = child::left_behind(&kept, data.path(), config.stop_grace, &log).await;
    let rules = config.health.as_ref().map(|health| Rules {
        passes: health.passes,
        failures: health.failures,
        grace: health.grace,
    });
    let machine = Machine::new(kept, rules, fixed);
    let (messages, mut received) = mpsc::unbounded_channel();
    let (events, mut happened) = mpsc::unbounded_channel();
    let (view, seen) = watch::channel(View::default());
    let node = data.node();
    let (node_ids, node_id) = watch::channel(node.node_id.clone());
    let (reports, reported) = mpsc::unbounded_channel();
    let mut agent = Agent {
        checks: Client::new(health::settings(&settings.http), cancel.clone()),
        settings,
        log: log.clone(),
        start,
        cancel: cancel.clone(),
        store,
        catalog: catalog.clone(),
        machine,
        messages,
        view,
        node_id: node_id.clone(),
        reports: channel.is_some().then_some(reports),
        fetching: BTreeMap::new(),
        child: None,
        watched: None,
        told: None,
        is_unkept: false,
        is_untold: false,
        said: None,
        is_finished: false,
        data,
    };
    if let Some(service) = left {
        agent.machine.adopt(start.elapsed(), service.pid());
        agent.child = Some(child::watch(
            service,
            config.stop_grace,
            agent.messages.clone(),
        ));
    }
    agent.handle(Event::Tick);
    agent.settings.manager.tell("READY=1\nSTATUS=running");
    if let Some(channel) = channel {
        let link = Link {
            channel,
            data_dir: agent.data.path().to_owned(),
            config,
            node,
            process: process_id(),
            catalog,
            view: seen,
            start,
            cancel: cancel.clone(),
            log,
        };
        tokio::spawn(link.run(events, node_ids, reported));
    } else if config.binary_path.is_none() {
        let poll = Poll {
            catalog,
            wanted: config.wanted,
            interval: config.poll,
            view: seen,
            cancel: cancel.clone(),
            log,
        };
        tokio::spawn(poll.run(events));
    } else {
        // Nobody is asked; the channel stays open.
        tokio::spawn(async move { events.closed().await });
    }
    let mut node_id = node_id;
    let mut watchdog = tokio::time::interval(
        agent
            .settings
            .watchdog
            .map_or(Duration::from_hours(1), |time| time / 2)
            .max(Duration::from_millis(1)),
    );
    let mut is_ending = false;
    while !agent.is_finished {
        let due = agent.due();
        tokio::select! {
            Some(message) = received.recv() => agent.message(message),
            Some(event) = happened.recv() => agent.handle(event),
            Some(signal) = signals.recv() => match signal {
                Received::Pass(signal) => agent.order(Order::Signal(signal)),
                Received::End(_) if is_ending => agent.order(Order::Kill),
                Received::End(signal) => {
                    is_ending = true;
                    agent.log.info(
                        &format!("signal {signal}: the child is stopped"),
                        &[("signal", &signal)],
                    );
                    agent.settings.manager.tell("STOPPING=1\nSTATUS=the child is stopped");
                    agent.cancel.cancel(signal);
                    agent.handle(Event::End);
                }
            },
            () = tokio::time::sleep_until(due.into()) => agent.handle(Event::Tick),
            Ok(()) = node_id.changed() => agent.publish(),
            _ = watchdog.tick(), if agent.settings.watchdog.is_some() => {
                agent.settings.manager.tell("WATCHDOG=1");
            }
        }
    }
    Ok(())
}

/// The file that the configuration names, as a release.
fn fixed(settings: &Settings) -> Result<Option<Release>> {
    let config = &settings.config;
    let Some(path) = &config.binary_path else {
        return Ok(None);
    };
    match binaries::digest(path)? {
        Some(checksum) => Ok(Some(release_of_file(settings, checksum))),
        None => Err(Error::usage(format!("there is no file {path}"))
            .hint("`binary_path` in the agent's configuration names it")),
    }
}

fn release_of_file(settings: &Settings, checksum: Digest) -> Release {
    let version = match &settings.config.wanted {
        super::config::Wanted::Version(version) => version.clone(),
        _ => String::new(),
    };
    Release {
        name: settings.config.name.clone(),
        version,
        checksum,
        file: String::new(),
        size: 0,
    }
}

/// A random id of this process.
fn process_id() -> String {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; 8];
    let _ = SystemRandom::new().fill(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}

impl Agent {
    /// When there is something to do at the latest.
    fn due(&self) -> Instant {
        let later = Instant::now() + Duration::from_hours(1);
        let due = self.machine.due().map(|due| self.start + due);
        let again = (self.is_unkept || self.is_untold).then(|| Instant::now() + AGAIN);
        due.into_iter().chain(again).fold(later, Instant::min)
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Event(event) => {
                match &event {
                    Event::Ended(_) => self.child = None,
                    Event::Fetched(digest) | Event::NotFetched(digest, _) => {
                        self.fetching.remove(digest);
                    }
                    _ => {}
                }
                self.handle(event);
            }
            Message::Checked(pid, check) => {
                let is_its = self.watched.as_ref().is_some_and(|(of, _)| *of == pid);
                if is_its {
                    self.handle(Event::Checked(check));
                }
            }
            Message::Found(digest) => {
                let release = release_of_file(&self.settings, digest);
                self.machine.set_fixed(release);
            }
            Message::Compared(Err((fault, reason))) => {
                self.handle(Event::NotStarted(fault, reason));
            }
            Message::Compared(Ok(path)) => self.start_child(&path),
        }
    }

    /// Takes an event to the machine, and carries out what it decides.
    fn handle(&mut self, event: Event) {
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for action in self.machine.handle(self.start.elapsed(), event) {
                if let Err(error) = self.carry_out(action) {
                    next = Some(Event::NotKept(error.to_string()));
                    break;
                }
            }
        }
        if self.is_unkept {
            self.keep();
        }
        self.publish();
    }

    /// Does something. After an error what follows must not be done, because a decision is not
    /// written down.
    fn carry_out(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Commit => {
                self.data.keep(self.machine.kept())?;
                self.is_unkept = false;
            }
            Action::Keep => self.is_unkept = true,
            Action::Fetch(release) => self.fetch(release),
            Action::StopFetching(digest) => {
                if let Some(cancel) = self.fetching.remove(&digest) {
                    cancel.cancel(15);
                }
            }
            Action::Start(release) => self.compare(release),
            Action::Stop => self.order(Order::Stop),
            Action::Report(attempt) => {
                // Failures are kept until the server has them.
                if let Some(reports) = self
                    .reports
                    .as_ref()
                    .filter(|_| attempt.phase != Phase::Failed)
                {
                    let _ = reports.send(attempt);
                }
            }
            Action::Say(Note::Info, text) => self.log.info(&text, &[]),
            Action::Say(Note::Warning, text) => self.log.warning(&text, &[]),
            Action::Clean => self.clean(),
            Action::Finish => {
                self.is_finished = true;
                self.is_unkept = true;
            }
        }
        Ok(())
    }

    fn order(&self, order: Order) {
        if let Some(child) = &self.child {
            let _ = child.send(order);
        }
    }

    fn fetch(&mut self, release: Release) {
        let cancel = self.cancel.child();
        let digest = release.checksum;
        if let Some(other) = self.fetching.insert(digest, cancel.clone()) {
            other.cancel(15);
        }
        let (catalog, store) = (self.catalog.clone(), self.store.clone());
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let of_fetch = cancel.clone();
            let fetched = ask(move || catalog.fetch(&release, &store, &of_fetch)).await;
            let event = match fetched {
                _ if cancel.signal().is_some() => return,
                Ok(()) => Event::Fetched(digest),
                Err(error) => Event::NotFetched(digest, error.to_string()),
            };
            let _ = messages.send(Message::Event(event));
        });
    }

    /// Compares a binary with its digest, before it is started.
    fn compare(&self, release: Release) {
        let messages = self.messages.clone();
        let store = self.store.clone();
        let fixed = self.settings.config.binary_path.clone();
        tokio::spawn(async move {
            let digest = release.checksum;
            let found = messages.clone();
            let compared = ask(move || match fixed {
                Some(path) => {
                    let there = binaries::digest(&path)?;
                    if let Some(there) = there.filter(|there| *there != digest) {
                        let _ = found.send(Message::Found(there));
                    }
                    Ok(there.map(|_| path))
                }
                None => Ok(store.holds(&release)?.then(|| store.path(&release))),
            });
            let compared = match compared.await {
                Ok(Some(path)) => Ok(path),
                Ok(None) => Err((
                    Fault::Missing,
                    "the binary is missing or damaged".to_owned(),
                )),
                Err(error) => Err((Fault::Elsewhere, error.to_string())),
            };
            let _ = messages.send(Message::Compared(compared));
        });
    }

    fn start_child(&mut self, path: &Utf8PathBuf) {
        let environment = child::environment(&self.settings.environment, self.data.path());
        match child::start(path, &self.settings.config.args, environment) {
            Ok(service) => {
                let pid = service.pid();
                let started = child::started(pid);
                let grace = self.settings.config.stop_grace;
                self.child = Some(child::watch(service, grace, self.messages.clone()));
                self.handle(Event::Started { pid, started });
            }
            Err((fault, reason)) => self.handle(Event::NotStarted(fault, reason)),
        }
    }

    fn clean(&self) {
        let kept = self.machine.kept();
        let versions = [&kept.current, &kept.previous];
        let mut keep: Vec<Digest> = versions
            .into_iter()
            .flatten()
            .map(|release| release.checksum)
            .collect();
        keep.extend(self.fetching.keys());
        keep.extend(self.machine.next_digest());
        let (store, log) = (self.store.clone(), self.log.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.clean(&keep) {
                log.warning(&error.to_string(), &[]);
            }
        });
    }

    /// Writes down what is decided.
    fn keep(&mut self) {
        let kept = self.data.keep(self.machine.kept());
        self.is_unkept = kept.is_err();
        self.say_once(kept);
    }

    /// Says once why something can't be written.
    fn say_once(&mut self, written: Result<()>) {
        let text = written.err().map(|error| error.to_string());
        if let Some(text) = text.as_ref().filter(|_| self.said != text) {
            self.log.warning(&format!("{text}; it is tried again"), &[]);
        }
        self.said = text;
    }

    /// Shows the others what is so now.
    fn publish(&mut self) {
        let picture = self.machine.picture();
        let kept = self.machine.kept();
        let status = Status {
            agent_id: self.settings.config.agent_id.clone(),
            node_id: Some(self.node_id.borrow().clone()).filter(|id| !id.is_empty()),
            version: picture
                .release
                .as_ref()
                .map(|release| release.version.clone())
                .filter(|version| !version.is_empty()),
            checksum: picture.release.as_ref().map(|release| release.checksum),
            state: picture.state,
            pid: picture.pid,
            previous: kept
                .previous
                .as_ref()
                .map(|previous| previous.version.clone()),
            denied: kept.denied.iter().copied().collect(),
            reason: picture.reason.clone(),
        };
        let view = View {
            current: kept.current.clone(),
            unreported: kept.unreported.clone(),
            picture,
        };
        self.watch_health(view.picture.pid);
        self.view.send_if_modified(|known| {
            let is_new = *known != view;
            *known = view;
            is_new
        });
        if self.told.as_ref() != Some(&status) || self.is_untold {
            let told = self.data.tell(&status);
            self.is_untold = told.is_err();
            if self
                .told
                .as_ref()
                .is_none_or(|told| told.state != status.state)
            {
                self.settings
                    .manager
                    .tell(&format!("STATUS={}", status.state));
            }
            self.told = Some(status);
            self.say_once(told);
        }
    }

    /// Watches the health of the process that runs now, and of no other.
    fn watch_health(&mut self, pid: Option<u32>) {
        let watched = self.watched.as_ref().map(|(pid, _)| *pid);
        if watched == pid {
            return;
        }
        if let Some((_, task)) = self.watched.take() {
            task.abort();
        }
        if let (Some(pid), Some(health)) = (pid, self.settings.config.health.clone()) {
            let task = health::watch(health, self.checks.clone(), pid, self.messages.clone());
            self.watched = Some((pid, tokio::spawn(task)));
        }
    }
}
