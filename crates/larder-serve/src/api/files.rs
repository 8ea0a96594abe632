//! The bytes of a file, where they are sent by hyper.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::{HeaderMap, Method};

use super::Handled;
use super::parameters::Segments;
use crate::access::Caller;
use crate::bytes;
use crate::problem::ProblemDocument;
use crate::server::Server;

/// The bytes of a binary
#[utoipa::path(get, path = "/binaries/{filename}",
    params(("filename" = String, Path, description = "The `path` of a BinaryInfo")),
    responses(
    (status = 200, description = "The bytes", content_type = "application/octet-stream"),
    (status = 206, description = "The part that `Range` names", content_type = "application/octet-stream"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn get(
    State(server): State<Arc<Server>>,
    caller: Extension<Caller>,
    method: Method,
    Segments(filename): Segments<String>,
    headers: HeaderMap,
) -> Handled {
    let (answer, file) = bytes::serve(&server.index, &method, &filename, &headers).await?;
    if method == Method::GET {
        server.metrics.sent(answer.content.length());
    }
    Ok(answer.into_response(file, caller.0.pace))
}
