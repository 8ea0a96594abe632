//! The integration tests: behaviour through the command line, one file per topic, all in one binary.
//!
//! Every test owns a [`env::TestEnv`]: a machine of its own with a project, a home, a cache and nothing of the real
//! environment. See that module before writing a test.
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

mod actions;
mod add;
mod adopting;
mod builds;
mod bump;
mod bundle;
mod classes;
mod collecting;
mod configuring;
mod corruption;
mod docs;
mod documents;
mod env;
mod examples;
mod fake_github;
mod foretelling;
mod generated;
mod github_box;
mod github_faults;
mod github_kill;
mod github_read;
mod github_release;
mod github_story;
mod github_write;
mod hub_dir;
mod init;
mod installing;
mod interrupt;
mod keeping;
mod keys;
mod kill;
mod knowing;
mod locking;
mod memory;
mod net;
mod noop;
mod originals;
mod parallel;
mod project;
mod published;
mod publisher;
mod release_scale;
mod release_words;
mod reproducible;
mod script;
mod serve;
mod tasks;
mod tls;
mod transfer;
mod upgrade;
mod upstream;
mod workflow;
