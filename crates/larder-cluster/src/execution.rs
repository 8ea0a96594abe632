//! Operations: what clients ask of workers, and how streams, queues and workers fail.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::longrunning as lr;
use bazel_remote_apis::google::{protobuf, rpc};
use larder_core::model::Digest;
use prost::Message as _;
use re::execution_stage::Value as Stage;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use crate::Fault;
use crate::state::{Progress, State, parse};
use crate::storage::message;
use crate::worker;

type Operations = ReceiverStream<Result<lr::Operation, Status>>;

#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<protobuf::Duration>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PreconditionFailure {
    #[prost(message, repeated, tag = "1")]
    violations: Vec<Violation>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Violation {
    #[prost(string, tag = "1")]
    r#type: String,
    #[prost(string, tag = "2")]
    subject: String,
}

/// A status with one detail.
fn with_detail(code: Code, text: &str, name: &str, detail: &impl prost::Message) -> Status {
    let details = rpc::Status {
        code: code as i32,
        message: text.to_owned(),
        details: vec![protobuf::Any {
            type_url: format!("type.googleapis.com/google.rpc.{name}"),
            value: detail.encode_to_vec(),
        }],
    };
    Status::with_details(code, text, details.encode_to_vec().into())
}

/// The failure of an action whose inputs are not there.
fn missing(blobs: &[re::Digest], are_named: bool) -> Status {
    let subject = |digest: &re::Digest| {
        if are_named {
            format!("blobs/{}/{}", digest.hash, digest.size_bytes)
        } else {
            "something".to_owned()
        }
    };
    let violations = blobs.iter().map(|digest| Violation {
        r#type: "MISSING".to_owned(),
        subject: subject(digest),
    });
    let failure = PreconditionFailure {
        violations: violations.collect(),
    };
    with_detail(
        Code::FailedPrecondition,
        "inputs lack",
        "PreconditionFailure",
        &failure,
    )
}

impl State {
    /// Accepts an action: starts it and returns the name of its operation.
    fn accept(self: &Arc<Self>, request: &re::ExecuteRequest) -> Result<String, Status> {
        self.check(&request.instance_name, request.digest_function)?;
        self.lock().counts.executes += 1;
        if let Some(pause) = self.take(|fault| match fault {
            Fault::AskForPause(pause) => Some(pause),
            _ => None,
        }) {
            let info = RetryInfo {
                retry_delay: Some(protobuf::Duration {
                    seconds: i64::try_from(pause.as_secs()).expect("seconds"),
                    nanos: i32::try_from(pause.subsec_nanos()).expect("nanoseconds"),
                }),
            };
            return Err(with_detail(
                Code::Unavailable,
                "later, please",
                "RetryInfo",
                &info,
            ));
        }
        if self.happens(Fault::FullQueue) {
            return Err(Status::resource_exhausted("the queue is full"));
        }
        let (action, _) = parse(request.action_digest.as_ref())?;
        let forgets = [Fault::ForgetInputs, Fault::ForgetInputsWithoutNames];
        let forgotten = self.take(|fault| forgets.contains(&fault).then_some(fault));
        if forgotten.is_some() {
            let keep: HashSet<Digest> = worker::described(self, action).into_iter().collect();
            self.lock().blobs.retain(|digest, _| keep.contains(digest));
        }
        let lacking = worker::lacking(self, request.action_digest.clone().unwrap_or_default());
        if !lacking.is_empty() {
            let are_named = forgotten != Some(Fault::ForgetInputsWithoutNames);
            return Err(missing(&lacking, are_named));
        }
        let name = self.operation_name();
        let (sender, receiver) = watch::channel(Progress {
            stage: Stage::Queued,
            done: None,
        });
        self.lock().operations.insert(name.clone(), receiver);
        let (state, skips, id) = (Arc::clone(self), request.skip_cache_lookup, name.clone());
        tokio::spawn(async move { state.carry_out(action, skips, id, sender).await });
        Ok(name)
    }

    /// Carries an action out, from the queue to its result.
    async fn carry_out(
        self: Arc<Self>,
        action: Digest,
        skips_cache: bool,
        name: String,
        sender: watch::Sender<Progress>,
    ) {
        let finish = |response: re::ExecuteResponse| {
            sender.send_modify(|progress| {
                progress.stage = Stage::Completed;
                progress.done = Some(response);
            });
        };
        let failed = |status: &Status| re::ExecuteResponse {
            status: Some(message(status)),
            ..re::ExecuteResponse::default()
        };
        for (fault, code) in [
            (Fault::CancelOperation, Code::Cancelled),
            (Fault::TimeOut, Code::DeadlineExceeded),
            (Fault::FailInternally, Code::Internal),
        ] {
            if self.happens(fault) {
                return finish(failed(&Status::new(code, "ordered by the test")));
            }
        }
        let cached = self.lock().results.get(&action).cloned();
        if let Some(result) = cached.filter(|_| !skips_cache) {
            return finish(re::ExecuteResponse {
                result: Some(result),
                cached_result: true,
                ..re::ExecuteResponse::default()
            });
        }
        let Ok(_worker) = self.workers.acquire().await else {
            return;
        };
        if self.lock().cancelled.contains(&name) {
            return finish(failed(&Status::cancelled("by the client")));
        }
        {
            let mut stored = self.lock();
            stored.running += 1;
            stored.counts.runs += 1;
            stored.counts.most_at_once = stored.counts.most_at_once.max(stored.running);
        }
        sender.send_modify(|progress| progress.stage = Stage::Executing);
        let ended = tokio::select! {
            ended = worker::run(&self, action) => ended,
            () = self.cancelled(&name) => Err(Status::cancelled("by the client")),
        };
        self.lock().running -= 1;
        finish(match ended {
            Ok(result) => {
                if result.exit_code == 0 {
                    self.lock().results.insert(action, result.clone());
                }
                re::ExecuteResponse {
                    result: Some(result),
                    status: Some(rpc::Status::default()),
                    ..re::ExecuteResponse::default()
                }
            }
            Err(status) => failed(&status),
        });
    }

    /// Loses the worker of an operation: it ends, and nobody knows it any more.
    fn lose(&self, name: String) {
        let mut stored = self.lock();
        stored.operations.remove(&name);
        stored.cancelled.insert(name);
    }

    async fn cancelled(&self, name: &str) {
        while !self.lock().cancelled.contains(name) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The stream of an operation.
    fn stream(self: &Arc<Self>, name: &str) -> Result<Operations, Status> {
        let receiver = self.lock().operations.get(name).cloned();
        let mut progress = receiver.ok_or_else(|| Status::not_found("no such operation"))?;
        let (sender, receiver) = mpsc::channel(4);
        let (state, name) = (Arc::clone(self), name.to_owned());
        tokio::spawn(async move {
            let broken = || Err(Status::unavailable("the stream broke"));
            loop {
                let seen = progress.borrow_and_update().clone();
                let is_done = seen.done.is_some();
                if is_done && state.happens(Fault::LoseStreamAtTheEnd) {
                    let _ = sender.send(broken()).await;
                    return;
                }
                let operation = operation(&name, &seen);
                if sender.send(Ok(operation)).await.is_err() || is_done {
                    return;
                }
                if state.happens(Fault::LoseStreamInTheMiddle) {
                    let _ = sender.send(broken()).await;
                    return;
                }
                if state.happens(Fault::LoseWorker) {
                    state.lose(name);
                    let _ = sender.send(broken()).await;
                    return;
                }
                if progress.changed().await.is_err() {
                    return;
                }
            }
        });
        Ok(ReceiverStream::new(receiver))
    }
}

/// An operation as a message.
fn operation(name: &str, progress: &Progress) -> lr::Operation {
    let any = |kind: &str, value: Vec<u8>| protobuf::Any {
        type_url: format!("type.googleapis.com/build.bazel.remote.execution.v2.{kind}"),
        value,
    };
    let metadata = re::ExecuteOperationMetadata {
        stage: progress.stage as i32,
        partial_execution_metadata: Some(re::ExecutedActionMetadata {
            worker: worker::NAME.to_owned(),
            ..re::ExecutedActionMetadata::default()
        }),
        ..re::ExecuteOperationMetadata::default()
    };
    lr::Operation {
        name: name.to_owned(),
        metadata: Some(any("ExecuteOperationMetadata", metadata.encode_to_vec())),
        done: progress.done.is_some(),
        result: progress.done.as_ref().map(|response| {
            lr::operation::Result::Response(any("ExecuteResponse", response.encode_to_vec()))
        }),
    }
}

/// The services need the state behind an `Arc`, which the generated servers hide.
#[derive(Debug, Clone)]
pub(crate) struct Execution(pub Arc<State>);

#[tonic::async_trait]
impl re::execution_server::Execution for Execution {
    type ExecuteStream = Operations;

    async fn execute(
        &self,
        request: Request<re::ExecuteRequest>,
    ) -> Result<Response<Self::ExecuteStream>, Status> {
        self.0.admit(&request)?;
        let name = self.0.accept(request.get_ref())?;
        if self.0.happens(Fault::LoseStreamAtStart) {
            return Err(Status::unavailable("the stream broke"));
        }
        self.0.stream(&name).map(Response::new)
    }

    type WaitExecutionStream = Operations;

    async fn wait_execution(
        &self,
        request: Request<re::WaitExecutionRequest>,
    ) -> Result<Response<Self::WaitExecutionStream>, Status> {
        self.0.admit(&request)?;
        self.0.lock().counts.waits += 1;
        self.0.stream(&request.get_ref().name).map(Response::new)
    }
}

#[tonic::async_trait]
impl lr::operations_server::Operations for Execution {
    async fn cancel_operation(
        &self,
        request: Request<lr::CancelOperationRequest>,
    ) -> Result<Response<protobuf::Empty>, Status> {
        self.0.admit(&request)?;
        let mut stored = self.0.lock();
        stored.counts.cancels += 1;
        stored.cancelled.insert(request.into_inner().name);
        Ok(Response::new(protobuf::Empty::default()))
    }

    async fn list_operations(
        &self,
        _: Request<lr::ListOperationsRequest>,
    ) -> Result<Response<lr::ListOperationsResponse>, Status> {
        Err(Status::unimplemented("no client of the tests asks for it"))
    }

    async fn get_operation(
        &self,
        _: Request<lr::GetOperationRequest>,
    ) -> Result<Response<lr::Operation>, Status> {
        Err(Status::unimplemented("no client of the tests asks for it"))
    }

    async fn delete_operation(
        &self,
        _: Request<lr::DeleteOperationRequest>,
    ) -> Result<Response<protobuf::Empty>, Status> {
        Err(Status::unimplemented("no client of the tests asks for it"))
    }

    async fn wait_operation(
        &self,
        _: Request<lr::WaitOperationRequest>,
    ) -> Result<Response<lr::Operation>, Status> {
        Err(Status::unimplemented("no client of the tests asks for it"))
    }
}
