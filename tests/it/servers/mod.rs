//! Servers on the loopback that tests download from.

#[cfg(unix)]
pub mod docker_registry;
pub mod files;
#[cfg(unix)]
pub mod git;
#[cfg(unix)]
pub mod launched;
#[cfg(unix)]
pub mod moto;
pub mod npm;
pub mod nuget;
pub mod ports;
#[cfg(unix)]
pub mod postgres;
pub mod pypi;
#[cfg(unix)]
pub mod registry;
pub mod scripted;
#[cfg(unix)]
pub mod tripwire;
