//! Documentation pages, generated files and JSON schemas.

mod code_names;
mod file_keys;
mod generated;
mod json_schemas;
mod links;
mod pages;
