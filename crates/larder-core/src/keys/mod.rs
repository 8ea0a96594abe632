//! Keys: what decides whether an artifact is the one that is wanted, and the identity of source
//! folders.
//!
//! Knows declared text and files; does not know where artifacts lie or how they travel.

pub mod inputs;
pub mod tree;

#[cfg(test)]
mod tests;

pub use inputs::{Inputs, SourceDigests, Wanted};
