//! Requests and answers as plain data between axum and the endpoints.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response};
use larder_core::model::Digest;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::state::{Access, Urls};

/// A request with its complete body.
pub struct Ask {
    pub method: String,
    pub path: String,
    pub query_text: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub access: Option<Access>,
}

impl Ask {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    }
    /// A query parameter, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        self.query_text.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| {
                percent_decode_str(&value.replace('+', " "))
                    .decode_utf8_lossy()
                    .into_owned()
            })
        })
    }
    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
    /// Path and query.
    pub fn target(&self) -> String {
        if self.query_text.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query_text)
        }
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
}

impl Answer {
    /// Without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
    /// With JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Self {
            status,
            headers,
            body: body.to_string().into(),
        }
    }
    /// With bytes.
    pub fn bytes(status: u16, kind: &str, body: Bytes) -> Self {
        Self {
            status,
            headers: vec![("content-type", kind.to_owned())],
            body,
        }
    }
    /// With an HTML page.
    pub fn html(status: u16) -> Self {
        Self::bytes(
            status,
            "text/html; charset=utf-8",
            "<!DOCTYPE html><html><title>Sign in</title></html>".into(),
        )
    }
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.as_str())
    }
    /// As axum sends it; HEAD gets no body.
    pub fn into_response(self, head: bool) -> Response<Body> {
        let mut response = Response::builder().status(super::api::status(self.status));
        for (name, value) in &self.headers {
            response = response.header(*name, value);
        }
        if head {
            response = response.header("content-length", self.body.len());
        }
        response
            .body(if head {
                Body::empty()
            } else {
                Body::from(self.body)
            })
            .expect("valid headers")
    }
}

/// The signature of a store url: it alone grants read access.
pub fn signature(asset: u64) -> String {
    Digest::of(format!("store {asset}").as_bytes()).short()
}

/// Where the store has an asset's bytes.
pub fn store_url(urls: &Urls, asset: u64) -> String {
    format!(
        "{}/github-production-release-asset/{asset}?sig={}",
        urls.store,
        signature(asset)
    )
}
