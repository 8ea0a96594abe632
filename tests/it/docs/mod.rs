//! Documentation pages, generated files and JSON schemas.

mod generated;
mod json_schemas;
mod pages;
