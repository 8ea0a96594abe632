//! Object stores that speak the protocol of Amazon S3, on the one HTTP layer.
//!
//! - [`Bucket`] is one bucket: objects are read, created, replaced, listed and deleted. Large files
//!   are uploaded in parts, and an upload that was interrupted goes on with the parts that are there.
//! - [`S3Config`] is what the environment and the user's own configuration say.
//! - Signatures are in headers and made anew for each attempt. A url with a signature is made only to
//!   be given away ([`Bucket::presign`]).
//!
//! Credentials are sent to Amazon, or to the endpoint that the user names, and nowhere else. An
//! endpoint that a project names is read without any.
//!
//! This module knows no releases.

mod answers;
mod bucket;
mod chain;
mod config;
mod ini;
mod listing;
mod metadata;
mod multipart;
mod object;
mod send;
mod sign;
mod sts;
#[cfg(test)]
pub(crate) mod tests;

pub use bucket::{Bucket, Place};
pub use config::S3Config;
pub use listing::{Begun, Listed};
pub use multipart::Staged;
pub use object::{Content, Created, Object};
