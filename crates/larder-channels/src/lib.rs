//! Channels: the files that package managers want, rendered from a release of the hub.
//!
//! Everything here is pure: sidecars, the recipe's texts and the verified files of the artifacts
//! go in, files in a given folder come out. The same input gives the same bytes on any machine. It
//! knows no network, no clock, no environment, and no tool of any channel; pushing is the engine's.

pub mod aur;
pub mod contents;
pub mod homebrew;
pub mod included;
pub mod output;
pub mod provenance;
pub mod quote;
pub mod release;
pub mod render;
pub mod sbom;
pub mod scoop;
pub mod spdx;
pub mod version;
pub mod winget;

#[cfg(test)]
mod tests;
