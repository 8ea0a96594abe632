//! Servers on the loopback that tests download from.

pub mod files;
pub mod scripted;
