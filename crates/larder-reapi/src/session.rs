//! What all actions of a run share: connections, limits, what the cluster can do, and how requests
//! are tried again.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use larder_core::error::{Error, Result};
use larder_engine::executor::remote::{ExecutorSettings, RemoteProgress};
use larder_remote::http::Settings;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use crate::address::Address;
use crate::capabilities::Capabilities;
use crate::connect::{Connection, Connections};
use crate::present::Present;
use crate::status::Failure;

/// The longest message that is accepted.
pub(crate) const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Limits of the client that no configuration has. Tests change them.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// The number of bytes of all blobs that are in memory at once, in both directions.
    pub in_flight: u32,
    /// The longest time to wait for a place in a full queue.
    pub queue: Duration,
    /// The number of bytes of all outputs of one action.
    pub outputs: u64,
    /// The number of files, folders and links in the outputs of one action.
    pub entries: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            in_flight: 64 * 1024 * 1024,
            queue: Duration::from_mins(10),
            outputs: 4 << 30,
            entries: 100_000,
        }
    }
}

/// The shared state.
#[derive(Debug)]
pub(crate) struct Session {
    pub address: Address,
    pub settings: Settings,
    pub tuning: Tuning,
    pub connections: Connections,
    pub present: Present,
    /// One permit for each action that may be in flight.
    pub jobs: Semaphore,
    /// One permit for each KiB that may be in memory.
    memory: Semaphore,
    capabilities: OnceCell<Result<Capabilities>>,
    /// The values of headers and the tokens in them, which no message may contain.
    secrets: Vec<String>,
}

impl Session {
    /// Prepares a session; nothing is connected. Must be called on a thread that has entered the
    /// runtime.
    pub fn new(
        executor: &ExecutorSettings,
        settings: Settings,
        tuning: Tuning,
    ) -> Result<Arc<Self>> {
        let address = Address::parse(&executor.url, &executor.instance, &settings)?;
        // A server may repeat a token without the word before it.
        let secrets = executor.headers.iter().flat_map(|(_, value)| {
            let (value, token) = (value.expose(), value.expose().rsplit(' ').next());
            [value.to_owned(), token.unwrap_or_default().to_owned()]
        });
        Ok(Arc::new(Self {
            connections: Connections::new(&address, executor.jobs, &executor.headers, &settings)?,
            address,
            settings,
            present: Present::default(),
            jobs: Semaphore::new(executor.jobs.get().min(Semaphore::MAX_PERMITS)),
            memory: Semaphore::new(tuning.in_flight as usize / 1024),
            tuning,
            capabilities: OnceCell::new(),
            secrets: secrets.filter(|secret| secret.len() > 3).collect(),
        }))
    }

    /// What the cluster can do. It is asked once; so is one that can't be reached.
    pub async fn capabilities(&self) -> Result<&Capabilities> {
        let asked = self.capabilities.get_or_init(|| async {
            if self.settings.offline {
                return Err(Error::unavailable(format!(
                    "--offline: the executor {} is not asked",
                    self.address
                )));
            }
            let what = "say what it can do";
            let answer = self
                .retry(|| {
                    let mut client =
                        re::capabilities_client::CapabilitiesClient::new(self.storage());
                    let request = re::GetCapabilitiesRequest {
                        instance_name: self.address.instance.clone(),
                    };
                    async move { Ok(client.get_capabilities(request).await?.into_inner()) }
                })
                .await
                .map_err(|failure| self.error(failure, what))?;
            Capabilities::read(&answer, &self.address.to_string())
        });
        asked.await.as_ref().map_err(Clone::clone)
    }

    /// Whether the cluster was reached before.
    fn was_reached(&self) -> bool {
        self.capabilities.get().is_some_and(Result::is_ok)
    }

    /// The connection for blobs and results.
    pub fn storage(&self) -> Connection {
        self.connections.storage()
    }

    /// A failure as an error; `what` is what was asked.
    pub fn error(&self, mut failure: Failure, what: &str) -> Error {
        for secret in &self.secrets {
            failure.message = failure.message.replace(secret, "***");
        }
        failure.into_error(&self.address.to_string(), what)
    }

    /// Sends a request until it is answered, the failure is final, or there were too many attempts.
    pub async fn retry<T, F, R>(&self, attempt: F) -> Result<T, Failure>
    where
        F: Fn() -> R,
        R: Future<Output = Result<T, Failure>>,
    {
        let mut pauses = self.pauses();
        loop {
            let failure = match tokio::time::timeout(self.settings.stall, attempt()).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::late(),
            };
            if !self.may_help(&failure) || !pauses.wait(failure.pause).await {
                return Err(failure);
            }
        }
    }

    /// Whether another attempt can help. A cluster that could not be reached at all is not tried
    /// again.
    pub fn may_help(&self, failure: &Failure) -> bool {
        failure.is_transient() && (self.was_reached() || !failure.is_unconnected)
    }

    /// The pauses between the attempts of one request.
    pub fn pauses(&self) -> Pauses {
        Pauses {
            left: self.settings.retries,
            next: self.settings.backoff,
        }
    }

    /// Waits until this number of bytes may be in memory. More than the limit is taken as the limit.
    pub async fn memory(&self, bytes: u64) -> Result<SemaphorePermit<'_>> {
        let all = self.tuning.in_flight / 1024;
        let wanted = u32::try_from(bytes.div_ceil(1024))
            .unwrap_or(all)
            .clamp(1, all);
        let permit = self.memory.acquire_many(wanted).await;
        permit.map_err(|_| Error::failed("the client of the executor was closed"))
    }
}

/// Pauses that grow, up to a number of attempts.
#[derive(Debug)]
pub(crate) struct Pauses {
    left: usize,
    next: Duration,
}

impl Pauses {
    /// Waits as long as the server asks, else for the next pause. False if there were enough
    /// attempts.
    pub async fn wait(&mut self, asked: Option<Duration>) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(asked.unwrap_or(self.next)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}

/// The next transfer that ends. Until then the progress is told of the bytes.
pub(crate) async fn next<T: 'static>(
    running: &mut JoinSet<T>,
    meter: &Meter,
    progress: &dyn RemoteProgress,
) -> Option<Result<T, tokio::task::JoinError>> {
    loop {
        match tokio::time::timeout(Duration::from_millis(200), running.join_next()).await {
            Ok(ended) => {
                progress.bytes(meter.bytes());
                return ended;
            }
            Err(_) => progress.bytes(meter.bytes()),
        }
    }
}

/// Counts bytes for the progress of one action.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<AtomicU64>);

impl Meter {
    /// Adds bytes that were sent or received.
    pub fn add(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
    /// All bytes so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
