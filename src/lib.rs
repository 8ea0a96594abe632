//! larder's command line and its reports; the engine is in the crates below it. `docs/architecture.md` is the map.

pub mod cli;
pub mod report;
