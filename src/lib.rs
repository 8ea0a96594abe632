//! larder: binaries are the artifact, releases are the cache.
//!
//! Data flows one way: files → [`project`] → [`plan`] → [`runner`] → [`steps`] → [`report`].
//! The domain's words live in [`model`], used by all and using none.
//! `docs/architecture.md` is the map.

pub mod archive;
pub mod cache;
pub mod cancel;
pub mod cli;
pub mod env;
pub mod error;
pub mod fs;
pub mod hub;
pub mod installed;
pub mod integrity;
pub mod model;
pub mod net;
pub mod plan;
pub mod project;
pub mod report;
pub mod runner;
pub mod steps;
pub mod upstream;

pub use error::{Error, Kind, Result};
