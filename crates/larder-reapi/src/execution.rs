//! An action from the request to its result. A lost stream is waited on again, an operation that the
//! cluster does not know any more is begun again, blobs that lack are sent again, and a full queue is
//! waited for; each a limited number of times.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::longrunning::operations_client::OperationsClient;
use bazel_remote_apis::google::longrunning::{CancelOperationRequest, Operation, operation};
use larder_core::error::{Error, Result};
use larder_engine::executor::remote::{RemoteProgress, RemoteStage};
use prost::Message as _;
use re::execution_client::ExecutionClient;
use tonic::{Code, Streaming};

use crate::session::{LONGEST_MESSAGE, Session};
use crate::status::Failure;
use crate::upload::Blobs;
use crate::wire::BlobId;

/// How often an action is begun again because the cluster lost blobs, a worker, or the operation.
const AGAIN: usize = 5;

/// The first pause when a queue is full.
const QUEUE_PAUSE: Duration = Duration::from_secs(1);

/// The time for telling the cluster that nobody waits for an operation any more.
const CANCEL: Duration = Duration::from_secs(2);

/// The operation that runs for an action, for whoever cancels it.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<Operating>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Operating {
    #[default]
    Nothing,
    /// It was asked for, and its name is not known yet.
    Asked,
    Named(String),
}

impl Running {
    fn set(&self, operating: Operating) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = operating;
    }
    fn get(&self) -> Operating {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
    fn name(&self) -> Option<String> {
        match self.get() {
            Operating::Named(name) => Some(name),
            Operating::Nothing | Operating::Asked => None,
        }
    }
}

/// How an action ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Completed {
        result: Box<re::ActionResult>,
        is_cached: bool,
    },
    TimedOut,
}

impl Session {
    /// Has the cluster run an action, all of whose blobs are sent. `again` skips the action cache.
    pub async fn execute(
        self: &Arc<Self>,
        action: BlobId,
        blobs: &[&Blobs],
        again: bool,
        running: &Running,
        progress: &dyn RemoteProgress,
    ) -> Result<Ended> {
        let what = "run the action";
        let mut attempts = AGAIN;
        let mut pauses = self.pauses();
        let mut queue = (Instant::now(), QUEUE_PAUSE.min(self.settings.backoff * 4));
        loop {
            let followed = self.follow(action, again, running, progress).await?;
            let failure = match followed {
                Ok(Response {
                    result: Some(result),
                    is_cached,
                }) => {
                    return Ok(Ended::Completed { result, is_cached });
                }
                Ok(_) => Failure::broken("the operation ended without a result"),
                Err(Lost::TimedOut) => return Ok(Ended::TimedOut),
                Err(Lost::Failed(failure)) => failure,
                Err(Lost::Forgotten) => Failure::broken("the cluster forgot the operation"),
            };
            running.set(Operating::Nothing);
            if failure.code == Code::FailedPrecondition && !failure.missing.is_empty() {
                if attempts == 0 {
                    return Err(self.error(failure, what));
                }
                attempts -= 1;
                self.send_missing(&failure, blobs, progress).await?;
                continue;
            }
            if failure.code == Code::ResourceExhausted {
                let (since, pause) = &mut queue;
                if since.elapsed() >= self.tuning.queue {
                    return Err(self.error(failure, "take the action: its queue is full"));
                }
                progress.stage(RemoteStage::Queued);
                tokio::time::sleep(failure.pause.unwrap_or(*pause)).await;
                *pause = (*pause * 2).min(Duration::from_secs(30));
                continue;
            }
            if attempts == 0 || !self.may_help(&failure) || !pauses.wait(failure.pause).await {
                return Err(self.error(failure, what));
            }
            attempts -= 1;
        }
    }

    /// Sends the blobs again that the cluster says it lacks.
    async fn send_missing(
        self: &Arc<Self>,
        failure: &Failure,
        blobs: &[&Blobs],
        progress: &dyn RemoteProgress,
    ) -> Result<()> {
        // A server names the first blob that it misses: it is asked for all of them again.
        self.present
            .forget(blobs.iter().flat_map(|blobs| blobs.keys().copied()));
        let lacking: Vec<BlobId> = failure.missing.iter().copied().flatten().collect();
        self.upload(blobs, &lacking, progress).await.map(drop)
    }

    /// Begins an action and follows its operation to the end, over lost streams.
    async fn follow(
        &self,
        action: BlobId,
        again: bool,
        running: &Running,
        progress: &dyn RemoteProgress,
    ) -> Result<Result<Response, Lost>> {
        let request = re::ExecuteRequest {
            instance_name: self.address.instance.clone(),
            skip_cache_lookup: again,
            action_digest: Some(action.to_wire()),
            digest_function: re::digest_function::Value::Sha256 as i32,
            inline_stdout: true,
            inline_stderr: true,
            ..re::ExecuteRequest::default()
        };
        let mut pauses = self.pauses();
        let mut stage = None;
        loop {
            let mut client = ExecutionClient::new(self.connections.execution())
                .max_decoding_message_size(LONGEST_MESSAGE);
            let name = running.name();
            let opened = match name.clone() {
                None => {
                    running.set(Operating::Asked);
                    client.execute(request.clone()).await
                }
                Some(name) => {
                    client
                        .wait_execution(re::WaitExecutionRequest { name })
                        .await
                }
            };
            let failure = match opened {
                Err(status) if name.is_some() && status.code() == Code::NotFound => {
                    running.set(Operating::Nothing);
                    return Ok(Err(Lost::Forgotten));
                }
                Err(status) => status.into(),
                Ok(answer) => {
                    let before = stage;
                    let read = self
                        .read_operations(answer.into_inner(), running, &mut stage, progress)
                        .await?;
                    if stage != before {
                        pauses = self.pauses();
                    }
                    match read {
                        Ok(ended) => return Ok(ended),
                        Err(failure) => failure,
                    }
                }
            };
            // An answer of the server itself is final here, and no operation waits for this client.
            // After a stream that broke, the operation goes on.
            let goes_on = running.name().is_some()
                && (failure.is_broken
                    || matches!(
                        failure.code,
                        Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled
                    ));
            if !goes_on || !pauses.wait(failure.pause).await {
                return Ok(Err(Lost::Failed(failure)));
            }
        }
    }

    /// Reads the messages of one stream until the operation is done; `Err` if the stream was lost.
    async fn read_operations(
        &self,
        mut stream: Streaming<Operation>,
        running: &Running,
        stage: &mut Option<i32>,
        progress: &dyn RemoteProgress,
    ) -> Result<Result<Result<Response, Lost>, Failure>> {
        loop {
            let operation = match stream.message().await {
                Ok(Some(operation)) => operation,
                Ok(None) => return Ok(Err(Failure::broken("the stream ended before the action"))),
                Err(status) => return Ok(Err(status.into())),
            };
            if !operation.name.is_empty() {
                running.set(Operating::Named(operation.name.clone()));
            }
            if let Some(metadata) = &operation.metadata {
                let metadata = re::ExecuteOperationMetadata::decode(&metadata.value[..]);
                let metadata = metadata.unwrap_or_default();
                let executing = re::execution_stage::Value::Executing as i32;
                if *stage != Some(metadata.stage) && !operation.done {
                    *stage = Some(metadata.stage);
                    progress.stage(if metadata.stage == executing {
                        let partial = metadata.partial_execution_metadata.unwrap_or_default();
                        RemoteStage::Executing(Some(partial.worker).filter(|it| !it.is_empty()))
                    } else {
                        RemoteStage::Queued
                    });
                }
            }
            if operation.done {
                running.set(Operating::Nothing);
                return self.read_response(operation.result).map(Ok);
            }
        }
    }

    /// The result of an operation that is done.
    fn read_response(&self, result: Option<operation::Result>) -> Result<Result<Response, Lost>> {
        let failed = |failure: Failure| {
            let timed_out = failure.code == Code::DeadlineExceeded && !failure.is_broken;
            if timed_out {
                Lost::TimedOut
            } else {
                Lost::Failed(failure)
            }
        };
        let response = match result {
            Some(operation::Result::Error(status)) => {
                return Ok(Err(match Failure::of_message(&status) {
                    Some(failure) => failed(failure),
                    None => Lost::Failed(Failure::broken("the operation ended without a result")),
                }));
            }
            Some(operation::Result::Response(any)) => any,
            None => {
                return Ok(Err(Lost::Failed(Failure::broken(
                    "the operation has no result",
                ))));
            }
        };
        let response = re::ExecuteResponse::decode(&response.value[..]).map_err(|error| {
            let place = &self.address;
            Error::integrity(format!(
                "the executor {place} sent a result that can't be read"
            ))
            .cause(error)
        })?;
        // The status first: if it is an error, the exit code means nothing.
        if let Some(failure) = response.status.as_ref().and_then(Failure::of_message) {
            return Ok(Err(failed(failure)));
        }
        Ok(Ok(Response {
            result: response.result.map(Box::new),
            is_cached: response.cached_result,
        }))
    }

    /// Tells the cluster that nobody waits for the operation any more. `work` is what waited for it:
    /// it goes on for a moment if the name of the operation is not known yet.
    pub async fn cancel<T>(&self, running: &Running, mut work: Pin<&mut impl Future<Output = T>>) {
        let named = async {
            while running.get() == Operating::Asked {
                let moment = Duration::from_millis(10);
                if tokio::time::timeout(moment, &mut work).await.is_ok() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(CANCEL / 4, named).await;
        let Some(name) = running.name() else { return };
        let mut client = OperationsClient::new(self.connections.execution());
        let request = client.cancel_operation(CancelOperationRequest { name });
        // If that fails, the action runs to its end or to its timeout.
        let _ = tokio::time::timeout(CANCEL, request).await;
    }
}

/// The result of an operation that was carried out.
struct Response {
    result: Option<Box<re::ActionResult>>,
    is_cached: bool,
}

/// Why an operation gave no result.
enum Lost {
    Failed(Failure),
    /// The action ran longer than it may.
    TimedOut,
    /// The cluster does not know the operation any more.
    Forgotten,
}
