//! The integration tests: behaviour through the command line, all in one binary.
//!
//! A folder covers a command or a topic; a file of [`commands`] covers one command. Tests that take
//! long are in [`slow`] and can be left out: `cargo test --locked -- --skip slow::`. The tests are
//! built on [`env`], [`servers`], [`fake_github`] and [`github_actions`].
//!
//! Most tests build shell scripts, trace system calls or set modes, so they are marked as those of Unix.
//! On Windows the tests of the project's files, of the client and of the hub run, and
//! `tests/cross/windows.sh` shows the main flow.
//!
//! Every test has its own [`env::TestEnv`]: a machine with a project, a home and a cache, and
//! nothing of the real environment. Read that module before you write a test.
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    clippy::format_push_string,
    clippy::match_same_arms,
    reason = "tests are read one by one: plain words before clever ones"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests arrange and damage files by hand; larder's wrapper is what is tested"
)]

#[cfg(target_os = "linux")]
mod agent;
#[cfg(unix)]
mod attacks;
#[cfg(unix)]
mod build;
#[cfg(unix)]
mod cache;
#[cfg(unix)]
mod changelog;
mod commands;
#[cfg(unix)]
mod docs;
#[cfg(unix)]
mod ensure;
mod env;
#[cfg(unix)]
mod examples;
#[cfg(unix)]
mod fake_github;
#[cfg(unix)]
mod fleet_load;
#[cfg(unix)]
mod github;
#[cfg(unix)]
mod github_actions;
#[cfg(unix)]
mod house;
mod http;
mod hub;
#[cfg(unix)]
mod hubs;
#[cfg(unix)]
mod init;
#[cfg(unix)]
mod lock;
mod names;
#[cfg(unix)]
mod newcomer;
#[cfg(unix)]
mod originals;
#[cfg(unix)]
mod package;
mod project;
#[cfg(unix)]
mod publish;
#[cfg(unix)]
mod release;
#[cfg(unix)]
mod remote;
mod serve;
mod servers;
mod shipping;
#[cfg(unix)]
mod slow;
mod surroundings;
#[cfg(unix)]
mod tasks;
#[cfg(unix)]
mod trust;
