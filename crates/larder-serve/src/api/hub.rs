//! The packages of a hub, for `hub: {http: …}` and `larder install --hub`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use larder_core::model::{AssetName, Digest, Tag};

use super::binaries::ready;
use super::parameters::Segments;
use super::{Handled, JSON, document};
use crate::access::Caller;
use crate::bytes::{Represented, precondition};
use crate::hub::Hub;
use crate::problem::{Problem, ProblemDocument, Result};
use crate::server::Server;

/// The releases of the hub
#[utoipa::path(get, path = "/hub/releases.json", responses(
    (status = 200, description = "Each release with its packages, their sidecars and signatures", content_type = "application/json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn releases(
    State(server): State<Arc<Server>>,
    method: Method,
    headers: HeaderMap,
) -> Handled {
    let hub = hub(&server)?;
    ready(&server)?;
    conditional(&method, &headers, hub.known().releases.clone())
}

/// A package of the hub, its sidecar, or the sidecar's signature
#[utoipa::path(get, path = "/hub/{tag}/{asset}",
    params(
        ("tag" = String, Path, description = "The tag of a release", example = "tool-v1.0.0"),
        ("asset" = String, Path, description = "A package, a package and .json, or that and .minisig", example = "tool-linux-amd64.tar.gz.json"),
    ),
    responses(
    (status = 200, description = "The package, its sidecar, or the signature", content_type = "application/octet-stream"),
    (status = 206, description = "The part that `Range` names", content_type = "application/octet-stream"),
    (status = 304, description = "The client has it already"),
    (status = 502, description = "The hub has other bytes than it states", body = ProblemDocument, content_type = "application/problem+json"),
    (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn package(
    State(server): State<Arc<Server>>,
    caller: Extension<Caller>,
    method: Method,
    Segments((tag, asset)): Segments<(String, String)>,
    headers: HeaderMap,
) -> Handled {
    let hub = hub(&server)?;
    ready(&server)?;
    let known = hub.known();
    let (Ok(tag), Ok(name)) = (tag.parse::<Tag>(), asset.parse::<AssetName>()) else {
        return Err(missing(hub, &tag, &asset).into());
    };
    if let Some(package) = known.described_by(&tag, &name) {
        return conditional(&method, &headers, package.text.clone().into());
    }
    if let Some(package) = known.signed_by(&tag, &name)
        && let Some(signature) = &package.signature
    {
        return conditional(&method, &headers, signature.clone().into());
    }
    let Some(package) = known.package(&tag, &name) else {
        return Err(missing(hub, tag.as_str(), &asset).into());
    };
    let (answer, file) = hub.package(&method, package, &headers).await?;
    if method == Method::GET {
        server.metrics.sent(answer.content.length());
    }
    Ok(answer.into_response(file, caller.0.pace))
}

/// Refuses to put or remove a binary where all of them come from a hub: 405, with an empty `Allow`.
pub fn refuse_change(server: &Server) -> Result<()> {
    let Some(hub) = server.index.hub() else {
        return Ok(());
    };
    let detail = format!(
        "the binaries of this server are those that are released on {}; `larder release` puts them there",
        hub.describe()
    );
    Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        .with(http::header::ALLOW, http::HeaderValue::from_static("")))
}

fn hub(server: &Server) -> Result<&Arc<Hub>> {
    server.index.hub().ok_or_else(|| {
        Problem::not_found(
            "this server serves a folder and has no releases; the files are listed at /api/binaries",
        )
    })
}

fn missing(hub: &Hub, tag: &str, asset: &str) -> Box<Problem> {
    let shown = |text: &str| text.chars().take(100).collect::<String>();
    Problem::not_found(format!(
        "{} has no {}/{}; /hub/releases.json lists what there is",
        hub.describe(),
        shown(tag),
        shown(asset)
    ))
}

/// A JSON document that is not sent again to a client that has it.
fn conditional(method: &Method, headers: &HeaderMap, body: Bytes) -> Handled {
    let file = Represented::new(Digest::of(&body), body.len() as u64, 0);
    let mut response = match precondition(method, headers, Some(&file)) {
        Some(StatusCode::NOT_MODIFIED) => StatusCode::NOT_MODIFIED.into_response(),
        Some(status) => {
            let detail = "the document is not the one that the request's conditions name";
            return Err(Problem::new(status, detail).into());
        }
        None => document(JSON, body),
    };
    if let Ok(etag) = file.etag.parse() {
        response.headers_mut().insert(http::header::ETAG, etag);
    }
    Ok(response)
}
