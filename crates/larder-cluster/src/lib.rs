//! A cluster of the Remote Execution API in this process: storage, action cache, byte streams and
//! execution with real or simulated workers. Tests order failures with [`Cluster::fault`], and count
//! what clients did with [`Cluster::counts`].
//!
//! It shares no code with the client: messages are checked here as another implementation would.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]
#![allow(missing_docs, reason = "fields of a test tool say what they are")]

mod bytestream;
mod execution;
mod fault;
mod state;
mod storage;
mod worker;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStreamServer;
use bazel_remote_apis::google::longrunning::operations_server::OperationsServer;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use execution::Execution;
pub use fault::Fault;
pub use state::Counts;
use state::State;

/// What a cluster is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// The number of actions that run at once.
    pub workers: usize,
    /// Workers that run nothing: after this time the output is a file `program` made from the action.
    pub simulated: Option<Duration>,
    /// `max_batch_total_size_bytes`; 0 states none.
    pub batch: i64,
    /// Whether it says that it runs actions.
    pub executes: bool,
    /// Whether results may be written.
    pub updates: bool,
    /// Whether it knows SHA-256.
    pub sha256: bool,
    /// The only instance.
    pub instance: String,
    /// The value that the header `authorization` must have.
    pub token: Option<String>,
    /// The highest version of the API, of major 2.
    pub version: i32,
    /// The longest time of an action, and the time of one that states none.
    pub longest: Duration,
    /// The PEM texts of a certificate and its key: it speaks TLS.
    pub tls: Option<(String, String)>,
    /// The `PATH` of the workers; without it commands find what a shell without one finds.
    pub path: Option<OsString>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: 4,
            simulated: None,
            batch: 4 * 1024 * 1024,
            executes: true,
            updates: true,
            sha256: true,
            instance: String::new(),
            token: None,
            version: 3,
            longest: Duration::from_mins(20),
            tls: None,
            path: None,
        }
    }
}

/// A running cluster. It ends when it is dropped.
#[derive(Debug)]
pub struct Cluster {
    address: SocketAddr,
    state: Arc<State>,
    runtime: Option<Runtime>,
}

impl Cluster {
    /// Starts a cluster on a free port of the loopback interface.
    pub fn start(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("threads");
        let entered = runtime.enter();
        let incoming = TcpIncoming::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let incoming = incoming.with_nodelay(Some(true));
        let address = incoming.local_addr().expect("an address");
        let state = Arc::new(State::new(options));
        let execution = Execution(Arc::clone(&state));
        let mut builder = Server::builder();
        if let Some((certificate, key)) = &state.options.tls {
            let tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
            builder = builder.tls_config(tls).expect("a certificate and its key");
        }
        let server = builder
            .add_service(re::capabilities_server::CapabilitiesServer::from_arc(
                Arc::clone(&state),
            ))
            .add_service(
                re::content_addressable_storage_server::ContentAddressableStorageServer::from_arc(
                    Arc::clone(&state),
                ),
            )
            .add_service(re::action_cache_server::ActionCacheServer::from_arc(
                Arc::clone(&state),
            ))
            .add_service(re::execution_server::ExecutionServer::new(
                execution.clone(),
            ))
            .add_service(ByteStreamServer::from_arc(Arc::clone(&state)))
            .add_service(OperationsServer::new(execution))
            .serve_with_incoming(incoming);
        runtime.spawn(async move {
            let _ = server.await;
        });
        drop(entered);
        Self {
            address,
            state,
            runtime: Some(runtime),
        }
    }

    /// `grpc://127.0.0.1:PORT`, or `grpcs://` with TLS.
    pub fn url(&self) -> String {
        let scheme = match self.state.options.tls {
            Some(_) => "grpcs",
            None => "grpc",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Orders a failure, which happens once. The same failure may be ordered several times.
    pub fn fault(&self, fault: Fault) {
        self.state.order(fault);
    }

    /// The ordered failures that have not happened yet.
    pub fn pending(&self) -> Vec<Fault> {
        self.state.pending()
    }

    /// What clients did so far.
    pub fn counts(&self) -> Counts {
        self.state.counts()
    }

    /// Drops all blobs, and keeps the results in the action cache.
    pub fn forget_blobs(&self) {
        self.state.lock().blobs.clear();
    }

    /// Drops all results, and keeps the blobs.
    pub fn forget_results(&self) {
        self.state.lock().results.clear();
    }

    /// Changes a byte of every stored blob of this size or more, for good.
    pub fn damage_blobs(&self, from: usize) {
        for bytes in self
            .state
            .lock()
            .blobs
            .values_mut()
            .filter(|bytes| bytes.len() >= from)
        {
            let mut damaged = bytes.to_vec();
            damaged[0] ^= 1;
            *bytes = damaged.into();
        }
    }

    /// Ends the server: connections break, and no new ones are accepted.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop();
    }
}
