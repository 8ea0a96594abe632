//! `.goreleaser.yaml` of GoReleaser: Go programs that are built from this repository, and the channels that they go to.
//!
//! All builds become one subsystem: larder makes one archive for each platform, as GoReleaser does by default.

mod channels;
mod keys;

use std::collections::BTreeSet;

use larder_core::model::Platform;
use larder_core::project::foreign::Node;

use super::document::{Document, ReadNode};
use super::found::{Found, Recipe, Tool, Wanted, subsystem_name};
use super::yaml::Value;
use keys::{archives, ldflags, platforms, templates};

/// Reads the file. `project` is the name of the project's folder.
pub(super) fn read(document: &Document, project: &str, found: &mut Found) {
    let root = &document.root;
    let place = document.place(&root.span);
    let name = root
        .word("project_name")
        .filter(|name| !name.contains("{{"))
        .unwrap_or(project);
    let whole = Node {
        span: 0..0,
        kind: larder_core::project::foreign::Kind::Map(Vec::new()),
    };
    let builds: Vec<&Node> = match root.get("builds").map(ReadNode::items) {
        Some(builds) => builds
            .iter()
            .filter(|build| !build.is_true("skip"))
            .collect(),
        None => vec![&whole],
    };
    let mut plan = Plan::default();
    for (key, value) in globals(root) {
        plan.set(&key, &value);
    }
    for hook in root
        .get("before")
        .and_then(|before| before.get("hooks"))
        .map(ReadNode::items)
        .unwrap_or_default()
    {
        plan.hook(document, hook, found);
    }
    for build in builds {
        plan.build(document, build, name, found);
    }
    if plan.binaries.is_empty() {
        return found.leave(place, "`builds:`", "there is no build that larder can do");
    }
    let mut package = Vec::new();
    archives(document, &plan, &mut package, found);
    let mut keys: Vec<(&'static str, Value)> = Vec::new();
    let channels = channels::read(document, name, &plan, found);
    for (key, value) in channels.facts {
        keys.push((key, Value::Text(value)));
    }
    keys.push(("binaries", Value::texts(plan.binaries.iter().cloned())));
    keys.push((
        "platforms",
        Value::texts(plan.platforms.iter().map(ToString::to_string)),
    ));
    let cross = plan
        .env
        .iter()
        .any(|(key, value)| key == "CGO_ENABLED" && value == "0");
    let mut env = vec![
        ("GOOS".to_owned(), "{{ os }}".to_owned()),
        ("GOARCH".to_owned(), "{{ arch }}".to_owned()),
    ];
    env.extend(plan.env.iter().cloned());
    let mut build = vec![
        ("tools".to_owned(), Value::pairs([("go", "")])),
        ("source".to_owned(), Value::pairs([("dir", "../..")])),
        ("env".to_owned(), Value::pairs(env)),
        (
            "commands".to_owned(),
            Value::texts(plan.commands.iter().cloned()),
        ),
    ];
    if cross {
        build.push(("platforms".to_owned(), Value::text("all")));
    }
    keys.push(("build", Value::Map(build)));
    if !package.is_empty() {
        keys.push(("package", Value::Map(package)));
    }
    if !channels.channels.is_empty() {
        keys.push(("publish", Value::Map(channels.channels)));
    }
    for entry in root.entries() {
        let place = document.place(&entry.span);
        let what = format!("`{}:`", entry.key);
        match entry.key.as_str() {
            "version" | "project_name" | "builds" | "before" | "env" | "archives" | "dist"
            | "report_sizes" | "metadata" | "pro" | "gomod" => {}
            // larder does the same without being told.
            "checksum" => found.replace(place, what, "larder release (it writes checksums.txt)"),
            "changelog" => found.replace(
                place,
                what,
                format!("larder changelog {}", subsystem_name(name)),
            ),
            "snapshot" | "nightly" => found.replace(
                place,
                what,
                format!("larder package {}", subsystem_name(name)),
            ),
            "sboms" => found.replace(place, what, "larder release --attest"),
            "signs" | "binary_signs" => found.ask(
                place,
                what,
                "larder signs with keys of minisign",
                "larder key new, then `trust:` in versions.yml and `larder release --sign`",
            ),
            "release" => {
                let repo = entry.value.get("github");
                let repo = repo.and_then(|repo| {
                    Some(format!("{}/{}", repo.word("owner")?, repo.word("name")?))
                });
                if let Some(repo) = repo.filter(|repo| !repo.contains("{{")) {
                    found.hub = Some(repo);
                }
            }
            "universal_binaries" => found.leave(
                place,
                what,
                "larder makes a binary for each processor; it joins none",
            ),
            key if channels::KEYS.contains(&key) => {}
            _ => found.leave(place, what, "larder has nothing like it"),
        }
    }
    found.platforms = plan.platforms.iter().map(ToString::to_string).collect();
    found.ask(
        place.clone(),
        format!("the version of `{name}`"),
        "GoReleaser takes it from the git tag, and larder from versions.yml: v0.1.0 is a start",
        format!("larder bump {} VERSION", subsystem_name(name)),
    );
    found.tools.push(Tool {
        name: subsystem_name(name),
        version: Wanted::Exact("v0.1.0".to_owned()),
        sources: Vec::new(),
        binaries: Vec::new(),
        recipe: Some(Recipe {
            keys,
            source_dir: Some("".into()),
        }),
        asset: None,
        build: None,
        place,
    });
}

/// The variables for all builds.
fn globals(root: &Node) -> Vec<(String, String)> {
    let items = root.get("env").map(ReadNode::texts).unwrap_or_default();
    items
        .into_iter()
        .filter_map(|item| item.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What all builds come to.
#[derive(Default)]
struct Plan {
    binaries: Vec<String>,
    platforms: BTreeSet<Platform>,
    env: Vec<(String, String)>,
    commands: Vec<String>,
}

impl Plan {
    fn set(&mut self, key: &str, value: &str) {
        if !value.contains("{{") && !self.env.iter().any(|(known, _)| known == key) {
            self.env.push((key.to_owned(), value.to_owned()));
        }
    }

    /// A command that runs before the builds.
    fn hook(&mut self, document: &Document, node: &Node, found: &mut Found) {
        let Some(command) = node.text().or_else(|| node.word("cmd")) else {
            return;
        };
        match command.trim() {
            // A build gets the modules that it needs by itself.
            "go mod tidy" | "go mod download" | "go mod verify" => {}
            command => match templates(command, "") {
                Ok(command) if command.starts_with("go generate") => self.commands.push(command),
                _ => found.leave(
                    document.place(&node.span),
                    format!("the hook `{command}`"),
                    "larder builds in a copy of the source: add it to `build.commands` of the recipe if the build needs it",
                ),
            },
        }
    }

    fn build(&mut self, document: &Document, build: &Node, project: &str, found: &mut Found) {
        let place = document.place(&build.span);
        let id = build.word("id").unwrap_or(project);
        let what = format!("the build `{id}`");
        let builder = build.word("builder").unwrap_or("go");
        if builder != "go" {
            return found.leave(
                place,
                what,
                format!("larder translates builds with go only, and this one is with {builder}"),
            );
        }
        let binary = build.word("binary").unwrap_or(project);
        let Ok(binary) = templates(binary, project) else {
            return found.leave(place, what, "the name of its binary is a template");
        };
        let (platforms, odd) = platforms(build);
        if !odd.is_empty() {
            found.leave(
                place.clone(),
                what.clone(),
                format!("larder has no platform for {}", odd.join(", ")),
            );
        }
        if !self.platforms.is_empty() && self.platforms != platforms {
            found.leave(place.clone(), what.clone(), "its platforms differ from those of the build before; the subsystem has the platforms of both");
        }
        self.platforms.extend(platforms);
        for item in build.get("env").map(ReadNode::texts).unwrap_or_default() {
            if let Some((key, value)) = item.split_once('=') {
                if value.contains("{{") {
                    found.leave(
                        place.clone(),
                        what.clone(),
                        format!("its variable `{key}` is a template"),
                    );
                }
                self.set(key, value);
            }
        }
        for key in [
            "hooks",
            "overrides",
            "goarm",
            "goamd64",
            "gomips",
            "gcflags",
            "asmflags",
            "buildmode",
            "command",
            "tool",
        ] {
            if let Some(entry) = build.entry(key) {
                found.leave(
                    document.place(&entry.span),
                    what.clone(),
                    format!("its `{key}` was not moved: check `build.commands`"),
                );
            }
        }
        let mut command = "go build".to_owned();
        let flags = build.get("flags").map(ReadNode::texts).unwrap_or_default();
        for flag in flags {
            if let Ok(flag) = templates(flag, project) {
                command.push(' ');
                command.push_str(&shell_word(&flag));
            }
        }
        let tags = build.get("tags").map(ReadNode::texts).unwrap_or_default();
        if !tags.is_empty() {
            command.push_str(" -tags ");
            command.push_str(&tags.join(","));
        }
        let (ldflags, dropped) = ldflags(build, project);
        if !dropped.is_empty() {
            found.leave(
                place.clone(),
                what.clone(),
                format!(
                    "{} in its ldflags would make each build different: it was left out",
                    dropped.join(", ")
                ),
            );
        }
        if !ldflags.is_empty() {
            command = format!("{command} -ldflags \"{}\"", ldflags.replace('"', "\\\""));
        }
        let main = build
            .word("main")
            .unwrap_or(".")
            .trim_end_matches("main.go");
        let main = match main.trim_end_matches('/') {
            "" | "." => ".".to_owned(),
            main if main.starts_with("./") || main.starts_with('/') => main.to_owned(),
            main => format!("./{main}"),
        };
        command = format!("{command} -o \"{{{{ out }}}}/{binary}{{{{ exe }}}}\" {main}");
        if let Some(dir) = build.word("dir").filter(|dir| *dir != ".") {
            command = format!("cd {} && {command}", shell_word(dir));
        }
        if self.binaries.contains(&binary) {
            return found.leave(place, what, format!("another build makes `{binary}`, too"));
        }
        self.binaries.push(binary);
        self.commands.push(command);
    }
}

fn shell_word(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_./=,:{} ".contains(c))
        && !text.contains(' ');
    if plain {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('"', "\\\""))
    }
}
