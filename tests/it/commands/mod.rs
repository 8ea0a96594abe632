//! One file for each command whose tests fit into one.

mod add;
mod aqua;
mod bump;
mod check;
mod clean;
mod collect;
mod command_line;
mod configuration;
mod install;
mod list;
mod plan;
mod rollback;
mod status;
mod verify;
mod why;
