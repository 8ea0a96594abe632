//! Nodes: what they are, and what administrators do to them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::IntoResponse;
use http::StatusCode;
use larder_core::model::Digest;
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::access::Caller;
use crate::api::parameters::Segments;
use crate::api::{Handled, JSON, body, document, tagged};
use crate::fleet::view::Node;
use crate::index::snapshot::{Document, json};
use crate::problem::{Problem, ProblemDocument};
use crate::server::Server;

/// The version that a node is to stay on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PinRequest {
    /// With or without a leading v; null ends the pin.
    #[serde(deserialize_with = "present")]
    #[schema(required, example = "1.0.0")]
    pub version: Option<String>,
}

/// Reads a value that may be null, but not missing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer)
}

/// All nodes
#[utoipa::path(get, path = "/api/nodes", operation_id = "nodes", responses(
    (status = 200, description = "Sorted by agent_id, without those that were removed", body = [Node]),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn list(State(server): State<Arc<Server>>) -> Handled {
    Ok(tagged(JSON, Document::new(json(&server.fleet.nodes()?))))
}

/// One node
#[utoipa::path(get, path = "/api/nodes/{id}", operation_id = "node",
    params(("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1")),
    responses(
    (status = 200, description = "The node", body = Node),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn one(State(server): State<Arc<Server>>, Segments(id): Segments<String>) -> Handled {
    Ok(tagged(JSON, Document::new(json(&server.fleet.node(&id)?))))
}

/// Remove a node
///
/// What its agent runs goes on. An agent that starts again enrols as a new node.
#[utoipa::path(delete, path = "/api/nodes/{id}", operation_id = "remove_node",
    params(("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1")),
    responses(
    (status = 204, description = "It is removed"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn remove(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    server.fleet.remove(&id, caller.who()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Take a node out of rollouts
///
/// What it runs goes on.
#[utoipa::path(post, path = "/api/nodes/{id}/drain",
    params(("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1")),
    responses(
    (status = 200, description = "The node", body = Node),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn drain(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    let node = server.fleet.drain(&id, caller.who()).await?;
    Ok(document(JSON, json(&node)))
}

/// Let a node take part in rollouts again
#[utoipa::path(post, path = "/api/nodes/{id}/undrain",
    params(("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1")),
    responses(
    (status = 200, description = "The node", body = Node),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn undrain(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
) -> Handled {
    let node = server.fleet.undrain(&id, caller.who()).await?;
    Ok(document(JSON, json(&node)))
}

/// Keep a node on a version, whatever its channel says
#[utoipa::path(put, path = "/api/nodes/{id}/pin",
    params(("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1")),
    request_body = PinRequest,
    responses(
    (status = 200, description = "The node", body = Node),
    (status = 404, description = "There is no such node, or no such version for it", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "The version is denied on this node", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn pin(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments(id): Segments<String>,
    content: Body,
) -> Handled {
    let PinRequest { version } = body::request(&server, content).await?;
    let pinned = server.fleet.pin(&id, version.as_deref(), caller.who());
    Ok(document(JSON, json(&pinned.await?)))
}

/// Let a node try a digest again that has failed there
#[utoipa::path(delete, path = "/api/nodes/{id}/denied/{sha256}",
    params(
        ("id" = String, Path, description = "A node_id, or else an agent_id", example = "agent-1"),
        ("sha256" = String, Path, description = "The digest, in hex"),
    ),
    responses(
    (status = 204, description = "It is no longer denied"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn lift(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments((id, sha256)): Segments<(String, String)>,
) -> Handled {
    let digest: Digest = sha256.parse().map_err(|_| {
        Problem::bad_request("the last part of the path is no SHA-256: 64 digits in hex")
    })?;
    server
        .fleet
        .lift(&id, &digest.to_string(), caller.who())
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
