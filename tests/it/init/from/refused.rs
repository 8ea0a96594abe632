//! What is wrong with the arguments or the files writes nothing.

use super::machine;
use crate::env::TestEnv;

/// Nothing but these files is in the project.
fn untouched(env: &TestEnv, files: &[&str]) {
    let found: Vec<String> = crate::env::list(env.project()).into_iter().collect();
    let mut wanted: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
    wanted.sort();
    assert_eq!(found, wanted);
}

#[test]
fn wrong_arguments_write_nothing() {
    let env = TestEnv::new();
    env.write("Makefile", "all:\n");
    env.write("mise.toml", "[tools]\njq = \n");
    env.write("Taskfile.yml", "tasks:\n  a: [x\n");
    env.write("folder/Taskfile.yml", "tasks: {a: x}\n");
    for (arguments, expected) in [
        (
            &["--from", "Makefile"][..],
            "does not know what kind of file Makefile is",
        ),
        (
            &["--from", "Makefile"],
            "takes Taskfile.yml, mise.toml, .tool-versions, aqua.yaml, a DotSlash file",
        ),
        (&["--from", "none.yml"], "there is no file none.yml"),
        (&["--from", "folder"], "folder is a folder"),
        (
            &["--from", "folder/Taskfile.yml"],
            "is not in the folder of the new project",
        ),
        (&["--from", "mise.toml"], "mise.toml:2:6"),
        (&["--from", "Taskfile.yml"], "Taskfile.yml:3:1"),
        (
            &["--from", "mise.toml", "--ci", "github"],
            "cannot be used with",
        ),
        (&["--dry-run"], "--from"),
    ] {
        let out = env.larder([&["init"], arguments].concat()).exits(2);
        assert!(
            out.stderr.contains(expected),
            "{arguments:?}: {}",
            out.stderr
        );
    }
    untouched(&env, &["Makefile", "Taskfile.yml", "folder", "mise.toml"]);
}

#[test]
fn a_mistake_is_shown_with_its_line() {
    let env = TestEnv::new();
    env.write("mise.toml", "[tools]\njq = 1.7.1.2\n");
    let out = env.larder(["init", "--from", "mise.toml"]).exits(2);
    insta::assert_snapshot!(out.redacted(), @r"
    exit: 2
    --- stdout
    --- stderr
    error: this is no TOML: invalid float, expected nothing
     --> mise.toml:2:9
      |
    2 | jq = 1.7.1.2
      |         ^^^^

    error: 1 problem in the files to read
    ");
}

#[test]
fn nothing_is_overwritten() {
    let env = machine(&[("dotslash-plain", "jq")]);
    let init = ["init", "--from", "jq", "--offline"];
    env.write("subsystems/jq/recipe.yml", "mine\n");
    let out = env.larder(init).exits(2);
    assert!(
        out.stderr
            .contains("subsystems/jq/recipe.yml already exists"),
        "{}",
        out.stderr
    );
    untouched(&env, &["jq", "subsystems"]);
    // The recipe of a run that was interrupted is no obstacle.
    std::fs::remove_file(env.path("subsystems/jq/recipe.yml")).expect("remove");
    env.larder(init).success();
    let versions = env.read("versions.yml");
    std::fs::remove_file(env.path("versions.yml")).expect("remove");
    env.larder(init).success();
    assert_eq!(env.read("versions.yml"), versions);
    let out = env.larder(init).exits(2);
    assert!(
        out.stderr.contains("is a project already"),
        "{}",
        out.stderr
    );
    assert_eq!(env.read("versions.yml"), versions);
}

#[test]
fn what_does_not_load_is_left_and_the_rest_is_written() {
    let env = TestEnv::new();
    env.write(
        "Taskfile.yml",
        "version: '3'\nvars: {A_VERSION: v1.0.0}\ntasks:\n  a:\n    cmds: ['curl -Lo a https://github.com/o/a/releases/download/{{.A_VERSION}}/a-{{OS}}-{{ARCH}}', 'chmod +x a']\n  loop:\n    deps: [pool]\n    cmds: [x]\n  pool:\n    deps: [loop]\n    cmds: [x]\n  'odd name': echo x\n  good: echo good\n",
    );
    let document = env
        .larder_json(["init", "--from", "Taskfile.yml", "--offline"])
        .success()
        .document();
    let tasks: Vec<&str> = document["tasks"]
        .as_array()
        .expect("tasks")
        .iter()
        .filter_map(|task| task["name"].as_str())
        .collect();
    assert!(
        tasks.contains(&"good") && !tasks.contains(&"odd name"),
        "{tasks:?}"
    );
    let left = document["left"].to_string();
    assert!(
        left.contains("odd name") && left.contains("circle"),
        "{left}"
    );
    env.larder(["check"]).success();
    assert_eq!(env.larder(["run", "good"]).success().stdout, "good\n");
}
