//! The engine's trait: each function blocks until the asynchronous work is done, or the run is
//! cancelled.

use std::future::Future;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use camino::Utf8Path;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Digest;
use larder_engine::executor::remote::{
    ExecutorFacts, ExecutorSettings, PreparedAction, RemoteAction, RemoteEnd, RemoteExecutor,
    RemoteProgress, RemoteResult, RemoteStage,
};
use larder_remote::http::Settings;
use re::action_cache_client::ActionCacheClient;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tonic::Code;

use crate::action::Described;
use crate::download::Lack;
use crate::execution::{Ended, Running};
use crate::inputs::{InputRoot, Inputs};
use crate::outputs;
use crate::session::{LONGEST_MESSAGE, Session, Tuning};
use crate::upload::{Blobs, Content};
use crate::wire::BlobId;

/// How many input roots are read at once. That is work for processors and disks, and each root that is
/// read takes memory for all its files, until it turns out to be one that another action has.
const READ_AT_ONCE: usize = 16;

/// A client of one cluster, for all actions of a run.
#[derive(Debug)]
pub struct Client {
    session: Arc<Session>,
    inputs: Inputs,
    /// How many input roots are read at once: more only take memory.
    reading: Semaphore,
    /// Taken when it ends.
    runtime: Option<Runtime>,
}

impl Client {
    /// Prepares a client; nothing is connected. Of the HTTP settings, those for plain connections,
    /// certificates, deadlines and retries apply.
    pub fn new(executor: &ExecutorSettings, settings: Settings, tuning: Tuning) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("larder-executor")
            .enable_all()
            .build()
            .map_err(|error| Error::failed("cannot start the network threads").cause(error))?;
        let entered = runtime.enter();
        let session = Session::new(executor, settings, tuning)?;
        drop(entered);
        Ok(Self {
            session,
            inputs: Inputs::default(),
            reading: Semaphore::new(READ_AT_ONCE),
            runtime: Some(runtime),
        })
    }

    /// Waits for asynchronous work on this thread. When the run is cancelled, the cluster is told,
    /// and nothing is waited for.
    fn wait<T>(
        &self,
        cancel: &Cancel,
        running: &Running,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        cancel.check()?;
        let Some(runtime) = &self.runtime else {
            return Err(Error::failed("the client of the executor was closed"));
        };
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            tokio::select! {
                biased;
                error = cancel.cancelled() => {
                    self.session.cancel(running, work).await;
                    Err(error)
                }
                done = &mut work => done,
            }
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Waiting for the threads here would block, and would panic on a thread of a runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl RemoteExecutor for Client {
    fn place(&self) -> String {
        self.session.address.to_string()
    }

    fn facts(&self, cancel: &Cancel) -> Result<ExecutorFacts> {
        let facts = async {
            let capabilities = self.session.capabilities().await?;
            Ok(ExecutorFacts {
                protocol: capabilities.protocol.clone(),
                executes: capabilities.executes,
                writes_cache: capabilities.writes_cache,
            })
        };
        self.wait(cancel, &Running::default(), facts)
    }

    fn prepare<'a>(
        &'a self,
        action: &RemoteAction<'a>,
        cancel: &Cancel,
    ) -> Result<Box<dyn PreparedAction + 'a>> {
        let reading = async { Ok(self.reading.acquire().await) };
        let _turn = self.wait(cancel, &Running::default(), reading)?;
        let root = self.inputs.root(action, cancel)?;
        Ok(Box::new(Prepared {
            client: self,
            described: Described::new(action, root.id)?,
            root,
            output: action.output.clone(),
        }))
    }
}

/// An action whose inputs are hashed.
#[derive(Debug)]
struct Prepared<'a> {
    client: &'a Client,
    described: Described,
    root: Arc<InputRoot>,
    output: String,
}

impl Prepared<'_> {
    fn blobs(&self) -> [&Blobs; 2] {
        [&self.described.blobs, &self.root.blobs]
    }

    /// Receives what a result names. An exit code other than 0 has no outputs.
    async fn receive(
        &self,
        result: &re::ActionResult,
        is_cached: bool,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
    ) -> Result<RemoteResult, Lack> {
        let session = &self.client.session;
        let output = session.printed(result).await?;
        let received = if result.exit_code == 0 {
            session
                .receive_outputs(result, &self.output, out, progress)
                .await?
        } else {
            0
        };
        let worker = result
            .execution_metadata
            .as_ref()
            .map(|metadata| metadata.worker.clone());
        Ok(RemoteResult {
            ended: RemoteEnd::Exited(result.exit_code),
            received: received + output.len() as u64,
            output,
            worker: worker.filter(|worker| !worker.is_empty()),
            is_cached,
        })
    }

    async fn find(
        &self,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
    ) -> Result<Option<RemoteResult>> {
        let session = &self.client.session;
        session.capabilities().await?;
        progress.stage(RemoteStage::Checking);
        let answer = session.retry(|| async {
            let mut client = ActionCacheClient::new(session.storage())
                .max_decoding_message_size(LONGEST_MESSAGE);
            let request = re::GetActionResultRequest {
                instance_name: session.address.instance.clone(),
                action_digest: Some(self.described.id.to_wire()),
                inline_stdout: true,
                inline_stderr: true,
                digest_function: re::digest_function::Value::Sha256 as i32,
                ..re::GetActionResultRequest::default()
            };
            Ok(client.get_action_result(request).await?.into_inner())
        });
        let result = match answer.await {
            Ok(result) if result.exit_code == 0 => result,
            Ok(_) => return Ok(None),
            Err(failure) if failure.code == Code::NotFound => return Ok(None),
            Err(failure) => return Err(session.error(failure, "find a result")),
        };
        match self.receive(&result, true, out, progress).await {
            Ok(result) => Ok(Some(result)),
            Err(Lack::Failed(error)) => Err(error),
            Err(Lack::Gone(_)) => {
                empty(out)?;
                Ok(None)
            }
        }
    }

    async fn run(
        &self,
        again: bool,
        running: &Running,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
    ) -> Result<RemoteResult> {
        let session = &self.client.session;
        let capabilities = session.capabilities().await?;
        if !capabilities.executes {
            return Err(Error::failed(format!(
                "the executor {} runs no actions; it is only a cache",
                session.address
            ))
            .hint("set `execute: false` for it, or name an executor that runs actions"));
        }
        let _job = session.jobs.acquire().await;
        progress.stage(RemoteStage::Checking);
        session.upload(&self.blobs(), &[], progress).await?;
        progress.stage(RemoteStage::Queued);
        let mut again = again;
        loop {
            let id = self.described.id;
            let ended = session
                .execute(id, &self.blobs(), again, running, progress)
                .await?;
            let (result, is_cached) = match ended {
                Ended::Completed { result, is_cached } => (result, is_cached),
                Ended::TimedOut => {
                    return Ok(RemoteResult {
                        ended: RemoteEnd::TimedOut,
                        output: Vec::new(),
                        worker: None,
                        is_cached: false,
                        received: 0,
                    });
                }
            };
            match self.receive(&result, is_cached, out, progress).await {
                Ok(result) => return Ok(result),
                // The outputs of an old result are gone: the action has to run.
                Err(Lack::Gone(_)) if !again => {
                    again = true;
                    empty(out)?;
                }
                Err(lack) => return Err(lack.into_error(session)),
            }
        }
    }

    async fn store(
        &self,
        out: &Utf8Path,
        without: &[&str],
        cancel: &Cancel,
        progress: &dyn RemoteProgress,
    ) -> Result<u64> {
        let session = &self.client.session;
        session.capabilities().await?;
        let folder = self.client.inputs.folder(out, without, cancel)?;
        let (result, tree, mut blobs) = outputs::result_of(&folder, &self.output);
        outputs::acceptable(&tree, &session.tuning)?;
        blobs.insert(BlobId::of(&tree), Content::Bytes(tree));
        // The result is written last: whoever sees it finds all that it names.
        let sent = session
            .upload(&[&self.described.blobs, &blobs], &[], progress)
            .await?;
        let stored = session.retry(|| async {
            let mut client = ActionCacheClient::new(session.storage());
            let request = re::UpdateActionResultRequest {
                instance_name: session.address.instance.clone(),
                action_digest: Some(self.described.id.to_wire()),
                action_result: Some(result.clone()),
                results_cache_policy: None,
                digest_function: re::digest_function::Value::Sha256 as i32,
            };
            client.update_action_result(request).await?;
            Ok(())
        });
        stored
            .await
            .map_err(|failure| session.error(failure, "store a result"))?;
        Ok(sent)
    }
}

impl PreparedAction for Prepared<'_> {
    fn digest(&self) -> Digest {
        self.described.id.digest
    }

    fn cached(
        &self,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<Option<RemoteResult>> {
        self.client
            .wait(cancel, &Running::default(), self.find(out, progress))
    }

    fn execute(
        &self,
        again: bool,
        out: &Utf8Path,
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<RemoteResult> {
        let running = Running::default();
        self.client
            .wait(cancel, &running, self.run(again, &running, out, progress))
    }

    fn share(
        &self,
        out: &Utf8Path,
        without: &[&str],
        progress: &dyn RemoteProgress,
        cancel: &Cancel,
    ) -> Result<u64> {
        self.client.wait(
            cancel,
            &Running::default(),
            self.store(out, without, cancel, progress),
        )
    }
}

/// Removes what is in the output folder.
fn empty(out: &Utf8Path) -> Result<()> {
    for name in fs::list(out)? {
        let path = out.join(name);
        if fs::lstat(&path)?.is_some_and(|metadata| metadata.is_dir()) {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
