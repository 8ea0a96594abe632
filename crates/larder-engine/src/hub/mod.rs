//! What is done with whole hubs: `hub copy` mirrors releases from one to another, `hub gc` removes
//! what nothing needs. Both go through the traits of hubs alone and know no kind of hub.

mod copy;
mod gc;
mod joined;
mod plain;
#[cfg(test)]
mod tests;
mod transfer;

pub use copy::{Copy, copy};
pub use gc::{Gc, gc};
