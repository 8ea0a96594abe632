//! Sends one request to one host: checks the scheme, respects the host's limits, and sends the
//! credential only to the origins that it is bound to. Redirects and retries are in
//! [`agent`](super::agent).

use std::io::{self, Seek as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, HeaderValue, IF_RANGE, RANGE,
};
use reqwest::{Body, Response, Url};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::{InspectReader, ReaderStream};

use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext as _};

use super::connect::{Resolver, extra_roots};
use super::fault::{self, Fault, Retry};
use super::hosts::{FirstRequest, Host, Hosts, Lane, Permit};
use super::request::{Head, Payload};
use super::resume::Resume;
use super::secret::{Site, shown};
use super::settings::Settings;

/// What was sent and received in this run.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
}

/// Sends requests, and counts them and their bytes.
#[derive(Debug)]
pub(super) struct Transport {
    pub(super) settings: Settings,
    pub(super) counters: Arc<Counters>,
    http: reqwest::Client,
    /// Why no server can be trusted, if this machine has no certificates of authorities.
    no_roots: Option<String>,
    hosts: Hosts,
}

/// The answer to one request of a redirect chain. Its body has not been read yet.
pub(super) struct Hop {
    pub(super) response: Response,
    pub(super) url: Url,
    pub(super) authorized: bool,
    /// The proxy that the request went through, for messages.
    pub(super) proxy: Option<String>,
    pub(super) _permit: Permit,
}

/// A client with everything but the certificates to trust.
fn client(settings: &Settings) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(&settings.user_agent)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .connect_timeout(settings.connect)
        .tcp_nodelay(true)
        .dns_resolver(Resolver);
    if settings.proxies.is_empty() {
        return builder;
    }
    let proxies = settings.proxies.clone();
    // A value that can't be used never gets here: `hop` returns its error.
    builder.proxy(reqwest::Proxy::custom(move |url| {
        let proxy = proxies.of(url).ok().flatten()?;
        Some(proxy.url.clone())
    }))
}

impl Transport {
    pub(super) fn new(settings: Settings, counters: Arc<Counters>) -> Result<Self> {
        // An error means that a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = extra_roots(settings.ca_file.as_deref())?;
        let mut no_roots = None;
        let http = match client(&settings).tls_certs_merge(roots).build() {
            Ok(http) => http,
            // Without the certificates of a single authority the system's verifier does not start.
            // Requests that need none must work all the same.
            Err(error) => {
                no_roots = Some(fault::root(&error));
                client(&settings)
                    .tls_certs_only([])
                    .build()
                    .map_err(|e| Error::failed("cannot set up https").cause(fault::root(&e)))?
            }
        };
        Ok(Self {
            settings,
            counters,
            http,
            no_roots,
            hosts: Hosts::default(),
        })
    }

    /// The state of the host of a url.
    pub(super) fn host(&self, url: &Url) -> Arc<Host> {
        if self.settings.forgets_hosts {
            return Hosts::unknown(self.settings.per_host);
        }
        self.hosts.get(&authority(url), self.settings.per_host)
    }

    /// Sends one request to one host.
    pub(super) async fn hop(
        &self,
        head: &Head,
        url: &Url,
        resume: Option<&Resume>,
        payload: &Payload,
        moved: &Arc<AtomicU64>,
        lane: Lane,
    ) -> Result<Hop, Fault> {
        self.settings.check_scheme(url).map_err(Fault::never)?;
        let proxy = self.settings.proxies.of(url).map_err(Fault::never)?;
        let place = shown(url);
        if let Some(why) = self.no_roots.as_ref().filter(|_| url.scheme() == "https") {
            return Err(Fault::never(fault::without_roots(&place, why)));
        }
        let host = self.host(url);
        let credential = head
            .credential
            .as_ref()
            .filter(|c| c.sites.contains(&Site::of(url)));
        let authorized = credential.is_some();
        let permit = host.acquire_slot(lane, self.settings.stall).await;
        if let Some((left, error)) = host.rate_limit(authorized) {
            if left > self.settings.rate_limit_wait {
                return Err(Fault::never(error));
            }
            tokio::time::sleep(left).await;
        }
        let first = host.check_reachable().await.map_err(Fault::never)?;

        let mut request = self.http.request(head.method.clone(), url.clone());
        request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // All headers except Accept and Cache-Control are meant only for the origin of the request.
        let same_origin = Site::of(url) == Site::of(&head.url);
        for (header, value) in &head.headers {
            if same_origin || [ACCEPT, CACHE_CONTROL].contains(header) {
                request = request.header(header, value);
            }
        }
        if let Some(credential) = credential {
            let mut value = HeaderValue::from_str(credential.value.expose()).map_err(|_| {
                Fault::never(Error::usage(
                    "the token contains characters that an HTTP header can't contain",
                ))
            })?;
            value.set_sensitive(true);
            request = request.header(credential.header.clone(), value);
        }
        if let Some(Resume { offset, validator }) = resume {
            request = request
                .header(RANGE, format!("bytes={offset}-"))
                .header(IF_RANGE, validator);
        }
        moved.store(0, Ordering::Relaxed);
        request = match payload {
            Payload::None => request,
            Payload::Bytes(bytes) => {
                self.counters
                    .sent
                    .fetch_add(bytes.len() as u64, Ordering::Relaxed);
                request.body(bytes.clone())
            }
            Payload::File { path, part } => {
                let mut file = fs::open(path).map_err(Fault::never)?;
                let at = io::SeekFrom::Start(part.start);
                file.seek(at).at("read", path).map_err(Fault::never)?;
                let size = part.end - part.start;
                let file = tokio::fs::File::from_std(file).take(size);
                let (moved, counters) = (Arc::clone(moved), Arc::clone(&self.counters));
                let counted = InspectReader::new(file, move |bytes: &[u8]| {
                    moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    counters
                        .sent
                        .fetch_add(bytes.len() as u64, Ordering::Relaxed);
                });
                let stream = ReaderStream::with_capacity(counted, 64 * 1024);
                request
                    .header(CONTENT_LENGTH, size)
                    .body(Body::wrap_stream(stream))
            }
        };

        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        match self.wait_while_sending(request.send(), moved).await {
            Some(Ok(response)) => {
                first.map_or_else(|| host.answered(), FirstRequest::reached);
                Ok(Hop {
                    response,
                    url: url.clone(),
                    authorized,
                    proxy: proxy.map(ToString::to_string),
                    _permit: permit,
                })
            }
            Some(Err(error)) => {
                let fault = fault::of_transport(error, &authority(url), &place, proxy);
                match (fault.retry, first) {
                    (Retry::Unreachable, Some(first)) => {
                        first.not_reached(fault.error.clone());
                        Err(fault)
                    }
                    // The host answered before, so the fault may be temporary. After several such
                    // faults in a row the host counts as unreachable.
                    (Retry::Unreachable, None) => {
                        host.connection_failed(self.settings.retries, &fault.error)
                            .await;
                        Err(Fault {
                            retry: Retry::Soon,
                            ..fault
                        })
                    }
                    (_, first) => {
                        first.into_iter().for_each(FirstRequest::reached);
                        Err(fault)
                    }
                }
            }
            None => {
                first.into_iter().for_each(FirstRequest::reached);
                let idle = self.settings.idle.as_secs_f32();
                Err(Fault::soon(Error::unavailable(format!(
                    "{place} did not answer for {idle} s"
                ))))
            }
        }
    }

    /// Waits for an answer as long as bytes of the request are being sent; `None` if nothing has
    /// been sent or received for too long.
    async fn wait_while_sending<T>(
        &self,
        answer: impl Future<Output = T>,
        moved: &AtomicU64,
    ) -> Option<T> {
        let mut answer = std::pin::pin!(answer);
        let mut seen = moved.load(Ordering::Relaxed);
        loop {
            if let Ok(answer) = tokio::time::timeout(self.settings.idle, &mut answer).await {
                return Some(answer);
            }
            let now = moved.load(Ordering::Relaxed);
            if now == seen {
                return None;
            }
            seen = now;
        }
    }
}

/// Host and port.
pub(super) fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(0)
    )
}
