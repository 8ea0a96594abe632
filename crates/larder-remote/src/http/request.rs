//! A request before it is sent, and an answer with its complete body.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;

use larder_core::error::{Error, Result};

use super::secret::{Credential, check_url, parse_url, shown};

/// Called with the number of bytes sent since the last call.
pub type Sent<'a> = &'a (dyn Fn(u64) + Sync);

/// The body of a request.
#[derive(Clone, Debug, Default)]
pub(super) enum Payload {
    #[default]
    None,
    Bytes(Vec<u8>),
    /// These bytes of a file.
    File {
        path: PathBuf,
        part: Range<u64>,
    },
}

/// When a request may be repeated after a temporary failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Always, because repeating is harmless: every method except POST.
    Always,
    /// Only if the server certainly did not process the request (no connection, 429, a rate limit):
    /// POST, and what [`Request::once`] says. A 5xx is returned, and a broken connection is an error: the caller has to find out
    /// whether the request was processed.
    IfUnprocessed,
}

/// What the body of the answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Anything,
    /// The bytes of an asset: an HTML page or an empty body is an error.
    Asset,
    /// The bytes of an asset whose digest the caller knows, which decides whether a page is right.
    Pinned,
}

/// The parts of a request that are kept after it is sent, because resuming a transfer needs them.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) credential: Option<Credential>,
    pub(super) repeat: Repeat,
    pub(super) expect: Expect,
    pub(super) limit: u64,
    pub(super) total: Option<Duration>,
    /// Whether a redirect is followed; otherwise it is an answer like one of status 400 or more.
    pub(super) follows: bool,
}

/// A request.
///
/// ```no_run
/// # fn main() -> larder_core::Result<()> {
/// # let client = larder_remote::http::Client::new(larder_remote::http::Settings::default(), larder_core::cancel::Cancel::new());
/// use larder_remote::http::{Credential, Request, Secret};
/// let token = Secret::new("…");
/// let request = Request::get("https://api.example.org/things")?
///     .credential(&Credential::bearer(&token, ["https://api.example.org".parse()?]))
///     .header("accept", "application/json")?;
/// let answer = client.send(request)?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Request<'a> {
    pub(super) head: Head,
    pub(super) payload: Payload,
    pub(super) sent: Option<Sent<'a>>,
}

impl<'a> Request<'a> {
    /// A request to an absolute https url (plain http only if [`Settings`](super::Settings) allow
    /// it).
    pub fn new(method: Method, url: Url) -> Result<Self> {
        check_url(&url)?;
        let repeat = if method == Method::POST {
            Repeat::IfUnprocessed
        } else {
            Repeat::Always
        };
        Ok(Self {
            head: Head {
                method,
                url,
                headers: HeaderMap::new(),
                credential: None,
                repeat,
                expect: Expect::Asset,
                limit: u64::MAX,
                total: None,
                follows: true,
            },
            payload: Payload::None,
            sent: None,
        })
    }
    /// A GET request for a url that is given as text.
    pub fn get(url: &str) -> Result<Self> {
        Self::new(Method::GET, parse_url(url)?)
    }
    /// Adds a header. All headers except `Accept` and `Cache-Control` are dropped when a redirect
    /// leads to another origin. For secrets use [`credential`](Self::credential).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let bad = || Error::usage(format!("`{}` is not a valid header", name.escape_debug()));
        let name = HeaderName::try_from(name).map_err(|_| bad())?;
        self.head
            .headers
            .insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
        Ok(self)
    }
    /// Adds a credential, if there is one. It is sent only to the origins it is bound to, also
    /// after redirects.
    pub fn credential<'c>(mut self, credential: impl Into<Option<&'c Credential>>) -> Self {
        self.head.credential = credential.into().cloned();
        self
    }
    /// Sets these bytes as the body.
    pub fn bytes(mut self, bytes: Vec<u8>, content_type: &str) -> Result<Self> {
        self.payload = Payload::Bytes(bytes);
        self.header("content-type", content_type)
    }
    /// Sets a JSON value as the body.
    pub fn json(self, value: &serde_json::Value) -> Result<Self> {
        self.bytes(value.to_string().into_bytes(), "application/json")
    }
    /// Streams a file as the body, with a Content-Length. `sent` is called on the thread that sends
    /// the request.
    pub fn file(self, path: &Path, size: u64, content_type: &str, sent: Sent<'a>) -> Result<Self> {
        self.part(path, 0..size, content_type, sent)
    }
    /// The same with a part of a file: these bytes of it.
    pub fn part(
        mut self,
        path: &Path,
        part: Range<u64>,
        content_type: &str,
        sent: Sent<'a>,
    ) -> Result<Self> {
        self.payload = Payload::File {
            path: path.to_owned(),
            part,
        };
        self.sent = Some(sent);
        self.header("content-type", content_type)
    }
    /// Accepts an HTML page or an empty body, which are errors by default.
    pub fn anything(mut self) -> Self {
        self.head.expect = Expect::Anything;
        self
    }
    /// Accepts an HTML page, because the caller compares the bytes with a digest. An empty body stays
    /// an error.
    pub fn pinned(mut self) -> Self {
        self.head.expect = Expect::Pinned;
        self
    }
    /// Treats the request like a POST: it is not repeated unless the server certainly did not process
    /// it. For uploads whose result the caller can read back.
    pub fn once(mut self) -> Self {
        self.head.repeat = Repeat::IfUnprocessed;
        self
    }
    /// Follows no redirect: the caller sends the request anew where that is right.
    pub fn direct(mut self) -> Self {
        self.head.follows = false;
        self
    }
    /// Sets a total deadline that replaces the one in the settings.
    pub fn total(mut self, total: Duration) -> Self {
        self.head.total = Some(total);
        self
    }
    /// Sets the maximum size of the body of the answer in bytes.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.head.limit = bytes;
        self
    }
}

/// An answer of any status, with its complete body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// The url that answered, after redirects, for messages.
    pub url: String,
    /// Whether the request that got this answer carried our credential.
    pub authorized: bool,
    /// Whether it is a 403 or 429 because of a rate limit.
    pub(super) limited: bool,
    /// The proxy that the request went through.
    pub(super) proxy: Option<String>,
    pub(super) base: Url,
}

impl Answer {
    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|e| {
            Error::unavailable(format!(
                "{} did not answer with the JSON that was expected",
                self.url
            ))
            .cause(e)
        })
    }
    /// Whether it is a 403 or 429 because of a rate limit.
    pub fn is_limited(&self) -> bool {
        self.limited
    }
    /// The url in the `Location` header of an answer that is no redirect; it may be of another
    /// origin, but not plain http after https.
    pub fn location(&self) -> Result<Option<Url>> {
        let Some(text) = self.header("location") else {
            return Ok(None);
        };
        let url = self.base.join(text).map_err(|error| {
            Error::unavailable(format!("{} names a `Location` that is not a url", self.url))
                .cause(error)
        })?;
        check_url(&url)?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(Error::refused(format!(
                "{} names {} to go on with, which is plain http",
                self.url,
                shown(&url)
            ))
            .hint("a proxy in front of the server has to tell it that its clients use https"));
        }
        Ok(Some(url))
    }
    /// The url of a `Link` header with this relation (such as `next`). A url of another origin is
    /// an error.
    pub fn link(&self, relation: &str) -> Result<Option<Url>> {
        for value in self.headers.get_all("link") {
            for part in value.to_str().unwrap_or_default().split(',') {
                let mut fields = part.split(';').map(str::trim);
                let target = fields
                    .next()
                    .and_then(|t| t.strip_prefix('<'))
                    .and_then(|t| t.strip_suffix('>'));
                let matches = fields
                    .filter_map(|field| field.strip_prefix("rel="))
                    .any(|rel| {
                        rel.trim_matches('"')
                            .split_ascii_whitespace()
                            .any(|word| word == relation)
                    });
                if let (Some(target), true) = (target, matches) {
                    let url = self.base.join(target).map_err(|e| {
                        Error::unavailable(format!(
                            "{} returned a `Link` that is not a url",
                            self.url
                        ))
                        .cause(e)
                    })?;
                    if super::Site::of(&url) != super::Site::of(&self.base) {
                        return Err(Error::refused(format!(
                            "{} returned a `Link` to another origin: {}",
                            self.url,
                            shown(&url)
                        )));
                    }
                    return Ok(Some(url));
                }
            }
        }
        Ok(None)
    }
    /// Converts the answer to an error: a 401, a 404 and a 403 to our credential are *refused*, the
    /// rest is *unavailable*. The server's message is the cause.
    pub fn error(&self) -> Error {
        let Self {
            status,
            url,
            authorized,
            limited,
            proxy,
            headers: _,
            body: _,
            base: _,
        } = self;
        let reason = reqwest::StatusCode::from_u16(*status)
            .ok()
            .and_then(|s| s.canonical_reason())
            .unwrap_or("no known reason");
        let headline = format!("{url} answered {status} ({reason})");
        let error = match status {
            401 if *authorized => Error::refused(headline)
                .hint("the token is wrong, expired or not meant for this host"),
            401 => Error::refused(headline)
                .hint("the server requires a login; give a token, or check the url"),
            403 | 429 if *limited => {
                Error::unavailable(headline).hint("the rate limit is exhausted; try again later")
            }
            403 if *authorized => Error::refused(headline)
                .hint("the token may not do that; check its permissions and scope"),
            403 => Error::unavailable(headline)
                .hint("the cause may be a rate limit or a proxy that filters; try again later"),
            404 | 410 => Error::refused(headline).hint(
                "it does not exist, or we are not allowed to see it; check the name and the token",
            ),
            407 => Error::unavailable(headline).hint(match proxy {
                Some(proxy) => {
                    format!("the proxy {proxy} requires a login: `user:password@` before its host")
                }
                None => "the proxy requires a login".to_owned(),
            }),
            429 => {
                Error::unavailable(headline).hint("the rate limit is exhausted; try again later")
            }
            _ => Error::unavailable(headline),
        };
        match self.server_message() {
            Some(text) => error.cause(text),
            None => error,
        }
    }
    /// The server's message about the failure: a JSON `message`, or a short plain text.
    fn server_message(&self) -> Option<String> {
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&self.body) {
            let message = value
                .get("message")
                .or_else(|| value.get("error"))?
                .as_str()?;
            return Some(clean(message));
        }
        let plain = self
            .header("content-type")
            .is_some_and(|t| t.starts_with("text/plain"));
        let text = std::str::from_utf8(&self.body)
            .ok()
            .filter(|t| plain && !t.trim().is_empty())?;
        Some(clean(text))
    }
}

/// One printable line of at most 200 characters.
fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect()
}
