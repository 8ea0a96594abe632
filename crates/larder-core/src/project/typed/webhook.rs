//! The keys of the server's webhook file as they are written.

use std::time::Duration;

use schemars::{Schema, json_schema};

use crate::model::Invalid;
use crate::project::syntax::decode::{At, Word};
use crate::project::syntax::keys::keys;
use crate::suggestions;
use crate::variables::parse_duration;

keys! {
    /// Where the server sends what happens in its fleet.
    pub struct RawWebhook, required ["url"] {
        /// The url that each event is posted to: https, or http to this machine.
        "url" url: At<String>, since "0.1.0", example "https://hooks.example.com/fleet";
        /// The file of the secret that deliveries are signed with; relative to this file.
        "secret_file" secret_file: At<String>, since "0.1.0", default "no signature",
            example "webhook-secret";
        /// The kinds of events that are sent.
        "events" events: Vec<At<WebhookEvent>>, since "0.1.0", default "all",
            example ["rollout_state", "node_state"];
        /// How long the receiver may take to answer.
        "timeout" timeout: At<WebhookTimeout>, since "0.1.0", default "10s", example "10s";
    }
}

/// The kinds of events.
const EVENTS: &[&str] = &[
    "node_enrolled",
    "node_changed",
    "node_state",
    "node_running",
    "node_denied",
    "node_lifted",
    "node_drained",
    "node_undrained",
    "node_pinned",
    "node_removed",
    "channel_moved",
    "rollout_state",
    "rollout_step",
    "member_phase",
];

/// A kind of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookEvent(pub &'static str);

impl Word for WebhookEvent {
    fn word(text: &str) -> Result<Self, Invalid> {
        let found = EVENTS.iter().find(|event| **event == text);
        found.map(|event| Self(event)).ok_or_else(|| {
            Invalid::new(format!("unknown event `{text}`"))
                .hint(suggestions::hint(text, EVENTS.iter().copied()))
        })
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "enum": EVENTS })
    }
}

/// A length of time that is not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookTimeout(pub Duration);

impl Word for WebhookTimeout {
    fn word(text: &str) -> Result<Self, Invalid> {
        match parse_duration(text) {
            Some(time) if !time.is_zero() => Ok(Self(time)),
            _ => Err(
                Invalid::new(format!("`{}` is not a length of time", text.escape_debug()))
                    .hint("write `300ms`, `20s` or `5m`"),
            ),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }
}
