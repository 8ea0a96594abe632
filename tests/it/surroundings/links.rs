//! Links that a project's author made: folders of subsystems and sources, files, and the way to the
//! project.

use crate::env::{TestEnv, assert_intact};

/// How a part of the project is replaced by a link, as lines of shell in the project's folder, and
/// the file whose edit must be seen.
const LINKED: [(&str, &str, &str); 12] = [
    (
        "the folder of a subsystem, relative",
        "mkdir shared; mv subsystems/tool shared/; ln -s ../shared/tool subsystems/tool",
        "shared/tool/src/tool.sh",
    ),
    (
        "the folder of a subsystem, absolute",
        "mkdir shared; mv subsystems/tool shared/; ln -s $PWD/shared/tool subsystems/tool",
        "shared/tool/src/tool.sh",
    ),
    (
        "the folder of a subsystem, outside the project",
        "mv subsystems/tool ../tool; ln -s ../../tool subsystems/tool",
        "../tool/src/tool.sh",
    ),
    (
        "a link to a link",
        "mkdir shared; mv subsystems/tool shared/; ln -s tool shared/second; ln -s ../shared/second subsystems/tool",
        "shared/tool/src/tool.sh",
    ),
    (
        "all subsystems",
        "mv subsystems elsewhere; ln -s elsewhere subsystems",
        "elsewhere/tool/src/tool.sh",
    ),
    (
        "the source",
        "mv subsystems/tool/src source; ln -s ../../source subsystems/tool/src; \
         sed -i 's/dir: \\./dir: src/; s#src/tool.sh#tool.sh#' subsystems/tool/recipe.yml",
        "source/tool.sh",
    ),
    (
        "the source, absolute, outside the project",
        "mv subsystems/tool/src ../source; ln -s $(dirname $PWD)/source subsystems/tool/src; \
         sed -i 's/dir: \\./dir: src/; s#src/tool.sh#tool.sh#' subsystems/tool/recipe.yml",
        "../source/tool.sh",
    ),
    (
        "a folder above the source",
        "mkdir -p up/a; mv subsystems/tool/src up/a/src; ln -s ../../up subsystems/tool/up; \
         sed -i 's/dir: \\./dir: up\\/a\\/src/; s#src/tool.sh#tool.sh#' subsystems/tool/recipe.yml",
        "up/a/src/tool.sh",
    ),
    (
        "the source of another subsystem",
        "mkdir subsystems/other; mv subsystems/tool/src subsystems/other/src; ln -s ../other/src subsystems/tool/src; \
         sed -i 's/dir: \\./dir: src/; s#src/tool.sh#tool.sh#' subsystems/tool/recipe.yml",
        "subsystems/other/src/tool.sh",
    ),
    (
        "a link in the source that stays in it",
        "mv subsystems/tool/src/tool.sh subsystems/tool/src/real.sh; ln -s real.sh subsystems/tool/src/tool.sh",
        "subsystems/tool/src/real.sh",
    ),
    (
        "the recipe",
        "mv subsystems/tool/recipe.yml recipe; ln -s ../../recipe subsystems/tool/recipe.yml",
        "subsystems/tool/src/tool.sh",
    ),
    (
        "versions.yml",
        "mv versions.yml real.yml; ln -s real.yml versions.yml",
        "subsystems/tool/src/tool.sh",
    ),
];

#[test]
fn linked_folders_and_files_of_a_project_work_and_their_edits_are_seen() {
    for (name, link, edited) in LINKED {
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.larder(["ensure", "all"]).success();
        let before = env.sh("subsystems/tool/.bin/tool");
        env.sh(&format!("rm -rf subsystems/tool/.bin; {link}"));
        for line in [
            "check",
            "ensure all",
            "ensure all",
            "verify",
            "package all",
            "release all",
        ] {
            let out = env.larder(line.split(' '));
            assert_eq!(out.code, Some(0), "{name}: {line}\n{}", out.stderr);
        }
        assert_intact(&env, "tool");
        assert_eq!(env.sh("subsystems/tool/.bin/tool"), before, "{name}");
        let again = env.larder_json(["ensure", "all"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{name}");
        env.edit(edited, "echo", "echo edited");
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "built", "{name}: {}", out.stderr);
        assert!(
            env.sh("subsystems/tool/.bin/tool").starts_with("edited"),
            "{name}"
        );
        // A version is set in the file that the link leads to, and the link stays.
        env.larder(["bump", "tool", "v1.1.0"]).success();
        env.larder(["ensure", "all"]).success();
        env.larder(["clean", "all"]).success();
    }
}

#[test]
fn a_project_is_the_same_by_any_way_that_leads_to_it() {
    for (name, link, way) in [
        ("a link to the project", "ln -s project ../p", "../p"),
        (
            "a link to its parent",
            "ln -s .. ../project/up",
            "up/project",
        ),
        ("an absolute link", "ln -s $PWD ../abs", "../abs"),
        (
            "a link to a folder in it",
            "ln -s project/subsystems/tool ../t",
            "../t",
        ),
        (
            "a link from inside",
            "mkdir in; ln -s ../subsystems in/s",
            "in/s/tool",
        ),
        ("two links", "ln -s project ../a; ln -s a ../b", "../b"),
    ] {
        let env = TestEnv::new();
        env.script_subsystem("tool", "v1.0.0");
        env.larder(["ensure", "all"]).success();
        env.sh(link);
        let out = env.larder_json(["-C", way, "ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "up-to-date", "{name}: {}", out.stderr);
        env.remove("subsystems/tool/.bin");
        let out = env.larder_json(["-C", way, "ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "restored", "{name}");
        let out = env.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcome("tool"), "up-to-date", "{name}");
        env.larder(["-C", way, "verify"]).success();
    }
}
