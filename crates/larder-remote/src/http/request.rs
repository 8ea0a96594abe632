//! A request before it is sent, and an answer that is held whole.

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
    File {
        path: PathBuf,
        size: u64,
    },
}

/// When a request may be repeated after a failure that may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// Always, because repeating does no harm: every method but POST.
    Always,
    /// Only where the server surely did nothing (no connection, 429, a rate limit): POST. A 5xx is
    /// handed back, and a cut connection is an error: the caller finds out whether it was done.
    IfUntouched,
}

/// What the answer's body is to be; anything else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Anything,
    /// An HTML page or nothing at all is no asset.
    Asset,
}

/// The parts of a request that outlive its sending: a transfer needs them to resume.
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
    /// A request to an absolute https url (plain http only where [`Settings`](super::Settings)
    /// allow it).
    pub fn new(method: Method, url: Url) -> Result<Self> {
        check_url(&url)?;
        let repeat = if method == Method::POST {
            Repeat::IfUntouched
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
            },
            payload: Payload::None,
            sent: None,
        })
    }
    /// GET of a url as text.
    pub fn get(url: &str) -> Result<Self> {
        Self::new(Method::GET, parse_url(url)?)
    }
    /// Adds a header. Headers but `Accept` and `Cache-Control` are dropped when a redirect leads to
    /// another origin. Not for secrets: see [`credential`](Self::credential).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let bad = || Error::usage(format!("`{}` is not a valid header", name.escape_debug()));
        let name = HeaderName::try_from(name).map_err(|_| bad())?;
        self.head
            .headers
            .insert(name, HeaderValue::from_str(value).map_err(|_| bad())?);
        Ok(self)
    }
    /// Sends a credential along, if there is one: only to the origins it is bound to, whatever the
    /// url is and wherever redirects lead.
    pub fn credential<'c>(mut self, credential: impl Into<Option<&'c Credential>>) -> Self {
        self.head.credential = credential.into().cloned();
        self
    }
    /// Sends these bytes.
    pub fn bytes(mut self, bytes: Vec<u8>, content_type: &str) -> Result<Self> {
        self.payload = Payload::Bytes(bytes);
        self.header("content-type", content_type)
    }
    /// Sends a JSON value.
    pub fn json(self, value: &serde_json::Value) -> Result<Self> {
        self.bytes(value.to_string().into_bytes(), "application/json")
    }
    /// Streams a file, with a Content-Length; `sent` is called on the calling thread.
    pub fn file(
        mut self,
        path: &Path,
        size: u64,
        content_type: &str,
        sent: Sent<'a>,
    ) -> Result<Self> {
        self.payload = Payload::File {
            path: path.to_owned(),
            size,
        };
        self.sent = Some(sent);
        self.header("content-type", content_type)
    }
    /// Accepts an HTML page or an empty body, which are errors by default.
    pub fn anything(mut self) -> Self {
        self.head.expect = Expect::Anything;
        self
    }
    /// Another total deadline than the settings'.
    pub fn total(mut self, total: Duration) -> Self {
        self.head.total = Some(total);
        self
    }
    /// At most so many bytes may come.
    pub fn limit(mut self, bytes: u64) -> Self {
        self.head.limit = bytes;
        self
    }
}

/// An answer of whatever status, held whole.
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
    /// Target of a `Link` header's relation (`next`), if it stays on the same origin: a foreign one
    /// is an error.
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
                        Error::unavailable(format!("{} gave a `Link` that is not a url", self.url))
                            .cause(e)
                    })?;
                    if super::Site::of(&url) != super::Site::of(&self.base) {
                        return Err(Error::refused(format!(
                            "{} gave a `Link` to another origin: {}",
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
    /// What its status means as a failure: a 401, a 404 and a 403 to our credential are *refused*,
    /// the rest is *unavailable*. What the server said is the cause.
    pub fn error(&self) -> Error {
        let Self {
            status,
            url,
            authorized,
            limited,
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
            401 => {
                Error::refused(headline).hint("it asks for a login; give a token, or check the url")
            }
            403 | 429 if *limited => {
                Error::unavailable(headline).hint("the rate limit is exhausted; try again later")
            }
            403 if *authorized => Error::refused(headline)
                .hint("the token may not do that; check its permissions and scope"),
            403 => Error::unavailable(headline)
                .hint("it may be a rate limit or a filter on the way; try again later"),
            404 | 410 => Error::refused(headline).hint(
                "it does not exist, or we are not allowed to see it; check the name and the token",
            ),
            407 => {
                Error::unavailable(headline).hint("the proxy asks for a login; check HTTPS_PROXY")
            }
            429 => {
                Error::unavailable(headline).hint("the rate limit is exhausted; try again later")
            }
            _ => Error::unavailable(headline),
        };
        match self.said() {
            Some(text) => error.cause(text),
            None => error,
        }
    }
    /// What the server says about the failure: a JSON `message`, or a short plain text.
    fn said(&self) -> Option<String> {
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
