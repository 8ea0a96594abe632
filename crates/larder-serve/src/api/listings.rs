//! Documents that list everything.

use std::sync::Arc;

use axum::extract::State;

use super::binaries::ready;
use super::{Handled, JSON, document};
use crate::index::snapshot::Listing;
use crate::problem::ProblemDocument;
use crate::server::Server;

/// Everything in one document
#[utoipa::path(get, path = "/index.json", responses(
    (status = 200, description = "All binaries", body = Listing),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn index(State(server): State<Arc<Server>>) -> Handled {
    Ok(document(JSON, ready(&server)?.index()))
}

/// All digests, for `sha256sum -c`
#[utoipa::path(get, path = "/SHA256SUMS", responses(
    (status = 200, description = "One line per file", body = String, content_type = "text/plain"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn sums(State(server): State<Arc<Server>>) -> Handled {
    Ok(document(
        "text/plain; charset=utf-8",
        ready(&server)?.sums(),
    ))
}

/// This description
#[utoipa::path(get, path = "/openapi.json", responses(
    (status = 200, description = "OpenAPI 3.1", content_type = "application/json"),
))]
pub async fn openapi() -> Handled {
    Ok(document(JSON, super::openapi().into()))
}
