//! Registries that packages are pushed to, through their ordinary clients: one file for each.
//!
//! Each file knows how a registry is asked what it has, and how one package is written to it. It
//! tries each thing once: what a lost answer means is found out by asking again, and that is the
//! caller's. Credentials come from the environment or from the client's own configuration.

pub mod goproxy;
mod login;
pub mod npm;
pub mod nuget;
pub mod pypi;
pub mod snapcraft;
