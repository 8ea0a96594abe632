//! What a step does: obtain, build, package, release … on one target. Unaware of the graph and of how things are shown.

mod build;
pub mod bump;
pub mod bundle;
mod clean;
pub mod collect;
mod context;
mod exclusive;
pub mod fetch_release;
mod locking;
mod look;
mod managed;
mod obtain;
pub mod original;
mod package;
mod present;
mod process;
pub mod project_release;
mod release;
pub mod relock;
mod rollback;
mod source;
pub mod standing;
pub mod task;
mod upload;
pub mod verify;

pub use build::{build, log_path, sweep};
pub use clean::{Cleaned, clean, clean_rest};
pub use context::{Context, Options, Sources};
pub use exclusive::exclusive;
pub use locking::Locking;
pub use look::{Look, Other, look, other};
pub use obtain::{Attempt, Done, Obtained, foretell, obtain};
pub use package::{Packaged, package};
pub use release::{ReleaseOptions, Released, release};
pub use rollback::rollback;
pub use upload::{UploadDecision, decide as decide_upload, held_back, in_ci};
