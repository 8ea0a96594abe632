//! A client of the Remote Execution API (version 2): it finds results in the action cache of a
//! cluster, has a cluster run actions, and shares results that were built here.
//!
//! ```text
//! address       grpcs://host:port/instance
//! connect       connections, TLS, headers, and what the server can do (capabilities)
//! inputs        folders of this machine → an input root: messages, and files by their digests
//! action        the command and the action, as bytes that every machine writes alike
//! present       which blobs the cluster has, and who is sending which, for all actions together
//! upload        sends what lacks: small blobs in batches, others as streams that are resumed
//! execution     an action from the request to its result, over lost streams and full queues
//! download      receives blobs and verifies each
//! outputs       a result → the output folder, and the output folder → a result
//! client        the engine's trait on top of all of these
//! ```
//!
//! All functions of the engine's trait block; below them everything is asynchronous, on threads of
//! this crate. Nothing here knows recipes, keys or sources.

mod action;
mod address;
mod capabilities;
mod client;
mod connect;
mod download;
mod execution;
mod inputs;
mod outputs;
mod present;
mod session;
mod status;
mod upload;
mod wire;

pub use client::Client;
pub use session::Tuning;
