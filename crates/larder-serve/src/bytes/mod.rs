//! Answers to requests for the bytes of a file.
//!
//! `plan::plan` decides the answer from the request and the entry of the index, and reads
//! nothing. Then the file is opened, and compared with the entry: bytes are never sent under a
//! digest that they do not have. Both ways of sending, `sendfile` and hyper, use [`serve`].

mod body;
mod conditions;
mod plan;
mod range;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

pub use conditions::{Represented, document_precondition, precondition};

use crate::access::Pace;
use crate::index::{Entry, Folder, Index, Stamp};
use crate::problem::{Problem, Result};

/// A planned answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers, except for those of the connection.
    pub headers: HeaderMap,
    /// What is sent.
    pub content: Content,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// None at all, as with 304.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// These bytes of the file.
    File(Range<u64>),
}

impl Content {
    /// Its length.
    pub fn length(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}

impl Answer {
    /// The answer as a response of hyper. HEAD is left to hyper, which sends no content then.
    pub fn into_response(self, file: Option<Opened>, pace: Option<Pace>) -> Response {
        let length = self.content.length();
        let has_length = self.content != Content::Empty;
        let body = match (self.content, file) {
            (Content::Empty, _) | (Content::File(_), None) => Body::empty(),
            (Content::Bytes(bytes), _) => Body::from(bytes),
            (Content::File(range), Some(file)) => Body::new(body::FileBody::new(file, range, pace)),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if has_length {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        response
    }

    /// The same for an answer that sends no file.
    pub fn into_response_without_file(self) -> Response {
        self.into_response(None, None)
    }
}

/// An open file that is still what the index says.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    stamp: Stamp,
}

impl Opened {
    /// An open file with the metadata that it had when it was hashed.
    pub fn new(file: File, stamp: Stamp) -> Self {
        Self { file, stamp }
    }

    /// Whether the file was not changed since it was hashed.
    pub fn is_unchanged(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|meta| Stamp::of(&meta) == self.stamp)
    }
}

/// Plans an answer at this moment.
pub fn plan_now(method: &Method, headers: &HeaderMap, file: &Represented) -> Result<Answer> {
    plan::plan(method, headers, file, SystemTime::now())
}

/// Says that there can be other bytes under the same url later.
pub fn may_change(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
}

/// Answers GET or HEAD of a file by its name. For HEAD, the content is the one that GET has.
pub async fn serve(
    index: &Index,
    method: &Method,
    name: &str,
    headers: &HeaderMap,
) -> Result<(Answer, Option<Opened>)> {
    let Some(entry) = index.snapshot().file(name).cloned() else {
        return Err(missing(index, name));
    };
    let now = SystemTime::now();
    let answer = plan::plan(method, headers, &Represented::of(&entry), now)?;
    let file = match (&answer.content, index.hub()) {
        (Content::File(_), Some(hub)) if method == Method::GET => Some(hub.binary(&entry).await?),
        (Content::File(_), None) => {
            Some(open(index.folder(), &entry).inspect_err(|_| index.doubt(name))?)
        }
        _ => None,
    };
    Ok((answer, file))
}

fn open(folder: &Folder, entry: &Arc<Entry>) -> Result<Opened> {
    let name = &entry.file;
    match folder.open_file(name) {
        Ok((file, stamp)) if stamp == entry.stamp => Ok(Opened { file, stamp }),
        Ok(_) => Err(Problem::unavailable(
            format!("{name} has just changed and is being read again"),
            1,
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Problem::not_found(format!("{name} was removed")))
        }
        Err(error) => Err(Problem::unavailable(
            format!("{name} can't be read: {error}"),
            10,
        )),
    }
}

fn missing(index: &Index, name: &str) -> Box<Problem> {
    if !index.is_ready() {
        return Problem::unavailable(index.unready(), 1);
    }
    let shown: String = name.chars().take(200).collect();
    match crate::index::name::parse(name) {
        Ok(_) => Problem::not_found(format!(
            "there is no file {shown}; /api/binaries lists what there is"
        )),
        Err(unfit) => Problem::not_found(format!(
            "there is no file `{shown}`: {unfit}; /api/binaries lists what there is"
        )),
    }
}
