//! How one request is answered: the fault that is set for it, else the normal answer; both are
//! logged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::Response;
use larder_core::model::Digest;
use serde_json::json;

use super::listener::Connection;
use super::state::Urls;
use super::wire::{Answer, Ask};
use super::{Act, Entry, Inner, Origin, Shared, api, fault, git, graphql, web};

/// Urls for a client that talks to this authority: by host name through a proxy, or directly.
fn urls_for(shared: &Shared, authority: Option<&str>) -> (Urls, Option<Origin>) {
    let host = authority.map_or("", |a| a.split(':').next().unwrap_or(a));
    let origin = match host {
        "api.github.localhost" => Origin::Api,
        "uploads.github.localhost" => Origin::Uploads,
        "github.localhost" => Origin::Web,
        "objects.github.localhost" => Origin::Store,
        _ => {
            let shown = shared.shown.lock().expect("no panic in the fake").clone();
            return (shown.unwrap_or_else(|| shared.direct.clone()), None);
        }
    };
    let url = |name: &str| format!("http://{name}github.localhost");
    (
        Urls {
            api: url("api."),
            uploads: url("uploads."),
            web: url(""),
            store: url("objects."),
        },
        Some(origin),
    )
}

pub(super) async fn serve(
    shared: Arc<Shared>,
    port: Origin,
    connection: Connection,
    request: Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(|a| a.as_str().to_owned());
    let host = parts
        .headers
        .get("host")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let (urls, named) = urls_for(&shared, authority.or(host).as_deref());
    let origin = named.unwrap_or(port);
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        connection.cut_after(0);
        return Answer::empty(400).into_response(false);
    };
    let credentials = parts
        .headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .map(str::to_owned);
    let mut ask = Ask {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query_text: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body,
        access: None,
    };
    let (answer, act) = {
        let mut inner = shared.inner.lock().expect("no panic in the fake");
        decide(
            &mut inner,
            &shared,
            &urls,
            origin,
            &mut ask,
            credentials.as_deref(),
        )
    };
    match act {
        Some(Act::Delay(time)) => tokio::time::sleep(time).await,
        Some(Act::Truncate(bytes)) => connection.cut_after(bytes),
        Some(Act::KillBefore | Act::KillAfter) => connection.cut_after(0),
        _ => {}
    }
    answer.into_response(ask.method == "HEAD")
}

/// Counts the request, picks a fault, answers and logs.
fn decide(
    inner: &mut Inner,
    shared: &Shared,
    urls: &Urls,
    origin: Origin,
    ask: &mut Ask,
    credentials: Option<&str>,
) -> (Answer, Option<Act>) {
    inner.seen += 1;
    let (head, target) = (ask.method == "HEAD", ask.target());
    let tokens: Vec<String> = inner.state.tokens.keys().cloned().collect();
    let carried = credentials.is_some()
        || tokens.iter().any(|t| {
            ask.headers.values().any(|v| v.as_bytes() == t.as_bytes()) || target.contains(t)
        });
    // git logs in there, with a password.
    let is_git = origin == Origin::Web && git::asked_for(&ask.path).is_some();
    if carried && !is_git && matches!(origin, Origin::Web | Origin::Store) {
        inner
            .leaks
            .push(format!("{} {origin} {target}", ask.method));
    }
    let mut act = fault::pick(&mut inner.faults, origin, &ask.method, &target);
    match inner.kill_at {
        Some((n, _)) if inner.seen > n => act = Some(Act::KillBefore),
        Some((n, after)) if inner.seen == n => {
            act = Some(if after {
                Act::KillAfter
            } else {
                Act::KillBefore
            });
        }
        _ => {}
    }
    let mut answer = match &act {
        Some(Act::KillBefore) => Answer::empty(500),
        Some(Act::Answer(status, headers, body)) => {
            let kind = if body.starts_with('<') {
                "text/html"
            } else {
                "application/json; charset=utf-8"
            };
            let mut answer = Answer::bytes(*status, kind, body.clone().into());
            answer.headers.extend(headers.iter().cloned());
            answer
        }
        Some(Act::Html) => Answer::html(200),
        Some(Act::Starter) => {
            api::leave_starter(&mut inner.state, ask);
            Answer::html(502)
        }
        Some(Act::Secondary(after)) => secondary(*after),
        _ => act_on(inner, shared, urls, origin, ask, credentials),
    };
    match &act {
        Some(Act::FalseAnswer(status)) => answer = Answer::html(*status),
        Some(Act::Flip) if !answer.body.is_empty() => {
            let mut bytes = answer.body.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            answer.body = bytes.into();
        }
        _ => {}
    }
    let cut = matches!(act, Some(Act::KillBefore | Act::KillAfter));
    let status = if cut { 0 } else { answer.status };
    inner.log.push(Entry {
        origin,
        method: ask.method.clone(),
        target: target.clone(),
        token: carried,
        status,
        at: SystemTime::now(),
    });
    let faulty = matches!(
        act,
        Some(Act::Answer(..) | Act::Html | Act::Starter | Act::FalseAnswer(_) | Act::Flip)
    );
    if std::env::var_os("LARDER_FAKE_GITHUB_LOG").is_some()
        && matches!(origin, Origin::Api | Origin::Uploads)
        && !cut
        && !faulty
        && !head
    {
        let headers: BTreeMap<&str, &String> =
            answer.headers.iter().map(|(n, v)| (*n, v)).collect();
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).ok();
        let sent = ask
            .header("content-type")
            .filter(|t| t.contains("json"))
            .and_then(|_| text(&ask.body));
        let shown = answer
            .header("content-type")
            .filter(|t| t.contains("json"))
            .and_then(|_| text(&answer.body));
        let line = json!({
            "origin": origin.to_string(), "method": ask.method, "target": target.trim_start_matches(&shared.prefix), "sent": sent,
            "status": answer.status, "headers": headers, "body": shown,
        });
        inner.answers.push(line.to_string());
    }
    (answer, act)
}

fn secondary(after: Option<u64>) -> Answer {
    let message =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    let mut answer = api::error(403, message, None);
    if let Some(seconds) = after {
        answer.headers.push(("retry-after", seconds.to_string()));
    }
    answer
}

/// The normal answer, without a fault.
fn act_on(
    inner: &mut Inner,
    shared: &Shared,
    urls: &Urls,
    origin: Origin,
    ask: &mut Ask,
    credentials: Option<&str>,
) -> Answer {
    let state = &mut inner.state;
    match origin {
        Origin::Web => return web::answer(state, urls, ask),
        Origin::Store => return web::store(state, ask),
        Origin::Api | Origin::Uploads => {}
    }
    if let Some(text) = credentials {
        let token = text
            .strip_prefix("Bearer ")
            .or_else(|| text.strip_prefix("token "));
        match token.and_then(|t| state.tokens.get(t)) {
            Some(access) => ask.access = Some(*access),
            None => return api::error(401, "Bad credentials", None),
        }
    }
    if let Some((left, reset)) = state.primary {
        if reset <= SystemTime::now() {
            state.primary = None;
        } else if left == 0 {
            let mut answer = api::error(403, "API rate limit exceeded for installation.", None);
            let seconds = reset
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |d| d.as_secs());
            answer.headers.push(("x-ratelimit-limit", "1000".into()));
            answer.headers.push(("x-ratelimit-remaining", "0".into()));
            answer
                .headers
                .push(("x-ratelimit-reset", seconds.to_string()));
            return answer;
        } else {
            state.primary = Some((left - 1, reset));
        }
    }
    if ask.method == "POST" && !ask.path.ends_with("/graphql") {
        let now = SystemTime::now();
        if let (Some(gap), Some(last)) = (state.content_gap, state.last_content)
            && last + gap > now
        {
            return secondary(Some(1));
        }
        state.last_content = Some(now);
    }
    if ask
        .path
        .trim_start_matches(&shared.prefix)
        .trim_start_matches("/api")
        == "/graphql"
    {
        return graphql::answer(state, urls, ask);
    }
    let mut answer = api::answer(state, urls, ask, origin == Origin::Uploads);
    if ask.method == "GET" && answer.status == 200 {
        let etag = format!("W/\"{}\"", Digest::of(&answer.body));
        if ask.header("if-none-match").is_some_and(|tag| tag == etag) {
            answer = Answer::empty(304);
        }
        answer.headers.push(("etag", etag));
    }
    answer
}
