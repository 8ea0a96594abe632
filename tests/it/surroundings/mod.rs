//! Surroundings: paths with odd names, simple file systems, copies that lost their links, folders for
//! temporary files, signals, and containers without an init process.

mod copies;
mod file_systems;
mod links;
mod paths;
mod processes;
mod temporary;
