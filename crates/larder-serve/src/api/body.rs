//! Small bodies of requests, which are JSON whatever the client calls them.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::problem::{Problem, Result};
use crate::server::Server;

/// The largest body of a request in JSON.
const LARGEST: usize = 64 * 1024;

/// Reads JSON.
pub fn json(body: &[u8]) -> Result<Value> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::bad_request(format!("the body is not JSON: {error}")))
}

/// Reads a request in JSON. What does not fit is 400, and the detail says what that is.
pub async fn request<T: DeserializeOwned>(server: &Server, body: Body) -> Result<T> {
    let value = json(&read(server, body).await?)?;
    serde_json::from_value(value)
        .map_err(|error| Problem::bad_request(format!("the body does not fit: {error}")))
}

/// Reads a small body.
pub async fn read(server: &Server, mut body: Body) -> Result<Bytes> {
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
