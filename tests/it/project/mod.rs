//! Loading projects from files: the meaning of valid ones, and the messages for wrong ones.

mod across_files;
mod build;
mod documented;
pub mod loading;
mod publish;
mod recipes;
mod rendered;
mod services;
mod settings;
mod templates;
mod trust;
mod upstream;
mod versions;
mod yaml;
