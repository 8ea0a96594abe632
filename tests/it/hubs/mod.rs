//! The hub suite: the same tests for every kind of hub, through the command line, on real servers.
//!
//! [`place`] is the hub of a test: a folder, the fake GitHub, S3 on moto, or an OCI registry of
//! docker-registry. [`team`] has the machines of a team that uses it. [`story`] is what a team does,
//! [`writers`] is six of them at once, [`kill`], [`gc`] and [`faults`] are what goes wrong. What a kind of hub
//! does besides, and at the level of the library, is tested where that hub is.

mod copy;
mod faults;
mod gc;
mod kill;
pub mod place;
mod story;
mod team;
mod writers;
