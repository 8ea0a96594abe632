//! What was measured.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tonic::Status;

/// What was measured, from a moment on.
#[derive(Debug)]
pub struct Record {
    start: Instant,
    seconds: u64,
    measured: Mutex<Measured>,
}

#[derive(Debug, Default)]
struct Measured {
    latencies: Vec<Duration>,
    per_second: Vec<u32>,
    failed: BTreeMap<String, u64>,
    /// The most nodes in a state that the server has shown at a time, and its interval.
    most: BTreeMap<String, f64>,
}

impl Record {
    /// Measures so many seconds from a moment on.
    pub fn new(start: Instant, seconds: u64) -> Self {
        let measured = Measured {
            per_second: vec![0; usize::try_from(seconds).expect("a number")],
            ..Measured::default()
        };
        Self {
            start,
            seconds,
            measured: Mutex::new(measured),
        }
    }

    fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().expect("a lock")
    }

    /// A heartbeat was answered now.
    pub fn heartbeat(&self, sent: Instant) {
        let now = Instant::now();
        let Some(since) = now.checked_duration_since(self.start) else {
            return;
        };
        let mut measured = self.measured();
        measured.latencies.push(now - sent);
        let second = usize::try_from(since.as_secs()).expect("a number");
        if let Some(count) = measured.per_second.get_mut(second) {
            *count += 1;
        }
    }

    /// A call was refused.
    pub fn failed(&self, status: &Status) {
        let code = format!("{:?}", status.code());
        *self.measured().failed.entry(code).or_default() += 1;
    }

    /// Takes up metrics of the server.
    pub fn metrics(&self, text: &str) {
        let mut measured = self.measured();
        for line in text.lines() {
            let Some((name, value)) = line
                .strip_prefix("larder_serve_fleet_")
                .and_then(|line| line.split_once(' '))
            else {
                continue;
            };
            let Ok(value) = value.parse::<f64>() else {
                continue;
            };
            let most = measured.most.entry(name.to_owned()).or_default();
            *most = most.max(value);
        }
    }

    /// All of it.
    pub fn json(&self, agents: u32, cpu: Option<f64>) -> Value {
        let mut measured = self.measured();
        measured.latencies.sort_unstable();
        let count = measured.latencies.len();
        let at = |part: f64| {
            let index = ((count as f64 * part) as usize).min(count.saturating_sub(1));
            let latency = measured.latencies.get(index).copied();
            (latency.unwrap_or_default().as_secs_f64() * 1e6).round() / 1000.0
        };
        let most = |name: &str| measured.most.get(name).copied();
        let state = |state: &str| most(&format!("nodes{{state=\"{state}\"}}"));
        let mean = count as f64 / self.seconds as f64;
        let highest = measured.per_second.iter().max();
        json!({
            "agents": agents,
            "seconds": self.seconds,
            "heartbeats": count,
            "failed": measured.failed,
            "latency_ms": {"p50": at(0.5), "p99": at(0.99), "max": at(1.0)},
            "mean_per_second": mean,
            "highest_per_second": highest,
            "per_second": measured.per_second,
            "interval_seconds": most("heartbeat_interval_seconds"),
            "most": {"lost": state("lost"), "suspect": state("suspect"), "ready": state("ready")},
            "watches": most("watches"),
            "cpu": cpu,
        })
    }
}
