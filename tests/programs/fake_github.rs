//! The fake GitHub as a program, for clients outside of the Rust tests: `gh`, `PyGithub`.
//!
//! Prints one JSON object with its urls and tokens, then runs until standard input ends. Arguments:
//! the repositories to create, `owner/name` or `owner/name:private`; each has a README. The API's port serves all four
//! origins to clients that use it as an HTTP proxy for `*.github.localhost`.
#![allow(clippy::disallowed_methods, reason = "a tool of the tests")]

#[path = "../it/fake_github/mod.rs"]
mod fake_github;

use std::io::Read;

use fake_github::{FakeGitHub, READ, Visibility, WRITE};

fn main() {
    let github = FakeGitHub::start();
    for argument in std::env::args().skip(1) {
        let (name, visibility) = match argument.strip_suffix(":private") {
            Some(name) => (name, Visibility::Private),
            None => (&argument[..], Visibility::Public),
        };
        github.repo(name, visibility);
        github.commit_file(name, "README.md", "A repository.\n");
    }
    let urls = serde_json::json!({
        "api": github.api_url(), "web": github.web_url(), "proxy": github.api_url(), "token": WRITE, "read_token": READ,
    });
    println!("{urls}");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
