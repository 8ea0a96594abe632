//! The fleet as a whole, over a store in memory and with agents that do as they are told: what
//! becomes of good and of bad versions, whatever is restarted, lost or doubled.

mod kills;
mod nodes;
mod reading;
mod rollouts;
mod world;
