//! Channels: which version their nodes run.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::api::parameters::Segments;
use crate::api::{Handled, JSON, body, document, tagged};
use crate::fleet::record::ChannelRecord;
use crate::index::snapshot::{Document, json};
use crate::problem::ProblemDocument;
use crate::server::Server;

/// The version that a channel is to point at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelRequest {
    /// With or without a leading v.
    #[schema(example = "1.0.0")]
    pub version: String,
}

/// All channels
///
/// A channel shows the old version until a rollout has succeeded.
#[utoipa::path(get, path = "/api/channels", operation_id = "channels", responses(
    (status = 200, description = "Sorted by name and channel", body = [ChannelRecord]),
    (status = 304, description = "The client has it already"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn list(State(server): State<Arc<Server>>) -> Handled {
    Ok(tagged(JSON, Document::new(json(&server.fleet.channels()?))))
}

/// Move all nodes of a channel at once
#[utoipa::path(put, path = "/api/channels/{name}/{channel}", operation_id = "move_channel",
    params(
        ("name" = String, Path, description = "The name of what runs", example = "storage-server"),
        ("channel" = String, Path, description = "The channel; it is made if there is none", example = "stable"),
    ),
    request_body = ChannelRequest,
    responses(
    (status = 200, description = "The channel", body = ChannelRecord),
    (status = 404, description = "There is no binary of this version", body = ProblemDocument, content_type = "application/problem+json"),
    (status = 409, description = "A rollout moves the nodes of this channel", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn put(
    State(server): State<Arc<Server>>,
    Extension(caller): Extension<Caller>,
    Segments((name, channel)): Segments<(String, String)>,
    content: Body,
) -> Handled {
    let ChannelRequest { version } = body::request(&server, content).await?;
    let moved = server
        .fleet
        .move_channel(&name, &channel, &version, caller.who());
    Ok(document(JSON, json(&moved.await?)))
}
