//! What is installed: `.bin` with its pivot, and the state snapshot that makes a no-op cheap.
//!
//! Knows artifacts and where their files lie; knows nothing of recipes, sources or hubs.

mod bin;
mod signature;
mod state;

pub use bin::{Bin, Staging};
pub use signature::{Signature, Watched};
pub use state::{SourceState, State, TargetState};
