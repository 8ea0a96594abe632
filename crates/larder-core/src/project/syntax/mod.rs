//! Turns the text of a file into values with their places. This is the part of reading that all
//! files written by people share; it does not depend on the keys of any of them.
//!
//! `source` (the text) → `yaml` (a tree) → `decode` and `keys` (typed values).

pub mod command_line;
pub mod decode;
pub mod keys;
pub mod source;
pub mod yaml;
