//! Versions: which are the newest, and how another one comes to be pinned.

pub mod bump;
pub mod outdated;
