//! The part of larder that needs neither the network nor child processes: the domain types, the
//! files that users write, the keys that decide what is up to date, the file formats, and archives.
//!
//! This crate uses no async runtime and no HTTP, and it reads no environment variables. The caller
//! passes in everything that depends on those.

pub mod archive;
pub mod cancel;
pub mod environment;
pub mod error;
pub mod executable;
pub mod file_lock;
pub mod formats;
pub mod fs;
pub mod hosts;
pub mod human;
pub mod keys;
pub mod machine;
pub mod markdown;
mod merge_conflict;
pub mod model;
pub mod project;
pub mod redact;
pub mod staging;
pub mod suggestions;
pub mod variables;

pub use error::{Error, Kind, Result};
