//! The formats of the files that larder writes, and of every JSON document that it prints.
//!
//! This module only has the formats and their checks. It does not depend on where the files are or
//! what they are used for.

pub mod documents;
#[cfg(test)]
mod laws;
mod lock;
mod sidecar;
pub mod stamp;

pub use lock::{GIT_ATTRIBUTES, Key as LockKey, Line as LockLine, Lock, Pin, PinKind};
pub use sidecar::{Observed, Sidecar};
