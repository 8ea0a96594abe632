//! Projects loaded from their files: what right ones mean, and what people see of wrong ones.

mod across_files;
mod build;
mod documented;
mod loading;
mod recipes;
mod rendered;
mod settings;
mod templates;
mod upstream;
mod versions;
mod yaml;
