//! A fake server of the fleet: it answers what a test says, and remembers what it was told.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use larder_serve::fleet::v1::fleet_server::{Fleet, FleetServer};
use larder_serve::fleet::v1::{
    EnrollRequest, EnrollResponse, HeartbeatRequest, HeartbeatResponse, Phase, ReportRequest,
    ReportResponse, Target, WatchRequest, WatchResponse,
};
use tokio_stream::Stream;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Request, Response, Status};

/// What is answered, and what was told.
#[derive(Debug)]
pub struct State {
    /// The answer to heartbeats.
    pub target: Option<Target>,
    pub denied: Vec<String>,
    pub condition: String,
    pub next_in_ms: u64,
    /// Every call fails like that.
    pub failure: Option<(Code, String)>,
    /// Reports fail.
    pub loses_reports: bool,
    pub enrolments: Vec<(EnrollRequest, String)>,
    pub heartbeats: Vec<(HeartbeatRequest, String)>,
    pub reports: Vec<ReportRequest>,
    watchers: Vec<tokio::sync::mpsc::UnboundedSender<Result<WatchResponse, Status>>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            target: None,
            denied: Vec::new(),
            condition: "ready".into(),
            next_in_ms: 100,
            failure: None,
            loses_reports: false,
            enrolments: Vec::new(),
            heartbeats: Vec::new(),
            reports: Vec::new(),
            watchers: Vec::new(),
        }
    }
}

impl State {
    /// How many calls of `Watch` are open or have been.
    pub fn watches(&self) -> usize {
        self.watchers.len()
    }

    /// Sends a hint to all.
    pub fn wake(&self) {
        for watcher in &self.watchers {
            let _ = watcher.send(Ok(WatchResponse {}));
        }
    }

    /// The phases that were reported of a version.
    pub fn phases(&self, version: &str) -> Vec<Phase> {
        let attempts = self.reports.iter().filter_map(|r| r.attempt.as_ref());
        attempts
            .filter(|attempt| attempt.version == version)
            .map(larder_serve::fleet::v1::Attempt::phase)
            .collect()
    }
}

/// A running fake. It stops when it is dropped.
pub struct FakeFleet {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    runtime: Mutex<Option<tokio::runtime::Runtime>>,
}

struct Service(Arc<Mutex<State>>);

fn bearer<T>(request: &Request<T>) -> String {
    let value = request.metadata().get("authorization");
    let text = value.and_then(|value| value.to_str().ok());
    text.unwrap_or_default()
        .trim_start_matches("Bearer ")
        .to_owned()
}

impl Service {
    fn admitted(&self) -> Result<MutexGuard<'_, State>, Status> {
        let state = self.0.lock().expect("the state");
        match &state.failure {
            Some((code, message)) => Err(Status::new(*code, message.clone())),
            None => Ok(state),
        }
    }
}

#[tonic::async_trait]
impl Fleet for Service {
    async fn enroll(
        &self,
        request: Request<EnrollRequest>,
    ) -> Result<Response<EnrollResponse>, Status> {
        let mut state = self.admitted()?;
        let secret = bearer(&request);
        let answer = EnrollResponse {
            node_id: "node-1".into(),
            secret: if secret == "secret-1" {
                String::new()
            } else {
                "secret-1".into()
            },
            heartbeat_in_ms: 10,
            denied: state.denied.clone(),
        };
        state.enrolments.push((request.into_inner(), secret));
        Ok(Response::new(answer))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let mut state = self.admitted()?;
        let secret = bearer(&request);
        state.heartbeats.push((request.into_inner(), secret));
        Ok(Response::new(HeartbeatResponse {
            next_in_ms: state.next_in_ms,
            target: state.target.clone(),
            denied: state.denied.clone(),
            state: state.condition.clone(),
        }))
    }

    async fn report(
        &self,
        request: Request<ReportRequest>,
    ) -> Result<Response<ReportResponse>, Status> {
        let mut state = self.admitted()?;
        if state.loses_reports {
            return Err(Status::unavailable("it is lost"));
        }
        let report = request.into_inner();
        if let Some(attempt) = report.attempt.as_ref()
            && attempt.phase() == Phase::Failed
        {
            state.denied.push(attempt.checksum.clone());
        }
        state.reports.push(report);
        Ok(Response::new(ReportResponse {
            denied: state.denied.clone(),
        }))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<WatchResponse, Status>> + Send>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let mut state = self.admitted()?;
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        state.watchers.push(sender);
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(
            receiver,
        ))))
    }
}

impl FakeFleet {
    /// Starts one on a free port.
    pub fn start() -> Self {
        let state = Arc::default();
        let (address, runtime) = serve("127.0.0.1:0".parse().expect("an address"), &state);
        Self {
            address,
            state,
            runtime: Mutex::new(Some(runtime)),
        }
    }
    /// The state, while nobody else uses it.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    /// Cuts all connections, and listens no more.
    pub fn stop(&self) {
        if let Some(runtime) = self.runtime.lock().expect("the runtime").take() {
            runtime.shutdown_timeout(std::time::Duration::from_secs(10));
        }
    }

    /// Listens again at the same address.
    pub fn restart(&self) {
        self.stop();
        let (_, runtime) = serve(self.address, &self.state);
        *self.runtime.lock().expect("the runtime") = Some(runtime);
    }
}

impl Drop for FakeFleet {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Serves at an address until the runtime ends.
fn serve(address: SocketAddr, state: &Arc<Mutex<State>>) -> (SocketAddr, tokio::runtime::Runtime) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let incoming = runtime
        .block_on(async { tonic::transport::server::TcpIncoming::bind(address) })
        .expect("bind");
    let address = incoming.local_addr().expect("an address");
    let service = FleetServer::new(Service(state.clone()));
    runtime.spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming),
    );
    (address, runtime)
}
