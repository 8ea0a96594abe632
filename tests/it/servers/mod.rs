//! Servers on the loopback that tests download from.

pub mod files;
#[cfg(unix)]
pub mod registry;
pub mod scripted;
