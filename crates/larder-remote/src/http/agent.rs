//! One attempt, and attempts in a row: redirects followed by hand, the hosts' gates, pauses, deadlines. Async; knows nothing
//! of the threads that wait for it.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderValue,
    IF_RANGE, LOCATION, RANGE,
};
use reqwest::{Body, Method, Response, Url};
use tokio_util::io::{InspectReader, ReaderStream};

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::{fs, hosts};

use super::fault::{self, Again, Fault};
use super::hosts::{First, Hosts, Lane, Permit};
use super::request::{Answer, Expect, Head, Payload, Repeat};
use super::secret::{Site, check_url, shown};
use super::settings::Settings;
use super::tls;

const MAX_REDIRECTS: usize = 10;
/// Error pages are read up to here; the rest says nothing new.
const MAX_ERROR_BODY: u64 = 256 * 1024;

/// What moved in this run.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) requests: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
}

/// Speaks HTTP.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) settings: Settings,
    pub(super) cancel: Cancel,
    pub(super) counters: Arc<Counters>,
    http: reqwest::Client,
    hosts: Hosts,
}

/// Where a resumed transfer goes on, if nothing changed.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) validator: String,
}

/// The last answer of a chain of redirects, its body not read yet.
pub(super) struct Hop {
    pub(super) response: Response,
    pub(super) url: Url,
    pub(super) authorized: bool,
    pub(super) _permit: Permit,
}

/// How attempts ended: with something to read, or an answer of status 400 or more.
pub(super) enum Settled {
    Open(Hop),
    Closed(Answer),
}

impl Agent {
    pub(super) fn new(settings: Settings, cancel: Cancel, counters: Arc<Counters>) -> Result<Self> {
        // Someone may have installed it before; then there is nothing to do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = reqwest::Client::builder()
            .user_agent(&settings.user_agent)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(settings.connect)
            .tcp_nodelay(true)
            .dns_resolver(Resolver)
            .tls_certs_merge(tls::extra_roots(settings.ca_file.as_deref())?);
        let http = builder
            .build()
            .map_err(|e| Error::failed("cannot set up https").cause(e))?;
        Ok(Self {
            settings,
            cancel,
            counters,
            http,
            hosts: Hosts::default(),
        })
    }

    /// Attempts until one settles the matter. 4xx and, once tries are used up, 5xx settle it too.
    pub(super) async fn settle(
        &self,
        head: &Head,
        payload: &Payload,
        moved: &Arc<AtomicU64>,
        lane: Lane,
    ) -> Result<Settled> {
        let mut tries = Tries::new(&self.settings);
        loop {
            match self.attempt(head, None, payload, moved, lane).await {
                Ok(hop) if hop.response.status().as_u16() < 400 => return Ok(Settled::Open(hop)),
                Ok(hop) => {
                    let mut answer = self.error_answer(hop).await;
                    let Some(again) = fault::of_status(
                        answer.status,
                        &answer.headers,
                        &answer.body,
                        SystemTime::now(),
                    ) else {
                        return Ok(Settled::Closed(answer));
                    };
                    let untouched = matches!(answer.status, 403 | 429);
                    answer.limited = untouched;
                    if !may_repeat(head.repeat, untouched)
                        || !self.pause(&mut tries, again, &answer).await?
                    {
                        return Ok(Settled::Closed(answer));
                    }
                }
                Err(fault) => {
                    let may = may_repeat(head.repeat, fault.untouched)
                        && matches!(fault.again, Again::Soon | Again::After(_));
                    let Some(pause) = tries.next().filter(|_| may) else {
                        return Err(fault.error);
                    };
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Waits before another attempt after an answer; false where there is to be none.
    pub(super) async fn pause(
        &self,
        tries: &mut Tries,
        again: Again,
        answer: &Answer,
    ) -> Result<bool> {
        let Some(pause) = tries.next() else {
            return Ok(false);
        };
        let Again::After(asked) = again else {
            tokio::time::sleep(pause).await;
            return Ok(true);
        };
        let host = self
            .hosts
            .get(&authority(&answer.base), self.settings.per_host);
        let limit = self.settings.rate_limit_wait;
        // The same wait for a limit that our settings cut short in tests.
        let secondary = asked == Duration::from_mins(1);
        let asked = if secondary { asked.min(limit) } else { asked };
        tries.rested += asked;
        if asked > limit {
            let error = answer.error().hint(format!(
                "it wants to be left alone for {} s",
                asked.as_secs()
            ));
            host.set_rest(answer.authorized, asked, &error);
            return Err(error);
        }
        if tries.rested > limit {
            return Ok(false);
        }
        host.set_rest(answer.authorized, asked, &answer.error());
        tokio::time::sleep(asked).await;
        Ok(true)
    }

    /// One attempt: from the first url along redirects to an answer that is none.
    pub(super) async fn attempt(
        &self,
        head: &Head,
        resume: Option<&Resume>,
        payload: &Payload,
        moved: &Arc<AtomicU64>,
        lane: Lane,
    ) -> Result<Hop, Fault> {
        let mut url = head.url.clone();
        let mut seen = HashSet::from([url.clone()]);
        loop {
            let hop = self.hop(head, &url, resume, payload, moved, lane).await?;
            let Some(next) = self.redirect(head, &hop)? else {
                return Ok(hop);
            };
            if seen.len() > MAX_REDIRECTS || !seen.insert(next.clone()) {
                let what = if seen.contains(&next) {
                    "redirects in a circle"
                } else {
                    "redirects more than ten times"
                };
                return Err(Fault::never(Error::refused(format!(
                    "{} {what}",
                    shown(&head.url)
                ))));
            }
            url = next;
        }
    }

    /// Where an answer leads on, if it does.
    fn redirect(&self, head: &Head, hop: &Hop) -> Result<Option<Url>, Fault> {
        let status = hop.response.status().as_u16();
        let Some(location) = hop.response.headers().get(LOCATION) else {
            return Ok(None);
        };
        let follow = match status {
            301..=303 => head.method == Method::GET || head.method == Method::HEAD,
            307 | 308 => true,
            _ => false,
        };
        if !follow {
            return Ok(None);
        }
        let from = shown(&hop.url);
        let broken = |e: &dyn std::fmt::Display| {
            Fault::never(Error::unavailable(format!("{from} redirects to what is no url")).cause(e))
        };
        let text = std::str::from_utf8(location.as_bytes()).map_err(|e| broken(&e))?;
        let mut next = hop.url.join(text).map_err(|e| broken(&e))?;
        next.set_fragment(None);
        let refused = |why: &str| {
            Fault::never(Error::refused(format!("{from} redirects to {}", shown(&next))).cause(why))
        };
        check_url(&next).map_err(|e| refused(e.message()))?;
        if hop.url.scheme() == "https" && next.scheme() != "https" {
            return Err(refused("from https to plain http is never followed"));
        }
        self.settings
            .check_scheme(&next)
            .map_err(|e| refused(e.message()))?;
        let foreign = Site::of(&next) != Site::of(&hop.url);
        if foreign && head.method != Method::GET && head.method != Method::HEAD {
            return Err(refused("what is to be written goes to no other host"));
        }
        Ok(Some(next))
    }

    /// One request to one host.
    async fn hop(
        &self,
        head: &Head,
        url: &Url,
        resume: Option<&Resume>,
        payload: &Payload,
        moved: &Arc<AtomicU64>,
        lane: Lane,
    ) -> Result<Hop, Fault> {
        self.settings.check_scheme(url).map_err(Fault::never)?;
        let place = shown(url);
        let name = authority(url);
        let host = self.hosts.get(&name, self.settings.per_host);
        let credential = head
            .credential
            .as_ref()
            .filter(|c| c.sites.contains(&Site::of(url)));
        let authorized = credential.is_some();
        let permit = host.enter(lane, self.settings.stall).await;
        if let Some((left, error)) = host.rest(authorized) {
            if left > self.settings.rate_limit_wait {
                return Err(Fault::never(error));
            }
            tokio::time::sleep(left).await;
        }
        let first = host.reach().await.map_err(Fault::never)?;

        let mut request = self.http.request(head.method.clone(), url.clone());
        request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // Headers besides Accept and Cache-Control are meant for the origin that was asked.
        let at_home = Site::of(url) == Site::of(&head.url);
        for (header, value) in &head.headers {
            if at_home || [ACCEPT, CACHE_CONTROL].contains(header) {
                request = request.header(header, value);
            }
        }
        if let Some(credential) = credential {
            let mut value = HeaderValue::from_str(credential.value.expose()).map_err(|_| {
                Fault::never(Error::usage("the token holds characters that no token has"))
            })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
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
            Payload::File { path, size } => {
                let file = tokio::fs::File::from_std(fs::open(path).map_err(Fault::never)?);
                let (moved, counters) = (Arc::clone(moved), Arc::clone(&self.counters));
                let counted = InspectReader::new(file, move |bytes: &[u8]| {
                    moved.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    counters
                        .sent
                        .fetch_add(bytes.len() as u64, Ordering::Relaxed);
                });
                let stream = ReaderStream::with_capacity(counted, 64 * 1024);
                request
                    .header(CONTENT_LENGTH, *size)
                    .body(Body::wrap_stream(stream))
            }
        };

        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        match self.patiently(request.send(), moved).await {
            Some(Ok(response)) => {
                first.map_or_else(|| host.answered(), First::alive);
                Ok(Hop {
                    response,
                    url: url.clone(),
                    authorized,
                    _permit: permit,
                })
            }
            Some(Err(error)) => {
                let fault = fault::of_transport(error, &name, &place);
                match (fault.again, first) {
                    (Again::Dead, Some(first)) => {
                        first.dead(fault.error.clone());
                        Err(fault)
                    }
                    // It was reached before, so this may pass; not for ever.
                    (Again::Dead, None) => {
                        host.missed(self.settings.retries, &fault.error).await;
                        Err(Fault {
                            again: Again::Soon,
                            ..fault
                        })
                    }
                    (_, first) => {
                        first.into_iter().for_each(First::alive);
                        Err(fault)
                    }
                }
            }
            None => {
                first.into_iter().for_each(First::alive);
                let silent = self.settings.idle.as_secs_f32();
                Err(Fault::soon(Error::unavailable(format!(
                    "{place} did not answer for {silent} s"
                ))))
            }
        }
    }

    /// Waits for an answer as long as our own bytes move; `None` after silence.
    async fn patiently<T>(&self, answer: impl Future<Output = T>, moved: &AtomicU64) -> Option<T> {
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

    /// An error answer with as much of its body as can be had.
    pub(super) async fn error_answer(&self, mut hop: Hop) -> Answer {
        let status = hop.response.status().as_u16();
        let headers = std::mem::take(hop.response.headers_mut());
        let mut body = Vec::new();
        while let Ok(Ok(Some(chunk))) =
            tokio::time::timeout(self.settings.idle, hop.response.chunk()).await
        {
            self.counters
                .received
                .fetch_add(chunk.len() as u64, Ordering::Relaxed);
            body.extend_from_slice(&chunk);
            if body.len() as u64 > MAX_ERROR_BODY {
                break;
            }
        }
        Answer {
            status,
            headers,
            body,
            url: shown(&hop.url),
            authorized: hop.authorized,
            limited: false,
            base: hop.url,
        }
    }

    /// The whole of a small answer, or a fault that another attempt may mend.
    pub(super) async fn whole_answer(&self, mut hop: Hop, limit: u64) -> Result<Answer, Fault> {
        let (status, place) = (hop.response.status().as_u16(), shown(&hop.url));
        let headers = std::mem::take(hop.response.headers_mut());
        let mut body = Vec::new();
        loop {
            let chunk = match tokio::time::timeout(self.settings.idle, hop.response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                Ok(Err(error)) => {
                    return Err(fault::of_transport(error, &authority(&hop.url), &place));
                }
                Err(_) => {
                    return Err(Fault::soon(Error::unavailable(format!(
                        "{place} stopped in the middle of its answer"
                    ))));
                }
            };
            self.counters
                .received
                .fetch_add(chunk.len() as u64, Ordering::Relaxed);
            body.extend_from_slice(&chunk);
            if body.len() as u64 > limit {
                let error =
                    Error::unavailable(format!("{place} answers with more than {limit} bytes"));
                return Err(Fault::never(
                    error.hint("check the url: it is not what was expected there"),
                ));
            }
        }
        Ok(Answer {
            status,
            headers,
            body,
            url: place,
            authorized: hop.authorized,
            limited: false,
            base: hop.url,
        })
    }
}

fn may_repeat(repeat: Repeat, untouched: bool) -> bool {
    match repeat {
        Repeat::Always => true,
        Repeat::IfUntouched => untouched,
        Repeat::Never => false,
    }
}

/// Refuses what is no asset: HTML pages (a login, a captive portal).
pub(super) fn check_asset(head: &Head, headers: &HeaderMap, place: &str) -> Result<()> {
    let kind = headers
        .get("content-type")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let html = kind.starts_with("text/html") || kind.starts_with("application/xhtml");
    if head.expect == Expect::Asset && html {
        return Err(
            Error::unavailable(format!("{place} gave an HTML page instead of an asset"))
                .hint("a login page or a captive portal answers there; open the url in a browser"),
        );
    }
    Ok(())
}

/// Repetitions that are left, and the pause before each.
pub(super) struct Tries {
    pauses: ExponentialBackoff,
    /// For how long a rate limit was waited for.
    rested: Duration,
}

impl Tries {
    pub(super) fn new(settings: &Settings) -> Self {
        let pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(settings.backoff)
            .with_max_delay(settings.backoff.saturating_mul(64))
            .with_max_times(settings.retries)
            .build();
        Self {
            pauses,
            rested: Duration::ZERO,
        }
    }
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.pauses.next()
    }
}

/// Host and port.
fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or(0)
    )
}

/// The system's resolver, but `localhost` and names under it never leave the machine.
struct Resolver;

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = if hosts::is_localhost(name.as_str()) {
                let loopback = [
                    IpAddr::from(Ipv4Addr::LOCALHOST),
                    IpAddr::from(Ipv6Addr::LOCALHOST),
                ];
                loopback.map(|address| SocketAddr::new(address, 0)).to_vec()
            } else {
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect()
            };
            Ok(Box::new(addresses.into_iter()) as reqwest::dns::Addrs)
        })
    }
}
