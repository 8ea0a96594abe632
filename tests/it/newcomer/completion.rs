//! What the completion scripts offer: commands, flags and values, and the words of the project.

use super::hello;
use crate::env::TestEnv;

/// A project with two subsystems and a task.
fn project() -> TestEnv {
    let env = hello();
    env.script_subsystem("helper", "v1.0.0");
    env.write(
        "versions.yml",
        env.read("versions.yml")
            + "platforms: [linux-amd64, windows-arm64]\ntasks:\n  greet: {desc: Say hello, commands: [hello]}\n",
    );
    env
}

/// What bash offers for the last word of a line, through the script that larder prints.
fn offered(env: &TestEnv, line: &str) -> Vec<String> {
    let script = env.larder(["completions", "bash"]).success().stdout;
    env.write("../completion.bash", script);
    let words: Vec<&str> = line.split(' ').collect();
    let larder = std::path::Path::new(crate::env::LARDER)
        .parent()
        .expect("a folder");
    let bash = format!(
        "PATH={}:$PATH; source ../completion.bash; COMP_WORDS=({}); COMP_CWORD={}; \
         _clap_complete_larder larder '{}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        larder.display(),
        words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" "),
        words.len() - 1,
        words.last().expect("a word"),
    );
    let out = env.run("bash", ["-c", &bash]);
    out.lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn names_of_the_project_are_completed() {
    let env = project();
    for (line, wanted) in [
        ("larder ensu", &["ensure"][..]),
        ("larder ensure he", &["hello", "helper"]),
        ("larder ensure hello he", &["hello", "helper"]),
        ("larder ensure a", &["all"]),
        ("larder status hello helper", &["helper"]),
        ("larder why hell", &["hello"]),
        ("larder why a", &[]),
        ("larder bump hell", &["hello"]),
        ("larder lock --update helper", &["helper"]),
        ("larder release hell", &["hello"]),
        ("larder remove helper", &["helper"]),
        ("larder run gr", &["greet"]),
        (
            "larder ensure all --platform ",
            &["linux-amd64", "windows-arm64", "all"],
        ),
        ("larder ensure all --source m", &["managed"]),
        ("larder status --color al", &["always"]),
        ("larder env --shell ", &["sh", "fish", "pwsh", "cmd"]),
        ("larder schema reci", &["recipe"]),
        ("larder add he", &[]),
        ("larder ensure zzz", &[]),
    ] {
        assert_eq!(offered(&env, line), wanted, "{line}");
    }
    // The project of `-C`, and no project at all.
    let elsewhere = env.another("elsewhere");
    let line = format!("larder -C {} ensure hell", env.project());
    assert_eq!(offered(&elsewhere, &line), ["hello"]);
    assert_eq!(offered(&elsewhere, "larder ensure hell"), [""; 0]);
    assert_eq!(offered(&elsewhere, "larder stat"), ["status"]);
}

#[test]
fn each_shell_has_a_script_that_asks_larder() {
    let mut env = project();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = env.larder(["completions", shell]).success().stdout;
        assert!(script.contains("LARDER_COMPLETE"), "{shell}: {script}");
    }
    // A question that makes no sense has no answer, and no message disturbs the command line.
    for shell in ["bash", "zsh", "nosuch"] {
        env.set("LARDER_COMPLETE", shell);
        let out = env.larder(["--", "larder", "ensure", "zzz"]);
        if shell == "nosuch" {
            assert_eq!(out.code, Some(2), "{}", out.stderr);
        } else {
            assert_eq!((out.code, out.stderr.as_str()), (Some(0), ""), "{shell}");
        }
    }
}
