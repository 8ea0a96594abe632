//! The one HTTP layer: retries, rate limits, resume, redirects, tokens, and what an answer means
//! for whoever looks for bytes.
//!
//! - [`Client`] is synchronous; an async runtime, TLS and a connection pool come about on its first
//!   request.
//! - [`Client::get`] streams a body and resumes it when it is cut; [`Client::get_small`] holds a
//!   small one; [`Client::send`] is any request and any status, for APIs.
//! - Every failure says by its [`Kind`](larder_core::Kind) what it means: `Unavailable`, nobody
//!   could answer (DNS, connection, proxy, an HTML page instead of an asset, 5xx or a stall after
//!   retries, a rate limit beyond the wait that is allowed, an anonymous 403, `--offline`);
//!   `Refused`, we were told no (401, a 403 to our token, TLS); `Integrity`, the bytes contradict
//!   themselves. What is absent (404 or 410) is `Ok(None)`.
//! - A [`Credential`] is bound to the origins it may be sent to; a [`Secret`] never shows itself.
//! - A request is repeated only where that can help: broken connections, 408, 429, 5xx, cut bodies;
//!   with exponential pauses and jitter, or as the server asks. A name that does not resolve, a
//!   refused connection, TLS, and every other 4xx are final. A host that can't be reached is tried
//!   once per run, by one worker, for all.
//!
//! Knows nothing of hubs, releases, archives or digests: who asks checks what came.

mod agent;
mod body;
mod client;
mod download;
mod fault;
mod hosts;
mod pump;
mod request;
mod resume;
mod runtime;
mod secret;
mod settings;
mod tls;
mod transport;

pub use client::{Client, Moved, read_error, read_small};
pub use download::Download;
pub use request::{Answer, Request, Sent};
pub use reqwest::{Method, Url};
pub use secret::{Credential, Secret, Site, parse_url, redact, shown};
pub use settings::Settings;
