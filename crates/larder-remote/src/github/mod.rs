//! The part of GitHub's REST API that larder needs: one thin client for the hub, for originals and
//! for channels.
//!
//! - [`GitHubConfig`]: addresses, token and time limits.
//! - [`Api`]: one repository. It reads the repository's metadata and releases and streams assets;
//!   `write` adds drafts, uploads, renames and deletions, with the pauses that GitHub asks for;
//!   `git_data` and `pulls` propose changes of files.
//! - [`Release`], [`Asset`], [`Repository`]: the answers, with only the fields that larder reads.
//!
//! A token is sent only to the API's origin and to the upload origin that the API returns.
//!
//! The module does not depend on hubs, recipes or sidecars: it does not decide which of several
//! releases of a tag is used, or what belongs in a release.

mod answers;
mod api;
mod config;
mod git_data;
mod pulls;
mod write;

pub use answers::{Asset, Release, Repository};
pub use api::{Api, Login, Page, Visibility, segment};
pub use config::{GitHubConfig, TokenSource};
pub use git_data::{FolderItem, TreeFile, blob_id};
pub use pulls::{Head, NewPull, PullRequest};
pub use write::{Content, NewAsset, WriteError};
