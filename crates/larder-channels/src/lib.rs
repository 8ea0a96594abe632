//! Channels: the files that package managers want, rendered from a release of the hub.
//!
//! Everything here is pure: sidecars, the recipe's texts and the verified files of the artifacts
//! go in, files in a given folder come out. The same input gives the same bytes on any machine. It
//! knows no network, no clock, no environment, and no tool of any channel; pushing is the engine's.

pub mod apt_repository;
mod aur;
mod chocolatey;
mod contents;
mod deb;
pub mod docker;
pub mod gomodule;
mod homebrew;
mod included;
pub mod install_doc;
mod installer;
mod linux;
mod npm;
pub mod output;
pub mod package_index;
pub mod provenance;
mod pypi;
mod quote;
mod readme;
pub mod release;
pub mod render;
pub mod repository;
mod rpm;
pub mod sbom;
mod scoop;
pub mod snap;
pub mod spdx;
mod version;
mod winget;
pub mod yum_repository;
mod zip;

#[cfg(test)]
mod tests;
