//! What a step does: obtain, build, package, release … on one target. Unaware of the graph and of how things are shown.

mod build;
pub mod bump;
pub mod bundle;
mod clean;
pub mod collect;
pub mod exclusive;
mod package;
mod process;
pub mod project_release;
mod release;
mod rollback;
pub mod source;
pub mod standing;
pub mod task;
mod upload;
pub mod verify;

pub use build::{build, log_path, sweep};
pub use clean::{Cleaned, clean, clean_rest};
pub use exclusive::exclusive;
pub use package::{Packaged, package};
pub use release::{ReleaseOptions, Released, release};
pub use rollback::rollback;
pub use upload::{UploadDecision, decide as decide_upload, held_back};

pub use crate::acquire::Done;
pub use crate::context::{Context, Options, Sources};
pub use crate::lock::Locking;
