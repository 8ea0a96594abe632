//! What makes bytes trustworthy: digests, inputs (the key), stamp, lock, sidecar. Formats and their checks only; knows
//! nothing of where files lie or how they travel.

pub mod executable;
mod sidecar;

pub use sidecar::{Observed, Sidecar};
