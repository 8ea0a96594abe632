//! Everything that larder asks of other machines: the one HTTP client, GitHub, hubs of releases, and original publishers.
//!
//! Gives bytes on their way and statements about them. Does not know what is installed, what is wanted, or where bytes
//! will lie.

pub mod http;
pub mod hub;
pub mod origin;
mod settings;

pub use settings::RemoteSettings;
