//! What is counted of the fleet and of its calls.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::{BOUNDS, Open};
use crate::fleet::Fleet;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

/// Gauges of things by their state.
type States = Family<StateLabels, Gauge>;

/// The counters of the fleet.
#[derive(Debug)]
pub struct FleetMetrics {
    calls: Family<CallLabels, Counter>,
    latency: Histogram,
    heartbeats: Counter,
    watches: Gauge,
    nodes: States,
    rollouts: States,
    interval: Gauge<f64, std::sync::atomic::AtomicU64>,
}

impl FleetMetrics {
    /// Counters that a registry knows.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            calls: Family::default(),
            latency: Histogram::new(BOUNDS),
            heartbeats: Counter::default(),
            watches: Gauge::default(),
            nodes: Family::default(),
            rollouts: Family::default(),
            interval: Gauge::default(),
        };
        registry.register(
            "grpc_calls",
            "Calls of gRPC that were answered",
            metrics.calls.clone(),
        );
        registry.register_with_unit(
            "grpc_call_duration",
            "The time from the head of a call to the head of its answer",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        registry.register(
            "fleet_heartbeats",
            "Heartbeats of nodes that were taken up",
            metrics.heartbeats.clone(),
        );
        registry.register(
            "fleet_watches",
            "Open streams of hints for nodes",
            metrics.watches.clone(),
        );
        registry.register("fleet_nodes", "Nodes by state", metrics.nodes.clone());
        registry.register(
            "fleet_rollouts",
            "Rollouts by state",
            metrics.rollouts.clone(),
        );
        registry.register_with_unit(
            "fleet_heartbeat_interval",
            "The mean time between two heartbeats that the server asks a node for",
            Unit::Seconds,
            metrics.interval.clone(),
        );
        metrics
    }

    /// Counts a call of gRPC. `method` is one of few words.
    pub fn called(&self, method: &'static str, code: &'static str, took: Duration) {
        self.calls.get_or_create(&CallLabels { method, code }).inc();
        self.latency.observe(took.as_secs_f64());
    }

    /// Counts a heartbeat.
    pub fn heartbeat(&self) {
        self.heartbeats.inc();
    }

    /// Counts a stream of hints, as long as the guard lives.
    pub fn watch(&self) -> Open {
        Open::new(&self.watches)
    }

    /// Takes up how many there are now.
    pub fn update(&self, fleet: &Fleet) {
        let counts = fleet.counts();
        set(&self.nodes, &counts.nodes);
        set(&self.rollouts, &counts.rollouts);
        self.interval.set(counts.interval.as_secs_f64());
    }
}

fn set(gauges: &States, counts: &BTreeMap<&'static str, i64>) {
    for (state, count) in counts {
        gauges.get_or_create(&StateLabels { state }).set(*count);
    }
}
