//! Tests that take long. `cargo test --locked` runs them, `cargo test --locked -- --skip slow::` does not.

mod github_kill;
mod interrupt;
pub mod kill;
mod memory;
mod release_scale;
