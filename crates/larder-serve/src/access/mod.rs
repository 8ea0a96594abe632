//! Who may do what, and how much of it.
//!
//! Every request passes [`Access::admit`] before it is answered, whichever way its answer is sent:
//! first its token is looked up, then its role is compared with the one that the request needs, then
//! its share of requests is taken. Without a file of tokens only loopback addresses are bound, and
//! every role is open.

mod forwarded;
mod limits;
mod role;
pub mod secret;
mod tokens;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use camino::Utf8PathBuf;
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use larder_core::error::Result;

use self::limits::Limits;
use self::tokens::{Presented, Tokens};
use crate::fleet::Proof;
use crate::log::Log;
use crate::problem::{self, Problem};
use crate::settings::{Network, Settings};

pub use limits::{Key, Pace};
pub use role::Needed;

/// Who sent a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The name of the token; `None` without one.
    pub token: Option<Arc<str>>,
    /// The address of the client, or of the first proxy that is not trusted.
    pub address: IpAddr,
    /// How fast files are sent to it; `None` where there is no limit.
    pub pace: Option<Pace>,
}

impl Caller {
    /// The caller in the audit log.
    pub fn who(&self) -> &str {
        self.token.as_deref().unwrap_or("anyone")
    }
}

/// The rules.
#[derive(Debug)]
pub struct Access {
    /// The file of the tokens.
    file: Option<Utf8PathBuf>,
    /// `None` without a file of tokens.
    tokens: RwLock<Option<Arc<Tokens>>>,
    is_private: bool,
    trusted_proxies: Vec<Network>,
    limits: Limits,
}

impl Access {
    /// Reads the rules that the settings name.
    pub fn open(settings: &Settings, log: &Log) -> Result<Self> {
        if settings.tokens.is_none() {
            log.warning(
                "there is no file of tokens (--tokens): every role is open, so every process of \
                 this machine may write and delete",
                &[],
            );
        }
        let tokens = settings.tokens.as_deref().map(Tokens::read).transpose()?;
        Ok(Self {
            file: settings.tokens.clone(),
            tokens: RwLock::new(tokens.map(Arc::new)),
            is_private: settings.private,
            trusted_proxies: settings.trusted_proxies.clone(),
            limits: Limits::new(settings.rate, settings.bandwidth),
        })
    }

    /// Reads the file of tokens again, and says how many there are. If it is wrong, the old tokens
    /// stay.
    pub fn reload(&self) -> Result<usize> {
        let Some(file) = &self.file else {
            return Ok(0);
        };
        let tokens = Tokens::read(file)?;
        let count = tokens.len();
        *self.tokens.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(tokens));
        Ok(count)
    }

    fn tokens(&self) -> Option<Arc<Tokens>> {
        let tokens = self.tokens.read().unwrap_or_else(PoisonError::into_inner);
        tokens.clone()
    }

    /// Admits a request, or says why not: 401, 403 or 429. `node_of` knows the nodes of the fleet by
    /// their secrets: they may read what they are to run.
    pub fn admit(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        peer: IpAddr,
        node_of: impl Fn(&str) -> Option<String>,
    ) -> problem::Result<Caller> {
        let address = forwarded::client(peer, headers, &self.trusted_proxies);
        let needed = Needed::of(method, path);
        let mut caller = Caller {
            token: None,
            address,
            pace: None,
        };
        if needed == Needed::Nothing {
            return Ok(caller);
        }
        // Without tokens, a page of any other site could make the browser of whoever reads it post.
        let site = headers.get("sec-fetch-site");
        if needed.is_write() && site.is_some_and(|site| site == "cross-site") {
            let detail = "a page of another site can't change anything here";
            return Err(Problem::new(StatusCode::FORBIDDEN, detail));
        }
        let of_address = || Key::of_address(address);
        if let Some(tokens) = self.tokens() {
            let is_open = needed == Needed::Read && !self.is_private;
            match tokens.presented(headers, jiff::Timestamp::now()) {
                Presented::Valid(token) if is_open || needed.is_allowed_to(token.role) => {
                    caller.token = Some(token.name.clone());
                }
                Presented::Nothing if is_open => {}
                refused => {
                    let node = tokens::bearer(headers).filter(|_| needed == Needed::Read);
                    if let Some(node) = node.and_then(|secret: String| node_of(&secret)) {
                        let key = Key::Token(node.into());
                        if !self.limits.is_none() {
                            self.take(&key)?;
                            caller.pace = self.limits.pace(&key);
                        }
                        if let Key::Token(node) = key {
                            caller.token = Some(node);
                        }
                        return Ok(caller);
                    }
                    // Guessing is limited, too.
                    self.take(&of_address())?;
                    return Err(refusal(&refused, needed));
                }
            }
        }
        if self.limits.is_none() {
            return Ok(caller);
        }
        let key = caller.token.clone().map_or_else(of_address, Key::Token);
        self.take(&key)?;
        caller.pace = self.limits.pace(&key);
        Ok(caller)
    }

    /// Who sends a request, whether or not it is admitted.
    pub fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Caller {
        let presented = self
            .tokens()
            .map(|tokens| tokens.presented(headers, jiff::Timestamp::now()));
        Caller {
            token: match presented {
                Some(Presented::Valid(token)) => Some(token.name.clone()),
                _ => None,
            },
            address: forwarded::client(peer, headers, &self.trusted_proxies),
            pace: None,
        }
    }

    /// What an agent shows to be admitted. A token that has expired and one that never was are the
    /// same: both are compared with the secrets of the node.
    pub fn proof(&self, headers: &HeaderMap) -> Proof {
        let Some(tokens) = self.tokens() else {
            return Proof::Open;
        };
        match tokens.presented(headers, jiff::Timestamp::now()) {
            Presented::Nothing => Proof::Nothing,
            Presented::Valid(token) if role::may_enrol(token.role) => {
                Proof::Join(token.name.to_string())
            }
            Presented::Valid(_) | Presented::Invalid(_) => {
                tokens::bearer(headers).map_or(Proof::Nothing, Proof::Secret)
            }
        }
    }

    /// Takes one request of a share, or answers 429.
    pub fn take(&self, key: &Key) -> problem::Result<()> {
        let Err(wait) = self.limits.take(key, Instant::now()) else {
            return Ok(());
        };
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!(
            "there are more requests of this {} than the server answers (--rate)",
            key.word()
        );
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with(RETRY_AFTER, seconds.max(1).into()))
    }
}

/// The answer to a request whose token is missing, wrong, or not enough.
fn refusal(presented: &Presented, needed: Needed) -> Box<Problem> {
    let scope = needed.word();
    let (status, detail, challenge) = match presented {
        Presented::Valid(token) => (
            StatusCode::FORBIDDEN,
            format!(
                "the token `{}` has the role {}, and this needs {scope}",
                token.name,
                token.role.as_str()
            ),
            format!("Bearer realm=\"larder\", error=\"insufficient_scope\", scope=\"{scope}\""),
        ),
        Presented::Nothing => (
            StatusCode::UNAUTHORIZED,
            format!(
                "this needs a token with the role {scope}: send it as `Authorization: Bearer TOKEN`"
            ),
            "Bearer realm=\"larder\"".to_owned(),
        ),
        Presented::Invalid(why) => (
            StatusCode::UNAUTHORIZED,
            (*why).to_owned(),
            format!(
                "Bearer realm=\"larder\", error=\"invalid_token\", error_description=\"{why}\""
            ),
        ),
    };
    let problem = Problem::new(status, detail);
    match HeaderValue::from_str(&challenge) {
        Ok(challenge) => problem.with(WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;
    use http::header::AUTHORIZATION;
    use larder_core::model::Digest;

    use super::*;
    use crate::log::Level;

    /// The rules of a file with a token of each role, whose secret is the name of the role.
    fn rules(folder: &Utf8Path) -> Access {
        let tokens = [
            ("join", "join", ""),
            ("admin", "admin", ""),
            ("read", "read", ""),
            ("late", "join", ", expires: 2001-01-01T00:00:00Z"),
        ];
        let lines = tokens.map(|(name, role, expires)| {
            let digest = Digest::of(name.as_bytes());
            format!("- {{name: {name}, role: {role}, sha256: {digest}{expires}}}\n")
        });
        let text = lines.concat();
        let file = folder.join("tokens");
        larder_core::fs::write_atomic(&file, text.as_bytes()).unwrap();
        let settings = Settings {
            tokens: Some(file),
            ..Settings::new(folder.to_owned(), folder.to_owned())
        };
        let log = Log::new(Arc::new(|_| ()), false, Level::Error);
        Access::open(&settings, &log).unwrap()
    }

    #[test]
    fn agents_show_tokens_that_may_enrol_or_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let access = rules(Utf8Path::from_path(folder.path()).unwrap());
        let join = |name: &str| Proof::Join(name.to_owned());
        let secret = |text: &str| Proof::Secret(text.to_owned());
        for (values, proof) in [
            (&[][..], Proof::Nothing),
            (&["Bearer join"], join("join")),
            (&["bearer admin"], join("admin")),
            (&["Bearer read"], secret("read")),
            (&["Bearer late"], secret("late")),
            (&["Bearer larder_node_x"], secret("larder_node_x")),
            (&["Basic join"], Proof::Nothing),
            (&["Bearer"], Proof::Nothing),
            (&["Bearer join", "Bearer join"], Proof::Nothing),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            assert_eq!(access.proof(&headers), proof, "{values:?}");
        }
    }
}
