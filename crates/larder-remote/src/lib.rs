//! Everything that larder asks of other machines: the one HTTP client, GitHub's REST API, hubs of
//! releases, and original publishers. `hub` and `origin` use `github` and `http`, `github` uses
//! `http`, and none of them uses anything the other way round. `git` and the registries' own
//! clients are programs, run through `larder_process`.
//!
//! Gives bytes on their way and what is stated of them. Does not know what is installed, what is
//! wanted, or where bytes are stored.

pub mod git;
pub mod github;
pub mod http;
pub mod hub;
pub mod origin;
mod settings;
mod tool;

pub use settings::RemoteSettings;
