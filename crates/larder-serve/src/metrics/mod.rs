//! What the server counts, in the format that Prometheus reads.

mod fleet;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::fleet::FleetMetrics;
use crate::fleet::Fleet;
use crate::index::Index;

/// The media type of the metrics.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The route of requests that fit none.
pub const NO_ROUTE: &str = "none";

/// The bounds of the histogram, in seconds.
const BOUNDS: [f64; 10] = [
    0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0,
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    reason: &'static str,
}

/// The counters.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    latency: Histogram,
    sent: Counter,
    received: Counter,
    rejected: Family<ReasonLabels, Counter>,
    connections: Gauge,
    /// What is counted of the fleet.
    pub fleet: FleetMetrics,
    files: Gauge,
    bytes: Gauge<i64>,
    refused: Gauge,
    ready: Gauge,
    hashed: Counter<u64, AtomicU64>,
    remembered: Counter<u64, AtomicU64>,
    walks: Counter<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("larder_serve");
        let metrics = Self {
            requests: Family::default(),
            latency: Histogram::new(BOUNDS),
            sent: Counter::default(),
            received: Counter::default(),
            rejected: Family::default(),
            connections: Gauge::default(),
            fleet: FleetMetrics::new(&mut registry),
            files: Gauge::default(),
            bytes: Gauge::default(),
            refused: Gauge::default(),
            ready: Gauge::default(),
            hashed: Counter::default(),
            remembered: Counter::default(),
            walks: Counter::default(),
            registry: Registry::default(),
        };
        registry.register(
            "requests",
            "Requests that were answered",
            metrics.requests.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "The time from the head of a request to the head of its answer",
            Unit::Seconds,
            metrics.latency.clone(),
        );
        registry.register_with_unit("sent", "Content sent", Unit::Bytes, metrics.sent.clone());
        registry.register_with_unit(
            "received",
            "Content of uploads received",
            Unit::Bytes,
            metrics.received.clone(),
        );
        registry.register(
            "rejected",
            "Requests and connections that were not answered as asked, by reason",
            metrics.rejected.clone(),
        );
        registry.register(
            "connections",
            "Open connections",
            metrics.connections.clone(),
        );
        registry.register("index_files", "Registered files", metrics.files.clone());
        registry.register_with_unit(
            "index_size",
            "The size of all registered files",
            Unit::Bytes,
            metrics.bytes.clone(),
        );
        registry.register(
            "index_refused_files",
            "Files in the folder that are not registered",
            metrics.refused.clone(),
        );
        registry.register(
            "ready",
            "Whether the server is ready",
            metrics.ready.clone(),
        );
        registry.register(
            "index_hashed_files",
            "Files that were hashed",
            metrics.hashed.clone(),
        );
        registry.register(
            "index_remembered_files",
            "Files whose digest was known from an earlier run",
            metrics.remembered.clone(),
        );
        registry.register(
            "index_walks",
            "Walks through the folder",
            metrics.walks.clone(),
        );
        Self {
            registry,
            ..metrics
        }
    }
}

impl Metrics {
    /// Counts an answer. `route` is the pattern of the path, never the path.
    pub fn answered(&self, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let labels = RequestLabels {
            method: word(method),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        self.latency.observe(took.as_secs_f64());
    }

    /// Counts content that was sent.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }

    /// Counts content that was received.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Counts what was rejected. `reason` is one of few words.
    pub fn rejected(&self, reason: &'static str) {
        self.rejected.get_or_create(&ReasonLabels { reason }).inc();
    }

    /// Counts a connection, as long as the guard lives.
    pub fn connection(&self) -> Open {
        Open::new(&self.connections)
    }

    /// All metrics as text.
    pub fn text(&self, index: &Index, fleet: &Fleet, is_ready: bool) -> String {
        self.fleet.update(fleet);
        let snapshot = index.snapshot();
        let size: u64 = snapshot
            .entries()
            .iter()
            .map(|entry| entry.stamp.size)
            .sum();
        self.files
            .set(i64::try_from(snapshot.entries().len()).unwrap_or(i64::MAX));
        self.bytes.set(i64::try_from(size).unwrap_or(i64::MAX));
        let counts = index.counts();
        self.refused
            .set(i64::try_from(counts.refused.load(Relaxed)).unwrap_or(i64::MAX));
        self.ready.set(i64::from(is_ready));
        for (counter, count) in [
            (&self.hashed, &counts.hashed),
            (&self.remembered, &counts.remembered),
            (&self.walks, &counts.walks),
        ] {
            counter.inner().fetch_max(count.load(Relaxed), Relaxed);
        }
        let mut text = String::new();
        // Writing to a string can't fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

/// Something that is open, and counted as long as it is.
#[derive(Debug)]
pub struct Open(Gauge);

impl Open {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// Methods as labels: clients can send any word.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
