//! The server over gRPC: who the agent is, how it is, what it is to run.
//!
//! Heartbeats have the rhythm that the server names, also while it does not answer, so that a server
//! that starts again is not asked by all agents at once. The stream of `Watch` only says that a
//! heartbeat is worth sending; when it breaks it is opened again after the next heartbeat that is
//! answered.

mod connect;
mod messages;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use larder_core::cancel::Cancel;
use larder_core::fs;
use larder_core::model::{Digest, Platform};

use tokio::sync::{mpsc, watch};
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

pub use connect::connect;
use messages::{digests, message};

use super::http::{Catalog, Found};
use super::poll::{ask, jittered, offer};
use crate::agent::config::{Config, Wanted};
use crate::agent::data::{DataDir, Node};
use crate::agent::release::Attempt;
use crate::agent::supervise::Event;
use crate::agent::view::View;
use crate::fleet::v1::fleet_client::FleetClient;
use crate::fleet::v1::{EnrollRequest, HeartbeatResponse, ReportRequest, WatchRequest};
use crate::index::name::arch_word;
use crate::log::Log;

/// How long the server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// The first and the longest pause as long as the server has named no rhythm.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// The shortest time between two heartbeats.
const SHORTEST: Duration = Duration::from_millis(50);

/// After how many heartbeats an agent that has started again enrols a second time. A server does not
/// take up what a new process says of itself, such as another channel, while the process before it
/// may be alive, which is for four of its intervals.
const SETTLED: u32 = 6;

/// How many reports wait for a server that does not answer. Failures are kept elsewhere, and the
/// last step is in each heartbeat.
const LONGEST_QUEUE: usize = 16;

/// What the link is made of.
#[derive(Debug)]
pub struct Link {
    /// The connection.
    pub channel: Channel,
    /// The configuration.
    pub config: Config,
    /// The agent's folder.
    pub data_dir: Utf8PathBuf,
    /// Who the agent is.
    pub node: Node,
    /// A random id of this process.
    pub process: String,
    /// Where binaries come from.
    pub catalog: Catalog,
    /// What is known.
    pub view: watch::Receiver<View>,
    /// The start of the agent's clock.
    pub start: Instant,
    /// Ends the link.
    pub cancel: Cancel,
    /// The log.
    pub log: Log,
}

/// How it goes on.
enum Outcome {
    /// The server has answered: the next heartbeat is due then.
    Answered(Duration),
    /// It has not.
    Unanswered,
    /// It does not know the node any more.
    Unknown,
    /// It does not want the node.
    Removed,
}

/// What the link remembers while it runs.
#[derive(Debug, Default)]
struct Memory {
    is_enrolled: bool,
    /// How many heartbeats it takes until the agent enrols once more.
    until_settled: Option<u32>,
    failures: u32,
    rhythm: Option<Duration>,
    said: Option<String>,
    is_in_conflict: bool,
    queue: VecDeque<Attempt>,
    is_online: bool,
    /// Failures that the server has recorded, until the agent has taken note of it.
    recorded: Vec<Attempt>,
    /// Whether the server has refused the secret of the node.
    refused_secret: bool,
}

impl Link {
    /// Talks with the server until the agent ends or the node is removed.
    pub async fn run(
        mut self,
        events: mpsc::UnboundedSender<Event>,
        node_ids: watch::Sender<String>,
        mut reports: mpsc::UnboundedReceiver<Attempt>,
    ) {
        let cancel = self.cancel.clone();
        let (wake, mut woken) = mpsc::channel(1);
        let mut watching: Option<tokio::task::JoinHandle<()>> = None;
        let mut asking: Option<tokio::task::JoinHandle<()>> = None;
        let mut memory = Memory {
            until_settled: (!self.node.node_id.is_empty()).then_some(SETTLED),
            ..Memory::default()
        };
        let mut view = self.view.clone();
        loop {
            let began = Instant::now();
            let outcome = tokio::select! {
                outcome = self.round(&mut memory, &events) => outcome,
                _ = cancel.cancelled() => break,
            };
            let _ = node_ids.send_if_modified(|known| {
                let is_new = *known != self.node.node_id;
                known.clone_from(&self.node.node_id);
                is_new
            });
            memory.is_online = matches!(outcome, Outcome::Answered(_));
            let pause = match outcome {
                Outcome::Answered(next) => {
                    memory.failures = 0;
                    memory.rhythm = Some(next);
                    if watching
                        .as_ref()
                        .is_none_or(tokio::task::JoinHandle::is_finished)
                    {
                        watching = Some(self.watch(wake.clone()));
                    }
                    next
                }
                Outcome::Removed => break,
                Outcome::Unanswered | Outcome::Unknown => {
                    memory.is_enrolled &= matches!(outcome, Outcome::Unanswered);
                    memory.failures += 1;
                    memory.rhythm.unwrap_or_else(|| {
                        let factor = 1 << (memory.failures - 1).min(10);
                        jittered((PAUSES.0 * factor).min(PAUSES.1))
                    })
                }
            };
            // A server that answers says itself what comes first.
            if !memory.is_online
                && self.view.borrow().picture.is_idle
                && asking
                    .as_ref()
                    .is_none_or(tokio::task::JoinHandle::is_finished)
            {
                asking = Some(self.ask_for_a_first(events.clone()));
            }
            let due = began + pause.max(SHORTEST);
            loop {
                if memory.is_online {
                    self.send_reports(&mut memory, &events).await;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(due.into()) => break,
                    Some(()) = woken.recv() => {
                        tokio::time::sleep_until((began + SHORTEST).into()).await;
                        break;
                    }
                    Some(report) = reports.recv() => {
                        memory.queue.push_back(report);
                        if memory.queue.len() > LONGEST_QUEUE {
                            memory.queue.pop_front();
                        }
                    }
                    Ok(()) = view.changed() => {}
                    _ = cancel.cancelled() => {
                        if let Some(watching) = watching {
                            watching.abort();
                        }
                        return;
                    }
                }
            }
        }
        if let Some(watching) = watching {
            watching.abort();
        }
        // Those who report must not fail.
        while reports.recv().await.is_some() {}
    }

    /// Enrols if that is due, and sends a heartbeat.
    async fn round(
        &mut self,
        memory: &mut Memory,
        events: &mpsc::UnboundedSender<Event>,
    ) -> Outcome {
        let result = if memory.is_enrolled {
            self.heartbeat(memory, events).await
        } else {
            self.enroll(memory, events).await
        };
        match result {
            Ok(next) => {
                if memory.said.take().is_some() {
                    self.log.info("the server answers", &[]);
                }
                Outcome::Answered(next)
            }
            Err(status) => self.failed(memory, &status),
        }
    }

    fn failed(&self, memory: &mut Memory, status: &Status) -> Outcome {
        let message = status.message();
        if status.code() == Code::PermissionDenied && message.contains("removed") {
            self.log.error(
                "the server has removed this node: what runs is kept, and no heartbeats are sent until \
                 the agent is started again",
                &[],
            );
            return Outcome::Removed;
        }
        let text = format!("the server can't be asked: {} ({})", message, status.code());
        if memory.said.as_ref() != Some(&text) {
            self.log.warning(&text, &[("code", &status.code())]);
            memory.said = Some(text);
        }
        match status.code() {
            Code::NotFound | Code::Unauthenticated | Code::FailedPrecondition
                if memory.is_enrolled =>
            {
                Outcome::Unknown
            }
            Code::Unauthenticated => {
                // The secret of another server's node is of no use; the token may be.
                memory.refused_secret = !memory.refused_secret && !self.node.secret.is_empty();
                Outcome::Unknown
            }
            _ => Outcome::Unanswered,
        }
    }

    fn client(&self) -> FleetClient<Channel> {
        FleetClient::new(self.channel.clone())
    }

    /// A request with a secret, if there is one.
    fn with_secret<T>(message: T, secret: &str) -> Request<T> {
        let mut request = Request::new(message);
        if !secret.is_empty()
            && let Ok(mut value) = MetadataValue::try_from(format!("Bearer {secret}"))
        {
            value.set_sensitive(true);
            request.metadata_mut().insert("authorization", value);
        }
        request
    }

    async fn enroll(
        &mut self,
        memory: &mut Memory,
        events: &mpsc::UnboundedSender<Event>,
    ) -> std::result::Result<Duration, Status> {
        let Platform { os, arch, .. } = Platform::host();
        let (channel, version) = match &self.config.wanted {
            Wanted::Channel(channel) => (channel.clone(), String::new()),
            Wanted::Version(version) => (String::new(), version.clone()),
            Wanted::Latest => Default::default(),
        };
        let message = EnrollRequest {
            agent_id: self.config.agent_id.clone(),
            node_id: self.node.node_id.clone(),
            process: self.process.clone(),
            platform: os.as_str().to_owned(),
            arch: arch_word(arch).to_owned(),
            name: self.config.name.clone(),
            channel,
            version,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let token = self
            .config
            .token_file
            .as_ref()
            .and_then(|file| fs::read_text(file).ok())
            .unwrap_or_default();
        let secret = if self.node.secret.is_empty() || memory.refused_secret {
            token.trim().to_owned()
        } else {
            self.node.secret.clone()
        };
        let mut client = self.client();
        let answer = in_time(client.enroll(Self::with_secret(message, &secret))).await?;
        let node = Node {
            node_id: answer.node_id,
            secret: match answer.secret {
                secret if secret.is_empty() && !memory.refused_secret => self.node.secret.clone(),
                secret => secret,
            },
        };
        if node != self.node {
            if let Err(error) = DataDir::keep_node(&self.data_dir, &node) {
                self.log.warning(
                    &format!("the node's id can't be kept, so the next start enrols anew: {error}"),
                    &[],
                );
            }
            self.node = node;
        }
        memory.is_enrolled = true;
        memory.refused_secret = false;
        self.log.info(
            &format!("enrolled as node {}", self.node.node_id),
            &[("node", &self.node.node_id)],
        );
        let _ = events.send(Event::Denied(digests(&answer.denied)));
        Ok(Duration::from_millis(answer.heartbeat_in_ms))
    }

    async fn heartbeat(
        &mut self,
        memory: &mut Memory,
        events: &mpsc::UnboundedSender<Event>,
    ) -> std::result::Result<Duration, Status> {
        let message = self.how_it_is();
        let mut client = self.client();
        let answer =
            in_time(client.heartbeat(Self::with_secret(message, &self.node.secret))).await?;
        let HeartbeatResponse {
            next_in_ms,
            target,
            denied,
            state,
        } = answer;
        let _ = events.send(Event::Denied(digests(&denied)));
        let is_in_conflict = state == "conflict";
        if is_in_conflict && !memory.is_in_conflict {
            self.log.warning(
                "another process has the agent_id or the node_id of this agent; what runs is kept, and \
                 no version is taken until the other one has ended: give each agent an `agent_id` and \
                 a `data_dir` of its own",
                &[("state", &state)],
            );
        }
        memory.until_settled = match memory.until_settled {
            Some(0) => {
                memory.is_enrolled = false;
                None
            }
            Some(left) => Some(left - 1),
            None if memory.is_in_conflict && !is_in_conflict => Some(0),
            None => None,
        };
        memory.is_in_conflict = is_in_conflict;
        if !is_in_conflict {
            match target.map(|target| self.offer(target)) {
                Some(Ok(offer)) => {
                    let _ = events.send(Event::Offered(Some(offer)));
                }
                None => {
                    let _ = events.send(Event::Offered(None));
                }
                Some(Err(why)) => self.log.warning(&why, &[]),
            }
        }
        Ok(Duration::from_millis(next_in_ms))
    }

    /// Sends what is to be reported, failures last. What is not acknowledged is sent again later.
    async fn send_reports(&self, memory: &mut Memory, events: &mpsc::UnboundedSender<Event>) {
        while let Some(attempt) = memory.queue.front() {
            match self.report(attempt.clone()).await {
                Ok(denied) => {
                    let _ = events.send(Event::Denied(denied));
                    memory.queue.pop_front();
                }
                Err(status) if status.code() == Code::InvalidArgument => {
                    memory.queue.pop_front();
                }
                Err(_) => {
                    memory.is_online = false;
                    return;
                }
            }
        }
        let unreported = self.view.borrow().unreported.clone();
        memory
            .recorded
            .retain(|recorded| unreported.contains(recorded));
        for attempt in unreported {
            if memory.recorded.contains(&attempt) {
                continue;
            }
            let Ok(denied) = self.report(attempt.clone()).await else {
                memory.is_online = false;
                return;
            };
            // The failure is on the server's list now.
            memory.recorded.push(attempt.clone());
            let _ = events.send(Event::Reported(attempt));
            let _ = events.send(Event::Denied(denied));
        }
    }

    async fn report(&self, attempt: Attempt) -> std::result::Result<Vec<Digest>, Status> {
        let message = ReportRequest {
            node_id: self.node.node_id.clone(),
            process: self.process.clone(),
            attempt: Some(message(attempt)),
        };
        let mut client = self.client();
        let answer = in_time(client.report(Self::with_secret(message, &self.node.secret))).await?;
        Ok(digests(&answer.denied))
    }

    /// Opens the stream of hints.
    fn watch(&self, wake: mpsc::Sender<()>) -> tokio::task::JoinHandle<()> {
        let message = WatchRequest {
            node_id: self.node.node_id.clone(),
            process: self.process.clone(),
        };
        let request = Self::with_secret(message, &self.node.secret);
        let mut client = self.client();
        tokio::spawn(async move {
            let Ok(answer) = client.watch(request).await else {
                return;
            };
            let mut hints = answer.into_inner();
            while let Ok(Some(_)) = hints.message().await {
                // A hint that waits already says the same.
                let _ = wake.try_send(());
            }
        })
    }

    /// Asks over HTTP what an agent without anything to run begins with.
    fn ask_for_a_first(&self, events: mpsc::UnboundedSender<Event>) -> tokio::task::JoinHandle<()> {
        let (catalog, wanted) = (self.catalog.clone(), self.config.wanted.clone());
        let cancel = self.cancel.clone();
        tokio::spawn(async move {
            let found = ask(move || catalog.wanted(&wanted, &cancel)).await;
            if let Ok(Found::Release(release)) = found {
                let _ = events.send(Event::Offered(Some(offer(release, true))));
            }
        })
    }
}

/// An answer that comes in time.
async fn in_time<T>(
    call: impl Future<Output = std::result::Result<tonic::Response<T>, Status>>,
) -> std::result::Result<T, Status> {
    match tokio::time::timeout(ANSWER, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded(format!(
            "there was no answer within {ANSWER:?}"
        ))),
    }
}
