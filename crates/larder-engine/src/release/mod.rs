//! Packages and bundles in `.dist`, releases on the hub, and the hub status of targets.

mod attest;
pub mod binary;
pub mod bundle;
pub mod drafts;
pub mod handed_over;
pub mod hub_status;
pub(crate) mod notes;
pub mod package;
pub mod pending;
pub mod project;
mod signed;
pub mod upload;

pub use binary::ReleaseOptions;
pub use bundle::Bundled;
pub use larder_remote::hub::PublishOptions;
pub use package::Packaged;
