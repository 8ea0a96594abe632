//! The API of a server, for the commands of `larder fleet`.

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{FleetChannel, FleetEvent, FleetNode, FleetRollout};
use larder_core::{fs, suggestions, variables};
use larder_remote::http::{self, Answer, Credential, Method, Request, Secret, Site, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ServerArgs;
use crate::cli::Global;
use crate::cli::session::{end_runtime, supervised};

/// A server.
pub struct Client {
    http: http::Client,
    settings: http::Settings,
    base: Url,
    credential: Option<Credential>,
    runtime: Option<tokio::runtime::Runtime>,
    cancel: Cancel,
}

impl Client {
    /// The server that the command line and the environment name. Nothing is sent yet.
    pub fn open(args: &ServerArgs, global: &Global) -> Result<Self> {
        let base = http::parse_url(args.server.trim_end_matches('/'))
            .map_err(|error| error.context("--server can't be used"))?;
        let secret = match &args.token_file {
            Some(file) => {
                let path = global.start()?.join(file);
                let text = fs::read_text_opt(&path)?.ok_or_else(|| {
                    Error::usage(format!("there is no file {file}"))
                        .hint("--token-file takes the file of the token's secret")
                })?;
                let secret = text.lines().next().unwrap_or_default().trim();
                if secret.is_empty() {
                    return Err(Error::usage(format!("{file} has no token")).hint(
                        "its first line is the secret that `larder serve token new` has printed",
                    ));
                }
                Some(Secret::new(secret))
            }
            None => global
                .startup
                .value(variables::SERVER_TOKEN)
                .map(Secret::new),
        };
        let settings = global.startup.remote(false)?.http;
        let (runtime, cancel) = supervised()?;
        Ok(Self {
            http: http::Client::new(settings.clone(), cancel.clone()),
            credential: secret.map(|secret| Credential::bearer(&secret, [Site::of(&base)])),
            settings,
            base,
            runtime: Some(runtime),
            cancel,
        })
    }

    /// Set by a signal.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Waits, or less long if a signal arrives.
    pub fn pause(&self, time: std::time::Duration) {
        if let Some(runtime) = &self.runtime {
            runtime.block_on(async {
                tokio::select! {
                    _ = self.cancel.cancelled() => {}
                    () = tokio::time::sleep(time) => {}
                }
            });
        }
    }

    /// Forgets what is known of the server's reachability, so that it is tried again.
    pub fn try_again(&mut self) {
        self.http = http::Client::new(self.settings.clone(), self.cancel.clone());
    }

    /// All nodes.
    pub fn nodes(&self) -> Result<Vec<FleetNode>> {
        self.get(&["nodes"])
    }

    /// One node, by its id or the name of its agent.
    pub fn node(&self, id: &str) -> Result<FleetNode> {
        self.of_node(id, Method::GET, &[], None)
    }

    /// Asks something of a node that answers with the node.
    pub fn change_node(
        &self,
        id: &str,
        method: Method,
        what: &str,
        body: Option<&Value>,
    ) -> Result<FleetNode> {
        self.of_node(id, method, &[what], body)
    }

    /// Removes a node, or a digest from those that are denied on it.
    pub fn delete_of_node(&self, id: &str, rest: &[&str]) -> Result<()> {
        let path: Vec<&str> = ["nodes", id].iter().chain(rest).copied().collect();
        let answer = self.send(Method::DELETE, &path, None)?;
        self.check_node(id, &answer)
    }

    fn of_node(
        &self,
        id: &str,
        method: Method,
        rest: &[&str],
        body: Option<&Value>,
    ) -> Result<FleetNode> {
        let path: Vec<&str> = ["nodes", id].iter().chain(rest).copied().collect();
        let answer = self.send(method, &path, body)?;
        self.check_node(id, &answer)?;
        answer.json()
    }

    /// An error for an answer that is one. A name that does not exist is met with similar ones.
    fn check_node(&self, id: &str, answer: &Answer) -> Result<()> {
        if answer.status != 404 {
            return check(answer);
        }
        let nodes = self.nodes()?;
        let known = || nodes.iter().map(|node| node.agent_id.as_str());
        if nodes
            .iter()
            .any(|node| node.agent_id == id || node.node_id == id)
        {
            return check(answer);
        }
        Err(Error::usage(format!("there is no node `{id}`"))
            .hint(suggestions::hint(id, known().collect::<Vec<_>>())))
    }

    /// All channels.
    pub fn channels(&self) -> Result<Vec<FleetChannel>> {
        self.get(&["channels"])
    }

    /// Points a channel at a version.
    pub fn set_channel(&self, name: &str, channel: &str, version: &str) -> Result<FleetChannel> {
        let body = serde_json::json!({ "version": version });
        let answer = self.send(Method::PUT, &["channels", name, channel], Some(&body))?;
        check(&answer)?;
        answer.json()
    }

    /// All rollouts, the newest first.
    pub fn rollouts(&self) -> Result<Vec<FleetRollout>> {
        self.get(&["rollouts"])
    }

    /// Starts a rollout.
    pub fn start_rollout(&self, body: &Value) -> Result<FleetRollout> {
        let answer = self.send(Method::POST, &["rollouts"], Some(body))?;
        check(&answer)?;
        answer.json()
    }

    /// One rollout.
    pub fn rollout(&self, id: &str) -> Result<FleetRollout> {
        self.of_rollout(id, Method::GET, &["rollouts", id])
    }

    /// Pauses, resumes or aborts a rollout.
    pub fn steer_rollout(&self, id: &str, verb: &str) -> Result<FleetRollout> {
        self.of_rollout(id, Method::POST, &["rollouts", id, verb])
    }

    fn of_rollout(&self, id: &str, method: Method, path: &[&str]) -> Result<FleetRollout> {
        let answer = self.send(method, path, None)?;
        if answer.status == 404 {
            let rollouts = self.rollouts()?;
            let known: Vec<&str> = rollouts.iter().map(|one| one.id.as_str()).collect();
            return Err(Error::usage(format!("there is no rollout `{id}`"))
                .hint(suggestions::hint(id, known)));
        }
        check(&answer)?;
        answer.json()
    }

    /// The events that a query names.
    pub fn events(&self, query: &[(&str, String)]) -> Result<Vec<FleetEvent>> {
        let mut url = self.url(&["events"])?;
        url.query_pairs_mut()
            .append_pair("follow", "false")
            .extend_pairs(query);
        let answer = self.request(Request::new(Method::GET, url)?)?;
        check(&answer)?;
        let text = String::from_utf8_lossy(&answer.body);
        let event = |line: &str| {
            serde_json::from_str(line).map_err(|error| {
                Error::unavailable(format!("{} has sent a line that is no event", answer.url))
                    .cause(error)
            })
        };
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines.map(event).collect()
    }

    fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        let answer = self.send(Method::GET, path, None)?;
        check(&answer)?;
        answer.json()
    }

    fn send(&self, method: Method, path: &[&str], body: Option<&Value>) -> Result<Answer> {
        let request = Request::new(method, self.url(path)?)?;
        self.request(match body {
            Some(body) => request.json(body)?,
            None => request,
        })
    }

    fn request(&self, request: Request<'_>) -> Result<Answer> {
        let request = request.credential(&self.credential).anything();
        self.http.send(request).map_err(|error| {
            error.hint(format!(
                "is `larder serve` running there? --server or {} names the server",
                variables::SERVER
            ))
        })
    }

    fn url(&self, path: &[&str]) -> Result<Url> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().push("api").extend(path);
            }
            Err(()) => return Err(Error::usage("--server is no url of a server")),
        }
        Ok(url)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            end_runtime(runtime);
        }
    }
}

/// An error for an answer that is one: the problem that the server describes.
fn check(answer: &Answer) -> Result<()> {
    if answer.is_success() {
        return Ok(());
    }
    let problem: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(detail) = problem.get("detail").and_then(Value::as_str) else {
        return Err(answer.error().hint(format!(
            "is this the url of a `larder serve`? --server or {} names it",
            variables::SERVER
        )));
    };
    let detail = detail.to_owned();
    Err(match answer.status {
        400 | 404 | 422 => Error::usage(detail),
        401 | 403 => Error::refused(detail).hint(format!(
            "name the file of a token with --token-file, or set {}",
            variables::SERVER_TOKEN
        )),
        429 | 500.. => Error::unavailable(detail),
        _ => Error::failed(detail),
    })
}
