//! The registries that packages are pushed to, with stand-ins for the servers.

mod npm;
mod nuget;
