//! Builds from source.

mod environment;
mod failures;
mod git;
mod ignore_files;
mod links;
mod needs;
mod own_names;
mod sources;

use crate::env::{Output, TestEnv};

/// A subsystem that appends a line to a file outside of the project for each build, and may fail.
fn logged_subsystem(env: &TestEnv, name: &str, more: &str, build: &str, command: &str) {
    let notes = env.base().join("notes");
    env.recipe(
        name,
        &format!(
            "any: true\nbinaries: [{name}]\n{more}build:\n  source: {{dir: src}}\n{build}  commands:\n    - \"echo {name} >> {notes}\"\n    \
             - \"{command}\"\n    - \"echo {name} > {{{{ out }}}}/{name}\"\n"
        ),
    );
    env.write(&format!("subsystems/{name}/src/{name}"), name);
}

/// The builds since the previous call, in the order in which they started.
fn builds_in_order(env: &TestEnv) -> Vec<String> {
    let path = env.base().join("notes");
    let lines = std::fs::read_to_string(&path)
        .unwrap_or_default()
        .lines()
        .map(str::to_owned)
        .collect();
    let _ = std::fs::remove_file(path);
    lines
}

/// The builds since the previous call, sorted by name.
fn sorted_builds(env: &TestEnv) -> Vec<String> {
    let mut lines = builds_in_order(env);
    lines.sort();
    lines
}

fn reason(output: &Output, name: &str) -> String {
    let line = output
        .finished("ensure")
        .into_iter()
        .find(|line| line["subsystem"] == name);
    line.and_then(|line| line["reason"].as_str().map(str::to_owned))
        .unwrap_or_default()
}
