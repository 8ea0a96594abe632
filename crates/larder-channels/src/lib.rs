//! Channels: the files that package managers want, rendered from a release of the hub.
//!
//! Everything here is pure: sidecars, the recipe's texts and the verified files of the artifacts
//! go in, files in a given folder come out. The same input gives the same bytes on any machine. It
//! knows no network, no clock, no environment, and no tool of any channel; pushing is the engine's.

pub mod docker;
pub mod included;
pub mod installer;
pub mod linkage;
pub mod npm;
pub mod output;
pub mod pypi;
mod readme;
pub mod release;
pub mod render;
pub mod version;
mod zip;

#[cfg(test)]
mod tests;
