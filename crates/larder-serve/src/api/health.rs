//! How the server is.

use std::sync::Arc;

use axum::extract::State;

use super::{Handled, document};
use crate::metrics;
use crate::problem::{Problem, ProblemDocument};
use crate::server::Server;

const TEXT: &str = "text/plain; charset=utf-8";

/// Whether the process lives
#[utoipa::path(get, path = "/livez", responses(
    (status = 200, description = "It does", body = String, content_type = "text/plain"),
))]
pub async fn livez() -> Handled {
    Ok(document(TEXT, "ok\n".into()))
}

/// Whether the first scan is complete and the server is not stopping
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "It is ready", body = String, content_type = "text/plain"),
    (status = 503, description = "It is not", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn readyz(State(server): State<Arc<Server>>) -> Handled {
    if server.is_stopping() {
        return Err(Problem::unavailable("the server is stopping", 5).into());
    }
    if !server.is_ready() {
        return Err(Problem::unavailable(server.index.unready(), 1).into());
    }
    Ok(document(TEXT, "ready\n".into()))
}

/// Counters for Prometheus
#[utoipa::path(get, path = "/metrics", responses(
    (status = 200, description = "OpenMetrics", body = String, content_type = "application/openmetrics-text"),
))]
pub async fn metrics(State(server): State<Arc<Server>>) -> Handled {
    let text = server
        .metrics
        .text(&server.index, &server.fleet, server.is_ready());
    Ok(document(metrics::MEDIA_TYPE, text.into()))
}
