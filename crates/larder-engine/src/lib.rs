//! The engine: what each command does, with nothing of terminals or command lines.
//!
//! Settings come in as values, events and documents go out; nothing is printed here.

pub mod acquire;
pub mod build;
pub mod cache;
pub mod clean;
pub mod collect;
pub mod context;
pub mod ensure;
pub mod events;
pub mod executor;
mod file_lock;
pub mod import;
pub mod init;
pub mod inspect;
pub mod install;
pub mod installed;
pub mod lock;
pub mod lock_resolve;
pub mod plan;
pub mod release;
pub mod rollback;
pub mod runner;
pub mod settings;
pub mod snapshot;
pub mod tasks;
pub mod verify;
pub mod versions;
