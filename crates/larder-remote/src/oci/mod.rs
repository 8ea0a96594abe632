//! Registries of images, by the OCI distribution protocol: manifests and blobs are read, uploaded and
//! deleted, on the one HTTP layer.
//!
//! - [`ImageName`] is the name of a repository of a registry, with a tag or a digest.
//! - [`Repository`] is one repository. Every digest is compared: of what is read with the one that
//!   was asked for, and of what was uploaded with the one that the registry states.
//! - [`Layout`] is a folder with an OCI image layout that has one image.
//!
//! Logins come from Docker's own configuration (`docker login` writes it), and are read when a
//! registry first asks for one. A login is sent to the registry or to the server of tokens that the
//! registry names, a token to the registry alone.
//!
//! What was uploaded without an answer is looked for before anything is sent again, and an upload that
//! broke off is continued; a request that is refused is made once. What refers to a manifest is kept
//! where the registry has no list of it. This module knows no channels, no hubs and no versions.

mod answers;
mod auth;
mod blobs;
mod challenge;
mod config;
mod layout;
mod manifests;
mod name;
mod referrers;
mod repository;
mod tags;
mod uploads;

pub use layout::{Blob, Layout};
pub use manifests::{Deleted, Manifest};
pub use name::ImageName;
pub use referrers::referrers_tag;
pub use repository::Repository;

/// The index of the images of several platforms.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The same in Docker's own words.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The manifest of an image.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The same in Docker's own words.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The largest manifest or config; registries accept no larger ones.
pub const MAX_JSON: u64 = 4 << 20;
