//! The formats of the files that larder writes, and of every JSON document that it prints.
//!
//! Formats and their checks only: knows nothing of where files lie or what they decide.

pub mod documents;
mod lock;
mod sidecar;
pub mod stamp;

pub use lock::{GIT_ATTRIBUTES, Key as LockKey, Line as LockLine, Lock, Pin, PinKind};
pub use sidecar::{Observed, Sidecar};
