//! `versions.yml` and recipes → a checked [`Project`], with every problem at its place.
//!
//! As typed and as used are different types: `raw` mirrors the files (and gives the JSON Schemas), this module's types
//! are checked. Conversion is the only place that can fail. Knows nothing of what is installed, cached or released.

mod domain;

pub use domain::{
    Build, BuildPlatforms, BuildSource, BundleConfig, Checksum, Coordinate, HubConfig, Include, Limits, Original, PackageConfig,
    PackageFormat, Project, RawChecksums, RenderedBuild, RenderedSource, Subsystem, Task, Template, UploadPolicy, Upstream,
    UpstreamKeys,
};
