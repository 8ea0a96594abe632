//! Projects loaded from their files: what right ones mean, and what people see of wrong ones.

mod between;
mod build;
mod files;
mod good;
mod recipes;
mod rendered;
mod settings;
mod templates;
mod upstream;
mod versions;
mod yaml;
