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
    /// Measures from a moment on.
    pub fn new(start: Instant) -> Self {
        Self {
            start,
            measured: Mutex::default(),
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
        let length = measured.per_second.len().max(second + 1);
        measured.per_second.resize(length, 0);
        measured.per_second[second] += 1;
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
    pub fn json(&self) -> Value {
        let seconds = self.start.elapsed().as_secs_f64();
        let mut measured = self.measured();
        measured.latencies.sort_unstable();
        let count = measured.latencies.len();
        let at = |percent: usize| {
            let index = (count * percent / 100).min(count.saturating_sub(1));
            let latency = measured.latencies.get(index).copied();
            (latency.unwrap_or_default().as_secs_f64() * 1e6).round() / 1000.0
        };
        let most = |name: &str| measured.most.get(name).copied();
        let state = |state: &str| most(&format!("nodes{{state=\"{state}\"}}"));
        // The last second is not over.
        let per_second = measured
            .per_second
            .split_last()
            .map_or(&[][..], |(_, all)| all);
        json!({
            "seconds": seconds,
            "heartbeats": count,
            "failed": measured.failed,
            "latency_ms": {"p50": at(50), "p99": at(99), "max": at(100)},
            "mean_per_second": count as f64 / seconds,
            "highest_per_second": per_second.iter().max(),
            "per_second": per_second,
            "interval_seconds": most("heartbeat_interval_seconds"),
            "most": {"lost": state("lost"), "suspect": state("suspect"), "ready": state("ready")},
            "watches": most("watches"),
        })
    }
}
