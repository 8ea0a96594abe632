//! `remove`, `doctor` and `--timings`.

use serde_json::Value;

use super::{hello, says};
use crate::env::TestEnv;

#[test]
fn remove_takes_a_subsystem_out_of_the_project() {
    let env = hello();
    env.script_subsystem("other", "v2.0.0");
    env.write(
        "versions.yml",
        "# ours\nversions:\n  hello: v1.0.0 # greets\n  # kept\n  other: v2.0.0\n",
    );
    env.larder(["ensure", "all"]).success();
    let before = env.sh("find . -path ./.larder -prune -o -type f -print | sort; cat versions.yml");
    let out = env.larder(["remove", "hello", "--dry-run"]).success();
    says(
        &out,
        &["would remove `hello` from versions.yml, and subsystems/hello/recipe.yml"],
    );
    let after = env.sh("find . -path ./.larder -prune -o -type f -print | sort; cat versions.yml");
    assert_eq!(before, after);
    let out = env.larder(["remove", "hello"]).success();
    says(
        &out,
        &[
            "removed `hello` from versions.yml, and subsystems/hello/recipe.yml",
            "kept what else is in subsystems/hello: src",
        ],
    );
    assert_eq!(
        env.read("versions.yml"),
        "# ours\nversions:\n  # kept\n  other: v2.0.0\n"
    );
    assert!(
        !env.exists("subsystems/hello/recipe.yml") && !env.exists("subsystems/hello/.bin/hello")
    );
    assert!(env.exists("subsystems/hello/src/hello.sh"), "sources stay");
    env.larder(["check"]).success();
    // A folder in which nothing else is left goes too.
    env.sh("mv subsystems/other/src ../src");
    env.edit(
        "subsystems/other/recipe.yml",
        "{dir: .}",
        "{dir: ../../../src}",
    );
    env.larder(["remove", "other"]).success();
    assert!(!env.exists("subsystems/other"));
    assert_eq!(env.read("versions.yml"), "# ours\nversions: {}\n  # kept\n");
    env.larder(["check"]).success();
}

#[test]
fn a_removal_that_was_interrupted_is_completed_by_the_same_command() {
    let env = hello();
    env.larder(["ensure", "all"]).success();
    let recipe = env.read("subsystems/hello/recipe.yml");
    env.larder(["remove", "hello"]).success();
    let versions = env.read("versions.yml");
    // What it is after the version was removed and before the recipe was.
    env.write("subsystems/hello/recipe.yml", recipe);
    env.larder(["check"]).exits(2);
    env.larder(["remove", "other"]).exits(2);
    env.larder(["remove", "hello"]).success();
    assert!(!env.exists("subsystems/hello/recipe.yml"));
    assert_eq!(env.read("versions.yml"), versions);
    env.larder(["check"]).success();
}

#[test]
fn doctor_finds_workflows_that_write_the_same_releases() {
    let env = hello();
    let checks = |state: &str| -> Vec<String> {
        let document = env.larder(["doctor", "--json"]).success().document();
        let checks = document["checks"].as_array().cloned().unwrap_or_default();
        let of = |check: &&Value| check["name"] == "workflows" && check["state"] == state;
        let found = checks.iter().filter(of).map(|check| &check["found"]);
        found.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert!(checks("ok").is_empty() && checks("warning").is_empty());
    env.larder(["init", "--ci", "github"]).success();
    assert_eq!(checks("ok"), ["no two of 1 write the releases of one tag"]);
    env.write(
        ".github/workflows/release.yaml",
        "on: {push: {tags: ['v*']}}\njobs: {a: {steps: [{uses: softprops/action-gh-release@v2}]}}\n",
    );
    let [found] = &checks("warning")[..] else {
        panic!("one conflict: {:?}", checks("warning"));
    };
    assert!(
        found.contains("larder.yml (`larder release`)") && found.contains("release.yaml"),
        "{found}"
    );
    env.write(".github/workflows/release.yaml", "on: [push\n");
    env.larder(["doctor"]).exits(1);
}

#[test]
fn what_is_needed_is_not_removed() {
    for (file, text, why) in [
        (
            "subsystems/app/recipe.yml",
            "binaries: [app]\nneeds: [hello]\nbuild: {source: {dir: .}, commands: [\"true\"]}\n",
            "`needs` of `app`",
        ),
        (
            "subsystems/app/recipe.yml",
            "binaries: [app]\nbuild: {needs: [hello], source: {dir: .}, commands: [\"true\"]}\n",
            "`build.needs` of `app`",
        ),
        (
            "versions.yml",
            "versions:\n  app: v1\n  hello: v1.0.0\ntasks:\n  t: {needs: [ensure hello], commands: [\"true\"]}\n",
            "`needs` of the task `t`",
        ),
        (
            "versions.yml",
            "versions:\n  app: v1\n  hello: v1.0.0\nci: [ensure hello]\n",
            "`ci`",
        ),
        (
            "versions.yml",
            "versions:\n  app: v1\n  hello: v1.0.0\nbundle: {exclude: [hello]}\n",
            "`bundle.exclude`",
        ),
    ] {
        let env = hello();
        env.script_subsystem("app", "v1");
        env.larder(["ensure", "all"]).success();
        env.write(file, text);
        let versions = env.read("versions.yml");
        let out = env.larder(["remove", "hello"]).exits(2);
        says(&out, &["the project still needs `hello`", why]);
        assert_eq!(env.read("versions.yml"), versions, "{file}");
        assert!(
            env.exists("subsystems/hello/recipe.yml") && env.exists("subsystems/hello/.bin/hello"),
            "{file}"
        );
    }
    let env = hello();
    says(
        &env.larder(["remove", "hellos"]).exits(2),
        &["did you mean `hello`?"],
    );
    says(
        &env.larder(["remove", "all"]).exits(2),
        &["not `all`", "`larder clean all`"],
    );
}

/// The states of the checks, by name.
fn states(env: &TestEnv, args: &[&str], code: i32) -> Vec<String> {
    let out = env.larder_json(args).exits(code);
    let checks = out.document()["checks"].as_array().cloned();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    checks
        .expect("checks")
        .iter()
        .map(|check| format!("{}={}", text(&check["name"]), text(&check["state"])))
        .collect()
}

#[test]
fn doctor_finds_what_a_machine_lacks() {
    let mut env = hello();
    assert_eq!(
        states(&env, &["doctor"], 0),
        ["project=ok", "path=warning", "cache=ok", "hub=warning"]
    );
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["doctor"]).success();
    says(
        &out,
        &[
            "larder",
            "ok",
            "PATH finds 0 of the project's 1 binaries",
            "help: path: `larder exec -- COMMAND`",
            "help: hub: set `hub:` in versions.yml",
        ],
    );
    // With the project's folder on PATH and a hub all is right.
    let path = format!(
        "{}:{}",
        env.path("subsystems/hello/.bin"),
        std::env::var("PATH").unwrap_or_default()
    );
    env.set("PATH", &path);
    std::fs::create_dir(env.base().join("hub")).expect("folder");
    env.set("LARDER_HUB", env.base().join("hub"));
    assert_eq!(
        states(&env, &["doctor"], 0),
        ["project=ok", "path=ok", "cache=ok", "hub=ok"]
    );
    // Another program of that name comes first.
    env.write_executable("other/hello", "#!/bin/sh\n");
    env.set("PATH", format!("{}:{path}", env.path("other")));
    says(
        &env.larder(["doctor"]).success(),
        &[&format!(
            "PATH finds other programs: hello is {}",
            env.path("other/hello")
        )],
    );
    // A tool that a recipe needs is missing.
    env.edit(
        "subsystems/hello/recipe.yml",
        "build:\n",
        "build:\n  tools: {nosuchtool: \"1\", sh: \"1\"}\n",
    );
    let out = env.larder(["doctor"]).exits(1);
    says(
        &out,
        &[
            "nosuchtool is not on PATH, and is needed by hello",
            "help: tool: install nosuchtool",
            "sh is /",
        ],
    );
    // A hub that does not answer, a hub without a token, and no question at all.
    env.write("versions.yml", "versions: {hello: v1.0.0}\n");
    env.set("LARDER_HUB", "http://127.0.0.1:1");
    assert!(states(&env, &["doctor"], 1).contains(&"hub=failed".to_owned()));
    env.set("LARDER_HUB", "github:acme/tools");
    let offline = states(&env, &["doctor", "--offline"], 1);
    assert!(offline.contains(&"hub=warning".to_owned()), "{offline:?}");
    assert!(
        offline.iter().any(|state| state.starts_with("token=")),
        "{offline:?}"
    );
    // The cache can't be written.
    env.write("file", "");
    env.set("LARDER_CACHE_DIR", env.path("file/cache"));
    assert!(states(&env, &["doctor", "--offline"], 1).contains(&"cache=failed".to_owned()));
    // The project's files are wrong.
    env.write("versions.yml", "versions: [\n");
    assert_eq!(states(&env, &["doctor"], 1), ["project=failed"]);
}

#[test]
fn timings_list_the_slowest_step_first() {
    let env = hello();
    env.script_subsystem("slow", "v1.0.0");
    env.edit(
        "subsystems/slow/recipe.yml",
        "commands:\n",
        "commands:\n    - sleep 1\n",
    );
    let out = env.larder(["ensure", "all", "--timings"]).success();
    let place = |text: &str| {
        out.stderr
            .find(text)
            .unwrap_or_else(|| panic!("no {text} in {}", out.stderr))
    };
    assert!(place("ensure slow (") < place("ensure hello ("));
    says(
        &out,
        &[
            "  all steps, one after the other\n",
            "  the run\n",
            " built",
        ],
    );
    let out = env.larder_json(["ensure", "all", "--timings"]).success();
    assert_eq!(out.json().len(), 3, "only JSON on stdout");
}
