//! The engine: what each command does, with nothing of terminals or command lines.
//!
//! Settings come in as values, events and documents go out; nothing is printed here.

pub mod acquire;
pub mod cache;
pub mod context;
pub mod events;
pub mod git;
pub mod import;
pub mod installed;
pub mod lock;
pub mod lock_resolve;
pub mod plan;
pub mod runner;
pub mod settings;
pub mod steps;
