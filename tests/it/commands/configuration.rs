//! The user configuration: a mirror of github.com, hosts for which plain http is allowed, and
//! mistakes.

use std::collections::BTreeSet;

use crate::env::TestEnv;
use crate::fake_github::WRITE;
use crate::servers::files::FileServer;
use crate::servers::scripted::{Reply, Script};

const SCRIPT: &str = "#!/bin/sh\necho tool v1.0.0\n";

/// Writes the configuration file to its default path.
fn configure(env: &TestEnv, text: &str) {
    let folder = env.home().join(".config/larder");
    std::fs::create_dir_all(&folder).expect("create folder");
    std::fs::write(folder.join("config.yml"), text).expect("write config.yml");
}

fn github_tool(env: &TestEnv) {
    env.versions(&[("tool", "v1.0.0")], "");
    env.recipe(
        "tool",
        "binaries: [tool]\nupstream: {github: acme/tool, asset: tool}\n",
    );
}

#[test]
fn a_github_mirror_is_used_and_gets_no_token() {
    let mut env = TestEnv::new();
    let release = env
        .base()
        .join("mirror/gh/acme/tool/releases/download/v1.0.0");
    std::fs::create_dir_all(&release).expect("create folder");
    std::fs::write(release.join("tool"), SCRIPT).expect("write");
    let server = FileServer::start(&env.base().join("mirror"));
    github_tool(&env);
    configure(
        &env,
        &format!("# our mirror\ngithub_mirror: {}/gh/\n", server.url()),
    );
    env.set("LARDER_GITHUB_TOKEN", WRITE);
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["tool=downloaded"]
    );
    let lock = env.read("versions.lock");
    assert!(
        lock.contains(" https://github.com/acme/tool/releases/download/v1.0.0/tool"),
        "a mirror is nobody else's: {lock}"
    );
    // The mirror does not have it: the API of github.com, which gets the token, is not replaced by
    // the mirror.
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    let out = env.larder(["ensure", "all"]).exits(1);
    assert!(out.stderr.contains("does not exist"), "{}", out.stderr);
    let requests = server.requests();
    assert_eq!(
        requests
            .iter()
            .map(|request| request.method.as_str())
            .collect::<BTreeSet<_>>(),
        ["GET"].into()
    );
    assert!(
        requests.len() >= 2
            && requests
                .iter()
                .all(|request| request.path.starts_with("/gh/acme/tool/releases/"))
    );
    assert!(
        requests
            .iter()
            .flat_map(|request| &request.headers)
            .all(|(name, _)| name != "authorization"),
        "{requests:?}"
    );
    // A variable takes precedence over the file.
    let other = Script::start(|_, _| Reply::status(404));
    env.set("LARDER_UPSTREAM_GITHUB", &other.url);
    env.larder(["ensure", "all"]).exits(1);
    assert_eq!(
        (server.requests().len(), other.count()),
        (requests.len(), 1)
    );
}

#[test]
fn plain_http_is_used_only_for_hosts_that_the_user_allows() {
    let mut env = TestEnv::new();
    // Other host names are reached through the proxy only, so this test never leaves the machine.
    let proxy = Script::start(|_, _| Reply::ok(SCRIPT));
    env.set("http_proxy", &proxy.url);
    env.versions(&[("tool", "v1.0.0")], "");
    env.recipe(
        "tool",
        "binaries: [tool]\nupstream: {url: \"http://files.example/tool\"}\n",
    );
    let refused = env.larder(["ensure", "all"]).exits(2);
    assert!(
        refused.stderr.contains("recipe.yml:2:17") && refused.stderr.contains("`allow_http`"),
        "{}",
        refused.stderr
    );
    configure(&env, "allow_http: [other.example]\n");
    env.larder(["check"]).exits(2);
    assert_eq!(proxy.count(), 0);
    configure(&env, "allow_http: [files.example]\n");
    env.larder(["check"]).success();
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["tool=downloaded"]
    );
    assert_eq!(proxy.count(), 1);
    // A redirect to a host that is not allowed is refused.
    let away = Script::start(|_, _| Reply::to(302, "http://other.example/tool"));
    env.set("http_proxy", &away.url);
    env.edit("versions.yml", "v1.0.0", "v1.0.1");
    let out = env.larder(["ensure", "all"]).exits(1);
    assert!(
        out.stderr
            .contains("http://other.example/tool is plain http"),
        "{}",
        out.stderr
    );
}

#[test]
fn mistakes_in_the_user_configuration_are_shown_with_their_position() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    configure(
        &env,
        "github_miror: https://mirror.example\nallow_http: [\"http://a.example\"]\n",
    );
    for command in ["check", "status"] {
        let out = env.larder([command]).exits(2);
        assert!(out.stdout.is_empty(), "{}", out.stdout);
        insta::allow_duplicates! {
            insta::assert_snapshot!(crate::env::redact(&out.stderr, env.base()), @r#"
            error: unknown key `github_miror`
             --> [HOME]/.config/larder/config.yml:1:1
              |
            1 | github_miror: https://mirror.example
              | ^^^^^^^^^^^^
              |
              = help: did you mean `github_mirror`?

            error: `http://a.example` is not a host
             --> [HOME]/.config/larder/config.yml:2:14
              |
            2 | allow_http: ["http://a.example"]
              |              ^^^^^^^^^^^^^^^^^^
              |
              = help: its name alone, such as mirror.example.com: no scheme, no port

            error: 2 problems in your configuration
            "#);
        }
    }
    let out = env.larder_json(["check"]).exits(2);
    assert_eq!(
        out.document()["problems"].as_array().map(Vec::len),
        Some(2),
        "{}",
        out.stdout
    );
    configure(&env, "github_mirror: http://mirror.example/\n");
    let out = env.larder(["ensure", "all"]).exits(2);
    assert!(
        out.stderr.contains("config.yml:1:16")
            && out.stderr.contains("`allow_http: [mirror.example]`"),
        "{}",
        out.stderr
    );
    // The error about the configuration does not blame a url that the configuration would allow.
    env.write(
        "versions.yml",
        env.read("versions.yml") + "hub: {http: \"http://hub.example\"}\n",
    );
    let out = env.larder(["check"]).exits(2);
    assert!(
        out.stderr.contains("config.yml:1:16") && !out.stderr.contains("hub.example"),
        "{}",
        out.stderr
    );
}

#[test]
fn larder_config_selects_another_file() {
    let mut env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    configure(&env, "nonsense\n");
    let other = env.base().join("other.yml");
    env.set("LARDER_CONFIG", &other);
    let out = env.larder(["check"]).exits(2);
    assert!(
        out.stderr.contains("there is no") && out.stderr.contains("LARDER_CONFIG"),
        "{}",
        out.stderr
    );
    std::fs::write(&other, "").expect("write");
    env.larder(["check"]).success();
    env.set("LARDER_CONFIG", "other.yml");
    assert!(
        env.larder(["check"])
            .exits(2)
            .stderr
            .contains("not absolute")
    );
}

/// An up-to-date run does not read the configuration, unless it has changed: it may demand
/// signatures, which holds for what is installed, too.
#[test]
fn the_user_configuration_is_not_read_before_it_is_needed() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    configure(&env, "allow_http: [mirror.example.com]\n");
    env.larder(["ensure", "all"]).success();
    let (out, calls) = env.strace("openat", None, ["ensure", "all"]);
    out.success();
    assert!(
        calls.iter().all(|call| !call.line.contains("config.yml")),
        "{calls:?}"
    );
    configure(&env, "broken: [\n");
    env.larder(["ensure", "all"]).exits(2);
    env.larder(["ensure", "all", "--rebuild"]).exits(2);
}
