//! The server of larder: the binaries of a folder or of a hub over HTTP, for people, scripts and agents.

pub mod access;
pub mod agent;
pub mod api;
pub mod bytes;
pub mod fleet;
mod grpc;
pub mod hub;
pub mod index;
pub mod listen;
pub mod log;
pub mod metrics;
mod ports;
pub mod problem;
mod reload;
mod run;
pub mod server;
pub mod settings;
pub mod systemd;
pub mod webhook;

pub use ports::Listening;
pub use run::run;
pub use settings::Settings;
