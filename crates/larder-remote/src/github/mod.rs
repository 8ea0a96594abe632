//! GitHub's REST API as far as larder needs it: one thin client for the hub, for originals and for
//! channels.
//!
//! - [`GitHubConfig`]: where GitHub is, who we are there, how patient to be with it.
//! - [`Api`]: one repository. It asks what the repository is and which releases it has, and it
//!   streams assets; `write` adds drafts, uploads, renames and deletions, paced as GitHub asks.
//! - [`Release`], [`Asset`], [`Repository`]: the answers, with only the fields that larder reads.
//!
//! A token goes to the API's origin and to the upload origin that the API names, never elsewhere.
//!
//! The module knows nothing of hubs, recipes or sidecars: it does not decide which of several
//! releases counts, or what belongs into one.

mod answers;
mod api;
mod config;
mod write;

pub use answers::{Asset, Release, Repository};
pub use api::{Api, Login, Page, Visibility, segment};
pub use config::{GitHubConfig, TokenSource};
pub use write::{Content, NewAsset, WriteError};
