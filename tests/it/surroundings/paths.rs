//! Paths with characters that mean something to shells, to lists of folders, or to files of other
//! programs; and `~` and variables in paths, which no shell has replaced.

use std::process::Command;

use crate::env::{LARDER, TestEnv, list};

/// Names of folders with characters of all kinds.
const ODD: [&str; 14] = [
    "  two  blanks\tand a tab ",
    "it's \"so\"",
    "$HOME",
    "a$(touch pwned)b",
    "`touch pwned`",
    "back\\slash",
    "100%25 %HOME%#b",
    "ümlaut-ß 日本語 e\u{301} \u{2019}",
    "a;b&c|d(x)<y>",
    "*[a]?{b,c}!bang^~",
    "-rf",
    "new\nline",
    "{{ name }}",
    "=a,b@c",
];

/// A machine whose project is in a folder with this name. Its cache and its folder for temporary
/// files have plain paths.
fn in_folder(env: &TestEnv, name: &str) -> TestEnv {
    let mut odd = env.another(name);
    odd.set("LARDER_CACHE_DIR", env.cache().as_str());
    odd.set("TMPDIR", env.base().join("tmp").as_str());
    odd.set("GIT_CONFIG_GLOBAL", env.home().join(".gitconfig").as_str());
    odd
}

/// `tool` is built with `dep` on PATH, by commands that quote their folders or don't, and by make.
fn two_subsystems(env: &TestEnv) {
    env.versions(&[("tool", "v1.0.0"), ("dep", "v1.0.0")], "project: demo\n");
    env.write("subsystems/dep/dep", "#!/bin/sh\necho dep v1.0.0\n");
    env.recipe(
        "dep",
        "binaries: [dep]\nbuild:\n  source: {dir: .}\n  commands: [\"cp {{ src }}/dep {{ out }}/dep\"]\nverify: dep --version\n",
    );
    env.write("subsystems/tool/tool", "#!/bin/sh\necho tool v1.0.0\n");
    env.write(
        "subsystems/tool/Makefile",
        "all: $(OUT)/tool\n$(OUT)/tool: tool\n\tcp tool $(OUT)/tool\n\tcp tool '$(TMPDIR)'\n",
    );
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild:\n  needs: [dep]\n  source: {dir: .}\n  env: {WHERE: \"{{ out }}\"}\n  \
         commands:\n    - dep\n    - make OUT={{ out }}\n    - 'test -f \"{{ out }}/tool\" && test -f $WHERE/tool'\n\
         verify: tool --version\npackage: {include: [tool]}\n",
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "package: {include: [tool]}\n",
        "",
    );
}

#[test]
fn a_project_works_in_a_folder_with_any_characters_but_a_colon() {
    let has_make = Command::new("make").arg("--version").output().is_ok();
    for name in ODD {
        let root = TestEnv::new();
        let env = in_folder(&root, name);
        two_subsystems(&env);
        if !has_make {
            env.edit(
                "subsystems/tool/recipe.yml",
                "make OUT={{ out }}",
                "cp tool {{ out }}/tool",
            );
        }
        for line in [
            "ensure all",
            "ensure all",
            "verify",
            "check",
            "package all",
            "bundle",
            "release all",
            "ensure all --reinstall",
            "ensure all --reinstall --source managed",
            "ensure all --rebuild",
            "plan",
            "plan --matrix",
            "why tool",
            "graph",
            "graph --format mermaid",
            "status",
            "lock",
            "ensure all --locked --reinstall",
            "exec -- tool",
            "cache verify",
        ] {
            let out = env.larder(line.split(' '));
            assert_eq!(
                out.code,
                Some(0),
                "{name:?}: {line}\n{}{}",
                out.stdout,
                out.stderr
            );
        }
        for line in ["ensure all", "list", "status", "plan", "env", "check"] {
            env.larder_json(line.split(' ')).success();
        }
        // What is printed is read by a shell.
        let ran = env.sh(&format!("eval \"$({LARDER} env)\"; cd /; tool; dep"));
        assert_eq!(ran, "tool v1.0.0\ndep v1.0.0\n", "{name:?}");
        let folders = env.larder_json(["env"]).document()["path"].clone();
        let bin = env.path("subsystems/tool/.bin");
        assert!(
            folders.as_array().unwrap().contains(&bin.as_str().into()),
            "{name:?}"
        );
        let mut command = env.command(["env", "--github"]);
        command.env("GITHUB_PATH", root.base().join("github-path"));
        let github = env.output(command);
        if name.contains('\n') {
            let said = github.exits(2).stderr;
            assert!(said.contains("can't be added to PATH"), "{said}");
        } else {
            github.success();
            let text = std::fs::read_to_string(root.base().join("github-path")).unwrap();
            assert!(
                text.lines().any(|line| line == bin.as_str()),
                "{name:?}: {text}"
            );
        }
        assert_eq!(list(&root.base().join("tmp")).len(), 0, "{name:?}");
        assert!(
            !env.exists("pwned") && !env.exists("subsystems/tool/pwned"),
            "{name:?}"
        );
    }
}

#[test]
fn a_colon_in_the_projects_path_is_named_where_path_can_not_carry_it() {
    for name in ["a:b", "C:", ":", "a b:c", "ü:", "$x:y"] {
        let root = TestEnv::new();
        let env = in_folder(&root, name);
        two_subsystems(&env);
        for line in [
            "exec -- tool",
            "env",
            "env --shell fish",
            "env --shell pwsh",
            "ensure tool",
        ] {
            let out = env.larder(line.split(' ')).exits(2);
            let said = out.stderr;
            assert!(said.contains("can't be on PATH"), "{name}: {line}: {said}");
            assert!(said.contains("move the project"), "{name}: {line}: {said}");
        }
        let mut command = env.command(["env", "--github"]);
        command.env("GITHUB_PATH", root.base().join("github-path"));
        env.output(command).exits(2);
        // What needs no PATH works.
        env.edit("subsystems/dep/recipe.yml", "verify: dep --version\n", "");
        for line in [
            "ensure dep",
            "package dep",
            "release dep",
            "ensure dep --reinstall",
            "status",
        ] {
            env.larder(line.split(' ')).success();
        }
        env.larder_json(["env"]).success();
    }
}

#[test]
fn git_sources_are_fetched_and_folder_hubs_filled_at_odd_paths() {
    for name in ODD {
        let root = TestEnv::new();
        let mut env = in_folder(&root, name);
        let upstream = root.base().join("upstream");
        root.sh(
            "git init -q ../upstream && cd ../upstream && printf '#!/bin/sh\\necho tool v1.0.0\\n' > tool \
             && git add . && git commit -qm x && git tag v1.0.0",
        );
        env.recipe(
            "tool",
            &format!(
                "binaries: [tool]\nbuild:\n  source: {{git: 'file://{upstream}', rev: '{{{{ version }}}}'}}\n  \
                 commands: ['cp tool {{{{ out }}}}/tool']\nverify: tool --version\n"
            ),
        );
        // `$` and a name in a path is refused, and a lock has one line for each entry.
        let hub = format!("hub {}", name.replace('$', "").replace('\n', "_"));
        let quoted = hub.replace('\'', "''");
        env.versions(
            &[("tool", "v1.0.0")],
            &format!("hub: {{dir: '../{quoted}'}}\n"),
        );
        env.larder(["ensure", "all"]).success();
        env.larder(["release", "all"]).success();
        assert!(
            env.base().join(&hub).join("tool-v1.0.0").is_dir(),
            "{name:?}"
        );
        root.drop_cache();
        env.remove("subsystems/tool/.bin");
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "downloaded", "{name:?}");
        root.drop_cache();
        env.larder(["ensure", "all", "--locked", "--reinstall"])
            .success();
        env.set("LARDER_HUB", format!("../{hub}"));
        root.drop_cache();
        env.larder(["ensure", "all", "--locked", "--reinstall"])
            .success();
    }
}

/// How paths are written: the text, where it leads from the home folder or the project, or why it is
/// refused.
const WRITTEN: [(&str, Result<&str, &str>); 12] = [
    ("~/x", Ok("home/x")),
    ("~", Ok("home")),
    ("~/a/../x y", Ok("home/x y")),
    ("./~", Ok("project/~")),
    ("a~", Ok("project/a~")),
    ("~root/x", Err("~root/x")),
    ("~x", Err("~x")),
    ("$HOME/x", Err("$HOME")),
    ("${HOME}/x", Err("${HOME}")),
    ("/tmp/$USER/x", Err("$USER")),
    ("x-${USER:-me}", Err("${USER:-me}")),
    ("~/$NAME", Err("$NAME")),
];

/// No folder is called like something that was to be replaced.
#[track_caller]
fn assert_no_litter(env: &TestEnv, case: &str) {
    for dir in [
        env.project().to_owned(),
        env.path("subsystems/tool"),
        env.base().join("tmp"),
    ] {
        for name in list(&dir) {
            assert!(
                !name.contains('$') && !name.starts_with('~'),
                "{case}: {name} in {dir}"
            );
        }
    }
}

#[test]
fn the_home_folder_is_replaced_in_paths_of_files_and_variables_are_refused() {
    for (text, expected) in WRITTEN {
        // The hub of versions.yml, of the variable, and of the command line.
        for by in ["file", "variable", "argument"] {
            let mut env = TestEnv::new();
            env.script_subsystem("tool", "v1.0.0");
            let mut args = vec!["release", "all"];
            match by {
                "file" => env.write(
                    "versions.yml",
                    env.read("versions.yml") + &format!("hub: {{dir: '{text}'}}\n"),
                ),
                "variable" => {
                    env.set("LARDER_HUB", text);
                    env.base().to_owned()
                }
                _ => {
                    args = vec!["install", "tool", "--hub", text, "--to", "out"];
                    env.base().to_owned()
                }
            };
            let case = format!("{by}: {text}");
            if by != "argument" && expected.is_ok() {
                env.larder(["ensure", "all"]).success();
            }
            let out = env.larder(args);
            match expected {
                Ok(_) if by == "argument" => {
                    assert!(
                        out.code != Some(0) && !out.stderr.contains("not replaced"),
                        "{case}"
                    );
                }
                Ok(path) => {
                    out.success();
                    let made = env.base().join(path).join("tool-v1.0.0");
                    assert!(made.is_dir(), "{case}: no {made}");
                    // The lock has the path as it is written, so that it suits every machine.
                    env.remove("subsystems/tool/.bin");
                    env.drop_cache();
                    env.larder(["ensure", "all", "--locked"]).success();
                }
                Err(named) => {
                    let said = out.exits(2).stderr;
                    assert!(
                        said.contains(named) && said.contains("replaced"),
                        "{case}: {said}"
                    );
                }
            }
            if expected.is_err() {
                assert_no_litter(&env, &case);
            }
        }
    }
}

#[test]
fn the_same_rule_holds_for_folders_of_recipes_sources_and_installations() {
    for (text, expected) in WRITTEN {
        // A source.
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.edit(
            "subsystems/tool/recipe.yml",
            "{dir: .}",
            &format!("{{dir: '{text}'}}"),
        );
        if let Ok(path) = expected {
            let source = env
                .base()
                .join(path.replace("project", "project/subsystems/tool"));
            std::fs::create_dir_all(source.join("src")).unwrap();
            std::fs::copy(
                env.path("subsystems/tool/src/tool.sh"),
                source.join("src/tool.sh"),
            )
            .unwrap();
            env.larder(["ensure", "all"]).success();
            env.larder(["ensure", "all"]).success();
            std::fs::write(
                source.join("src/tool.sh"),
                "#!/bin/sh\necho \"tool v1.0.0 new\"\n",
            )
            .unwrap();
            let out = env.larder_json(["ensure", "all"]).success();
            assert_eq!(out.outcome("tool"), "built", "{text}");
        }
        if let Err(named) = expected {
            let said = env.larder(["ensure", "all"]).exits(2).stderr;
            assert!(
                said.contains(named) && said.contains("recipe.yml:"),
                "{text}: {said}"
            );
            assert_no_litter(&env, text);
        }
        // The folder of the recipes must be in the project.
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.write(
            "versions.yml",
            env.read("versions.yml") + &format!("subsystems_dir: '{text}'\n"),
        );
        let said = env.larder(["list"]).exits(2).stderr;
        let in_project = matches!(expected, Ok(path) if path.starts_with("project"));
        assert_eq!(
            said.contains("can't be the folder"),
            !in_project,
            "{text}: {said}"
        );
        assert_no_litter(&env, text);
        // The folder of `install`.
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.larder(["ensure", "all"]).success();
        let out = env.larder(["install", "tool", "--to", text]);
        match expected {
            Ok(path) => {
                out.success();
                assert!(env.base().join(path).join("tool").exists(), "{text}");
            }
            Err(named) => {
                let said = out.exits(2).stderr;
                assert!(
                    said.contains("--to") && said.contains(named),
                    "{text}: {said}"
                );
                assert_no_litter(&env, text);
            }
        }
    }
}

#[test]
fn variables_with_paths_follow_the_same_rule() {
    for (variable, text, expected) in [
        ("LARDER_CACHE_DIR", "~/c", Ok("home/c")),
        ("LARDER_CACHE_DIR", "~", Ok("home/v1")),
        ("LARDER_CACHE_DIR", "~root/c", Err("~root/c")),
        ("LARDER_CACHE_DIR", "$HOME/c", Err("$HOME")),
        ("LARDER_CACHE_DIR", "${HOME}/c", Err("${HOME}")),
        ("LARDER_CACHE_DIR", "/tmp/$X/c", Err("$X")),
        ("LARDER_CACHE_DIR", "c", Err("not absolute")),
        ("LARDER_CACHE_DIR", "%HOME%/c", Err("not absolute")),
        ("LARDER_CONFIG", "~/c.yml", Ok("home/c.yml")),
        ("LARDER_CONFIG", "$HOME/c.yml", Err("$HOME")),
        ("LARDER_CONFIG", "~me/c.yml", Err("~me/c.yml")),
        ("TMPDIR", "~/t", Ok("home/t")),
        ("TMPDIR", "$HOME/t", Err("$HOME")),
        ("TMPDIR", "${XDG_RUNTIME_DIR}/t", Err("${XDG_RUNTIME_DIR}")),
        ("TMPDIR", "~me", Err("~me")),
        ("TMPDIR", "", Ok("project")),
    ] {
        let mut env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        std::fs::create_dir_all(env.home().join("t")).unwrap();
        std::fs::write(env.home().join("c.yml"), "allow_http: []\n").unwrap();
        env.set(variable, text);
        let out = env.larder(["ensure", "all"]);
        match expected {
            Ok(path) => {
                out.success();
                assert!(env.base().join(path).exists(), "{variable}={text}");
                env.larder(["release", "all"]).success();
            }
            Err(named) => {
                let said = out.exits(2).stderr;
                assert!(
                    said.contains(variable) && said.contains(named),
                    "{text}: {said}"
                );
            }
        }
        assert_no_litter(&env, &format!("{variable}={text}"));
        assert_eq!(
            list(env.project())
                .iter()
                .find(|name| name.starts_with("larder-")),
            None
        );
    }
    // Without a home folder, `~` is an error and never a folder.
    let mut env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.set("LARDER_CACHE_DIR", "~/c");
    for home in ["", "~", "home"] {
        env.set("HOME", home);
        let said = env.larder(["ensure", "all"]).exits(2).stderr;
        assert!(said.contains("HOME"), "{said}");
        assert_no_litter(&env, home);
    }
}

#[test]
fn children_get_the_folder_for_temporary_files_that_larder_uses() {
    let mut env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.set("TMPDIR", "~/t");
    let seen = env
        .larder(["exec", "--", "sh", "-c", "echo $TMPDIR"])
        .success();
    assert_eq!(seen.stdout.trim(), env.home().join("t").as_str());
}
