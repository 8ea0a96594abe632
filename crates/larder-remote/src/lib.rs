//! Communication with other machines: the HTTP client, GitHub's REST API, the hubs, the publishers of
//! originals, and the registries of packages and images that channels are pushed to. `hub`, `origin`
//! and `registry` use `github` and `http`; `github` and `oci` use `http`; there are no dependencies in
//! the other direction. git and the registries' own clients are programs that run through
//! `larder_process`.
//!
//! The crate returns streams of bytes and the digests that are stated for them. It does not know
//! what is installed, what is wanted, or where bytes are stored.

pub mod git;
pub mod github;
pub mod http;
pub mod hub;
pub mod oci;
pub mod origin;
pub mod registry;
pub mod s3;
mod settings;
pub mod signing;
mod tool;

pub use settings::RemoteSettings;
