//! The page for people: a plain table, without scripts or anything from elsewhere.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderName, HeaderValue};
use larder_core::human;

use super::{Handled, document};
use crate::index::name::arch_word;
use crate::server::Server;

const POLICY: (HeaderName, HeaderValue) = (
    CONTENT_SECURITY_POLICY,
    HeaderValue::from_static(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
);

/// The page for people
#[utoipa::path(get, path = "/", responses(
    (status = 200, description = "A table of all binaries", body = String, content_type = "text/html"),
))]
pub async fn page(State(server): State<Arc<Server>>) -> Handled {
    let snapshot = server.index.snapshot();
    let mut rows = String::new();
    for entry in snapshot.entries() {
        let of = &entry.coordinate;
        let (platform, arch) = (of.platform.as_str(), arch_word(of.arch));
        // Names, versions and file names have no character that HTML gives a meaning.
        let _ = writeln!(
            rows,
            "<tr><td>{}<td>{}<td>{platform}<td>{arch}<td>{}<td><a href=\"/binaries/{}\">{}</a>\
             <td><code>{}</code>",
            of.name,
            of.version.as_str(),
            human::bytes(entry.stamp.size),
            entry.file,
            entry.file,
            entry.digest
        );
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Binaries</title>\n\
         <h1>Binaries</h1>\n<table>\n<thead><tr><th>Name<th>Version<th>Platform<th>Architecture\
         <th>Size<th>File<th>SHA-256</thead>\n<tbody>\n{rows}</tbody>\n</table>\n</html>\n"
    );
    let response = document("text/html; charset=utf-8", page.into());
    Ok(([POLICY], response).into_response())
}
