//! Attacks: what a hostile project, hub, cache or environment tries, and how larder refuses it.
//! `docs/reliability.md` lists each attack with its test; `cargo test --locked --test it attacks::`
//! runs all of them, except kills, which are in [`crate::slow`].

mod children;
mod children_more;
mod children_workflow;
mod crowds;
mod folders;
mod folders_more;
mod pins;
pub mod surroundings;
mod surroundings_more;
