//! Secrets in urls, and text from outside that is printed.

use crate::env::{Output, TestEnv, list};
use crate::servers::files::{Fault, FileServer};

const SECRET: &str = "hunter2-0123";

fn git_source(env: &TestEnv, url: &str) {
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nbuild:\n  source: {{git: '{url}', rev: v1}}\n  commands: [make]\n"
        ),
    );
}

#[test]
fn git_urls_that_are_not_safe_are_refused_with_their_place_and_without_their_secret() {
    let mut env = TestEnv::new();
    for (url, wanted) in [
        ("http://git.example/x.git", "over plain http"),
        ("git://git.example/x.git", "can be changed on the way"),
        (
            "https://me:hunter2-0123@git.example/x.git",
            "a user or a password",
        ),
        (
            "https://hunter2-0123@git.example/x.git",
            "a user or a password",
        ),
        (
            "ssh://git:hunter2-0123@git.example/x.git",
            "a user or a password",
        ),
        (
            "https://git.example/x.git?token=hunter2-0123",
            "has no query",
        ),
        (
            "http://me:hunter2-0123@127.0.0.1/x.git",
            "a user or a password",
        ),
        ("ext::sh -c id", "is not a git url"),
        ("ftp://git.example/x.git", "is not a git url"),
    ] {
        git_source(&env, url);
        let out = env.larder(["ensure", "tool"]).exits(2);
        assert!(out.stderr.contains(wanted), "{url}: {}", out.stderr);
        assert!(
            out.stderr.contains("subsystems/tool/recipe.yml:3:"),
            "{}",
            out.stderr
        );
        assert!(out.stderr.contains("= help: "), "{}", out.stderr);
        let json = env.larder_json(["ensure", "tool"]).exits(2);
        for text in [&out.stderr, &json.stderr, &json.stdout] {
            assert!(!text.contains(SECRET), "{url}: {text}");
        }
    }
    // What a template renders to is checked, too.
    git_source(&env, "{{ 'git' }}://git.example/x.git");
    env.larder(["check"]).exits(2);
    for url in [
        "https://git.example/x.git",
        "ssh://git@git.example/x.git",
        "git@git.example:x.git",
        "http://127.0.0.1:8080/x.git",
        "http://[::1]/x.git",
        "file:///x.git",
        "../x.git",
    ] {
        git_source(&env, url);
        env.larder(["check"]).success();
    }
    git_source(&env, "http://git.example/x.git");
    env.set("LARDER_ALLOW_HTTP", "git.example");
    env.larder(["check"]).success();
}

/// A repository names its submodules, so their urls are checked by git itself.
#[test]
fn submodules_are_not_fetched_over_unsafe_transports_and_their_secrets_are_not_logged() {
    let env = TestEnv::new();
    for (url, wanted) in [
        ("git://127.0.0.1:9/x.git", "transport 'git' not allowed"),
        ("http://127.0.0.1:9/x.git", "transport 'http' not allowed"),
        ("https://me:hunter2-0123@127.0.0.1:9/x.git", "127.0.0.1"),
    ] {
        crate::env::remove(&env.base().join("upstream"));
        env.sh(&format!(
            "git init -q ../upstream && cd ../upstream && git commit -q --allow-empty -m x \
             && commit=$(git rev-parse HEAD) \
             && printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = {url}\\n' > .gitmodules \
             && git add .gitmodules && git update-index --add --cacheinfo 160000,$commit,x \
             && git commit -qm tool && git tag v1"
        ));
        git_source(&env, &format!("file://{}/upstream", env.base()));
        let out = env.larder(["ensure", "tool"]);
        assert_ne!(out.code, Some(0));
        let log: String = logs(&env);
        assert!(log.contains(wanted), "{log}");
        for text in [&out.stderr, &log] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}

fn logs(env: &TestEnv) -> String {
    let files = list(&env.path(".larder/logs"));
    files
        .iter()
        .map(|file| {
            std::fs::read_to_string(env.path(".larder/logs").join(file)).unwrap_or_default()
        })
        .collect()
}

#[test]
fn a_secret_in_a_url_or_a_command_stays_in_the_recipe() {
    let env = TestEnv::new();
    let server = FileServer::start(env.base());
    let url = server.url();
    env.sh(
        "mkdir -p ../a && printf '#!/bin/sh\\necho one v1.0.0\\n' > ../a/one && chmod +x ../a/one \
            && tar -C ../a -czf ../one.tgz one",
    );
    let sha256 = env.sh("sha256sum ../one.tgz | cut -d' ' -f1");
    let sha256 = sha256.trim();
    env.versions(
        &[("one", "v1.0.0"), ("two", "v1.0.0")],
        "sources: [managed, original, build]\n",
    );
    env.recipe(
        "one",
        &format!(
            "binaries: [one]\nupstream: {{url: '{url}/one.tgz?private_token=hunter2-0123'}}\n"
        ),
    );
    env.recipe(
        "two",
        &format!(
            "binaries: [two]\nbuild:\n  source: {{url: '{url}/one.tgz?sig=hunter2-0123', sha256: {sha256}}}\n  \
             env: {{FROM: 'https://me:hunter2-0123@host.example/x'}}\n  \
             commands: ['echo $FROM https://x.example/?X-Amz-Signature=hunter2-0123; cp one {{{{ out }}}}/two']\n"
        ),
    );
    let mut outputs = Vec::new();
    for command in [
        &["ensure", "all", "-v"][..],
        &["ensure", "all", "--reinstall"],
        &["lock"],
        &["package", "all"],
        &["release", "all"],
        &["status"],
        &["list"],
        &["list", "one"],
        &["why", "one", "-v"],
        &["why", "two", "-v"],
        &["plan", "all"],
        &["release", "status"],
        &["collect", "all"],
    ] {
        outputs.push(env.larder(command));
        outputs.push(env.larder_json(command));
    }
    assert_eq!(outputs[0].code, Some(0), "{}", outputs[0].stderr);
    for Output {
        command,
        stdout,
        stderr,
        ..
    } in &outputs
    {
        assert!(
            !stdout.contains(SECRET) && !stderr.contains(SECRET),
            "{command}: {stdout}{stderr}"
        );
    }
    assert!(
        logs(&env).contains("https://***@host.example/x"),
        "{}",
        logs(&env)
    );
    // An answer that is an error does not show it, either.
    server.fault("/one.tgz", Fault::Status(500, "no".into()));
    server.fault(
        "/one.tgz?private_token=hunter2-0123",
        Fault::Status(404, "no".into()),
    );
    server.fault("/one.tgz?sig=hunter2-0123", Fault::Status(404, "no".into()));
    env.drop_cache();
    let out = env.larder(["ensure", "all", "--reinstall", "-k", "--source", "original"]);
    assert!(!out.stderr.contains(SECRET), "{}", out.stderr);
    let out = env.larder(["ensure", "two", "--rebuild"]);
    assert!(
        out.code != Some(0) && !out.stderr.contains(SECRET),
        "{}",
        out.stderr
    );
    // Only the recipes hold the secret: no lock, log, package, sidecar, cache or hub.
    let found =
        env.sh("grep -rl hunter2-0123 . ../cache | grep -v 'subsystems/.*/recipe.yml' || true");
    assert_eq!(found, "");
    let unpacked = env.sh("cat .dist/*.json .larder-hub/*/*.json");
    assert!(
        unpacked.contains("***"),
        "the sidecars name the url without its secret"
    );
}

/// Terminal sequences, overwriting, and text that is shown in another order.
const HOSTILE: &str = "\\e]0;title\\a\\e[2J\\e[8mhidden\\rover\\b\\x9b31m\\u202Etxt";

/// Whether a text could control a terminal.
fn is_harmless(text: &str) -> bool {
    !text.chars().any(|c| {
        (c.is_control() && !matches!(c, '\n' | '\t'))
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    })
}

fn hostile_project() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!(
            "{versions}tasks:\n  greet: {{desc: \"{HOSTILE}\", commands: [\"true # {HOSTILE}\"]}}\n  \
             bad: {{commands: [\"exit 3 # {HOSTILE}\"]}}\nci: [run greet]\n"
        ),
    );
    let recipe = env.read("subsystems/tool/recipe.yml");
    env.write(
        "subsystems/tool/recipe.yml",
        format!("description: \"{HOSTILE}\"\nhomepage: \"https://x.example/{HOSTILE}\"\nlicense: \"{HOSTILE}\"\n{recipe}"),
    );
    env
}

#[test]
fn text_of_a_project_does_not_control_the_terminal() {
    let env = hostile_project();
    let own = regex::Regex::new("\u{1b}\\[(0|1|2|3[0-7]|9[0-7]|38;5;[0-9]+)m").unwrap();
    for command in [
        &["check"][..],
        &["list"],
        &["list", "-v"],
        &["list", "tool"],
        &["run"],
        &["run", "greet"],
        &["run", "bad"],
        &["ci"],
        &["ensure", "all"],
        &["status"],
        &["why", "tool", "-v"],
        &["plan", "all"],
        &["graph"],
    ] {
        for out in [env.larder(command), env.larder_json(command)] {
            assert!(
                is_harmless(&out.stdout),
                "{}: {:?}",
                out.command,
                out.stdout
            );
            assert!(
                is_harmless(&out.stderr),
                "{}: {:?}",
                out.command,
                out.stderr
            );
        }
        // With colours there are the sequences of larder's own colours, and no others.
        let mut command = env.command(command.iter().copied());
        command.args(["--color", "always"]);
        command.env_remove("NO_COLOR");
        let out = env.output(command);
        for text in [&out.stdout, &out.stderr] {
            let text = own.replace_all(text, "");
            assert!(is_harmless(&text), "{}: {text:?}", out.command);
        }
    }
}

#[test]
fn output_of_builds_and_answers_of_servers_do_not_control_the_terminal() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.edit(
        "subsystems/tool/recipe.yml",
        "  commands:\n",
        "  commands:\n    - \"printf '\\\\033[2J\\\\033]0;x\\\\007over\\\\rwritten \\\\342\\\\200\\\\256x\\\\n' >&2; exit 1\"\n",
    );
    let out = env.larder(["ensure", "tool"]).exits(1);
    assert!(out.stderr.contains("written"), "{}", out.stderr);
    assert!(is_harmless(&out.stderr), "{:?}", out.stderr);
    let json = env.larder_json(["ensure", "tool"]).exits(1);
    assert!(is_harmless(&json.stdout) && is_harmless(&json.stderr));

    let other = env.another("other");
    let server = FileServer::start(env.base());
    let page = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}oops".to_owned();
    server.fault("/x", Fault::Status(403, page));
    other.versions(&[("x", "v1")], "");
    other.recipe(
        "x",
        &format!("binaries: [x]\nupstream: {{url: '{}/x'}}\n", server.url()),
    );
    let out = other.larder(["ensure", "x"]);
    assert_ne!(out.code, Some(0));
    assert!(is_harmless(&out.stderr), "{:?}", out.stderr);
}

#[test]
fn names_in_archives_and_texts_of_sidecars_do_not_control_the_terminal() {
    let env = TestEnv::new();
    let server = FileServer::start(env.base());
    env.sh("mkdir -p ../a && cd ../a && echo x > \"$(printf 'x\\033[2J\\r\\302\\233')\" && tar -czf ../x.tgz .");
    env.versions(&[("x", "v1")], "");
    env.recipe(
        "x",
        &format!(
            "binaries: [x]\nupstream: {{url: '{}/x.tgz'}}\n",
            server.url()
        ),
    );
    let out = env.larder(["ensure", "x", "-v"]);
    assert_ne!(out.code, Some(0));
    assert!(is_harmless(&out.stderr), "{:?}", out.stderr);

    // A sidecar of the hub is written by whoever can write there.
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.larder(["ensure", "tool"]).success();
    env.larder(["release", "tool"]).success();
    let sidecar = list(&env.path(".larder-hub/tool-v1.0.0"))
        .into_iter()
        .find(|name| name.ends_with(".tar.gz.json"))
        .expect("a sidecar");
    let sidecar = format!(".larder-hub/tool-v1.0.0/{sidecar}");
    let text = env.read(&sidecar);
    let hostile = "\\u001b[2J\\r\\u009b31m\\u202e";
    let text = regex::Regex::new(r#""(build\.commands\.0|version)": "[^"]*""#)
        .unwrap()
        .replace_all(&text, |found: &regex::Captures<'_>| {
            format!("\"{}\": \"{hostile}\"", &found[1])
        });
    env.write(&sidecar, text.as_ref());
    env.edit("subsystems/tool/recipe.yml", "chmod +x", "chmod  +x");
    for command in [
        &["why", "tool", "-v"][..],
        &["release", "status"],
        &["plan", "all"],
        &["status", "-v"],
        &["ensure", "tool", "--reinstall", "-v"],
    ] {
        for out in [env.larder(command), env.larder_json(command)] {
            assert!(
                is_harmless(&out.stdout),
                "{}: {:?}",
                out.command,
                out.stdout
            );
            assert!(
                is_harmless(&out.stderr),
                "{}: {:?}",
                out.command,
                out.stderr
            );
        }
    }
}

/// The lines that GitHub's runner would take for commands, in the order in which it reads them,
/// except those between `::stop-commands::TOKEN` and `::TOKEN::`.
fn commands(text: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut resume: Option<String> = None;
    for line in text.lines() {
        let line = line.trim_start();
        if let Some(token) = &resume {
            if line == format!("::{token}::") {
                resume = None;
            }
        } else if let Some(token) = line.strip_prefix("::stop-commands::") {
            resume = Some(token.to_owned());
        } else if line.starts_with("::") || line.contains("##[") {
            commands.push(line.to_owned());
        }
    }
    assert_eq!(resume, None, "commands stay switched off");
    commands
}

#[test]
fn text_from_outside_gives_no_commands_to_githubs_runner() {
    let mut env = TestEnv::new();
    let hostile = "x\\n::add-mask::evil\\n  ::set-env name=a::evil\\n##[add-path]evil ##[x]evil";
    env.script_subsystem("tool", "v1.0.0");
    let versions = env.read("versions.yml");
    env.write(
        "versions.yml",
        format!(
            "{versions}tasks:\n  greet: {{desc: \"{hostile}\", commands: [\"true '{hostile}'\"]}}\n  \
             bad: {{commands: [\"false '{hostile}'\"]}}\nci: [\"exec -- true '{hostile}'\", run greet]\n"
        ),
    );
    let recipe = env.read("subsystems/tool/recipe.yml");
    env.write(
        "subsystems/tool/recipe.yml",
        format!("description: \"{hostile}\"\nlicense: \"{hostile}\"\n{recipe}"),
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "  commands:\n",
        "  commands:\n    - \"printf '::add-mask::evil\\\\n##[add-path]evil\\\\n::endgroup::\\\\n::error::evil\\\\n'\"\n",
    );
    env.set("GITHUB_ACTIONS", "true");
    env.set("CI", "true");
    env.set("LARDER_HUB", env.base().join("hub").as_str());
    for fail in [false, true] {
        if fail {
            env.edit(
                "subsystems/tool/recipe.yml",
                "evil\\\\n'\"",
                "evil\\\\n' >&2; exit 1\"",
            );
        }
        for command in [
            &["ensure", "all"][..],
            &["list"],
            &["list", "tool"],
            &["run"],
            &["run", "greet"],
            &["run", "bad"],
            &["ci"],
            &["why", "tool", "-v"],
            &["status"],
            &["run", "##[add-path]evil"],
            &["ensure", "::add-mask::evil"],
        ] {
            for out in [env.larder(command), env.larder_json(command)] {
                for text in [&out.stdout, &out.stderr] {
                    for line in commands(text) {
                        let own = [
                            "::group::",
                            "::endgroup::",
                            "::error title=",
                            "::warning title=",
                        ];
                        assert!(
                            own.iter().any(|own| line.starts_with(own)) && !line.contains("##["),
                            "{}: {line}",
                            out.command
                        );
                    }
                }
            }
        }
    }
}
