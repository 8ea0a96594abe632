//! The page for people: a table that needs no script, which a script makes more useful.
//!
//! The style and the script are parts of the page, so nothing else is loaded; the policy names their
//! digests, and nothing else may run. Everything that comes from names and addresses is escaped.

pub mod fleet;
mod html;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_SECURITY_POLICY, ETAG, HOST, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use larder_core::model::Digest;
use serde::Deserialize;
use utoipa::IntoParams;

use super::parameters::Parameters;
use super::{Handled, document};
use crate::bytes::{Represented, precondition};
use crate::index::Entry;
use crate::index::name::arch_word;
use crate::problem::{Problem, ProblemDocument};
use crate::server::Server;
use html::Escaped;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const MEDIA_TYPE: &str = "text/html; charset=utf-8";
/// How many files one page of the table has.
const ROWS: usize = 100;
/// The most characters of a search that are looked at.
const LONGEST_SEARCH: usize = 200;

/// The policy: nothing is loaded or run that is not a part of the page.
fn policy((style, script): (&str, &str)) -> String {
    let hash = |text: &str| STANDARD.encode(Digest::of(text.as_bytes()).as_bytes());
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; \
         img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hash(style),
        hash(script)
    )
}

/// What part of the table is shown.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// Words that the name, version, platform, file or digest has.
    q: Option<String>,
    /// The number of the page, from 1.
    #[param(maximum = 65535)]
    page: Option<u16>,
}

/// The page for people
#[utoipa::path(get, path = "/", params(Part), responses(
    (status = 200, description = "A table of the binaries", body = String, content_type = "text/html"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn page(
    State(server): State<Arc<Server>>,
    method: Method,
    headers: HeaderMap,
    Parameters(part): Parameters<Part>,
) -> Handled {
    let page = write(&server, &headers, &part);
    send(&page, (STYLE, SCRIPT), &method, &headers)
}

/// Answers with a page, which has this style and this script.
fn send(page: &str, parts: (&str, &str), method: &Method, headers: &HeaderMap) -> Handled {
    let file = Represented::new(Digest::of(page.as_bytes()), page.len() as u64, 0);
    let mut response = match precondition(method, headers, Some(&file)) {
        Some(StatusCode::NOT_MODIFIED) => StatusCode::NOT_MODIFIED.into_response(),
        Some(status) => {
            let detail = "the page is not the one that the request's conditions name";
            return Err(Problem::new(status, detail).into());
        }
        None => document(MEDIA_TYPE, page.to_owned().into()),
    };
    let headers = response.headers_mut();
    let policy = policy(parts);
    for (name, value) in [(CONTENT_SECURITY_POLICY, &policy), (ETAG, &file.etag)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

fn write(server: &Server, headers: &HeaderMap, part: &Part) -> String {
    let snapshot = server.index.snapshot();
    let entries = snapshot.entries();
    let search: String = part.q.as_deref().unwrap_or_default().trim().to_owned();
    let search: String = search.chars().take(LONGEST_SEARCH).collect();
    let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
    let found: Vec<&Arc<Entry>> = entries.iter().filter(|entry| fits(entry, &words)).collect();
    let pages = found.len().div_ceil(ROWS).max(1);
    let page = usize::from(part.page.unwrap_or(1));
    let page = page.clamp(1, pages);
    let rows = found.iter().skip((page - 1) * ROWS).take(ROWS);
    let rows: String = rows.map(|entry| html::row(entry)).collect();
    let places: BTreeSet<(&str, &str)> = entries
        .iter()
        .map(|entry| {
            (
                entry.coordinate.platform.as_str(),
                arch_word(entry.coordinate.arch),
            )
        })
        .collect();
    let counted = html::count(entries.len(), words.is_empty(), found.len());
    let mut notice = String::new();
    if !server.index.is_ready() {
        let _ = writeln!(
            notice,
            "<p class=\"notice\" role=\"status\">The list is not complete: {}.</p>",
            Escaped(&server.index.unready())
        );
    }
    let scheme = if server.settings.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    html::page(&html::Parts {
        style: STYLE,
        script: SCRIPT,
        notice: &notice,
        counted: &counted,
        places: &places,
        search: &search,
        rows: &rows,
        pager: &html::pager("/", "list", &search, page, pages),
        example: found.first().map(|entry| &*entry.file),
        base: &format!("{scheme}://{}", host.unwrap_or("localhost")),
    })
}

fn fits(entry: &Entry, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let text = format!(
        "{} {} {} {} {} {}",
        entry.coordinate.name,
        entry.coordinate.version.as_str(),
        entry.coordinate.platform.as_str(),
        arch_word(entry.coordinate.arch),
        entry.file,
        entry.digest
    )
    .to_lowercase();
    words.iter().all(|word| text.contains(word.as_str()))
}
