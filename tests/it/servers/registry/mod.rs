//! A registry of images: keeps blobs and manifests in memory and checks what is pushed, as the OCI
//! distribution protocol says. A test can let it ask for a login, and let a request fail.
//!
//! ```ignore
//! let registry = Registry::start();
//! env.write("subsystems/arc/recipe.yml", &format!("… images: [{}/acme/arc]", registry.host()));
//! registry.fail(3, 503);                        // the third request from now on
//! assert_eq!(registry.writes(), 0);
//! assert!(registry.manifest("acme/arc", "latest").is_some());
//! ```
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use larder_core::model::Digest;
use serde_json::{Value, json};

mod protocol;

use super::scripted::{Reply, Script, Seen};
use protocol::{answer, error, parts};

/// The user that may log in.
pub const USER: &str = "pusher";
/// The password of that user. Nothing that larder prints or writes contains it.
pub const PASSWORD: &str = "correct-horse-battery";
/// The token that the server of tokens takes in place of a password.
pub const IDENTITY: &str = "identity-of-the-pusher";

/// How the registry finds out who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Login {
    /// Everybody may do everything.
    None,
    /// By user name and password.
    Basic,
    /// By a token of another server.
    Bearer,
}

#[derive(Default)]
struct State {
    /// `METHOD path` of each request, with the faults and the requests for tokens.
    requests: Vec<String>,
    /// What each request carried.
    credentials: Vec<Option<String>>,
    faults: BTreeMap<usize, Fault>,
    blobs: BTreeMap<(String, String), Vec<u8>>,
    manifests: BTreeMap<(String, String), (String, Vec<u8>)>,
    tags: BTreeMap<(String, String), String>,
    sessions: BTreeMap<String, Vec<u8>>,
    next_session: usize,
    rights: String,
    no_deletes: bool,
    page: Option<usize>,
    /// Lists what refers to a manifest.
    referrers: bool,
    /// Refuses a conditional write of a tag that is there.
    conditional: bool,
    /// How long a request takes.
    delay: Duration,
    /// From this request on nothing is carried out or answered.
    dead_from: Option<usize>,
    /// Cuts the next upload after this many bytes.
    cut: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// This status, and nothing happens.
    Status(u16),
    /// What was asked for happens, and the connection ends without an answer.
    Lost,
}

/// The server; it stops with the test's process.
pub struct Registry {
    script: Script,
    tokens: Option<Script>,
    state: Arc<Mutex<State>>,
}

impl Registry {
    /// An empty registry that needs no login.
    pub fn start() -> Self {
        Self::with_login(Login::None)
    }

    /// An empty registry that wants a login.
    pub fn with_login(login: Login) -> Self {
        let state = Arc::new(Mutex::new(State {
            rights: "pull,push,delete".to_owned(),
            ..State::default()
        }));
        let tokens = (login == Login::Bearer).then(|| {
            let shared = Arc::clone(&state);
            Script::start(move |seen, _| give_token(seen, &lock(&shared)))
        });
        let realm = tokens.as_ref().map(|tokens| tokens.at("/token"));
        let shared = Arc::clone(&state);
        let script = Script::start(move |seen, _| {
            let delay = lock(&shared).delay;
            std::thread::sleep(delay);
            let mut state = lock(&shared);
            let number = state.requests.len() + 1;
            state
                .requests
                .push(format!("{} {}", seen.method, seen.path));
            let credential = seen.header("authorization").map(str::to_owned);
            state.credentials.push(credential);
            let fault = state.faults.remove(&number);
            if state.dead_from.is_some_and(|from| number >= from) {
                return Reply::nothing();
            }
            if let Some(Fault::Status(status)) = fault {
                return Reply::status(status);
            }
            let reply = refusal(seen, &state, login, realm.as_deref())
                .unwrap_or_else(|| answer(seen, &mut state));
            match fault {
                Some(_) => Reply::nothing(),
                None => reply,
            }
        });
        Self {
            script,
            tokens,
            state,
        }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.script.url
    }
    /// `127.0.0.1:<port>`, with which names of images begin.
    pub fn host(&self) -> &str {
        self.script.url.trim_start_matches("http://")
    }
    /// `METHOD path` of every request so far, without those for tokens.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }
    /// The requests since the last call of this, and what each carried is forgotten.
    pub fn take(&self) -> Vec<String> {
        let mut state = lock(&self.state);
        state.credentials.clear();
        std::mem::take(&mut state.requests)
    }
    /// How many of the requests so far were of a method.
    pub fn count(&self, method: &str) -> usize {
        let is_one = |line: &&String| line.split(' ').next() == Some(method);
        self.requests().iter().filter(is_one).count()
    }
    /// How many of the requests so far could change something.
    pub fn writes(&self) -> usize {
        ["POST", "PUT", "PATCH", "DELETE"]
            .map(|method| self.count(method))
            .iter()
            .sum()
    }
    /// Every `Authorization` that the registry itself received.
    pub fn credentials(&self) -> Vec<String> {
        lock(&self.state)
            .credentials
            .iter()
            .flatten()
            .cloned()
            .collect()
    }
    /// Every request to the server of tokens.
    pub fn token_requests(&self) -> Vec<Seen> {
        self.tokens.as_ref().map(Script::seen).unwrap_or_default()
    }
    /// The `n`-th request from now on, counted from one, is answered with a status.
    pub fn fail(&self, n: usize, status: u16) {
        self.fault(n, Fault::Status(status));
    }
    /// The `n`-th request from now on is carried out, and its answer is lost.
    pub fn lose(&self, n: usize) {
        self.fault(n, Fault::Lost);
    }
    /// The `n`-th request from now on and all later ones find nobody.
    pub fn die(&self, n: usize) {
        let mut state = lock(&self.state);
        state.dead_from = Some(state.requests.len() + n);
    }
    fn fault(&self, n: usize, fault: Fault) {
        let mut state = lock(&self.state);
        let number = state.requests.len() + n;
        state.faults.insert(number, fault);
    }
    /// Removes the faults that have not happened.
    pub fn heal(&self) {
        let mut state = lock(&self.state);
        state.faults.clear();
        state.dead_from = None;
    }
    /// What the user may do: `pull`, `pull,push` or `pull,push,delete`.
    pub fn allow(&self, rights: &str) {
        rights.clone_into(&mut lock(&self.state).rights);
    }
    /// Deletes nothing from now on.
    pub fn without_deletes(&self) {
        lock(&self.state).no_deletes = true;
    }
    /// Lists what refers to a manifest from now on, as OCI 1.1 says.
    pub fn with_referrers(&self) {
        lock(&self.state).referrers = true;
    }
    /// Refuses from now on to write a tag that is there, if the request has that condition.
    pub fn with_conditions(&self) {
        lock(&self.state).conditional = true;
    }
    /// Every request takes so long from now on.
    pub fn slow_down(&self, delay: Duration) {
        lock(&self.state).delay = delay;
    }
    /// Ends the next upload after this many bytes.
    pub fn cut_upload(&self, bytes: usize) {
        lock(&self.state).cut = Some(bytes);
    }
    /// Lists this many tags at once.
    pub fn page(&self, size: usize) {
        lock(&self.state).page = Some(size);
    }
    /// A manifest by tag or digest.
    pub fn manifest(&self, name: &str, reference: &str) -> Option<Vec<u8>> {
        let state = lock(&self.state);
        let digest = state.resolve(name, reference)?;
        Some(state.manifests.get(&(name.to_owned(), digest))?.1.clone())
    }
    /// The digest that a tag or a digest names, with `sha256:`.
    pub fn digest(&self, name: &str, reference: &str) -> Option<String> {
        let state = lock(&self.state);
        let digest = state.resolve(name, reference)?;
        state
            .manifests
            .contains_key(&(name.to_owned(), digest.clone()))
            .then_some(digest)
    }
    /// The tags of a repository, sorted.
    pub fn tags(&self, name: &str) -> Vec<String> {
        lock(&self.state).tags_of(name)
    }
    /// How many blobs a repository has.
    pub fn blobs(&self, name: &str) -> usize {
        let state = lock(&self.state);
        state
            .blobs
            .keys()
            .filter(|(repository, _)| repository == name)
            .count()
    }
    /// Puts a manifest there behind the client's back. Returns its digest, with `sha256:`.
    pub fn put(&self, name: &str, tag: &str, media_type: &str, manifest: &Value) -> String {
        let bytes = manifest.to_string().into_bytes();
        let digest = format!("sha256:{}", Digest::of(&bytes));
        let mut state = lock(&self.state);
        let key = (name.to_owned(), digest.clone());
        state.manifests.insert(key, (media_type.to_owned(), bytes));
        state
            .tags
            .insert((name.to_owned(), tag.to_owned()), digest.clone());
        digest
    }
    /// Puts a blob there behind the client's back. Returns its digest, with `sha256:`.
    pub fn put_blob(&self, name: &str, bytes: &[u8]) -> String {
        let digest = format!("sha256:{}", Digest::of(bytes));
        let key = (name.to_owned(), digest.clone());
        lock(&self.state).blobs.insert(key, bytes.to_vec());
        digest
    }
    /// Damages a blob.
    pub fn damage(&self, name: &str, digest: &str) {
        let key = (name.to_owned(), digest.to_owned());
        let mut state = lock(&self.state);
        state.blobs.get_mut(&key).expect("a blob")[0] ^= 1;
    }
    /// The `config.json` of Docker with the login.
    pub fn docker_config(&self) -> String {
        let auth = base64_of(&format!("{USER}:{PASSWORD}"));
        json!({"auths": {self.host(): {"auth": auth}}}).to_string()
    }
}

impl State {
    fn resolve(&self, name: &str, reference: &str) -> Option<String> {
        if reference.starts_with("sha256:") {
            return Some(reference.to_owned());
        }
        self.tags
            .get(&(name.to_owned(), reference.to_owned()))
            .cloned()
    }

    fn tags_of(&self, name: &str) -> Vec<String> {
        let of_name = self
            .tags
            .keys()
            .filter(|(repository, _)| repository == name);
        of_name.map(|(_, tag)| tag.clone()).collect()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("state")
}

fn base64_of(text: &str) -> String {
    STANDARD.encode(text)
}

/// The right that a request needs.
fn needed(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "pull",
        "DELETE" => "delete",
        _ => "push",
    }
}

/// The answer to a request that may not be made.
fn refusal(seen: &Seen, state: &State, login: Login, realm: Option<&str>) -> Option<Reply> {
    let right = needed(&seen.method);
    // A login is wanted for the url that says so, too.
    let name = parts(&seen.path).map(|(name, _, _)| name);
    let carried = seen.header("authorization");
    match login {
        Login::None => None,
        Login::Basic => {
            let good = format!("Basic {}", base64_of(&format!("{USER}:{PASSWORD}")));
            if carried != Some(&good) {
                let challenge = "Basic realm=\"the registry\"";
                return Some(error(401, "UNAUTHORIZED").header("www-authenticate", challenge));
            }
            let may = name.is_none() || state.rights.split(',').any(|has| has == right);
            (!may).then(|| error(403, "DENIED"))
        }
        Login::Bearer => {
            let access = carried.and_then(access_of);
            let may = access.is_some_and(|access| {
                let has = access["actions"]
                    .as_array()
                    .is_some_and(|all| all.contains(&right.into()));
                name.as_ref()
                    .is_none_or(|name| access["name"] == name.as_str() && has)
            });
            let mut challenge = format!(
                "Bearer realm=\"{}\",service=\"the-registry\"",
                realm.unwrap_or_default()
            );
            if let Some(name) = name {
                let scope = format!(",scope=\"repository:{name}:{right}\"");
                challenge.push_str(&scope);
            }
            (!may).then(|| error(401, "UNAUTHORIZED").header("www-authenticate", &challenge))
        }
    }
}

/// The rights in a token.
fn access_of(carried: &str) -> Option<Value> {
    let payload = carried
        .strip_prefix("Bearer the.")?
        .strip_suffix(".token")?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    let payload: Value = serde_json::from_slice(&payload).ok()?;
    Some(payload["access"][0].clone())
}

/// Gives a token for as much of the scope as the user has a right to.
fn give_token(seen: &Seen, state: &State) -> Reply {
    let form = String::from_utf8_lossy(&seen.body).into_owned();
    let query = seen.path.split_once('?').map(|(_, query)| query.to_owned());
    let words = if seen.method == "POST" {
        Some(form)
    } else {
        query
    };
    let decoded = words.map(|words| {
        percent_encoding::percent_decode_str(&words)
            .decode_utf8_lossy()
            .into_owned()
    });
    let field = |key: &str| {
        let fields = decoded.as_deref()?.split('&');
        fields
            .filter_map(|field| field.split_once('='))
            .find(|(name, _)| *name == key)
    };
    let basic = format!("Basic {}", base64_of(&format!("{USER}:{PASSWORD}")));
    let is_known = match seen.header("authorization") {
        Some(value) => value == basic,
        None => field("refresh_token").is_some_and(|(_, token)| token == IDENTITY),
    };
    let is_ours = field("service").is_some_and(|(_, service)| service == "the-registry");
    let Some((_, scope)) = field("scope").filter(|_| is_known && is_ours) else {
        return Reply::status(401).body(json!({"details": "incorrect login"}).to_string());
    };
    let (start, actions) = scope.rsplit_once(':').expect("a scope");
    let granted: Vec<&str> = actions
        .split(',')
        .filter(|action| state.rights.split(',').any(|has| has == *action))
        .collect();
    let name = start.trim_start_matches("repository:");
    let payload = json!({"access": [{"type": "repository", "name": name, "actions": granted}]});
    let token = format!("the.{}.token", URL_SAFE_NO_PAD.encode(payload.to_string()));
    Reply::ok(json!({"token": token, "expires_in": 300}).to_string())
}
