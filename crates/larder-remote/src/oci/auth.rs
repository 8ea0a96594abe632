//! Proves to a registry who the user is: not at all, with the login itself, or with a token that
//! another server gives for the login.
//!
//! The first request of a kind carries nothing. If the registry answers 401, it says what it wants;
//! then the login is looked up, and the request is made once more. A 401 to a token that is still
//! good is final.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Kind, Result};
use serde_json::Value;

use super::ImageName;
use super::answers;
use super::challenge::{Bearer, Challenge, challenge};
use super::config::{self, Login};
use crate::http::{
    Answer, Client, Credential, Method, Request, Secret, Site, Url, parse_url, shown,
};

/// The lifetime of a token whose server states none, by the protocol.
const LIFETIME: Duration = Duration::from_mins(1);
/// A token that is good for less than this is replaced before it is used.
const MARGIN: Duration = Duration::from_secs(10);

/// What a request needs to be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Right {
    /// To read.
    Pull,
    /// To read and write.
    Push,
    /// To delete.
    Delete,
}

impl Right {
    /// The right as the end of a sentence, for messages.
    pub(super) fn words(self, repository: &str) -> String {
        match self {
            Self::Pull => format!("pull from `{repository}`"),
            Self::Push => format!("push to `{repository}`"),
            Self::Delete => format!("delete from `{repository}`"),
        }
    }

    fn scope(self, repository: &str) -> String {
        let actions = match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
            Self::Delete => "delete",
        };
        format!("repository:{repository}:{actions}")
    }
}

/// What is known about who the user is.
#[derive(Default)]
struct State {
    /// The login, once it was looked up.
    login: OnceCell<Option<Login>>,
    /// The login for a registry that wants it itself.
    basic: Option<Credential>,
    /// Where tokens come from.
    bearer: Option<Bearer>,
    /// The tokens, and until when they are good.
    tokens: BTreeMap<Right, (Credential, Instant)>,
    /// Whether the token for pushing says that it is not good for that.
    lacks_push: bool,
}

/// Proves who the user is at one registry, for one repository.
pub(super) struct Auth {
    client: Client,
    environment: Environment,
    cancel: Cancel,
    name: ImageName,
    state: Mutex<State>,
}

impl Auth {
    pub(super) fn new(
        client: &Client,
        environment: &Environment,
        cancel: &Cancel,
        name: &ImageName,
    ) -> Self {
        Self {
            client: client.clone(),
            environment: environment.clone(),
            cancel: cancel.clone(),
            name: name.clone(),
            state: Mutex::default(),
        }
    }

    /// What a request carries, as far as that is known without asking the registry.
    pub(super) fn credential(&self, right: Right) -> Result<Option<Credential>> {
        let mut state = self.state();
        if let Some(basic) = &state.basic {
            return Ok(Some(basic.clone()));
        }
        state.tokens.retain(|_, (_, until)| *until > Instant::now());
        if let Some((token, _)) = state.tokens.get(&right) {
            return Ok(Some(token.clone()));
        }
        // What may be pushed to may be read.
        if let (Right::Pull, Some((token, _))) = (right, state.tokens.get(&Right::Push)) {
            return Ok(Some(token.clone()));
        }
        // The registry itself says what deleting needs, because its words for that differ.
        let Some(bearer) = state.bearer.clone().filter(|_| right != Right::Delete) else {
            return Ok(None);
        };
        let scope = right.scope(self.name.repository());
        self.token(&mut state, right, &bearer, &scope).map(Some)
    }

    /// What a request carries after the registry answered 401 to it; `None` if nothing can help.
    pub(super) fn respond(&self, right: Right, answer: &Answer) -> Result<Option<Credential>> {
        // What was sent was good, so a second try would get the same answer.
        if answer.authorized {
            return Ok(None);
        }
        let mut state = self.state();
        match challenge(answer) {
            None => Ok(None),
            Some(Challenge::Basic) => {
                let Some(Login::Password { user, password }) = self.login(&mut state)? else {
                    return Ok(None);
                };
                let basic = Credential::basic(&user, &password, [self.name.site()]);
                state.basic = Some(basic.clone());
                Ok(Some(basic))
            }
            Some(Challenge::Bearer(bearer)) => {
                let own = right.scope(self.name.repository());
                let scope = match (&bearer.scope, right) {
                    (Some(stated), Right::Pull | Right::Delete) => stated.clone(),
                    _ => own,
                };
                state.bearer = Some(bearer.clone());
                self.token(&mut state, right, &bearer, &scope).map(Some)
            }
        }
    }

    /// The error for a request that the registry does not allow.
    pub(super) fn refused(&self, right: Right, answer: &Answer) -> Error {
        let (registry, repository) = (self.name.registry(), self.name.repository());
        let words = right.words(repository);
        let error = Error::refused(format!("{registry} does not allow to {words}"))
            .cause(format!("it answered {}", answer.status));
        // A filter or a limit may answer so to whoever did not log in.
        let is_anonymous = !matches!(self.state().login.get(), Some(Some(_)));
        let error = if right == Right::Pull && answer.status == 403 && is_anonymous {
            error.with_kind(Kind::Unavailable)
        } else {
            error
        };
        let error = match answers::message(answer) {
            Some(message) => error.cause(message),
            None => error,
        };
        self.hint(error, &words)
    }

    /// Returns an error if what is known says that the login may not push.
    pub(super) fn check_push(&self) -> Result<()> {
        let registry = self.name.registry();
        let words = Right::Push.words(self.name.repository());
        let (lacks, is_anonymous) = {
            let state = self.state();
            let is_anonymous = matches!(state.login.get(), Some(None));
            (state.lacks_push, is_anonymous && state.bearer.is_some())
        };
        if !lacks && !is_anonymous {
            return Ok(());
        }
        let error = Error::refused(format!("{registry} does not allow to {words}"));
        let error = if lacks {
            error.cause("its token has no such right")
        } else {
            error.cause("it wants a login")
        };
        Err(self.hint(error, &words))
    }

    /// Says which right the login lacks, or how to log in.
    fn hint(&self, error: Error, words: &str) -> Error {
        let registry = self.name.registry();
        let has_login = matches!(self.state().login.get(), Some(Some(_)));
        let place = config::place(&self.environment);
        let place = place.map_or("Docker's configuration".to_owned(), |path| {
            path.display().to_string()
        });
        if has_login {
            error.hint(format!(
                "the login for {registry} in {place} needs the right to {words}"
            ))
        } else {
            error.hint(format!(
                "there is no login for {registry} in {place}: `docker login {registry}` stores one, \
                 which needs the right to {words}"
            ))
        }
    }

    fn login(&self, state: &mut State) -> Result<Option<Login>> {
        if let Some(login) = state.login.get() {
            return Ok(login.clone());
        }
        let login = config::login(self.name.registry(), &self.environment, &self.cancel)?;
        Ok(state.login.get_or_init(|| login).clone())
    }

    /// Gets a token from the server that the registry names.
    fn token(
        &self,
        state: &mut State,
        right: Right,
        bearer: &Bearer,
        scope: &str,
    ) -> Result<Credential> {
        let registry = self.name.registry();
        let realm = self.realm(bearer)?;
        let login = self.login(state)?;
        let request = request(&realm, bearer, scope, login.as_ref())?;
        let answer = self.client.send(request.limit(super::MAX_JSON))?;
        if matches!(answer.status, 400 | 401 | 403) && !answer.is_limited() {
            let error = Error::refused(format!("{} gives no token for {registry}", shown(&realm)))
                .cause(format!("it answered {}", answer.status));
            let error = match answers::message(&answer) {
                Some(message) => error.cause(message),
                None => error,
            };
            let words = right.words(self.name.repository());
            let has_login = login.is_some();
            let error = if has_login {
                error.hint(format!(
                    "`docker login {registry}` checks and replaces the login"
                ))
            } else {
                error
            };
            return Err(if has_login {
                error.hint(format!("it needs the right to {words}"))
            } else {
                error.hint(format!(
                    "there is no login for {registry}: `docker login {registry}` stores one, which needs the right to {words}"
                ))
            });
        }
        if !answer.is_success() {
            return Err(answers::error(&answer));
        }
        let body: Value = answer.json()?;
        let token = [&body["token"], &body["access_token"]]
            .into_iter()
            .filter_map(Value::as_str)
            .find(|token| !token.is_empty())
            .ok_or_else(|| {
                Error::unavailable(format!("{} answered without a token", shown(&realm)))
                    .hint("try again later")
            })?;
        let lifetime = body["expires_in"]
            .as_u64()
            .map_or(LIFETIME, Duration::from_secs);
        let lifetime = lifetime.saturating_sub(MARGIN).min(Duration::from_hours(1));
        if right == Right::Push {
            state.lacks_push = grants_push(token, self.name.repository()) == Some(false);
        }
        let token = Credential::bearer(&Secret::new(token), [self.name.site()]);
        state
            .tokens
            .insert(right, (token.clone(), Instant::now() + lifetime));
        Ok(token)
    }

    /// The server of tokens. Nothing secret goes over plain http because a registry says so.
    fn realm(&self, bearer: &Bearer) -> Result<Url> {
        let registry = self.name.registry();
        let realm = parse_url(&bearer.realm).map_err(|error| {
            Error::refused(format!(
                "{registry} names a server of tokens that can't be one"
            ))
            .cause(error)
        })?;
        let is_https = self.name.site().to_string().starts_with("https:");
        if is_https && realm.scheme() != "https" {
            return Err(Error::refused(format!(
                "{registry} names {} as its server of tokens, which is plain http",
                shown(&realm)
            ))
            .hint("no login is sent there; the registry's owner must repair this"));
        }
        Ok(realm)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a token is good for pushing to a repository, if it is one that can be read: a JSON web
/// token whose `access` lists the rights. Its signature is the registry's matter.
fn grants_push(token: &str, repository: &str) -> Option<bool> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    let access = payload["access"].as_array()?;
    let is_good = |action: &Value| matches!(action.as_str(), Some("push" | "*"));
    Some(access.iter().any(|entry| {
        entry["name"] == repository
            && entry["actions"]
                .as_array()
                .is_some_and(|actions| actions.iter().any(is_good))
    }))
}

/// The request for a token: a GET with the login, or a form with a token that is exchanged.
fn request(
    realm: &Url,
    bearer: &Bearer,
    scope: &str,
    login: Option<&Login>,
) -> Result<Request<'static>> {
    let mut url = realm.clone();
    let fill = |url: &mut Url| {
        let mut query = url.query_pairs_mut();
        if let Some(service) = &bearer.service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", scope);
    };
    match login {
        None => {
            fill(&mut url);
            Request::new(Method::GET, url)
        }
        Some(Login::Password { user, password }) => {
            fill(&mut url);
            let basic = Credential::basic(user, password, [Site::of(realm)]);
            Ok(Request::new(Method::GET, url)?.credential(&basic))
        }
        Some(Login::Identity(token)) => {
            let mut form = realm.clone();
            form.set_query(None);
            fill(&mut form);
            form.query_pairs_mut()
                .append_pair("grant_type", "refresh_token")
                .append_pair("client_id", "larder")
                .append_pair("refresh_token", token.expose());
            let body = form.query().unwrap_or_default().as_bytes().to_vec();
            Request::new(Method::POST, url)?.bytes(body, "application/x-www-form-urlencoded")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str) -> Bearer {
        Bearer {
            realm: realm.to_owned(),
            service: Some("the registry".to_owned()),
            scope: None,
        }
    }

    #[test]
    fn logins_never_go_over_plain_http_because_a_registry_says_so() {
        let (environment, cancel) = (Environment::default(), Cancel::new());
        let client = Client::new(crate::http::Settings::default(), cancel.clone());
        for (registry, realm, is_good) in [
            ("registry.example", "https://auth.example/token", true),
            ("registry.example", "http://auth.example/token", false),
            ("registry.example", "http://127.0.0.1:1/token", false),
            ("registry.example", "auth.example/token", false),
            ("registry.example", "https://me:secret@auth.example/", false),
            ("registry.example", "file:///token", false),
            ("127.0.0.1:5000", "http://127.0.0.1:1/token", true),
        ] {
            let name = format!("{registry}/acme/arc").parse().unwrap();
            let auth = Auth::new(&client, &environment, &cancel, &name);
            match auth.realm(&bearer(realm)) {
                Ok(url) => assert!(is_good, "{registry} {url}"),
                Err(error) => {
                    assert!(!is_good, "{registry} {error}");
                    assert_eq!(error.kind(), larder_core::Kind::Refused);
                    assert!(!error.to_string().contains("secret"), "{error}");
                }
            }
        }
    }

    #[test]
    fn tokens_that_can_be_read_say_whether_they_are_good_for_pushing() {
        let token = |payload: &str| format!("a.{}.c", URL_SAFE_NO_PAD.encode(payload));
        let access = |actions: &str| {
            token(&format!(
                r#"{{"access": [{{"name": "acme/other", "actions": ["push"]}}, {{"name": "acme/arc", "actions": {actions}}}]}}"#
            ))
        };
        for (token, expected) in [
            (access(r#"["pull", "push"]"#), Some(true)),
            (access(r#"["*"]"#), Some(true)),
            (access(r#"["pull"]"#), Some(false)),
            (access("null"), Some(false)),
            (token(r#"{"access": []}"#), Some(false)),
            (token(r#"{"access": null}"#), None),
            (token("no json"), None),
            ("opaque".to_owned(), None),
            ("a.%%%.c".to_owned(), None),
        ] {
            assert_eq!(grants_push(&token, "acme/arc"), expected, "{token}");
        }
    }
}
