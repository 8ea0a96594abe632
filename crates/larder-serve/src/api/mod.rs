//! The routes of the API, and what is done around each of them.
//!
//! Handlers give a response or a [`Failed`], which is `application/problem+json`. HEAD is answered
//! by the handlers of GET; hyper leaves the content out. The description of the API at
//! `/openapi.json` is made from the attributes of the handlers.

mod audit;
mod binaries;
mod body;
mod files;
mod fleet;
mod health;
mod hub;
mod listings;
mod page;
mod parameters;
mod upload;
mod verify;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::audit::Audit;

pub use upload::STAGED;

use crate::bytes::document_precondition;
use crate::index::snapshot::Document;
use crate::metrics::NO_ROUTE;
use crate::problem::{Failed, Problem};
use crate::server::{RequestHead, Server};

/// The result of a handler.
pub type Handled<T = Response> = Result<T, Failed>;

/// The address at the other end of a connection, as an extension of each request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

const JSON: &str = "application/json";
/// The listings change whenever the folder does.
const NO_CACHE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-cache"));

fn routes() -> OpenApiRouter<Arc<Server>> {
    OpenApiRouter::with_openapi(description())
        .routes(routes!(binaries::list))
        .routes(routes!(binaries::newest))
        .routes(routes!(binaries::one))
        .routes(routes!(verify::verify))
        .routes(routes!(upload::put, upload::delete))
        .routes(routes!(files::get))
        .routes(routes!(hub::releases))
        .routes(routes!(hub::package))
        .routes(routes!(listings::index))
        .routes(routes!(listings::sums))
        .routes(routes!(listings::openapi))
        .routes(routes!(health::metrics))
        .routes(routes!(health::livez))
        .routes(routes!(health::readyz))
        .routes(routes!(page::page))
        .routes(routes!(page::fleet::fleet))
        .merge(fleet::routes())
}

/// The routes as a service.
pub fn router(server: &Arc<Server>) -> Router {
    let (mut router, _) = routes().split_for_parts();
    if server.index.hub().is_some() {
        // So the server's own url is that of a hub, too.
        router = router
            .route("/releases.json", get(hub::releases))
            .route("/{tag}/{asset}", get(hub::package));
    }
    router
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(server.clone(), around))
        .with_state(server.clone())
}

/// The description of the API as JSON, as it is committed.
pub fn openapi() -> String {
    routes()
        .into_openapi()
        .to_pretty_json()
        .map(|json| json + "\n")
        .unwrap_or_default()
}

fn description() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").build();
    let info = InfoBuilder::new()
        .title("larder serve")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Binaries over HTTP. Errors are `application/problem+json` (RFC 9457).",
        ))
        .license(Some(license))
        .build();
    OpenApiBuilder::new().info(info).build()
}

/// What is done to each request: its id, admission, metrics and the log.
async fn around(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let peer = parts
        .extensions
        .get::<Peer>()
        .map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |peer| peer.0);
    let id = server.request_id(&parts.headers);
    let route = parts.extensions.get::<MatchedPath>().cloned();
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let head = RequestHead {
        method: &method,
        uri: &uri,
        version: parts.version,
        headers: &parts.headers,
        peer: peer.ip(),
    };
    let audit = Audit::of(&server, head, &id);
    let mut response = match server.admit(head) {
        Ok(caller) => {
            let headers = parts.headers.clone();
            let mut request = Request::from_parts(parts, body);
            request.extensions_mut().insert(caller);
            conditional(&method, &headers, next.run(request).await)
        }
        Err(problem) => problem.into_response(),
    };
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    if let Some(audit) = audit {
        audit.answered(&response);
    }
    server.answered(
        (&method, &uri, peer.ip()),
        route,
        (response.status(), &id),
        started,
    );
    Server::finish(response.headers_mut(), id);
    response
}

/// Evaluates the conditions of a request for a document that has an entity tag.
fn conditional(method: &Method, headers: &HeaderMap, mut response: Response) -> Response {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    let Some(tag) = response.headers().get(ETAG).filter(|_| is_read) else {
        return response;
    };
    if response.status() != StatusCode::OK {
        return response;
    }
    match document_precondition(headers, tag) {
        Some(StatusCode::NOT_MODIFIED) => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::empty();
            response
        }
        Some(status) => {
            let detail = "the document is not the one that the request's conditions name";
            let problem = Problem::new(status, detail).with(ETAG, tag.clone());
            problem.into_response()
        }
        None => response,
    }
}

async fn not_found(uri: Uri) -> Failed {
    let path: String = uri.path().chars().take(200).collect();
    let hint = match path.strip_suffix('/') {
        Some(rest) if !rest.is_empty() => format!("; {rest} has no slash at its end"),
        _ => match path.split('/').collect::<Vec<_>>()[..] {
            ["", "api", "binaries", version, both] => parameters::hint_for_joined(version, both),
            ["", "api", "binaries", ..] => {
                "; a binary is at /api/binaries/<version>/<platform>/<arch>".to_owned()
            }
            ["", "binaries"] => "; the files are listed at /api/binaries".to_owned(),
            _ => "; /openapi.json describes what there is".to_owned(),
        },
    };
    Problem::not_found(format!("there is nothing at {path}{hint}")).into()
}

async fn method_not_allowed(request: Request) -> Failed {
    // axum adds the header Allow.
    let detail = format!(
        "{} is not possible here; the header Allow names what is",
        request.method()
    );
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail).into()
}

/// A response with a document.
fn document(media_type: &'static str, body: Bytes) -> Response {
    (
        [
            (CONTENT_TYPE, HeaderValue::from_static(media_type)),
            NO_CACHE,
        ],
        body,
    )
        .into_response()
}

/// A response with a document that has an entity tag.
fn tagged(media_type: &'static str, document: Document) -> Response {
    let mut response = self::document(media_type, document.bytes);
    response.headers_mut().insert(ETAG, document.tag);
    response
}
