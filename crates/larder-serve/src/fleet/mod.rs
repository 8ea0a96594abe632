//! The fleet: the machines whose agents follow channels, and the rollouts that move them in steps.
//!
//! [`rollout`] has the rules of a rollout, and [`presence`] those of whether a node is there. Both read
//! no clock, no network and no file, so that every rule can be tested alone. The server does not
//! use them yet.

pub mod presence;
pub mod record;
pub mod rollout;
pub mod store;
pub mod v1;
