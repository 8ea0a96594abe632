//! What the tests of all channels share.

mod sample;

pub use sample::{Sample, read};
