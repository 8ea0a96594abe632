//! What makes bytes trustworthy: digests, inputs (the key), stamp, lock, sidecar. Formats and their checks only; knows
//! nothing of where files lie or how they travel.

pub mod executable;
pub mod inputs;
mod lock;
mod sidecar;
pub mod stamp;
pub mod tree;

pub use inputs::{Inputs, SourceDigests, Wanted};
pub use lock::{GIT_ATTRIBUTES, Key as LockKey, Line as LockLine, Lock, Pin, PinKind};
pub use sidecar::{Observed, Sidecar};
