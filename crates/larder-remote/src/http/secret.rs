//! Secrets: a token is never printed, and is bound to the origins that it may be sent to. This
//! module also removes secrets from urls for messages.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName};

use larder_core::error::{Error, Result};

/// A text that is never printed: `Debug` and `Display` give `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text. Surrounding white space is dropped (files and command output end in newlines).
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_owned())
    }
    /// The secret text, for the code that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A web origin: scheme, host and port. Credentials are bound to origins.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    scheme: String,
    host: String,
    port: u16,
}

impl Site {
    /// The origin of a url.
    pub fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or(0),
        }
    }
    /// Its host, without a port.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl FromStr for Site {
    type Err = Error;
    /// From any url of the origin.
    fn from_str(text: &str) -> Result<Self> {
        Ok(Self::of(&parse_url(text)?))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        match (scheme.as_str(), port) {
            ("https", 443) | ("http", 80) => write!(f, "{scheme}://{host}"),
            _ => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}

/// Signs each request with a key that is not sent itself.
pub trait Sign: fmt::Debug + Send + Sync {
    /// The headers that prove who sends a request with these headers. It is called for each attempt,
    /// because signatures expire.
    fn headers(&self, method: &Method, url: &Url, headers: &HeaderMap)
    -> Vec<(HeaderName, Secret)>;
}

/// What proves who sends a request.
#[derive(Clone, Debug)]
enum Proof {
    Header(HeaderName, Secret),
    Signature(Arc<dyn Sign>),
}

/// A secret in a header, or a signature, and the origins it may be sent to.
#[derive(Clone, Debug)]
pub struct Credential {
    proof: Proof,
    pub(super) sites: Vec<Site>,
}

impl Credential {
    /// `Authorization: Bearer …`, for these origins and no other.
    pub fn bearer(token: &Secret, sites: impl IntoIterator<Item = Site>) -> Self {
        let value = Secret(format!("Bearer {}", token.expose()));
        Self::new(AUTHORIZATION, value, sites)
    }

    /// `Authorization: Basic …`, for these origins and no other.
    pub fn basic(user: &str, password: &Secret, sites: impl IntoIterator<Item = Site>) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        Self::new(AUTHORIZATION, Secret(format!("Basic {pair}")), sites)
    }

    /// A key in a header of this name, for these origins and no other.
    pub fn in_header(
        name: &'static str,
        key: &Secret,
        sites: impl IntoIterator<Item = Site>,
    ) -> Self {
        Self::new(HeaderName::from_static(name), key.clone(), sites)
    }

    /// A signature, for these origins and no other.
    pub fn signature(sign: Arc<dyn Sign>, sites: impl IntoIterator<Item = Site>) -> Self {
        Self {
            proof: Proof::Signature(sign),
            sites: sites.into_iter().collect(),
        }
    }

    fn new(header: HeaderName, value: Secret, sites: impl IntoIterator<Item = Site>) -> Self {
        Self {
            proof: Proof::Header(header, value),
            sites: sites.into_iter().collect(),
        }
    }

    /// The headers that prove who sends a request.
    pub(super) fn headers(
        &self,
        method: &Method,
        url: &Url,
        headers: &HeaderMap,
    ) -> Vec<(HeaderName, Secret)> {
        match &self.proof {
            Proof::Header(name, value) => vec![(name.clone(), value.clone())],
            Proof::Signature(sign) => sign.headers(method, url, headers),
        }
    }
}

/// Parses an absolute http(s) url. A url that contains a user name or password is an error.
pub fn parse_url(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .map_err(|e| Error::usage(format!("`{}` is not a url", redact(text))).cause(e))?;
    check_url(&url)?;
    Ok(url)
}

pub(super) fn check_url(url: &Url) -> Result<()> {
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(Error::usage(format!(
            "`{}` is not an http or https url",
            shown(url)
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::usage(format!(
            "the url {} contains a user name or password",
            shown(url)
        ))
        .hint("secrets come from the environment or the user's configuration, never from urls"));
    }
    Ok(())
}

/// A url as messages may show it: without user name, password, fragment, or the content of its
/// query, any of which may be a secret.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_fragment(None);
    let query = url.query().is_some();
    url.set_query(None);
    let mut text = url.to_string();
    if query {
        text.push_str("?…");
    }
    text
}

/// Like [`shown`], for a text that may not be a url.
pub fn redact(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => shown(&url),
        Err(_) => text.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let secret = Secret::new("hunter2\n");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
        let site: Site = "https://api.example.org/v3".parse().unwrap();
        assert!(!format!("{:?}", Credential::bearer(&secret, [site])).contains("hunter2"));
        let url = Url::parse("https://me:hunter2@example.org/a?sig=hunter2#hunter2").unwrap();
        assert_eq!(shown(&url), "https://example.org/a?…");
        assert!(
            !parse_url(url.as_str())
                .unwrap_err()
                .to_string()
                .contains("hunter2")
        );
        assert_eq!(redact("/x?token=hunter2"), "/x");
    }

    #[test]
    fn origins_differ_by_scheme_host_and_port() {
        let site = |text: &str| text.parse::<Site>().unwrap();
        assert_eq!(site("https://a.example/x"), site("https://A.example:443/y"));
        assert_ne!(site("https://a.example"), site("http://a.example"));
        assert_ne!(site("https://a.example"), site("https://a.example:8443"));
        assert_ne!(site("https://a.example"), site("https://b.a.example"));
        assert_eq!(
            site("http://localhost:8080/x").to_string(),
            "http://localhost:8080"
        );
    }

    #[test]
    fn only_web_urls_are_urls() {
        for bad in [
            "",
            "x",
            "file:///etc/passwd",
            "ftp://example.org/x",
            "https://",
        ] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }
}
