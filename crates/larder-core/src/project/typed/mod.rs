//! The files as typed: every key with its place, each text parsed by itself. The JSON Schemas come from these types, their
//! descriptions from these comments. What keys mean together is checked on the way to the domain types.

pub mod platform_words;
pub mod recipe;
pub mod schema;
pub mod user;
pub mod versions;
pub mod words;
