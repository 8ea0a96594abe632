//! The network's side of a transfer: a task that reads the body and puts its chunks into a short
//! queue.
//!
//! When a transfer is interrupted, the pump continues where it ended:
//! 1. With a strong validator (an `ETag` without `W/`, or a `Last-Modified` a minute older than the
//!    answer's `Date`) it asks for the rest with `Range` and `If-Range`. Only a 206 for exactly
//!    that position, with the same size and `ETag`, is appended, or a 200 that names the position.
//! 2. In every other case (any other 200, another position, another size, 416, no validator) it
//!    reads from the start. Bytes that the reader already has can't be taken back, so the pump
//!    compares: the first bytes of the new body must have the checksum of what was delivered; then
//!    it delivers the rest. If the checksums differ, the file changed during the transfer, which is
//!    an `Integrity` error; a new transfer may succeed. A CRC is enough to distinguish a new file
//!    from an old one and costs far less than a second SHA-256; the reader's digest decides whether
//!    the bytes are the right ones.
//!
//! An attempt that delivered nothing new, or that was ended because it was slow, uses up a retry.
//! One that delivered something restores all retries, up to a hundred interruptions.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Crc;
use reqwest::header::{CONTENT_RANGE, ETAG};
use tokio::sync::mpsc;
use tokio::time::Instant;

use larder_core::error::{Error, Result};

use super::agent::{Agent, Tries};
use super::body::{error_answer, is_html, page};
use super::fault::{self, Fault, Retry};
use super::hosts::Lane;
use super::request::{Expect, Head, Payload};
use super::resume::{Resume, content_range, length, validator};
use super::secret::shown;
use super::speed::{Arrival, Window};
use super::transport::Hop;

/// The number of interruptions after which a transfer fails.
const MAX_CUTS: usize = 100;

/// The sending end of the queue of chunks; `None` marks the end of the body.
pub(super) type Sender = mpsc::Sender<Result<Option<Bytes>>>;

/// Why reading a body ended early.
enum Stop {
    /// Another attempt may continue. `slow`: we ended this one because it was too slow.
    Cut {
        fault: Fault,
        slow: bool,
    },
    Final(Error),
    /// The reader was dropped.
    Gone,
}

/// A running transfer.
pub(super) struct Pump {
    agent: Arc<Agent>,
    head: Head,
    pub(super) place: String,
    /// Whether the first answer was called an HTML page.
    pub(super) html: bool,
    delivered: u64,
    /// The checksum of the delivered bytes.
    prefix: Crc,
    /// The size of the whole file, if it is known.
    pub(super) total: Option<u64>,
    pub(super) validator: Option<String>,
    /// The time spent waiting for the network since the last progress.
    waited: Duration,
    /// The number of interrupted attempts.
    cuts: usize,
}

impl Pump {
    /// Checks the first answer.
    pub(super) fn new(agent: Arc<Agent>, head: Head, hop: &Hop) -> Result<Self> {
        let place = shown(&hop.url);
        let status = hop.response.status().as_u16();
        let headers = hop.response.headers();
        if status != 200 {
            return Err(Error::unavailable(format!(
                "{place} answered {status}, which was not expected"
            )));
        }
        let total = length(headers);
        check_size(&head, total, &place)?;
        Ok(Self {
            agent,
            head,
            place,
            html: is_html(headers),
            delivered: 0,
            prefix: Crc::new(),
            total,
            validator: validator(headers),
            waited: Duration::ZERO,
            cuts: 0,
        })
    }

    /// Delivers chunks until the end of the body or a final error, which is also delivered.
    pub(super) async fn run(mut self, first: Hop, sender: Sender) {
        let cancel = self.agent.cancel.clone();
        let end = tokio::select! {
            biased;
            () = sender.closed() => return,
            error = cancel.cancelled() => Err(error),
            end = self.transfer(first, &sender) => end,
        };
        // Sending fails if the reader was dropped.
        let _ = sender.send(end.map(|()| None)).await;
    }

    async fn transfer(&mut self, first: Hop, sender: &Sender) -> Result<()> {
        let mut tries = Tries::new(self.agent.settings());
        let (mut hop, mut skip) = (first, 0);
        loop {
            let before = self.delivered;
            let (mut fault, slow) = match self.stream(hop, skip, sender).await {
                Ok(()) | Err(Stop::Gone) => return Ok(()),
                Err(Stop::Final(error)) => return Err(error),
                Err(Stop::Cut { fault, slow }) => (fault, slow),
            };
            self.cuts += 1;
            if self.cuts > MAX_CUTS {
                return Err(fault.error.context(format!(
                    "the transfer from {} was cut {MAX_CUTS} times",
                    self.place
                )));
            }
            if self.delivered > before && !slow {
                tries = Tries::new(self.agent.settings());
            }
            (hop, skip) = loop {
                if self.waited >= self.agent.settings().stall {
                    let stall = self.agent.settings().stall.as_secs_f32();
                    return Err(Error::unavailable(format!(
                        "the transfer from {} made no progress for {stall} s",
                        self.place
                    )));
                }
                self.pause(&mut tries, fault).await?;
                let asked = Instant::now();
                match self.reopen().await {
                    Ok(opened) => break opened,
                    Err(next) => fault = next,
                }
                self.waited += asked.elapsed();
            };
        }
    }

    /// Waits before another attempt; returns an error if there is to be none.
    async fn pause(&mut self, tries: &mut Tries, fault: Fault) -> Result<()> {
        let give_up = |error: Error, pump: &Self| match pump.delivered {
            0 => error,
            n => error.context(format!(
                "the transfer from {} broke off after {n} bytes",
                pump.place
            )),
        };
        let pause = match fault.retry {
            Retry::Never | Retry::Unreachable => return Err(give_up(fault.error, self)),
            Retry::Soon => tries.next(),
            Retry::After(asked) if asked > self.agent.settings().rate_limit_wait => None,
            Retry::After(asked) => tries.next().map(|_| asked),
        };
        let Some(pause) = pause else {
            return Err(give_up(fault.error, self));
        };
        self.waited += pause;
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Requests the rest of the file, or the whole file again. Returns the number of bytes at the
    /// start of the body that are only compared, because they were delivered before.
    async fn reopen(&mut self) -> Result<(Hop, u64), Fault> {
        let resume = match &self.validator {
            Some(validator) if self.delivered > 0 => Some(Resume {
                offset: self.delivered,
                validator: validator.clone(),
            }),
            _ => None,
        };
        let moved = Arc::new(AtomicU64::new(0));
        let hop = self
            .agent
            .attempt(
                &self.head,
                resume.as_ref(),
                &Payload::None,
                &moved,
                Lane::Transfer,
            )
            .await?;
        let status = hop.response.status().as_u16();
        let headers = hop.response.headers();
        // rclone's server answers with 200 what is a 206 in all else. A whole body has no place.
        let is_part = status == 206 || status == 200 && headers.contains_key(CONTENT_RANGE);
        match (status, &resume) {
            (_, Some(Resume { offset, validator })) if is_part => {
                let tag = headers.get(ETAG).and_then(|v| v.to_str().ok());
                let same_tag =
                    !validator.starts_with('"') || tag.is_none_or(|tag| tag == validator);
                let place = content_range(headers);
                let same_place = place.is_some_and(|(start, total)| {
                    start == *offset
                        && total.is_none_or(|total| self.total.is_none_or(|known| known == total))
                });
                if same_tag && same_place {
                    return Ok((hop, 0));
                }
                // The server returned a wrong range, or the file changed: request no ranges any
                // more.
                self.validator = None;
                Err(Fault::soon(Error::unavailable(format!(
                    "{} returned a different part of the file than was requested",
                    self.place
                ))))
            }
            (200, _) => {
                let size = length(headers);
                check_size(&self.head, size, &self.place).map_err(Fault::never)?;
                if is_html(headers) && !self.html {
                    // A login page came between the answers.
                    return Err(Fault::never(page(&self.place)));
                }
                if self.delivered == 0 {
                    self.total = size;
                } else if size.is_some() && self.total.is_some() && size != self.total {
                    return Err(Fault::never(self.changed()));
                }
                // A later resume has to use the validator of this answer.
                self.validator = resume.is_none().then(|| validator(headers)).flatten();
                Ok((hop, self.delivered))
            }
            (416, Some(_)) => {
                self.validator = None;
                Err(Fault::soon(Error::unavailable(format!(
                    "{} refuses to send the rest of the file",
                    self.place
                ))))
            }
            (400.., _) => {
                let answer = error_answer(&self.agent.transport, hop).await;
                let retry = fault::of_status(
                    answer.status,
                    &answer.headers,
                    &answer.body,
                    SystemTime::now(),
                    self.agent.settings().secondary_limit_wait,
                );
                // The file was there a moment ago, so a 404 now does not mean that it is absent.
                let error = match answer.status {
                    404 | 410 => Error::unavailable(format!(
                        "{} vanished in the middle of its transfer",
                        answer.url
                    )),
                    _ => answer.error(),
                };
                Err(Fault {
                    error,
                    retry: retry.unwrap_or(Retry::Never),
                    unprocessed: false,
                })
            }
            _ => Err(Fault::never(Error::unavailable(format!(
                "{} answered {status}, which was not expected",
                self.place
            )))),
        }
    }

    /// Reads the body of one answer: compares the first `skip` bytes, delivers the rest.
    async fn stream(&mut self, mut hop: Hop, mut skip: u64, sender: &Sender) -> Result<(), Stop> {
        let host = hop.url.host_str().unwrap_or_default().to_owned();
        let (mut compared, mut window) = (Crc::new(), Window::default());
        loop {
            let mut chunk = match self.chunk(&mut hop, &host, &mut window).await? {
                Some(chunk) => chunk,
                None if skip > 0 => return Err(Stop::Final(self.changed())),
                None => return self.at_end(),
            };
            if skip > 0 {
                let part =
                    chunk.split_to(usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len()));
                compared.update(&part);
                skip -= part.len() as u64;
                if skip == 0 && compared.sum() != self.prefix.sum() {
                    return Err(Stop::Final(self.changed()));
                }
            }
            if chunk.is_empty() {
                continue;
            }
            self.prefix.update(&chunk);
            self.delivered += chunk.len() as u64;
            if self.delivered > self.head.limit
                || self.total.is_some_and(|total| self.delivered > total)
            {
                let limit = self.total.unwrap_or(self.head.limit);
                return Err(Stop::Final(Error::unavailable(format!(
                    "{} sends more than {limit} bytes",
                    self.place
                ))));
            }
            sender.send(Ok(Some(chunk))).await.map_err(|_| Stop::Gone)?;
        }
    }

    /// The next chunk, or an error if the transfer is too slow. Only time spent waiting for the
    /// network counts, not the time that the reader needs.
    async fn chunk(
        &mut self,
        hop: &mut Hop,
        host: &str,
        window: &mut Window,
    ) -> Result<Option<Bytes>, Stop> {
        let asked = Instant::now();
        let arrival = window.next(&self.agent.transport, &mut hop.response).await;
        self.waited += asked.elapsed();
        match arrival {
            Arrival::Chunk { chunk, enough } => {
                if enough {
                    self.waited = Duration::ZERO;
                }
                Ok(chunk)
            }
            Arrival::Broken(error) => Err(Stop::Cut {
                fault: fault::of_transport(error, host, &self.place, None),
                slow: false,
            }),
            Arrival::Slow { .. } => {
                let error = Error::unavailable(format!(
                    "the transfer from {} is slower than 1 KiB/s",
                    self.place
                ));
                Err(Stop::Cut {
                    fault: Fault::soon(error),
                    slow: true,
                })
            }
        }
    }

    /// Checks at the end of the body that it is complete.
    fn at_end(&self) -> Result<(), Stop> {
        match self.total {
            Some(total) if self.delivered < total => {
                let error = Error::unavailable(format!(
                    "{} ended after {} of {total} bytes",
                    self.place, self.delivered
                ));
                Err(Stop::Cut {
                    fault: Fault::soon(error),
                    slow: false,
                })
            }
            _ if self.delivered == 0 && self.head.expect != Expect::Anything => {
                Err(Stop::Final(empty(&self.place)))
            }
            _ => Ok(()),
        }
    }

    fn changed(&self) -> Error {
        Error::integrity(format!("{} changed while it was transferred", self.place))
            .hint("run again")
    }
}

fn empty(place: &str) -> Error {
    Error::unavailable(format!(
        "{place} returned an empty body instead of an asset"
    ))
}

fn check_size(head: &Head, size: Option<u64>, place: &str) -> Result<()> {
    match size {
        Some(0) if head.expect != Expect::Anything => Err(empty(place)),
        Some(n) if n > head.limit => Err(Error::unavailable(format!(
            "{place} has {n} bytes, more than {}",
            head.limit
        ))),
        _ => Ok(()),
    }
}
