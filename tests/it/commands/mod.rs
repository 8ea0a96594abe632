//! One file for each command, or pair of commands, that needs no folder of its own.

mod add;
mod bump;
mod collect;
mod configuration;
mod install;
mod plan;
mod status;
mod verify;
