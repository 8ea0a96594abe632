//! Sends one request to a bucket, and sends it again where the answer says how: to the right region,
//! with the server's time, with renewed keys, or after another writer is done. Everything else about
//! repeating is decided by the HTTP client.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answers::{Failure, error};
use super::bucket::Bucket;
use super::sign::CONTENT;
use crate::http::{Answer, Client, Method, Opened, Request};
use larder_core::error::Result;
use larder_core::model::Digest;

/// How often a request is sent again because another writer changed the same object just then.
const CONFLICTS: u32 = 8;
/// The pause after the first of them. It doubles up to a limit.
const PAUSE: Duration = Duration::from_millis(100);
/// The time limit of a request that uploads a part.
const PART: Duration = Duration::from_hours(2);

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    None,
    Bytes(&'a [u8], &'a str),
    /// A part of a file with its digest. Called with the number of bytes sent.
    File {
        path: &'a Path,
        part: &'a Range<u64>,
        sha256: Digest,
        kind: &'a str,
        sent: &'a (dyn Fn(u64) + Sync),
    },
}

/// A request to a bucket.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) key: &'a str,
    pub(super) query: Vec<(&'a str, &'a str)>,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) payload: Payload<'a>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, key: &'a str) -> Self {
        Self {
            method,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            payload: Payload::None,
        }
    }

    pub(super) fn query(mut self, pairs: &[(&'a str, &'a str)]) -> Self {
        self.query.extend(pairs);
        self
    }

    pub(super) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn payload(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }

    fn request(&self, bucket: &Bucket) -> Result<Request<'a>> {
        let url = bucket.url(self.key, &self.query)?;
        let credential = bucket.credential(&url)?;
        let signs = credential.is_some();
        let mut request = Request::new(self.method.clone(), url)?
            .credential(credential.as_ref())
            .direct();
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        let digest = match &self.payload {
            Payload::None => Digest::of(b""),
            Payload::Bytes(bytes, _) => Digest::of(bytes),
            Payload::File { sha256, .. } => *sha256,
        };
        if signs {
            request = request.header(CONTENT, &digest.to_string())?;
        }
        request = match self.payload {
            Payload::None => request,
            Payload::Bytes(bytes, kind) => request.bytes(bytes.to_vec(), kind)?,
            Payload::File {
                path,
                part,
                kind,
                sent,
                ..
            } => request.part(path, part.clone(), kind, sent)?.total(PART),
        };
        if self.method == Method::PUT {
            request =
                request.header("x-amz-checksum-sha256", &STANDARD.encode(digest.as_bytes()))?;
        }
        Ok(request)
    }
}

/// What was already tried for one request.
#[derive(Default)]
struct Tried {
    region: bool,
    time: bool,
    keys: bool,
    conflicts: u32,
}

impl Bucket {
    /// Sends a request and returns the answer, whatever its status is.
    pub(super) fn send(&self, call: &Call<'_>) -> Result<Answer> {
        self.repeat(call, Client::send, |answer| {
            (answer.status >= 300).then_some(answer)
        })
    }

    /// Starts a transfer.
    pub(super) fn open(&self, call: &Call<'_>) -> Result<Opened> {
        self.repeat(call, Client::open, |opened| match opened {
            Opened::Body(_) => None,
            Opened::Failure(answer) => Some(answer),
        })
    }

    /// The error of an answer.
    pub(super) fn error(&self, answer: &Answer) -> larder_core::error::Error {
        error(answer, self.name())
    }

    fn repeat<T>(
        &self,
        call: &Call<'_>,
        send: impl Fn(&Client, Request<'_>) -> Result<T>,
        failed: impl Fn(&T) -> Option<&Answer>,
    ) -> Result<T> {
        let mut tried = Tried::default();
        loop {
            let got = send(&self.client, call.request(self)?)?;
            let Some(answer) = failed(&got) else {
                return Ok(got);
            };
            if !self.is_worth_another_try(&mut tried, answer)? {
                return Ok(got);
            }
        }
    }

    /// Whether the same request may succeed now, after what the answer says was taken into account.
    fn is_worth_another_try(&self, tried: &mut Tried, answer: &Answer) -> Result<bool> {
        let failure = Failure::of(answer);
        let wrong_region = matches!(answer.status, 301 | 307 | 308)
            || failure.is("AuthorizationHeaderMalformed")
            || failure.is("PermanentRedirect");
        if wrong_region
            && let Some(region) = failure.region
            && !std::mem::replace(&mut tried.region, true)
            && self.region()? != region
        {
            self.set_region(region);
            return Ok(true);
        }
        match failure.code.as_str() {
            "RequestTimeTooSkewed" if !tried.time => {
                tried.time = true;
                Ok(self.learn_time(answer.header("date")))
            }
            "ExpiredToken" if !tried.keys => {
                tried.keys = true;
                Ok(self.chain.as_ref().is_some_and(super::chain::Chain::forget))
            }
            "ConditionalRequestConflict" | "OperationAborted" | "RequestTimeout"
                if tried.conflicts < CONFLICTS =>
            {
                let pause = PAUSE * 2_u32.pow(tried.conflicts.min(4));
                tried.conflicts += 1;
                self.client.cancel().check()?;
                std::thread::sleep(pause);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
