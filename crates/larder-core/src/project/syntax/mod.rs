//! The text of a file → values with their places: what holds for every file that people write,
//! whatever it says.
//!
//! `source` (the text) → `yaml` (a tree) → `decode` and `keys` (typed values). Knows none of the
//! files' keys.

pub mod command_line;
pub mod decode;
pub mod keys;
pub mod source;
pub mod yaml;
