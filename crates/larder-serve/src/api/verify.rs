//! Whether a digest is that of a binary.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::binaries::{find, ready};
use super::parameters::{ByName, Parameters, Segments, place};
use super::{Handled, JSON, body, document, words};
use crate::index::snapshot::json;
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// The digest that a client has.
#[derive(Debug, Deserialize, ToSchema)]
pub struct VerifyRequest {
    /// The SHA-256 of the bytes that the client has, in hex.
    pub checksum: String,
}

/// Whether it is right.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifyResponse {
    /// Whether the digest is that of the binary.
    pub valid: bool,
    /// The digest of the binary.
    pub expected_checksum: String,
}

/// Compare a digest
#[utoipa::path(post, path = "/api/binaries/{version}/{platform}/{arch}/verify",
    params(
        ("version" = String, Path, description = "With or without a leading v", example = "1.0.0"),
        ("platform" = inline(words::Platform), Path, description = "linux, darwin (or macos), windows", example = "linux"),
        ("arch" = inline(words::Architecture), Path, description = "x86_64 (or amd64), aarch64 (or arm64), arm, x86", example = "x86_64"),
        ByName,
    ),
    request_body = VerifyRequest,
    responses(
    (status = 200, description = "Whether it is right", body = VerifyResponse),
    (status = 409, description = "Several names have this version; `names` lists them", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn verify(
    State(server): State<Arc<Server>>,
    Segments((version, platform, arch)): Segments<(String, String, String)>,
    Parameters(by): Parameters<ByName>,
    content: Body,
) -> Handled {
    let request = parse(&body::read(&server, content).await?)?;
    let snapshot = ready(&server)?;
    let (platform, arch) = place(&platform, &arch)?;
    let entry = find(&snapshot, &version, (platform, arch), by.name.as_deref())?;
    let given = request.checksum.trim().parse();
    let answer = VerifyResponse {
        valid: given.is_ok_and(|digest: larder_core::model::Digest| digest == entry.digest),
        expected_checksum: entry.digest.to_string(),
    };
    Ok(document(JSON, json(&answer)))
}

/// Reads the request; JSON without what is needed is 422.
fn parse(body: &[u8]) -> Result<VerifyRequest> {
    serde_json::from_value(body::json(body)?).map_err(|error| {
        let detail = format!("the body has not the fields that are needed: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })
}
