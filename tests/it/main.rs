//! The integration tests: behaviour through the command line, all in one binary.
//!
//! A folder covers a command or a topic; a file of [`commands`] covers one command. Tests that take
//! long are in [`slow`] and can be left out: `cargo test --locked -- --skip slow::`. The tests are
//! built on [`env`], [`servers`], [`fake_github`] and [`github_actions`].
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

mod attacks;
mod build;
mod cache;
mod commands;
mod docs;
mod ensure;
mod env;
mod examples;
mod fake_github;
mod github;
mod github_actions;
mod house;
mod http;
mod hub;
mod init;
mod lock;
mod names;
mod newcomer;
mod originals;
mod package;
mod project;
mod release;
mod serve;
mod servers;
mod slow;
mod tasks;
