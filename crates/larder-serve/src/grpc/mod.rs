//! gRPC: the calls of agents, with health and reflection, and what is done around each call.
//!
//! Connections are accepted by [`crate::listen`], as those of the HTTP API are.

mod ending;
mod health;
mod hints;
mod service;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue};
use larder_core::error::{Error, Result};
use tokio::time::timeout;
use tonic::Status;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;

use self::ending::Ending;
use crate::api::Peer;
use crate::fleet::v1;
use crate::fleet::v1::fleet_server::FleetServer;
use crate::log::Level;
use crate::server::{REQUEST_ID, Server};

/// The largest message of a client.
const LARGEST: usize = 4 << 20;

/// The calls, as they are counted.
const METHODS: [&str; 8] = [
    "/larder.fleet.v1.Fleet/Enroll",
    "/larder.fleet.v1.Fleet/Heartbeat",
    "/larder.fleet.v1.Fleet/Report",
    "/larder.fleet.v1.Fleet/Watch",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The id with which a call can be found in the log, as an extension of the call.
#[derive(Clone, Debug)]
struct RequestId(String);

/// Whether a request is a call of gRPC.
pub fn is_call(headers: &HeaderMap) -> bool {
    let media_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    media_type.is_some_and(|media_type| media_type.starts_with(b"application/grpc"))
}

/// The services as routes.
pub fn router(server: &Arc<Server>) -> Result<Router> {
    let reflection = || {
        let described = [
            v1::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        described.into_iter().fold(
            tonic_reflection::server::Builder::configure().include_reflection_service(false),
            tonic_reflection::server::Builder::register_encoded_file_descriptor_set,
        )
    };
    let unreadable = |error| Error::failed("the service can't be described").cause(error);
    let agents =
        FleetServer::new(service::Agents(server.clone())).max_decoding_message_size(LARGEST);
    let health = HealthServer::new(health::OfServer(server.clone()));
    let routes = Routes::new(agents)
        .add_service(health.max_decoding_message_size(LARGEST))
        .add_service(reflection().build_v1().map_err(unreadable)?)
        // grpcurl and other tools still ask for the older one.
        .add_service(reflection().build_v1alpha().map_err(unreadable)?);
    Ok(routes
        .into_axum_router()
        .layer(from_fn_with_state(server.clone(), around)))
}

/// What is done to each call: its id, a limit for its message to arrive, metrics and the log.
async fn around(State(server): State<Arc<Server>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let peer = request.extensions().get::<Peer>();
    let peer = peer.map_or(SocketAddr::from(([0, 0, 0, 0], 0)), |peer| peer.0);
    let id = server.request_id(request.headers());
    let text = id.to_str().unwrap_or_default().to_owned();
    let path = request.uri().path();
    let method = METHODS.iter().find(|method| **method == path);
    let method = method.map_or("other", |method| &method[1..]);
    request.extensions_mut().insert(RequestId(text.clone()));
    let limit = server.settings.timeouts.body;
    let mut response = timeout(limit, next.run(request)).await.unwrap_or_else(|_| {
        let detail = format!("the call was not answered within {} s", limit.as_secs_f64());
        Status::deadline_exceeded(detail).into_http()
    });
    let (code, took) = (status::in_head(response.headers()), started.elapsed());
    let code = status::name(code);
    server.metrics.fleet.called(method, code, took);
    if server.log.writes(Level::Detail) {
        server.log.detail(
            &format!("{} {method} → {code}", peer.ip()),
            &[
                ("peer", &peer.ip()),
                ("method", &method),
                ("status", &code),
                ("seconds", &took.as_secs_f64()),
                ("request", &text),
            ],
        );
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response.map(|body| Body::new(Ending::new(body, server)))
}
