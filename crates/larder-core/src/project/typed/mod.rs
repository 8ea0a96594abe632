//! The keys of the files as they are written: every value with its place in the file, each text
//! parsed on its own. The JSON Schemas come from these types and their descriptions from the
//! comments here. How keys belong together is checked when these types are converted to the domain
//! types.

pub mod platform_words;
pub mod publish;
pub mod publish_words;
pub mod recipe;
pub mod schema;
pub mod services;
pub mod tokens;
pub mod tool_version;
pub mod trust;
pub mod upstream;
pub mod user;
pub mod versions;
pub mod webhook;
pub mod words;
