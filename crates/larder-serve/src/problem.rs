//! Errors as clients see them: `application/problem+json` (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::bytes::{Answer, Content};

/// The media type.
pub const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What went wrong, as JSON.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name of the status.
    #[schema(example = "Not Found")]
    pub title: String,
    /// The status.
    #[schema(example = 404)]
    pub status: u16,
    /// What is wrong with this request, and what would be right.
    pub detail: String,
    /// The names to choose from, where a request fits several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Vec<String>>,
}

/// What went wrong.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    names: Option<Vec<String>>,
    headers: HeaderMap,
}

/// The result of answering a request.
pub type Result<T, E = Box<Problem>> = std::result::Result<T, E>;

impl Problem {
    /// A problem; `detail` says what is wrong with this request, and what would be right.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            status,
            detail: detail.into(),
            names: None,
            headers: HeaderMap::new(),
        })
    }

    /// 400: the request is malformed.
    pub fn bad_request(detail: impl Into<String>) -> Box<Self> {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Box<Self> {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409 because several names fit.
    pub fn several_names(detail: impl Into<String>, names: Vec<String>) -> Box<Self> {
        let mut problem = Self::new(StatusCode::CONFLICT, detail);
        problem.names = Some(names);
        problem
    }

    /// 405.
    pub fn method_not_allowed(allow: &'static str) -> Box<Self> {
        let detail = format!("this path answers to {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            .with(ALLOW, HeaderValue::from_static(allow))
    }

    /// 503: trying again after some seconds can help.
    pub fn unavailable(detail: impl Into<String>, seconds: u32) -> Box<Self> {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(RETRY_AFTER, seconds.into())
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self: Box<Self>, name: HeaderName, value: HeaderValue) -> Box<Self> {
        self.headers.insert(name, value);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What is wrong.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer to a request. Its body is left out for HEAD where it is sent.
    pub fn into_answer(self) -> Answer {
        let Self {
            status,
            detail,
            names,
            mut headers,
        } = self;
        let document = ProblemDocument {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail,
            names,
        };
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Answer {
            status,
            headers,
            content: Content::Bytes(crate::index::snapshot::json(&document)),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.into_answer().into_response_without_file()
    }
}

/// A problem as a response, boxed because it is large.
#[derive(Debug)]
pub struct Failed(pub Box<Problem>);

impl From<Box<Problem>> for Failed {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}
