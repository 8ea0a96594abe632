//! What all requests share, and what is done to each of them whichever way it is answered.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use tokio::sync::watch;

use crate::access::{Access, Caller};
use crate::fleet::Fleet;
use crate::index::Index;
use crate::index::snapshot::Document;
use crate::log::{Level, Log};
use crate::metrics::Metrics;
use crate::problem::{Problem, Result};
use crate::settings::Settings;

/// The header with which a request can be found in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest target of a request.
pub const LONGEST_TARGET: usize = 8 * 1024;

/// What all requests share.
#[derive(Debug)]
pub struct Server {
    /// The settings.
    pub settings: Settings,
    /// The registered files.
    pub index: Arc<Index>,
    /// The machines whose agents follow channels.
    pub fleet: Arc<Fleet>,
    /// Who may do what.
    pub access: Access,
    /// What is counted.
    pub metrics: Metrics,
    /// The log.
    pub log: Log,
    /// Whether the server is to stop.
    pub stopping: watch::Receiver<bool>,
    /// The description of the API, made when it is first asked for.
    pub description: OnceLock<Document>,
    /// The first half of all request ids of this process.
    process: u32,
    next: AtomicU64,
}

/// A request, as far as it matters to everyone.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target.
    pub uri: &'a Uri,
    /// The version.
    pub version: Version,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The address at the other end of the connection.
    pub peer: IpAddr,
}

impl Server {
    /// A server.
    pub fn new(
        settings: Settings,
        (index, fleet): (Arc<Index>, Arc<Fleet>),
        access: Access,
        log: Log,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let now = jiff::Timestamp::now().as_nanosecond();
        let process = now ^ (i128::from(std::process::id()) << 20);
        Self {
            settings,
            index,
            fleet,
            access,
            metrics: Metrics::default(),
            log,
            stopping,
            description: OnceLock::new(),
            process: u32::try_from(process & 0xffff_ffff).unwrap_or(0),
            next: AtomicU64::new(0),
        }
    }

    /// Whether the server is to stop.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until the server is to stop.
    pub async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// Whether requests are answered with all that there is.
    pub fn is_ready(&self) -> bool {
        self.index.is_ready() && !self.is_stopping()
    }

    /// Admits a request, or says why not.
    pub fn admit(&self, request: RequestHead<'_>) -> Result<Caller> {
        let RequestHead {
            method,
            uri,
            version,
            headers,
            peer,
        } = request;
        let hosts = headers.get_all(HOST).iter().count();
        if hosts > 1 || (hosts == 0 && version == Version::HTTP_11) {
            return Err(Problem::bad_request(
                "a request needs exactly one header Host (RFC 9112, section 3.2)",
            ));
        }
        if headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH) {
            return Err(Problem::bad_request(
                "a request has either Transfer-Encoding or Content-Length, not both",
            ));
        }
        if uri.path().len() + uri.query().map_or(0, str::len) > LONGEST_TARGET {
            let detail = format!("the target of the request is longer than {LONGEST_TARGET} bytes");
            return Err(Problem::new(StatusCode::URI_TOO_LONG, detail));
        }
        let admitted = self
            .access
            .admit(method, uri.path(), headers, peer, |secret| {
                self.fleet.node_of_secret(secret)
            });
        admitted.inspect_err(|problem| {
            self.metrics.rejected(match problem.status() {
                StatusCode::UNAUTHORIZED => "unauthorized",
                StatusCode::FORBIDDEN => "forbidden",
                _ => "limit",
            });
        })
    }

    /// The id of a request: the client's own if it has a reasonable one.
    pub fn request_id(&self, headers: &HeaderMap) -> HeaderValue {
        let is_reasonable = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            (1..=64).contains(&bytes.len())
                && bytes
                    .iter()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        };
        if let Some(own) = headers.get(REQUEST_ID).filter(is_reasonable) {
            return own.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:08x}-{number:08x}", self.process);
        HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static(""))
    }

    /// Adds the headers that every answer has.
    pub fn finish(headers: &mut HeaderMap, id: HeaderValue) {
        headers.insert(REQUEST_ID, id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }

    /// Counts an answer, and logs it. `route` is the pattern of the path.
    pub fn answered(
        &self,
        (method, uri, peer): (&Method, &Uri, IpAddr),
        route: &str,
        (status, id): (StatusCode, &HeaderValue),
        started: Instant,
    ) {
        let took = started.elapsed();
        self.metrics.answered(method, route, status, took);
        let level = if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            Level::Error
        } else {
            Level::Detail
        };
        if !self.log.writes(level) {
            return;
        }
        let path: String = uri.path().chars().take(300).collect();
        let id = id.to_str().unwrap_or_default();
        let seconds = took.as_secs_f64();
        self.log.line(
            level,
            &format!("{peer} {method} {path} → {}", status.as_u16()),
            &[
                ("peer", &peer),
                ("method", method),
                ("path", &path),
                ("status", &status.as_u16()),
                ("seconds", &seconds),
                ("request", &id),
            ],
        );
    }
}
