//! Servers on the loopback that tests download from.

pub mod files;
pub mod npm;
pub mod nuget;
pub mod pypi;
#[cfg(unix)]
pub mod registry;
pub mod scripted;
