//! Command lines that can't be right as they were typed.

use super::{hello, says};

#[test]
fn words_of_other_programs_lead_to_larders_own() {
    let env = hello();
    for (line, wanted) in [
        ("delete hello", "did you mean `larder remove`?"),
        ("uninstall hello", "did you mean `larder clean`?"),
        ("shell", "did you mean `larder exec`?"),
        ("which hello", "did you mean `larder exec`?"),
        ("info hello", "did you mean `larder status`?"),
        ("show hello", "did you mean `larder status`?"),
        ("sync", "did you mean `larder ensure`?"),
        ("fetch hello", "did you mean `larder ensure`?"),
        ("download hello", "did you mean `larder ensure`?"),
        ("lint", "did you mean `larder check`?"),
        ("validate", "did you mean `larder check`?"),
        ("test", "did you mean `larder run`?"),
        ("update hello", "did you mean `larder bump`?"),
    ] {
        let out = env.larder(line.split(' ')).exits(2);
        says(
            &out,
            &[wanted, "!a similar subcommand", "!some similar subcommands"],
        );
    }
}

#[test]
fn a_flag_that_does_not_exist_is_not_offered_as_a_value() {
    let env = hello();
    for line in [
        "ensure hello --hub x",
        "ensure hello --timing",
        "env --shel",
        "bump hello --dry",
        "run greet --tims",
    ] {
        let out = env.larder(line.split(' ')).exits(2);
        says(&out, &["!as a value, use"]);
    }
    says(
        &env.larder(["ensure", "hello", "--hub", "x"]),
        &["LARDER_HUB"],
    );
}

#[test]
fn a_wrong_value_names_the_right_ones() {
    let mut env = hello();
    for (line, wanted) in [
        (
            "ensure hello --source hub",
            "known: cache, managed, original, build, remote-cache; the hub is `managed`",
        ),
        (
            "ensure hello --source nothing",
            "known: cache, managed, original, build, remote-cache",
        ),
        ("status --color blue", "known: auto, always, never"),
        ("ensure hello --jobs lots", "`lots` is not a number"),
        ("ensure hello --jobs 0", "write a number from 1"),
        ("init --ci gitlab", "possible values: github"),
        (
            "cache prune --older-than soon",
            "write `30d`, `12h` or `2w`",
        ),
    ] {
        let out = env.larder(line.split(' ')).exits(2);
        says(&out, &[wanted, "!invalid digit", "!a similar value exists"]);
    }
    for (name, value, wanted) in [
        ("LARDER_COLOR", "blue", "known: auto, always, never"),
        ("LARDER_LOCKED", "maybe", "write true or false"),
        ("LARDER_OFFLINE", "2", "write true or false"),
        ("LARDER_JOBS", "lots", "`lots` is not a number"),
    ] {
        env.set(name, value);
        let out = env.larder(["ensure", "hello"]).exits(2);
        says(&out, &[wanted, name, "!was not a boolean"]);
        env.unset(name);
    }
}

#[test]
fn a_version_after_a_name_leads_to_bump() {
    let env = hello();
    for line in [
        "ensure hello@v1.2.0",
        "ensure hello v1.2.0",
        "ensure hello 1.2",
        "package hello@v1.2.0",
        "release hello v1.2.0",
        "status hello@v1.2.0",
    ] {
        let out = env.larder(line.split(' ')).exits(2);
        says(&out, &["`larder bump hello ", "takes no version"]);
    }
    // A word that looks like no version is still a wrong name.
    let out = env.larder(["ensure", "hello", "help"]).exits(2);
    says(&out, &["no subsystem is called `help`"]);
    let out = env.larder(["ensure", "nothing@v1"]).exits(2);
    says(&out, &["no subsystem is called `nothing`"]);
}

#[test]
fn an_empty_version_is_explained() {
    let env = hello();
    let out = env.larder(["bump", "hello", ""]).exits(2);
    says(
        &out,
        &["the version is empty", "help: write it after the name"],
    );
    let out = env.larder(["install", "hello@"]).exits(2);
    says(&out, &["the version is empty", "help: write it after `@`"]);
}

#[test]
fn lock_update_takes_the_name_itself() {
    let env = hello();
    let out = env.larder(["lock", "hello", "--update", "hello"]).exits(2);
    says(&out, &["write `larder lock --update hello`"]);
}

#[test]
fn exec_of_a_program_that_cannot_run_exits_as_a_shell_does() {
    let env = hello();
    for (program, code) in [
        ("nosuch", 127),
        ("--x", 127),
        ("./nosuch", 127),
        ("/nowhere/nosuch", 127),
        ("./versions.yml", 126),
        ("/tmp", 126),
    ] {
        let out = env.larder(["exec", "--", program]).exits(code);
        says(&out, &[&format!("error: cannot run `{program}`"), "help: "]);
    }
    let out = env.larder(["--json", "exec", "nosuch"]).exits(127);
    assert_eq!(out.json()[0]["error_kind"], "failed", "{}", out.stdout);
}
