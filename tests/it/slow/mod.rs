//! Tests that take more than four seconds each, or belong to some that do. `cargo test --locked` runs them,
//! `cargo test --locked -- --skip slow::` does not.

mod github_kill;
mod github_publish;
mod hostile_archives;
mod interrupt;
mod kill;
mod memory;
mod registries;
mod release_scale;
mod reproducible;
mod waiting;
mod workflow;
