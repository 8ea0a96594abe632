//! Rollouts: starting, watching and steering them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderValue, StatusCode};

use crate::access::Caller;
use crate::api::parameters::Segments;
use crate::api::{Handled, JSON, body, document, tagged};
use crate::fleet::rollout::Request;
use crate::fleet::view::Rollout;
use crate::index::snapshot::{Document, json};
use crate::problem::ProblemDocument;
use crate::server::Server;

/// All rollouts
#[utoipa::path(get, path = "/api/rollouts", operation_id = "rollouts", responses(
    (status = 200, description = "The newest first", body = [Rollout]),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn list(State(server): State<Arc<Server>>) -> Handled {
    Ok(tagged(JSON, Document::new(json(&server.fleet.rollouts()?))))
}

/// Start a rollout
///
/// Its members are the nodes that follow the channel now and are neither drained nor pinned.
#[utoipa::path(post, path = "/api/rollouts", operation_id = "start_rollout", request_body = Request, responses(
    (status = 201, description = "It runs; the header Location names it", body = Rollout),
    (status = 400, description = "A value does not parse, or there is no such key", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 404, description = "There is no binary of this version", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "Another rollout of this channel has not ended", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn start(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    content: Body,
) -> Handled {
    let request: Request = body::request(&server, content).await?;
    let rollout = server.fleet.start_rollout(request, caller.who()).await?;
    let mut response = document(JSON, json(&rollout));
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(location) = HeaderValue::from_str(&format!("/api/rollouts/{}", rollout.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// One rollout
#[utoipa::path(get, path = "/api/rollouts/{id}", operation_id = "rollout",
    params(("id" = String, Path, description = "Its id", example = "r-0123456789abcdef")),
    responses(
    (status = 200, description = "The rollout", body = Rollout),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn one(State(server): State<Arc<Server>>, Segments(id): Segments<String>) -> Handled {
    let rollout = server.fleet.rollout(&id)?;
    Ok(tagged(JSON, Document::new(json(&rollout))))
}

/// Pause a rollout
///
/// Members that are on their way go on; nothing more is started.
#[utoipa::path(post, path = "/api/rollouts/{id}/pause", operation_id = "pause_rollout",
    params(("id" = String, Path, description = "Its id", example = "r-0123456789abcdef")),
    responses(
    (status = 200, description = "The rollout", body = Rollout),
    (status = 409, description = "It is not running", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn pause(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    let rollout = server.fleet.pause(&id, caller.who()).await?;
    Ok(document(JSON, json(&rollout)))
}

/// Let a rollout proceed after a pause
#[utoipa::path(post, path = "/api/rollouts/{id}/resume", operation_id = "resume_rollout",
    params(("id" = String, Path, description = "Its id", example = "r-0123456789abcdef")),
    responses(
    (status = 200, description = "The rollout", body = Rollout),
    (status = 409, description = "It is not paused", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn resume(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    let rollout = server.fleet.resume(&id, caller.who()).await?;
    Ok(document(JSON, json(&rollout)))
}

/// End a rollout
///
/// Nothing more is started, and its nodes follow the channel again.
#[utoipa::path(post, path = "/api/rollouts/{id}/abort", operation_id = "abort_rollout",
    params(("id" = String, Path, description = "Its id", example = "r-0123456789abcdef")),
    responses(
    (status = 200, description = "The rollout", body = Rollout),
    (status = 409, description = "It has ended", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn abort(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    let rollout = server.fleet.abort(&id, caller.who()).await?;
    Ok(document(JSON, json(&rollout)))
}
