//! Sends a request until it succeeds or no attempt is left: follows redirects, pauses between
//! attempts, and waits for rate limits. This module is async; the threads that wait for it are in
//! [`client`](super::client).

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use reqwest::header::LOCATION;
use reqwest::{Method, Url};
use tokio::time::Instant;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use super::body::error_answer;
use super::fault::{self, Fault, Retry};
use super::hosts::Lane;
use super::request::{Answer, Head, Payload, Repeat};
use super::resume::Resume;
use super::secret::{Site, check_url, shown};
use super::settings::Settings;
use super::transport::{Counters, Hop, Transport};

const MAX_REDIRECTS: usize = 10;

/// Sends requests, with retries and redirects.
#[derive(Debug)]
pub(super) struct Agent {
    pub(super) transport: Transport,
    pub(super) cancel: Cancel,
}

/// The result of all attempts: a response with a body to read, or an answer of status 400 or more.
pub(super) enum Outcome {
    Success(Hop),
    Failure(Answer),
}

impl Agent {
    pub(super) fn new(settings: Settings, cancel: Cancel, counters: Arc<Counters>) -> Result<Self> {
        Ok(Self {
            transport: Transport::new(settings, counters)?,
            cancel,
        })
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.transport.settings
    }

    /// Makes attempts until one succeeds or another can't help. A 4xx answer is such a result, and
    /// so is a 5xx answer when no tries are left.
    pub(super) async fn send_with_retries(
        &self,
        head: &Head,
        payload: &Payload,
        moved: &Arc<AtomicU64>,
        lane: Lane,
    ) -> Result<Outcome> {
        let mut tries = Tries::new(self.settings());
        // The time of attempts without an answer. A large file that is sent may take longer.
        let mut unanswered = Duration::ZERO;
        let is_file = matches!(payload, Payload::File { .. });
        let first_failure = if head.follows { 400 } else { 300 };
        loop {
            let asked = Instant::now();
            match self.attempt(head, None, payload, moved, lane).await {
                Ok(hop) if hop.response.status().as_u16() < first_failure => {
                    return Ok(Outcome::Success(hop));
                }
                Ok(hop) => {
                    let mut answer = error_answer(&self.transport, hop).await;
                    let Some(retry) = fault::of_status(
                        answer.status,
                        &answer.headers,
                        &answer.body,
                        SystemTime::now(),
                        self.settings().secondary_limit_wait,
                    ) else {
                        return Ok(Outcome::Failure(answer));
                    };
                    let unprocessed = matches!(answer.status, 403 | 429);
                    answer.limited = unprocessed;
                    if !may_repeat(head.repeat, unprocessed)
                        || !self.pause(&mut tries, retry, &answer).await?
                    {
                        return Ok(Outcome::Failure(answer));
                    }
                }
                Err(fault) => {
                    unanswered += asked.elapsed();
                    let may = may_repeat(head.repeat, fault.unprocessed)
                        && (is_file || unanswered < self.settings().stall)
                        && matches!(fault.retry, Retry::Soon | Retry::After(_));
                    let Some(pause) = tries.next().filter(|_| may) else {
                        return Err(fault.error);
                    };
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Waits before another attempt; returns false if there is to be none.
    pub(super) async fn pause(
        &self,
        tries: &mut Tries,
        retry: Retry,
        answer: &Answer,
    ) -> Result<bool> {
        let Some(pause) = tries.next() else {
            return Ok(false);
        };
        let Retry::After(asked) = retry else {
            tokio::time::sleep(pause).await;
            return Ok(true);
        };
        let host = self.transport.host(&answer.base);
        let limit = self.settings().rate_limit_wait;
        tries.rate_limit_waited += asked;
        if asked > limit {
            let error = answer.error().hint(format!(
                "the server asks for a pause of {} s",
                asked.as_secs()
            ));
            host.set_rate_limit(answer.authorized, asked, &error);
            return Err(error);
        }
        if tries.rate_limit_waited > limit {
            return Ok(false);
        }
        host.set_rate_limit(answer.authorized, asked, &answer.error());
        tokio::time::sleep(asked).await;
        Ok(true)
    }

    /// Makes one attempt: sends the request and follows redirects until an answer is not a
    /// redirect.
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
            let hop = self
                .transport
                .hop(head, &url, resume, payload, moved, lane)
                .await?;
            if !head.follows {
                return Ok(hop);
            }
            let Some(next) = self.redirect(head, &hop)? else {
                return Ok(hop);
            };
            if seen.len() > MAX_REDIRECTS || !seen.insert(next.clone()) {
                let what = if seen.contains(&next) {
                    "redirects in a loop"
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

    /// The url that a redirect leads to; `None` if the answer is not a redirect; an error if it
    /// must not be followed.
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
            Fault::never(
                Error::unavailable(format!("{from} redirects to something that is not a url"))
                    .cause(e),
            )
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
        self.settings()
            .check_scheme(&next)
            .map_err(|e| refused(e.message()))?;
        let foreign = Site::of(&next) != Site::of(&hop.url);
        if foreign && head.method != Method::GET && head.method != Method::HEAD {
            return Err(refused(
                "a request that writes is never sent to another host",
            ));
        }
        Ok(Some(next))
    }
}

fn may_repeat(repeat: Repeat, unprocessed: bool) -> bool {
    match repeat {
        Repeat::Always => true,
        Repeat::IfUnprocessed => unprocessed,
    }
}

/// The retries that are left, and the pause before each.
pub(super) struct Tries {
    pauses: ExponentialBackoff,
    /// The total time of waiting for rate limits.
    rate_limit_waited: Duration,
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
            rate_limit_waited: Duration::ZERO,
        }
    }
    pub(super) fn next(&mut self) -> Option<Duration> {
        self.pauses.next()
    }
}
