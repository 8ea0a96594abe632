//! Tests that take long: most take more than four seconds each, because larder is killed at every system call, packs
//! hundreds of megabytes, waits, or calls the clients of registries. `cargo test --locked` runs them,
//! `cargo test --locked -- --skip slow::` does not.

#[cfg(target_os = "linux")]
mod added_packages;
mod agent_kills;
mod crowds;
mod faults;
#[cfg(target_os = "linux")]
mod fleet;
mod github_kill;
mod github_publish;
mod hostile_archives;
mod interrupt;
mod kill;
mod launchers;
mod memory;
mod publish;
mod publish_git_kill;
mod registries;
mod release_scale;
mod reproducible;
mod waiting;
mod workflow;
