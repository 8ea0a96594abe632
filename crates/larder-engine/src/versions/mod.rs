//! Versions: finding the newest one of a subsystem, and pinning another one.

pub mod bump;
pub mod outdated;
