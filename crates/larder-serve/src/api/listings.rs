//! Documents that list everything.

use std::sync::Arc;

use axum::extract::State;

use super::binaries::ready;
use super::{Handled, JSON, tagged};
use crate::index::snapshot::{Document, Listing};
use crate::problem::ProblemDocument;
use crate::server::Server;

/// Everything in one document
#[utoipa::path(get, path = "/index.json", responses(
    (status = 200, description = "All binaries", body = Listing),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn index(State(server): State<Arc<Server>>) -> Handled {
    Ok(tagged(JSON, ready(&server)?.index()))
}

/// All digests, for `sha256sum -c`
#[utoipa::path(get, path = "/SHA256SUMS", responses(
    (status = 200, description = "One line per file", body = String, content_type = "text/plain"),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn sums(State(server): State<Arc<Server>>) -> Handled {
    Ok(tagged("text/plain; charset=utf-8", ready(&server)?.sums()))
}

/// This description
#[utoipa::path(get, path = "/openapi.json", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
pub async fn openapi(State(server): State<Arc<Server>>) -> Handled {
    let make = || Document::new(super::openapi().into());
    Ok(tagged(JSON, server.description.get_or_init(make).clone()))
}
