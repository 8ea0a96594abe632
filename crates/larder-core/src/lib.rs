//! The part of larder that needs neither a network nor a running program: the domain's words, the
//! files that users write, the keys that decide what is fresh, the formats on disk, and archives.
//!
//! No async runtime, no HTTP and no environment variables: what depends on those is handed in by
//! the caller.

pub mod archive;
pub mod cancel;
pub mod environment;
pub mod error;
pub mod executable;
pub mod formats;
pub mod fs;
pub mod hosts;
pub mod human;
pub mod keys;
pub mod model;
pub mod project;
pub mod suggestions;
pub mod variables;

pub use error::{Error, Kind, Result};
