//! `versions.yml` and recipes → a checked [`Project`], with every problem at its place.
//!
//! As typed and as used are different types: `raw` mirrors the files (and gives the JSON Schemas), this module's types
//! are checked. Conversion is the only place that can fail. Knows nothing of what is installed, cached or released.
//!
//! Text → `yaml` (a tree with places) → `decode` (typed values with places, `raw`) → `versions`, `recipe` (checked
//! domain types) → `load` (what files say about each other). Problems are noted and reading goes on, so that one run
//! shows them all. `edit` changes versions.yml and nothing but what was asked for. `render` fills a recipe's templates in for a platform.

mod cycle;
mod domain;
pub mod edit;
mod load;
mod recipe;
mod render;
mod syntax;
mod template;
mod typed;
pub mod user;
mod versions;

pub use domain::{
    Build, BuildPlatforms, BuildSource, BundleConfig, Checksum, Coordinate, HubConfig, Include,
    Original, PackageConfig, Project, RawChecksums, RenderedBuild, RenderedSource, Subsystem, Task,
    Template, UploadPolicy, Upstream, UpstreamKeys,
};

pub use crate::model::{Limits, PackageFormat};
pub use syntax::command_line;
pub use typed::schema;
