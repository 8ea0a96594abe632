//! Reads `versions.yml` and the recipes into a checked [`Project`], and reports every problem at
//! its place.
//!
//! What is written and what is used have different types: `typed` mirrors the files (and gives the
//! JSON Schemas), and the types of `domain` are checked. Only the conversion between them can fail.
//! This module does not depend on what is installed, cached or released.
//!
//! ```text
//! text ── syntax ──▶ typed ── versions_file, recipe_file ──▶ domain ── load ──▶ Project
//!         (tree,              (what keys mean together,                (what files say
//!         decoding)            templates tried by render)               about each other)
//! ```
//! Reading goes on after a problem, so that one run shows them all. `render` fills in a recipe's
//! templates for a platform, with `template`; `user` is the user's own `config.yml`, with its `executor`; `edit` changes
//! the text of versions.yml; `foreign` reads files of other tools.

mod cycles;
mod domain;
pub mod edit;
pub mod executor;
pub mod foreign;
mod load;
pub mod paths;
mod recipe_file;
mod render;
mod syntax;
mod template;
pub mod tokens;
mod typed;
mod urls;
pub mod user;
mod versions_file;
pub mod webhook;

pub use domain::publish;
pub use domain::{
    Binary, Build, BuildPlatforms, BuildSource, BundleConfig, Checksum, Coordinate, Emulated,
    HubConfig, Include, Keep, Links, Original, OriginalTrust, PackageConfig, Project, RawChecksums,
    Ready, RemoteBuild, RenderedBuild, RenderedSource, Service, Signed, SourceFolder, Subsystem,
    Task, TrustConfig, TrustedKey, UploadPolicy, Upstream, UpstreamKeys, UpstreamSignature,
    VersionKeys,
};

pub use crate::model::{Limits, PackageFormat};
pub use syntax::command_line;
pub use template::Template;
pub use typed::schema;
