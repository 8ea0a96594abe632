//! The HTTP layer: retries, rate limits, resuming, redirects, tokens, and the classification of
//! answers.
//!
//! - [`Client`] is synchronous. It creates an async runtime, TLS and a connection pool on its first
//!   request.
//! - [`Client::get`] streams a body and resumes it when it is interrupted; [`Client::get_small`]
//!   reads a small one into memory; [`Client::send`] is for any request and any status, for APIs.
//! - The [`Kind`](larder_core::Kind) of an error gives its meaning. `Unavailable`: there was no
//!   answer (DNS, connection, proxy, an HTML page instead of an asset, 5xx or a stall after
//!   retries, a rate limit longer than the allowed wait, an anonymous 403, `--offline`). `Refused`:
//!   the server does not permit the request, or is not trusted (401, a 403 to our token, TLS).
//!   `Integrity`: the bytes contradict themselves. An absent file (404 or 410) is `Ok(None)`.
//! - A [`Credential`] is bound to the origins it may be sent to; a [`Secret`] is never printed.
//! - A request is retried only if that can help: after broken connections, 408, 429, 5xx and
//!   interrupted bodies. The pauses are exponential with jitter, or as the server asks. A name that
//!   does not resolve, a refused connection, a TLS error and every other 4xx are final. A host that
//!   can't be reached is tried only once per run, by one worker on behalf of all.
//! - A body that arrives at less than 1 KiB/s is cut off, and requested again or resumed. A body
//!   without progress is given up after [`Settings::stall`].
//! - [`Proxies`] says which hosts are reached through which proxy.
//!
//! This module does not depend on hubs, releases, archives or digests: the caller verifies the
//! bytes.

mod agent;
mod body;
mod client;
mod connect;
mod download;
mod fault;
mod hosts;
mod pump;
mod request;
mod resume;
mod runtime;
mod secret;
mod settings;
mod speed;
mod transport;

pub use body::page;
pub use client::{Client, Moved, Opened, read_error, read_small};
pub use connect::{Proxies, Proxy, root_bundle};
pub use download::Download;
pub use request::{Answer, Request, Sent};
pub use reqwest::{Method, Url};
pub use secret::{Credential, Secret, Site, parse_url, redact, shown};
pub use settings::Settings;
