//! One agent, without a child.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_serve::fleet::v1::fleet_client::FleetClient;
use larder_serve::fleet::v1::{
    Attempt, EnrollRequest, Health, HeartbeatRequest, Phase, ReportRequest, Running, Target,
    WatchRequest,
};
use tokio::sync::mpsc;
use tokio::time::{sleep, sleep_until, timeout};
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::Options;
use super::record::Record;

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// An agent.
pub struct Agent {
    number: u32,
    client: FleetClient<Channel>,
    options: Arc<Options>,
    record: Arc<Record>,
    random: u64,
    node_id: String,
    secret: String,
    running: Option<(Running, Instant)>,
    /// What it will run, and from when on.
    next: Option<(Target, Instant)>,
}

impl Agent {
    /// An agent that has not enrolled.
    pub fn new(
        number: u32,
        client: FleetClient<Channel>,
        options: Arc<Options>,
        record: Arc<Record>,
    ) -> Self {
        Self {
            number,
            client,
            options,
            record,
            random: (u64::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            node_id: String::new(),
            secret: String::new(),
            running: None,
            next: None,
        }
    }

    /// A random number from 0 to 1.
    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if !self.secret.is_empty() {
            let secret = format!("Bearer {}", self.secret).parse();
            request
                .metadata_mut()
                .insert("authorization", secret.expect("a header"));
        }
        request
    }

    fn process(&self) -> String {
        format!("process-{}", self.number)
    }

    /// Enrols, and then sends heartbeats until the program ends.
    pub async fn run(mut self) {
        let delay = self.options.settle.mul_f64(self.chance() * 0.7);
        sleep(delay).await;
        let mut interval = self.enroll().await;
        let mut due = Instant::now() + interval;
        let mut hints: Option<mpsc::Receiver<()>> = None;
        loop {
            let hint = async {
                match &mut hints {
                    Some(hints) => hints.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep_until(due.into()) => {}
                hint = hint => if hint.is_none() {
                    // The rhythm stays, so that not all come at once when a server has ended.
                    hints = None;
                    continue;
                }
            }
            if let Some(next) = self.heartbeat().await {
                interval = next;
                if self.options.watches && hints.is_none() {
                    hints = self.watch().await;
                }
            }
            due = Instant::now() + interval;
        }
    }

    async fn enroll(&mut self) -> Duration {
        loop {
            let request = self.request(EnrollRequest {
                agent_id: format!("agent-{}", self.number),
                node_id: self.node_id.clone(),
                process: self.process(),
                platform: "linux".to_owned(),
                arch: "x86_64".to_owned(),
                name: "storage-server".to_owned(),
                channel: "stable".to_owned(),
                agent_version: "0.1.0".to_owned(),
                ..EnrollRequest::default()
            });
            match timeout(ANSWER, self.client.enroll(request)).await {
                Ok(Ok(answer)) => {
                    let answer = answer.into_inner();
                    self.node_id = answer.node_id;
                    self.secret = answer.secret;
                    return Duration::from_millis(answer.heartbeat_in_ms);
                }
                Ok(Err(status)) => self.record.failed(&status),
                Err(_) => self.record.failed(&Status::deadline_exceeded("")),
            }
            let pause = Duration::from_secs(1).mul_f64(0.5 + self.chance());
            sleep(pause).await;
        }
    }

    /// Sends a heartbeat; when the next one is due, if it was answered.
    async fn heartbeat(&mut self) -> Option<Duration> {
        self.follow().await;
        let (running, since) = self.running.clone().unzip();
        let request = self.request(HeartbeatRequest {
            node_id: self.node_id.clone(),
            process: self.process(),
            health: running
                .as_ref()
                .map_or(Health::Unspecified, |_| Health::Healthy)
                .into(),
            running,
            healthy_for_ms: since.map_or(0, |since: Instant| since.elapsed().as_secs() * 1000),
            pid: self.number + 1,
            attempt: None,
        });
        let sent = Instant::now();
        let answer = match timeout(ANSWER, self.client.heartbeat(request)).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => {
                self.record.failed(&status);
                return None;
            }
            Err(_) => {
                self.record.failed(&Status::deadline_exceeded(""));
                return None;
            }
        };
        self.record.heartbeat(sent);
        if let Some(target) = answer.target {
            let runs = self.running.as_ref().map(|(running, _)| &running.checksum);
            let is_next = self.next.as_ref().map(|(next, _)| &next.checksum);
            if runs != Some(&target.checksum) && is_next != Some(&target.checksum) {
                let delay = Duration::from_millis(target.within_ms).mul_f64(self.chance());
                self.next = Some((target, Instant::now() + delay));
            }
        }
        Some(Duration::from_millis(answer.next_in_ms))
    }

    /// Moves on to the next version when it is time.
    async fn follow(&mut self) {
        let Some((target, _)) = self.next.take_if(|(_, from)| *from <= Instant::now()) else {
            return;
        };
        if self.options.bad.as_ref() == Some(&target.version) {
            let report = self.request(ReportRequest {
                node_id: self.node_id.clone(),
                process: self.process(),
                attempt: Some(Attempt {
                    version: target.version,
                    checksum: target.checksum,
                    phase: Phase::Failed.into(),
                    reason: "it is bad".to_owned(),
                    rollout: target.rollout,
                }),
            });
            if let Err(status) = self.client.report(report).await {
                self.record.failed(&status);
            }
            return;
        }
        let running = Running {
            name: target.name,
            version: target.version,
            checksum: target.checksum,
        };
        self.running = Some((running, Instant::now()));
    }

    /// Waits for hints, in a task of its own.
    async fn watch(&mut self) -> Option<mpsc::Receiver<()>> {
        let request = self.request(WatchRequest {
            node_id: self.node_id.clone(),
            process: self.process(),
        });
        let mut stream = match timeout(ANSWER, self.client.watch(request)).await {
            Ok(Ok(stream)) => stream.into_inner(),
            _ => return None,
        };
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Ok(Some(_)) = stream.message().await {
                if sender.send(()).await.is_err() {
                    return;
                }
            }
        });
        Some(receiver)
    }
}
