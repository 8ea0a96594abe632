//! Whether a digest is that of a binary.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::binaries::{find, ready};
use super::parameters::{ByName, Parameters, Segments, place};
use super::{Handled, JSON, document, words};
use crate::index::snapshot::json;
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// The largest body of a request in JSON.
const LARGEST: usize = 64 * 1024;

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
    body: Body,
) -> Handled {
    let body = read(&server, body).await?;
    let request: VerifyRequest = parse(&body)?;
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

/// Reads JSON, whatever the client calls it.
fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T> {
    let value: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))?;
    serde_json::from_value(value).map_err(|error| {
        let detail = format!("the body has not the fields that are needed: {error}");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    })
}

/// Reads a small body.
async fn read(server: &Server, mut body: Body) -> Result<Bytes> {
    let mut bytes = BytesMut::new();
    let limit = server.settings.timeouts.body;
    loop {
        let frame = match tokio::time::timeout(limit, body.frame()).await {
            Err(_) => {
                let detail = "the body of the request stopped arriving";
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
            }
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(Err(error))) => {
                let detail = format!("the body of the request can't be read: {error}");
                return Err(Problem::bad_request(detail));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        if let Ok(data) = frame.into_data() {
            if bytes.len() + data.len() > LARGEST {
                let detail = format!("the body of this request has at most {LARGEST} bytes");
                return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
            }
            bytes.extend_from_slice(&data);
        }
    }
}
