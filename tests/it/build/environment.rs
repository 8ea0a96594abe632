//! What the commands of a build see.

use crate::env::{TestEnv, host};

#[test]
fn a_build_sees_only_the_declared_environment_and_a_clean_copy() {
    let mut env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        "any: true\nbinaries: [tool]\nbuild:\n  source: {dir: .}\n  env: {DECLARED: \"{{ version }}\"}\n  commands: [\"env > {{ out }}/tool; pwd >> {{ out }}/tool; ls -A >> {{ out }}/tool; touch made-in-source\"]\n",
    );
    env.write("subsystems/tool/src.txt", "");
    for (key, value) in [
        ("GITHUB_TOKEN", "secret-1"),
        ("LARDER_GITHUB_TOKEN", "secret-2"),
        ("GH_TOKEN", "secret-3"),
        ("STRAY", "stray"),
        ("TZ", "Asia/Tokyo"),
        ("LC_ALL", "C"),
    ] {
        env.set(key, value);
    }
    env.larder(["ensure", "all"]).success();
    let seen = env.read("subsystems/tool/.bin/tool");
    assert!(
        seen.contains("DECLARED=v1.0.0\n")
            && seen.contains("TZ=UTC\n")
            && seen.contains("LC_ALL=C.UTF-8\n"),
        "{seen}"
    );
    assert!(
        !seen.contains("secret") && !seen.contains("stray"),
        "{seen}"
    );
    assert!(
        seen.contains("src.txt") && !seen.contains("recipe.yml") && !seen.contains(".bin\n"),
        "{seen}"
    );
    assert!(!env.exists("subsystems/tool/made-in-source"));
    assert!(
        !env.read(&format!(".larder/logs/tool-{}.log", host()))
            .contains("secret")
    );
}

#[test]
fn what_a_build_prints_is_shown_when_it_is_asked_for() {
    let mut env = TestEnv::new();
    env.set("GH_TOKEN", "very-secret-token-of-mine");
    env.script_subsystem("tool", "v1.0.0");
    let print = "commands:\n    - printf 'one\\ntwo\\r50%%\\r100%%\\n\\n' && echo three >&2 && printf 'very-secret-token-of-mine ::error::x'\n";
    env.edit("subsystems/tool/recipe.yml", "commands:\n", print);
    let lines = ["one", "two", "50%", "100%", "three"];
    let run = |flags: &[&str]| {
        let args = ["ensure", "all", "--rebuild"];
        env.larder(args.iter().chain(flags)).success()
    };
    for flags in [&["-vv"][..], &["-v", "-v"], &["-vvv"], &["-vvv", "-q"]] {
        let out = run(flags);
        let prefix = "tool │ ";
        let shown: Vec<&str> = out
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(prefix))
            .collect();
        let from = shown.iter().position(|line| *line == "one").expect("one");
        assert_eq!(
            shown[from..from + lines.len()],
            lines,
            "{flags:?}: {}",
            out.stderr
        );
        assert!(shown[0].starts_with("$ printf"), "{}", out.stderr);
        assert!(!out.stderr.contains("very-secret"), "{}", out.stderr);
        assert_eq!(out.stdout, "");
        let log = env.sh("cat .larder/logs/tool-*.log");
        assert!(log.contains("one\ntwo\r50%\r100%\n\nthree\n"), "{log:?}");
    }
    for flags in [&[][..], &["-v"], &["-vv", "-q"], &["-vv", "--json"]] {
        let out = run(flags);
        assert!(!out.stderr.contains("two"), "{flags:?}: {}", out.stderr);
    }
    // GitHub's runner takes no commands from it, and sees it once.
    env.set("GITHUB_ACTIONS", "true");
    let out = env.larder(["ensure", "all", "--rebuild", "-vv"]).success();
    let commands = out.stderr.lines().filter(|line| line.starts_with("::"));
    assert_eq!(commands.count(), 0, "{}", out.stderr);
    assert_eq!(out.stderr.matches("100%").count(), 2, "{}", out.stderr);
}
