//! The audit log: one line for each request that is to change something, whether or not it did.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, Method};
use larder_core::model::Digest;

use crate::access::{Caller, Needed};
use crate::server::{RequestHead, Server};

/// The longest path of a request in the log.
const LONGEST_OBJECT: usize = 300;

/// What a handler has changed, as an extension of its response.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The file.
    pub file: String,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// A request that is to change something. If its client goes away before the answer, that is
/// written, too.
#[derive(Debug)]
pub struct Audit {
    server: Arc<Server>,
    caller: Caller,
    action: String,
    object: String,
    request: String,
    is_written: bool,
}

impl Audit {
    /// The audit of a request; `None` if it only reads.
    pub fn of(server: &Arc<Server>, head: RequestHead<'_>, id: &HeaderValue) -> Option<Self> {
        if !Needed::of(head.method, head.uri.path()).is_write() {
            return None;
        }
        Some(Self {
            caller: server.access.caller(head.headers, head.peer),
            server: server.clone(),
            action: match *head.method {
                Method::PUT => "put".to_owned(),
                Method::DELETE => "delete".to_owned(),
                ref other => other.as_str().chars().take(20).collect(),
            },
            object: head.uri.path().chars().take(LONGEST_OBJECT).collect(),
            request: id.to_str().unwrap_or_default().to_owned(),
            is_written: false,
        })
    }

    /// Writes how the request was answered.
    pub fn answered(mut self, response: &Response) {
        let status = response.status();
        let changed = response.extensions().get();
        let outcome = match status.as_u16() {
            200 if self.action == "put" && changed.is_some() => "unchanged",
            200..=299 => "done",
            401 | 403 | 429 => "refused",
            _ => "failed",
        };
        if let Some(Changed { file, digest }) = changed {
            self.object.clone_from(file);
            let digest = digest.to_string();
            self.write(
                outcome,
                &[("status", &status.as_str()), ("sha256", &digest)],
            );
        } else {
            self.write(outcome, &[("status", &status.as_str())]);
        }
    }

    fn write(&mut self, outcome: &str, more: &[crate::log::Field<'_>]) {
        self.is_written = true;
        let who = self.caller.who();
        let mut fields: Vec<crate::log::Field<'_>> = vec![
            ("request", &self.request),
            ("who", &who),
            ("peer", &self.caller.address),
            ("action", &self.action),
            ("object", &self.object),
            ("outcome", &outcome),
        ];
        fields.extend_from_slice(more);
        let message = format!("{who} {} {}: {outcome}", self.action, self.object);
        self.server.log.audit(&message, &fields);
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.is_written {
            self.write("cut off", &[]);
        }
    }
}
