//! Many agents against one running server. Prints one JSON object.
//!
//! usage: `fleet_load --grpc ADDRESS --http ADDRESS [--agents 1000] [--seconds 60] [--settle 15]
//! [--connections 8] [--pid PID] [--bad VERSION] [--watch]`
//!
//! The agents start within the seconds of `--settle`, which are not measured. `--pid` is the server,
//! whose processor time is measured. A version that is `--bad` fails on every agent. With `--watch`
//! each agent also waits for hints.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]

#[path = "../it/fleet_load/mod.rs"]
mod fleet_load;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use fleet_load::Options;

/// What the arguments say.
struct Arguments {
    options: Options,
    http: String,
    time: Duration,
    pid: Option<u32>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self {
            options: Options {
                grpc: SocketAddr::from((Ipv4Addr::LOCALHOST, 7000)),
                agents: 1000,
                connections: 8,
                settle: Duration::from_secs(15),
                bad: None,
                watches: false,
            },
            http: "127.0.0.1:7001".to_owned(),
            time: Duration::from_mins(1),
            pid: None,
        };
        let options = &mut read.options;
        let mut arguments = std::env::args().skip(1);
        while let Some(name) = arguments.next() {
            if name == "--watch" {
                options.watches = true;
                continue;
            }
            let value = arguments.next().expect("a value");
            let number = || value.parse::<u32>().expect("a number");
            match name.as_str() {
                "--grpc" => options.grpc = value.parse().expect("an address"),
                "--http" => read.http = value,
                "--agents" => options.agents = number(),
                "--seconds" => read.time = Duration::from_secs(number().into()),
                "--settle" => options.settle = Duration::from_secs(number().into()),
                "--connections" => options.connections = number() as usize,
                "--pid" => read.pid = Some(number()),
                "--bad" => options.bad = Some(value),
                _ => panic!("{name} is no option"),
            }
        }
        read
    }
}

#[tokio::main]
async fn main() {
    let arguments = Arguments::read();
    let settle = arguments.options.settle;
    let agents = arguments.options.agents;
    let record = fleet_load::start(arguments.options);
    tokio::time::sleep(settle).await;
    let start = Instant::now();
    let before = arguments.pid.map(cpu_seconds);
    while start.elapsed() < arguments.time {
        if let Some(text) = metrics(&arguments.http).await {
            record.metrics(&text);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let mut all = record.json();
    all["agents"] = agents.into();
    if let Some((pid, before)) = arguments.pid.zip(before) {
        all["cpu"] = json!((cpu_seconds(pid) - before) / start.elapsed().as_secs_f64());
    }
    println!("{all}");
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
