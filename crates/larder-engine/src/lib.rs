//! The engine: what each command does, with nothing of terminals or command lines.
//!
//! Settings come in as values, events and documents go out; nothing is printed here.

pub mod cache;
pub mod events;
pub mod import;
pub mod installed;
pub mod plan;
pub mod runner;
pub mod steps;
