//! The installed sets: `.bin` with its pivot, and the state snapshot that makes a run with nothing to do cheap.
//!
//! This module handles artifacts and the places of their files. It does not depend on recipes, sources or hubs.

mod bin;
mod checklist;
mod commit;
mod folders;
mod hide;
mod obstacles;
mod open;
mod plain;
mod signature;
mod starters;
mod state;
pub mod tree;
mod unfinished;

pub use bin::Bin;
pub use checklist::{Checklist, Listed, Selected};
pub use commit::{Commits, Flushing, Working};
pub use open::Staging;
pub use signature::{Place, Signature, Watched};
pub use state::{SourceState, State, TargetState};
