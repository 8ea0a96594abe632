//! Many agents against one running server, over few connections: they enrol, send heartbeats at the
//! times that they are told, and follow targets after a random delay. Prints one JSON object.
//!
//! usage: `fleet_load --grpc ADDRESS --http ADDRESS [--agents 1000] [--seconds 60] [--settle 15]
//! [--connections 8] [--pid PID] [--bad VERSION] [--watch]`
//!
//! The agents start within the seconds of `--settle`, which are not measured. `--pid` is the server,
//! whose processor time is measured. A version that is `--bad` fails on every agent. With `--watch`
//! each agent also waits for hints. An agent that gets no answer keeps its rhythm, as real ones do.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]

mod agent;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_serve::fleet::v1::fleet_client::FleetClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::transport::Endpoint;

use self::agent::Agent;
use self::record::Record;

/// What the arguments say.
#[derive(Debug)]
pub struct Options {
    grpc: String,
    http: String,
    agents: u32,
    seconds: u64,
    settle: u64,
    connections: usize,
    pid: Option<u32>,
    /// The version that fails.
    pub bad: Option<String>,
    /// Whether agents wait for hints.
    pub watches: bool,
}

impl Options {
    fn read() -> Self {
        let mut options = Self {
            grpc: String::new(),
            http: String::new(),
            agents: 1000,
            seconds: 60,
            settle: 15,
            connections: 8,
            pid: None,
            bad: None,
            watches: false,
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--watch" {
                options.watches = true;
                continue;
            }
            let value = arguments.next().expect("a value");
            let number = || value.parse::<u64>().expect("a number");
            let small = || u32::try_from(number()).expect("a small number");
            match name.as_str() {
                "--grpc" => options.grpc = value,
                "--http" => options.http = value,
                "--agents" => options.agents = small(),
                "--seconds" => options.seconds = number(),
                "--settle" => options.settle = number(),
                "--connections" => options.connections = small() as usize,
                "--pid" => options.pid = Some(small()),
                "--bad" => options.bad = Some(value),
                _ => panic!("{name} is no option"),
            }
        }
        options
    }
}

#[tokio::main]
async fn main() {
    let options = Arc::new(Options::read());
    let endpoint = Endpoint::from_shared(format!("http://{}", options.grpc)).expect("an address");
    let endpoint = endpoint.connect_timeout(Duration::from_secs(5));
    let clients: Vec<_> = (0..options.connections.max(1))
        .map(|_| FleetClient::new(endpoint.connect_lazy()))
        .collect();
    let settle = Duration::from_secs(options.settle);
    let record = Arc::new(Record::new(Instant::now() + settle, options.seconds));
    for number in 0..options.agents {
        let client = clients[number as usize % clients.len()].clone();
        let agent = Agent::new(number, client, options.clone(), record.clone());
        tokio::spawn(agent.run(settle));
    }
    tokio::time::sleep(settle).await;
    let cpu = options.pid.map(cpu_seconds);
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(options.seconds) {
        if let Some(text) = metrics(&options.http).await {
            record.metrics(&text);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let cpu = options.pid.zip(cpu);
    let cpu = cpu.map(|(pid, before)| (cpu_seconds(pid) - before) / start.elapsed().as_secs_f64());
    println!("{}", record.json(options.agents, cpu));
}

/// The metrics of the server; nothing if it does not answer.
async fn metrics(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    read.ok()?.ok()?;
    Some(text)
}

/// The processor time that a process has used, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process");
    // The name of the program, in parentheses, may hold spaces. A second has a hundred ticks.
    let (_, fields) = stat.rsplit_once(") ").expect("fields");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| fields[index].parse::<f64>().expect("ticks");
    (ticks(11) + ticks(12)) / 100.0
}
