//! The client against a cluster of the tests, with every failure of the protocol.
#![allow(clippy::disallowed_methods, reason = "tests")]
#![cfg(unix)]

mod bench;
mod blobs;
mod cache;
mod execution;
mod server;
