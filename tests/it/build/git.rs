//! The copy of a git source: its times, its tags, and that nothing of the machine changes it.

use crate::env::TestEnv;

/// A repository with a tag of each kind, and a subsystem that is built from one of its revisions.
fn project(rev: &str, command: &str) -> TestEnv {
    let env = TestEnv::new();
    env.sh(
        "git init -q -b main ../up && cd ../up && printf 'one\\ntwo\\n' > text && ln -s text link \
         && printf 'a\\r\\nb\\r\\n' > crlf && printf x > Case && printf '* text=auto\\n' > .gitattributes \
         && printf '#!/bin/sh\\n' > run && chmod +x run && printf 'all:\\n\\t@cat made\\nmade: from\\n\\tfalse\\n' > Makefile \
         && echo made > made && echo from > from \
         && git add . && git commit -qm one && git tag v0.9.0 && echo more >> from && git commit -qam two \
         && git tag v1.0.0 && git tag -am annotated v1.0.0-annotated && git tag rel/v1 \
         && git branch v1-branch",
    );
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    let url = env.base().join("up");
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {{git: 'file://{url}', rev: '{rev}'}}\n  \
             commands:\n    - |-\n      {command}\n"
        ),
    );
    env
}

#[test]
fn all_files_have_one_time_and_git_knows_it() {
    let env = project(
        "v1.0.0",
        "find . -name .git -prune -o -printf '%T@\\n' | sort -u > {{ out }}/tool; make >> {{ out }}/tool; \
         git status --porcelain >> {{ out }}/tool; git diff-index HEAD >> {{ out }}/tool; \
         git describe --tags --dirty >> {{ out }}/tool",
    );
    env.larder(["ensure", "tool"]).success();
    let built = env.read("subsystems/tool/.bin/tool");
    assert_eq!(built, "946684800.0000000000\nmade\nv1.0.0\n");
}

#[test]
fn git_describe_finds_the_tag_of_the_revision() {
    for (rev, described) in [
        ("v1.0.0", "v1.0.0"),
        ("{{ version }}", "v1.0.0"),
        ("v0.9.0", "v0.9.0"),
        ("v1.0.0-annotated", "v1.0.0-annotated"),
        ("rel/v1", "rel/v1"),
        ("refs/tags/v1.0.0", "v1.0.0"),
        ("tags/v1.0.0", "v1.0.0"),
        // No tag is asked for, so none is there.
        ("v1-branch", ""),
        ("main", ""),
        ("refs/heads/main", ""),
        ("COMMIT", ""),
    ] {
        let command =
            "git describe --tags --always > {{ out }}/tool; git rev-parse HEAD >> {{ out }}/tool";
        let env = project(rev, command);
        let commit = env.sh("cd ../up && git rev-parse HEAD");
        let recipe = env.read("subsystems/tool/recipe.yml");
        let recipe = recipe.replace("COMMIT", commit.trim());
        env.write("subsystems/tool/recipe.yml", recipe);
        env.larder(["ensure", "tool"]).success();
        let built = env.read("subsystems/tool/.bin/tool");
        let (found, head) = built.trim().split_once('\n').unwrap();
        if described.is_empty() {
            assert!(commit.starts_with(found), "{rev}: {built}");
        } else {
            assert_eq!(found, described, "{rev}");
        }
        if rev != "v0.9.0" {
            assert_eq!(head, commit.trim(), "{rev}");
        }
    }
}

/// Nothing in the copy has the name, the time or the templates of the one who builds.
#[test]
fn the_copy_has_no_log_and_no_hooks() {
    let env = project(
        "v1.0.0",
        "(cd .git; find . -type f | sort) > {{ out }}/tool",
    );
    env.larder(["ensure", "tool"]).success();
    let built = env.read("subsystems/tool/.bin/tool");
    for name in ["logs", "hooks", "description", "COMMIT_EDITMSG"] {
        assert!(!built.contains(name), "{built}");
    }
}

/// Everything that could make git write other bytes for the same revision.
#[test]
fn nothing_of_the_machine_changes_the_bytes_of_a_revision() {
    let configurations = [
        "[core]\n\tautocrlf = true\n",
        "[core]\n\tautocrlf = input\n\tsafecrlf = true\n",
        "[core]\n\teol = crlf\n",
        "[core]\n\tsymlinks = false\n",
        "[core]\n\tfileMode = false\n\tignoreCase = true\n\tprecomposeUnicode = true\n",
        "[core]\n\tattributesFile = HOME/attributes\n[filter \"evil\"]\n\tsmudge = echo evil\n\trequired\n",
        "[filter \"lfs\"]\n\tsmudge = echo evil\n[core]\n\tattributesFile = HOME/attributes\n",
        "[url \"file:///nowhere/\"]\n\tinsteadOf = file://\n",
        "[init]\n\ttemplateDir = HOME/template\n",
        "[core]\n\thooksPath = HOME/template/hooks\n",
        "[include]\n\tpath = HOME/included\n",
        "[core]\n\tsparseCheckout = true\n[clone]\n\tfilterSubmodules\n[checkout]\n\tdefaultRemote = x\n",
    ];
    let command = "find . -name .git -prune -o -type l -printf '%P %l\\n' , -type f ! -path './.git/*' \
                   -printf '%P %m ' -exec md5sum '{}' ';' | sort > {{ out }}/tool";
    let prepare = |env: &TestEnv| {
        let home = env.home();
        env.sh(&format!(
            "cd {home}; mkdir -p template/hooks template/info .config/git; echo '* filter=evil eol=crlf' > attributes; \
             cp attributes template/info/attributes; cp attributes .config/git/attributes; \
             printf '[core]\\n\\tautocrlf = true\\n' > included; \
             printf '#!/bin/sh\\necho evil > text\\n' > template/hooks/post-checkout; chmod +x template/hooks/post-checkout"
        ));
    };
    let plain = project("v1.0.0", command);
    plain.larder(["ensure", "tool"]).success();
    let expected = plain.read("subsystems/tool/.bin/tool");
    assert!(
        expected.contains("link text") && expected.contains("run 755"),
        "{expected}"
    );
    for configuration in configurations {
        for place in ["global", "system", "variables"] {
            let mut env = project("v1.0.0", command);
            prepare(&env);
            let text = configuration.replace("HOME", env.home().as_str());
            let file = env.home().join("configuration");
            std::fs::write(&file, text).unwrap();
            match place {
                "global" => env.set("GIT_CONFIG_GLOBAL", &file),
                "system" => env
                    .unset("GIT_CONFIG_NOSYSTEM")
                    .set("GIT_CONFIG_SYSTEM", &file),
                _ => env
                    .set("GIT_CONFIG_COUNT", "1")
                    .set("GIT_CONFIG_KEY_0", "include.path")
                    .set("GIT_CONFIG_VALUE_0", &file),
            };
            env.larder(["ensure", "tool"]).success();
            let seen = env.read("subsystems/tool/.bin/tool");
            assert_eq!(seen, expected, "{place}: {configuration}");
        }
    }
}

/// The variables that git itself calls those of one repository.
#[test]
fn the_variables_of_the_callers_repository_have_no_effect() {
    let plain = project("v1.0.0", "git describe --tags > {{ out }}/tool");
    let names = plain.sh("git rev-parse --local-env-vars");
    assert!(
        names.contains("GIT_DIR") && names.lines().count() > 12,
        "{names}"
    );
    for name in names.lines() {
        let mut env = project("v1.0.0", "git describe --tags > {{ out }}/tool");
        env.set(name, "/nowhere");
        env.larder(["ensure", "tool"]).success();
        env.larder(["lock"]).success();
        assert_eq!(env.read("subsystems/tool/.bin/tool"), "v1.0.0\n", "{name}");
    }
}
