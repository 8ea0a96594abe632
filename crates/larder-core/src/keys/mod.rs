//! Keys: fingerprints that decide whether an artifact is accepted, and the digests of source
//! folders.
//!
//! This module depends only on the text of recipes and on source files, not on where artifacts are
//! stored or how they are transferred.

pub mod inputs;
pub mod tree;

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;

pub use inputs::{Inputs, SourceDigests, Wanted};
