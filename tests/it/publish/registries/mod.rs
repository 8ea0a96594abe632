//! The registries that packages are pushed to, with stand-ins for the servers: their clients, and
//! `larder publish` as a whole.

mod gomodule;
mod npm;
mod npm_client;
mod nuget;
mod nuget_client;
pub mod pypi;
mod snap;

use serde_json::Value;

use crate::env::{Output, TestEnv};
use crate::servers::files::FileServer;

/// A project with the subsystem `arc`, whose release is installed for two platforms and whose hub is
/// a served folder, so that it passes the gate.
struct Project {
    env: TestEnv,
    hub: FileServer,
}

impl Project {
    /// With these channels.
    fn new(version: &str, channels: &str) -> Self {
        let env = TestEnv::new();
        std::fs::create_dir_all(env.path("hub")).unwrap();
        let hub = FileServer::start(&env.path("hub"));
        let project = Self { env, hub };
        project.set_version(version);
        let Self { env, .. } = &project;
        env.write(
            "subsystems/arc/recipe.yml",
            format!(
                "description: Draws an arc on the terminal\nhomepage: https://acme-tools.org/arc\n\
                 license: MIT\nbinaries: [arc]\nbuild:\n  source: {{dir: src}}\n  platforms: all\n  \
                 commands: ['cp arc \"{{{{ out }}}}/arc{{{{ exe }}}}\"']\npublish:\n{channels}"
            ),
        );
        env.write("subsystems/arc/src/arc", "#!/bin/sh\necho arc 1.2.3\n");
        project
    }

    /// Pins another version and installs it.
    fn set_version(&self, version: &str) {
        let url = self.hub.url();
        self.env.write(
            "versions.yml",
            format!(
                "versions: {{arc: {version}}}\nplatforms: [linux-amd64, windows-amd64]\nhub: {{dir: hub}}\n\
                 publish:\n  maintainer: Acme <tools@acme-tools.org>\n  \
                 url: \"{url}/{{{{ tag }}}}/{{{{ asset }}}}\"\n  \
                 retry: {{max: 0, base_delay: 10ms, max_delay: 10ms}}\n"
            ),
        );
    }

    /// Lets the run try again.
    fn try_again(&self) {
        self.env
            .edit("versions.yml", "retry: {max: 0", "retry: {max: 3");
    }

    fn install(&self) {
        let all = ["ensure", "all", "--platform", "all"];
        self.env.larder(all).success();
    }

    /// Publishes, and returns what was printed for people.
    fn publish_plain(&self, more: &[&str]) -> Output {
        self.env.larder([&["publish", "all"], more].concat())
    }

    /// Publishes, and returns what was printed as JSON.
    fn publish(&self, more: &[&str]) -> Output {
        let arguments = [&["publish", "all"], more].concat();
        self.env.larder_json(arguments)
    }
}

/// What a person reads.
fn said(output: &Output) -> String {
    format!("{}{}", output.stdout, output.stderr)
}

/// How a channel ended: the outcome, and the reason or the error.
fn ended(output: &Output, channel: &str) -> String {
    let lines = output.json();
    let line = lines
        .iter()
        .find(|line| line["action"] == "publish" && line["channel"] == channel)
        .unwrap_or_else(|| panic!("no line of {channel}: {lines:?} {}", output.stderr));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let error = match &line["error"] {
        Value::Null => String::new(),
        error => error.to_string(),
    };
    format!(
        "{} {}{error}",
        text(&line["outcome"]),
        text(&line["reason"])
    )
}

/// No file of the machine contains a text.
fn assert_nowhere(env: &TestEnv, secret: &str) {
    let mut command = env.program("grep");
    command.args(["-rl", secret, env.base().as_str()]);
    let output = command.output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{found}");
}
