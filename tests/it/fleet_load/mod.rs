//! Many agents against one running server, over few connections: they enrol, send heartbeats at the
//! times that they are told, and follow targets after a random delay. An agent that gets no answer
//! keeps its rhythm, as real ones do. Nobody has a child.

mod agent;
mod record;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_serve::fleet::v1::fleet_client::FleetClient;
use tonic::transport::Endpoint;

use self::agent::Agent;
pub use self::record::Record;

/// Which agents there are.
#[derive(Clone, Debug)]
pub struct Options {
    /// The server's address for gRPC.
    pub grpc: SocketAddr,
    /// How many agents there are.
    pub agents: u32,
    /// How many connections they share.
    pub connections: usize,
    /// The time within which they start. What happens in it is not measured.
    pub settle: Duration,
    /// The version that fails on every agent.
    pub bad: Option<String>,
    /// Whether they wait for hints.
    pub watches: bool,
}

/// Starts agents, which run until the runtime ends.
pub fn start(options: Options) -> Arc<Record> {
    let endpoint = Endpoint::from_shared(format!("http://{}", options.grpc)).expect("an address");
    let endpoint = endpoint.connect_timeout(Duration::from_secs(5));
    let clients: Vec<_> = (0..options.connections.max(1))
        .map(|_| FleetClient::new(endpoint.connect_lazy()))
        .collect();
    let record = Arc::new(Record::new(Instant::now() + options.settle));
    let options = Arc::new(options);
    for number in 0..options.agents {
        let client = clients[number as usize % clients.len()].clone();
        let agent = Agent::new(number, client, options.clone(), record.clone());
        tokio::spawn(agent.run());
    }
    record
}
