//! larder's command line and its reports. The engine is in the crates under `crates/`;
//! `docs/architecture.md` gives an overview.

pub mod cli;
pub mod report;
