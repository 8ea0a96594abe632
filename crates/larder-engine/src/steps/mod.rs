//! What a step does: obtain, build, package, release … on one target. Unaware of the graph and of how things are shown.

mod build;
pub mod exclusive;
mod process;
pub mod source;
pub mod task;
mod upload;
pub mod verify;

pub use build::{build, log_path, sweep};
pub use exclusive::exclusive;
pub use upload::{UploadDecision, decide as decide_upload, held_back};
