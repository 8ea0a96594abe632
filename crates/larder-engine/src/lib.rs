//! The engine: the work of each command, without any code for terminals or command lines.
//!
//! It receives settings as values, and returns events and documents. It prints nothing.

pub mod acquire;
pub mod build;
pub mod cache;
pub mod changelog;
pub mod clean;
pub mod collect;
pub mod context;
pub mod ensure;
pub mod events;
pub mod executor;
pub mod hub;
pub mod import;
pub mod init;
pub mod inspect;
pub mod install;
mod install_served;
mod install_tree;
pub mod installed;
pub mod lock;
pub mod lock_resolve;
pub mod plan;
pub mod publish;
pub mod release;
pub mod rollback;
pub mod runner;
pub mod services;
pub mod settings;
pub mod snapshot;
pub mod tasks;
pub mod trust;
pub mod verify;
pub mod versions;
