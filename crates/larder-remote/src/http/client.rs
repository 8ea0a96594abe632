//! The interface of the HTTP client for the rest of larder. It is synchronous and cheap to create;
//! the expensive setup is done on the first request.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CACHE_CONTROL, HeaderValue};
use tokio::time::Instant;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result, find};

use super::agent::{Agent, Outcome, Tries};
use super::body::{check_asset, whole_answer};
use super::download::Download;
use super::fault::Retry;
use super::hosts::Lane;
use super::request::{Answer, Head, Payload, Repeat, Request};
use super::runtime::Runtime;
use super::secret::shown;
use super::settings::Settings;
use super::transport::Counters;

/// What was sent and received so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Requests sent, including redirects and retries.
    pub requests: u64,
    /// Bytes of response bodies received.
    pub received: u64,
    /// Bytes of request bodies sent.
    pub sent: u64,
}

/// What a request for a body gave.
#[derive(Debug)]
pub enum Opened {
    /// The body, which is being transferred.
    Body(Download),
    /// An answer of another status.
    Failure(Answer),
}

/// The HTTP client of a run. Clones share all state. It must not be used on a thread of an async
/// runtime, because its calls block.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    cancel: Cancel,
    counters: Arc<Counters>,
    engine: Mutex<Option<Engine>>,
    unanswered: Mutex<HashMap<String, Error>>,
    /// The urls of files that were requested.
    requested_urls: Mutex<HashSet<String>>,
}

/// What the first request sets up.
#[derive(Clone)]
struct Engine {
    runtime: Arc<Runtime>,
    agent: Arc<Agent>,
}

impl Client {
    /// A client. Nothing is set up before the first request.
    pub fn new(settings: Settings, cancel: Cancel) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                cancel,
                counters: Arc::default(),
                engine: Mutex::default(),
                unanswered: Mutex::default(),
                requested_urls: Mutex::default(),
            }),
        }
    }

    /// The client's settings.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The run's cancellation, which interrupts every wait of the client.
    pub fn cancel(&self) -> &Cancel {
        &self.shared.cancel
    }

    /// The error of a registry that gave no answer in this run. Such a registry must not be
    /// contacted again. Registries are contacted through their own clients.
    pub fn unanswered(&self, registry: &str) -> Option<Error> {
        self.shared
            .unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(registry)
            .cloned()
    }

    /// Records that a registry gave no answer.
    pub fn set_unanswered(&self, registry: &str, error: &Error) {
        let mut unanswered = self
            .shared
            .unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unanswered
            .entry(registry.to_owned())
            .or_insert_with(|| error.clone());
    }

    /// What was sent and received so far.
    pub fn moved(&self) -> Moved {
        let Counters {
            requests,
            received,
            sent,
        } = &*self.shared.counters;
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Moved {
            requests: load(requests),
            received: load(received),
            sent: load(sent),
        }
    }

    /// Starts a transfer; `None` is *absent* (404 or 410). An interrupted transfer is resumed while
    /// the body is read, so that its reader returns the correct bytes or an error. A private place
    /// may also answer 404; a caller to whom that applies must check that the place is visible
    /// before it treats the file as absent.
    pub fn get(&self, request: Request<'_>) -> Result<Option<Download>> {
        match self.open(request)? {
            Opened::Body(download) => Ok(Some(download)),
            Opened::Failure(answer) => absent(&answer).map(|()| None),
        }
    }

    /// Starts a transfer like [`get`](Self::get), but leaves to the caller what another answer means.
    pub fn open(&self, request: Request<'_>) -> Result<Opened> {
        let Request {
            head,
            payload: _,
            sent: _,
        } = self.bypass_cache_if_repeated(request);
        let engine = self.engine(&head)?;
        let agent = Arc::clone(&engine.agent);
        let outcome = self.wait(&engine, async {
            let total = head.total.unwrap_or(agent.settings().total);
            deadline(
                total,
                &head,
                agent.send_with_retries(&head, &Payload::None, &Arc::default(), Lane::Transfer),
            )
            .await
        })?;
        match outcome {
            Outcome::Failure(answer) => Ok(Opened::Failure(answer)),
            Outcome::Success(hop) => {
                Download::start(engine.runtime, agent, head, hop).map(Opened::Body)
            }
        }
    }

    /// The content of a small file of at most `limit` bytes; `None` is *absent*.
    pub fn get_small(&self, request: Request<'_>, limit: u64) -> Result<Option<Vec<u8>>> {
        let request = self.bypass_cache_if_repeated(request);
        let head = request.head.clone();
        let answer = self.send(request.limit(limit))?;
        if answer.status >= 400 {
            return absent(&answer).map(|()| None);
        }
        if answer.status != 200 {
            return Err(answer.error());
        }
        check_asset(&head, &answer.headers, &answer.body, &answer.url)?;
        Ok(Some(answer.body))
    }

    /// Sends any request and reads the complete answer into memory. Any status is returned as an
    /// answer, after the retries that may help. A POST is retried only if the server certainly did
    /// not process it. [`Answer::error`] converts an answer to an error.
    pub fn send(&self, request: Request<'_>) -> Result<Answer> {
        let Request {
            head,
            payload,
            sent,
        } = request;
        let engine = self.engine(&head)?;
        let agent = Arc::clone(&engine.agent);
        let moved = Arc::new(AtomicU64::new(0));
        let limit = if head.limit == u64::MAX {
            64 * 1024 * 1024
        } else {
            head.limit
        };
        self.wait(&engine, async {
            let work = async {
                let mut tries = Tries::new(agent.settings());
                let mut progress = None;
                loop {
                    let hop = match agent
                        .send_with_retries(&head, &payload, &moved, Lane::Small)
                        .await?
                    {
                        Outcome::Failure(answer) => return Ok(answer),
                        Outcome::Success(hop) => hop,
                    };
                    let progress = progress.get_or_insert_with(Instant::now);
                    let read = whole_answer(&agent.transport, hop, limit, progress);
                    let fault = match read.await {
                        Ok(answer) => return Ok(answer),
                        Err(fault) => fault,
                    };
                    // The answer broke off: retry only a request that may safely be sent twice.
                    let may = fault.retry == Retry::Soon && head.repeat == Repeat::Always;
                    let Some(pause) = tries.next().filter(|_| may) else {
                        return Err(fault.error);
                    };
                    tokio::time::sleep(pause).await;
                }
            };
            // A large upload has practically no deadline, as long as its bytes move.
            let total = match payload {
                Payload::File { .. } => head.total.unwrap_or(Duration::from_hours(24)),
                _ => head.total.unwrap_or(agent.settings().total),
            };
            let mut work = std::pin::pin!(deadline(total, &head, work));
            let Some(sent) = sent else { return work.await };
            let mut reported = 0;
            let mut report = || {
                let now = moved.load(Ordering::Relaxed);
                if now > reported {
                    sent(now - reported);
                    reported = now;
                }
            };
            loop {
                match tokio::time::timeout(Duration::from_millis(100), &mut work).await {
                    Ok(result) => {
                        report();
                        return result;
                    }
                    Err(_) => report(),
                }
            }
        })
    }

    /// Adds `no-cache` if a file is requested for the second time: it was wrong or absent the first
    /// time, so a proxy must not answer from its cache.
    fn bypass_cache_if_repeated<'a>(&self, mut request: Request<'a>) -> Request<'a> {
        let mut requested_urls = self
            .shared
            .requested_urls
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !requested_urls.insert(request.head.url.to_string()) {
            request
                .head
                .headers
                .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        request
    }

    /// The engine, created on first use; an error under `--offline`.
    fn engine(&self, head: &Head) -> Result<Engine> {
        let Shared {
            settings,
            cancel,
            counters,
            engine,
            unanswered: _,
            requested_urls: _,
        } = &*self.shared;
        if settings.offline {
            return Err(Error::unavailable(format!(
                "{} is needed, but `--offline` is set",
                shown(&head.url)
            ))
            .hint("run once without `--offline`; the downloaded files are then in the cache"));
        }
        cancel.check()?;
        let mut slot = engine.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &*slot {
            return Ok(engine.clone());
        }
        let runtime = Arc::new(Runtime::start()?);
        let agent = Arc::new(Agent::new(
            settings.clone(),
            cancel.clone(),
            Arc::clone(counters),
        )?);
        let made = Engine { runtime, agent };
        *slot = Some(made.clone());
        Ok(made)
    }

    /// Blocks until the work is done or the run is cancelled.
    fn wait<T>(&self, engine: &Engine, work: impl Future<Output = Result<T>>) -> Result<T> {
        engine.runtime.handle().block_on(async {
            tokio::select! {
                biased;
                error = self.shared.cancel.cancelled() => Err(error),
                result = work => result,
            }
        })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("settings", &self.shared.settings)
            .finish_non_exhaustive()
    }
}

async fn deadline<T>(
    total: Duration,
    head: &Head,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(total, work).await {
        Ok(result) => result,
        Err(_) => Err(Error::unavailable(format!(
            "{} did not finish within {} s",
            shown(&head.url),
            total.as_secs_f32()
        ))),
    }
}

/// Returns `Ok` if an error answer means *absent*, otherwise the answer's error.
fn absent(answer: &Answer) -> Result<()> {
    match answer.status {
        404 | 410 => Ok(()),
        _ => Err(answer.error()),
    }
}

/// Converts a reader's error to a larder error. An error of a [`Download`] keeps its kind even if
/// archive and compression layers wrapped it.
pub fn read_error(error: &io::Error, doing: &str) -> Error {
    match find::<Error>(error) {
        Some(inner) => inner.clone(),
        None => Error::failed(doing.to_owned()).cause(error),
    }
}

/// Reads a body of at most `limit` bytes; a larger one is an error.
pub fn read_small(mut reader: impl Read, limit: u64, place: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let doing = format!("cannot read {place}");
    reader
        .by_ref()
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| read_error(&e, &doing))?;
    if bytes.len() as u64 > limit {
        return Err(Error::unavailable(format!(
            "{place} has more than {limit} bytes"
        )));
    }
    Ok(bytes)
}
