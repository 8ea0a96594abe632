//! The messages and the service between agents and the server, generated from
//! `proto/larder/fleet/v1/fleet.proto` by `cargo regenerate`.

#[allow(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    reason = "generated code"
)]
#[rustfmt::skip]
mod generated;

pub use generated::*;

/// The description of the service, as reflection tells it.
pub const DESCRIPTORS: &[u8] = include_bytes!("fleet.bin");
