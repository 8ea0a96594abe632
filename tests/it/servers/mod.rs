//! Servers on the loopback that tests download from.

pub mod files;
pub mod npm;
pub mod nuget;
pub mod pypi;
pub mod scripted;
