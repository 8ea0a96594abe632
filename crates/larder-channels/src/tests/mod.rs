//! What the tests of all channels share.

mod laws;
mod sample;

pub use sample::{Sample, read};
