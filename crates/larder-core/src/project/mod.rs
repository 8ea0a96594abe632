//! `versions.yml` and recipes → a checked [`Project`], with every problem at its place.
//!
//! As typed and as used are different types: `typed` mirrors the files (and gives the JSON
//! Schemas), the types of `domain` are checked. Conversion is the only place that can fail. Knows
//! nothing of what is installed, cached or released.
//!
//! ```text
//! text ── syntax ──▶ typed ── versions_file, recipe_file ──▶ domain ── load ──▶ Project
//!         (tree,              (what keys mean together,                (what files say
//!         decoding)            templates tried by render)               about each other)
//! ```
//! Problems are noted and reading goes on, so that one run shows them all. `render` fills a
//! recipe's templates in for a platform, with `template`; `user` is the user's own `config.yml`;
//! `edit` changes versions.yml and nothing but what was asked for.

mod cycles;
mod domain;
pub mod edit;
mod load;
mod paths;
mod recipe_file;
mod render;
mod syntax;
mod template;
mod typed;
mod urls;
pub mod user;
mod versions_file;

pub use domain::{
    Build, BuildPlatforms, BuildSource, BundleConfig, Checksum, Coordinate, HubConfig, Include,
    Original, PackageConfig, Project, RawChecksums, RenderedBuild, RenderedSource, Subsystem, Task,
    UploadPolicy, Upstream, UpstreamKeys,
};

pub use crate::model::{Limits, PackageFormat};
pub use syntax::command_line;
pub use template::Template;
pub use typed::schema;
