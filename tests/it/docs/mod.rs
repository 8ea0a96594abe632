//! What is written for people and for other programs: pages, generated files, JSON schemas.

mod generated;
mod json_schemas;
mod pages;
