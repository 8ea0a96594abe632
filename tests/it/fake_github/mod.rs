//! A fake GitHub that stores bytes: the API, the upload origin, the web origin and the asset store, each on a port of its
//! own, behaving like the real one as far as releases go.
//!
//! ```ignore
//! let github = FakeGitHub::start();
//! github.repo("acme/x", Visibility::Public);
//! github.fault(Fault::on("POST", "/assets", Act::KillAfter));
//! // point a client at github.api_url() and github.web_url() with the token WRITE
//! ```
//! A token seen at the web origin or the store fails the test when the fake is dropped. Every request is in
//! [`FakeGitHub::log`]; with `LARDER_FAKE_GITHUB_LOG` (a folder) set, every answer is written there too, one JSON object
//! a line, for `tests/oracles/github/` to hold against GitHub's own description.
#![allow(dead_code, reason = "a toolbox: not every test needs every tool")]
#![allow(missing_docs, reason = "fields of a test tool say what they are")]

mod answering;
mod api;
mod data;
mod fault;
mod git;
mod graphql;
mod listener;
mod pulls;
mod state;
mod web;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Request};
use larder_core::model::Digest;
use listener::{Connection, Cuttable};
use state::{Asset, Repo, State};

pub use fault::{Act, Fault};
pub use state::{Access, Release, Urls, Visibility};

/// A token that may write.
pub const WRITE: &str = "ghs_writes";

/// A token that may read private repositories.
pub const READ: &str = "ghs_reads";

/// A token that may see the repository's settings, too.
pub const ADMIN: &str = "ghp_admin";

/// A valid token of another user, which cannot see private repositories.
pub const STRANGER: &str = "ghp_stranger";

/// Which of the four servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Api,
    Uploads,
    Web,
    Store,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Api => "api",
            Self::Uploads => "uploads",
            Self::Web => "web",
            Self::Store => "store",
        })
    }
}

/// One request and its result.
#[derive(Clone, Debug)]
pub struct Entry {
    pub origin: Origin,
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Whether it carried credentials.
    pub token: bool,
    /// 0 if the connection was cut instead.
    pub status: u16,
    pub at: SystemTime,
}

impl Entry {
    /// Whether the request changes anything.
    pub fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD") && !self.target.ends_with("/graphql")
    }
}

struct Inner {
    state: State,
    faults: Vec<Fault>,
    log: Vec<Entry>,
    answers: Vec<String>,
    leaks: Vec<String>,
    /// The server stops at the request with this number (from 1), before or after acting on it, and
    /// answers no further request.
    kill_at: Option<(usize, bool)>,
    seen: usize,
}

struct Shared {
    inner: Mutex<Inner>,
    direct: Urls,
    /// The urls that answers have, if proxies are in front of the four origins.
    shown: Mutex<Option<Urls>>,
    prefix: String,
}

/// The running fake; stops when dropped.
pub struct FakeGitHub {
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    allow_leaks: bool,
}

impl FakeGitHub {
    /// Starts on free ports, the API without a path as at github.com.
    pub fn start() -> Self {
        Self::start_at("", [0; 4])
    }

    /// Starts with the API under a path (`/api/v3`, as GitHub Enterprise Server has it), on given ports (0: free) for api,
    /// uploads, web and store.
    pub fn start_at(prefix: &str, ports: [u16; 4]) -> Self {
        let listeners: Vec<std::net::TcpListener> = ports
            .iter()
            .map(|port| {
                let listener =
                    std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], *port)))
                        .expect("a free port");
                listener.set_nonblocking(true).expect("nonblocking");
                listener
            })
            .collect();
        let url = |i: usize| format!("http://{}", listeners[i].local_addr().expect("bound"));
        let direct = Urls {
            api: format!("{}{prefix}", url(0)),
            uploads: url(1),
            web: url(2),
            store: url(3),
        };
        let tokens = [
            (WRITE, Access::Write),
            (READ, Access::Read),
            (ADMIN, Access::Admin),
            (STRANGER, Access::Stranger),
        ];
        let state = State {
            repos: BTreeMap::new(),
            tokens: tokens.into_iter().map(|(t, a)| (t.to_owned(), a)).collect(),
            next_id: 1_000,
            lag: Duration::ZERO,
            content_gap: None,
            last_content: None,
            primary: None,
            login_page: false,
            direct_assets: false,
            no_digests: false,
        };
        let (faults, log, answers, leaks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let inner = Inner {
            state,
            faults,
            log,
            answers,
            leaks,
            kill_at: None,
            seen: 0,
        };
        let shared = Arc::new(Shared {
            inner: Mutex::new(inner),
            direct,
            shown: Mutex::new(None),
            prefix: prefix.to_owned(),
        });
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("runtime");
            runtime.block_on(async move {
                for (listener, origin) in listeners.into_iter().zip([
                    Origin::Api,
                    Origin::Uploads,
                    Origin::Web,
                    Origin::Store,
                ]) {
                    let listener = tokio::net::TcpListener::from_std(listener).expect("listener");
                    let shared = serving.clone();
                    let router = Router::new().fallback(
                        move |ConnectInfo(connection): ConnectInfo<Connection>,
                              request: Request| {
                            answering::serve(shared.clone(), origin, connection, request)
                        },
                    );
                    tokio::spawn(async move {
                        let service = router.into_make_service_with_connect_info::<Connection>();
                        axum::serve(Cuttable(listener), service).await
                    });
                }
                let _ = stopped.await;
            });
        });
        Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
            allow_leaks: false,
        }
    }

    /// Base url of the API (`GITHUB_API_URL`).
    pub fn api_url(&self) -> String {
        self.shared.direct.api.clone()
    }
    /// Base url of the web origin (`GITHUB_SERVER_URL`).
    pub fn web_url(&self) -> String {
        self.shared.direct.web.clone()
    }
    /// Base url of the upload origin.
    pub fn uploads_url(&self) -> String {
        self.shared.direct.uploads.clone()
    }
    /// Base url of the asset store.
    pub fn store_url(&self) -> String {
        self.shared.direct.store.clone()
    }

    /// Answers with these urls from now on, because proxies are in front of the four origins.
    pub fn show(&self, urls: Urls) {
        *self.shared.shown.lock().expect("no panic in the fake") = Some(urls);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner.lock().expect("no panic in the fake")
    }

    /// Adds a repository `owner/name`.
    pub fn repo(&self, full_name: &str, visibility: Visibility) -> &Self {
        let (owner, name) = full_name.split_once('/').expect("owner/name");
        let mut inner = self.inner();
        let repo = Repo::new(owner, name, inner.state.id(), visibility);
        inner.state.repos.insert(full_name.to_lowercase(), repo);
        drop(inner);
        self
    }

    /// Changes settings of a repository.
    pub fn with_repo<T>(&self, full_name: &str, change: impl FnOnce(&mut Repo) -> T) -> T {
        change(
            self.inner()
                .state
                .repos
                .get_mut(&full_name.to_lowercase())
                .expect("a known repository"),
        )
    }
    /// Changes settings of the whole server.
    pub fn with_state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.inner().state)
    }
    /// Lists show what was written only after this long.
    pub fn lag(&self, lag: Duration) {
        self.with_state(|state| state.lag = lag);
    }
    /// Turns on immutable releases.
    pub fn immutable(&self, repo: &str) {
        self.with_repo(repo, |repo| repo.immutable = true);
    }

    /// Adds a release with assets directly, without the API, and returns its id.
    pub fn put_release(&self, repo: &str, tag: &str, draft: bool, assets: &[(&str, &[u8])]) -> u64 {
        self.with_state(|state| {
            let long_ago = SystemTime::now() - Duration::from_hours(1);
            let id = state.id();
            let mut made: Vec<Asset> = Vec::new();
            for (name, bytes) in assets {
                let mut asset = Asset::uploaded(
                    state.id(),
                    name,
                    "application/octet-stream",
                    Bytes::copy_from_slice(bytes),
                );
                asset.created = long_ago;
                made.push(asset);
            }
            let repo = state
                .repos
                .get_mut(&repo.to_lowercase())
                .expect("a known repository");
            repo.releases.push(Release {
                id,
                tag: tag.to_owned(),
                target: repo.default_branch.clone(),
                name: Some(tag.to_owned()),
                body: None,
                draft,
                prerelease: false,
                immutable: !draft && repo.immutable,
                latest: false,
                created: long_ago,
                published: (!draft).then_some(long_ago),
                assets: made,
            });
            id
        })
    }

    /// The releases as they are now.
    pub fn releases(&self, repo: &str) -> Vec<Release> {
        self.with_repo(repo, |repo| repo.releases.clone())
    }

    /// Adds a fault.
    pub fn fault(&self, fault: Fault) -> &Self {
        self.inner().faults.push(fault);
        self
    }
    /// Removes the faults that were not used and returns their number.
    pub fn clear_faults(&self) -> usize {
        std::mem::take(&mut self.inner().faults).len()
    }

    /// Answers nothing from the n-th request on (1 is the next one); with `after` the server still
    /// acts on that request.
    pub fn kill_at(&self, n: usize, after: bool) {
        let mut inner = self.inner();
        inner.kill_at = Some((n, after));
        inner.seen = 0;
    }
    /// Whether that request has occurred.
    pub fn struck(&self) -> bool {
        let inner = self.inner();
        inner.kill_at.is_some_and(|(n, _)| inner.seen >= n)
    }
    /// Answers again; returns whether the kill had occurred.
    pub fn revive(&self) -> bool {
        let struck = self.struck();
        self.inner().kill_at = None;
        struck
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Entry> {
        self.inner().log.clone()
    }
    /// Clears the log.
    pub fn clear_log(&self) {
        self.inner().log.clear();
    }
    /// Requests per origin.
    pub fn count(&self, origin: Origin) -> usize {
        self.inner()
            .log
            .iter()
            .filter(|entry| entry.origin == origin)
            .count()
    }
    /// Requests that change something.
    pub fn writes(&self) -> Vec<Entry> {
        self.inner()
            .log
            .iter()
            .filter(|entry| entry.writes())
            .cloned()
            .collect()
    }
    /// Requests that carried credentials to the web origin or the store; the test handles them itself.
    pub fn take_leaks(&mut self) -> Vec<String> {
        self.allow_leaks = true;
        std::mem::take(&mut self.inner().leaks)
    }
    /// The tokens that the fake accepts.
    pub fn tokens(&self) -> Vec<String> {
        self.inner().state.tokens.keys().cloned().collect()
    }
}

impl Drop for FakeGitHub {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let inner = self
            .shared
            .inner
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(folder) = std::env::var_os("LARDER_FAKE_GITHUB_LOG") {
            let text = inner.answers.join("\n") + "\n";
            let name = format!(
                "{}-{}.jsonl",
                std::process::id(),
                Digest::of(text.as_bytes()).short()
            );
            std::fs::write(std::path::Path::new(&folder).join(name), text)
                .expect("the answers' log");
        }
        if !std::thread::panicking() && !self.allow_leaks {
            assert!(
                inner.leaks.is_empty(),
                "credentials left the API: {:?}",
                inner.leaks
            );
        }
    }
}
