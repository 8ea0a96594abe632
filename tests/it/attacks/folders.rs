//! Links where larder expects folders and files of its own: what they lead to stays as it is.

use crate::env::{TestEnv, host, remove};
use crate::servers::files::FileServer;

/// A folder of the user, outside the project, with names that larder writes, replaces or sweeps.
const OTHERS: &str = "mkdir -p ../home/mine; cd ../home/mine; \
    mkdir -p tmp-abc/in 0123456789ab-1 .v/tmp-x .tmp-abcdef tool-HOST-abcdef/src locks logs work/tool-HOST-a/src \
    binaries/orig/v1.0.0 v1.0.0 metadata .p/windows-amd64 tool-v1.0.0 tool orig-HOST-x; \
    rmdir tool; \
    for f in tool .version current previous keep tmp-abc/in/f 0123456789ab-1/tool .v/keep .v/tmp-x/f .tmp-abcdef/f \
    .tmp-zzzzzz .tmp-state-abcdef .tmp-tool-HOST.tar.gz-x tool-HOST-abcdef/lock tool-HOST-abcdef/src/f locks/lock logs/tool-HOST.log \
    work/tool-HOST-a/lock work/tool-HOST-a/src/f state lock tool-HOST tool-HOST.log tool-HOST.tar.gz tool-HOST.tar.gz.json \
    binaries/orig/v1.0.0/manifest.json v1.0.0/manifest.json manifest.json metadata/collection-report.json \
    collection-report.json .p/windows-amd64/.version tool-v1.0.0/.tmp-abcdef orig-HOST-x/lock; do echo \"mine: $f\" > $f; done";

/// A project with a built and an original subsystem, and a folder of the user beside it.
fn project() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.sh(
        "mkdir -p ../files; cd ../files; printf '#!/bin/sh\\necho orig v1.0.0\\n' > orig; chmod +x orig; \
         tar czf orig.tar.gz orig",
    );
    let server = FileServer::start(&env.base().join("files"));
    let url = format!("{}/orig.tar.gz", server.url());
    env.recipe(
        "orig",
        &format!("binaries: [orig]\nupstream: {{url: \"{url}\"}}\n"),
    );
    env.versions(
        &[("tool", "v1.0.0"), ("orig", "v1.0.0")],
        "upload: always\n",
    );
    env.sh(&OTHERS.replace("HOST", &host()));
    (env, server)
}

/// Everything in the user's folder, with modes, times, link targets and digests.
fn mine(env: &TestEnv) -> String {
    env.sh(
        "cd ../home/mine; find . -printf '%p %y %m %T@ %l\\n' | sort; find . -type f -exec sha256sum {} + | sort",
    )
}

/// All commands that write or remove files of larder.
const COMMANDS: [&[&str]; 14] = [
    &["ensure", "all"],
    &["ensure", "tool", "--rebuild"],
    &["ensure", "tool", "--platform", "windows-amd64"],
    &["rollback", "tool"],
    &["lock", "orig", "--update"],
    &["package", "all"],
    &["bundle"],
    &["release", "all"],
    &["release", "project", "v9"],
    &["collect", "all"],
    &["clean", "tool", "--dry-run"],
    &["clean", "tool"],
    &["clean", "all"],
    &["init", "--ci", "github"],
];

/// Puts a link in the place of a path; see [`attacks`].
fn attack(path: &str, to: &str, refused: bool, commands: &[&str]) {
    attacks(&[(path, to)], refused, commands);
}

/// Puts links in the place of paths, before larder wrote anything and when everything is
/// installed and published, and runs these commands (all if there is none). `refused` states
/// whether one of them must end with an error that names the last link; others may replace the link
/// by a file of their own.
fn attacks(links: &[(&str, &str)], refused: bool, commands: &[&str]) {
    let chosen = |command: &&&[&str]| commands.is_empty() || commands.contains(&command[0]);
    let commands: Vec<&[&str]> = COMMANDS.iter().filter(chosen).copied().collect();
    for installed in [false, true] {
        let (env, _server) = project();
        if installed {
            env.larder(["ensure", "all"]).success();
            for command in &commands {
                if !["clean", "init"].contains(&command[0]) {
                    env.larder(*command);
                }
            }
            // Its lines are added again.
            remove(&env.path("versions.lock"));
        }
        let mut says = String::new();
        for (path, to) in links {
            let path = path.replace("HOST", &host());
            let target = env.home().join("mine").join(to.replace("HOST", &host()));
            remove(&env.path(&path));
            env.sh(&format!(
                "mkdir -p \"$(dirname {path})\"; ln -s {target} {path}"
            ));
            says = format!("{path} is a link to {target}");
        }
        let before = mine(&env);
        let mut named = false;
        for command in &commands {
            let out = env.larder(*command);
            let after = mine(&env);
            let changed: Vec<&str> = after
                .lines()
                .filter(|line| !before.contains(line))
                .collect();
            assert!(
                after == before,
                "{links:?}: {command:?} changed files outside the project: {changed:#?}\n{}",
                out.stderr
            );
            assert!(matches!(out.code, Some(0..=5)), "{links:?}: {command:?}");
            let hint = out.stderr.contains("remove it: `rm ");
            named |= out.stderr.contains(&says) && hint && out.code != Some(0);
        }
        assert!(named || !refused, "{links:?}: nobody named the link");
    }
}

#[test]
fn a_link_in_place_of_installed_folders_is_refused() {
    for path in ["subsystems/tool/.bin", "subsystems/tool/.bin/.v"] {
        attack(path, ".", true, &["ensure", "rollback", "package", "clean"]);
    }
    attack(
        "subsystems/tool/.bin/.p",
        ".p",
        false,
        &["ensure", "rollback", "package", "clean"],
    );
}

#[test]
fn links_in_place_of_installed_files_are_replaced() {
    let links = [
        ("subsystems/tool/.bin/.version", ".version"),
        ("subsystems/tool/.bin/tool", "tool"),
        ("subsystems/tool/.bin/.v/current", "."),
        ("subsystems/tool/.bin/.v/previous", "0123456789ab-1"),
    ];
    attacks(&links, false, &["ensure", "rollback", "package", "clean"]);
}

#[test]
fn a_link_in_place_of_larders_work_folders_is_refused() {
    for (path, to) in [
        (".larder", "."),
        (".larder/work", "."),
        (".larder/locks", "locks"),
        (".larder/logs", "logs"),
    ] {
        attack(path, to, true, &[]);
    }
    attack(
        ".larder/work/tool-HOST-abcdef",
        "tool-HOST-abcdef",
        false,
        &[],
    );
}

#[test]
fn a_link_in_place_of_a_lock_is_refused_and_one_in_place_of_a_log_replaced() {
    let commands = ["ensure", "lock", "clean"];
    attack(".larder/locks/tool-HOST", "tool-HOST", true, &commands);
    attack(".larder/locks/tool-HOST", "new", true, &commands);
    attack(".larder/locks/lock", "lock", true, &commands);
    let links = [
        (".larder/locks/state", "state"),
        (".larder/logs/tool-HOST.log", "tool-HOST.log"),
        (".larder/state", "state"),
    ];
    attacks(&links, false, &commands);
    attack(".larder/logs/tool-HOST.log", "new.log", false, &commands);
}

#[test]
fn a_link_in_place_of_packages_is_refused_or_replaced() {
    let commands = ["ensure", "package", "bundle", "release", "clean"];
    attack(".dist", ".", true, &commands);
    let links = [
        (".dist/tool-HOST.tar.gz", "tool-HOST.tar.gz"),
        (".dist/tool-HOST.tar.gz.json", "tool-HOST.tar.gz.json"),
    ];
    attacks(&links, false, &commands);
}

#[test]
fn a_link_in_a_collection_is_refused_or_replaced() {
    let commands = ["collect", "clean"];
    for (path, to) in [
        (".collection", "."),
        (".collection/binaries", "binaries"),
        (".collection/binaries/orig", "."),
        (".collection/binaries/orig/v1.0.0", "v1.0.0"),
        (".collection/metadata", "metadata"),
    ] {
        attack(path, to, true, &commands);
    }
    let links = [
        (".collection/binaries/orig/v1.0.0/HOST", "v1.0.0"),
        (".collection/binaries/orig/manifest.json", "manifest.json"),
        (
            ".collection/metadata/collection-report.json",
            "collection-report.json",
        ),
    ];
    attacks(&links, false, &commands);
}

#[test]
fn a_link_in_a_hub_inside_the_project_is_refused() {
    attack(".larder-hub", ".", true, &["ensure", "release"]);
    attack(
        ".larder-hub/tool-v1.0.0",
        "tool-v1.0.0",
        true,
        &["ensure", "release"],
    );
    attack(".larder-hub/v9", "v1.0.0", true, &["ensure", "release"]);
    attack(".larder-hub/.lock", "new", true, &["ensure", "release"]);
    attack(
        ".larder-hub/tool-v1.0.0/.lock",
        "lock",
        true,
        &["ensure", "release"],
    );
}

#[test]
fn generated_files_are_not_written_through_links() {
    attack(".larder/schema", ".", true, &["ensure", "init"]);
    attack(".github", ".", true, &["ensure", "init"]);
    attack(".github/workflows", ".", true, &["ensure", "init"]);
}

#[test]
fn a_new_recipe_is_not_written_through_a_link() {
    let (env, server) = project();
    env.sh("cp ../files/orig ../files/new-1.0.0-linux-amd64");
    env.sh("ln -s ../../home/mine subsystems/new");
    let before = mine(&env);
    let url = format!("{}/new-1.0.0-linux-amd64", server.url());
    let out = env.larder(["add", "new", &url]).exits(2);
    assert_eq!(mine(&env), before, "{}", out.stderr);
    assert!(
        out.stderr
            .contains("subsystems/new is a link to ../../home/mine"),
        "{}",
        out.stderr
    );
    env.sh("rm subsystems/new");
    env.larder(["add", "new", &url]).success();
}

#[test]
fn clean_enters_only_pinned_folders_and_installed_ones_of_larder() {
    let (env, _server) = project();
    env.larder(["ensure", "all"]).success();
    // A subsystem of this project that is elsewhere, with its recipe, is entered …
    env.sh("mv subsystems/tool ../elsewhere; ln -s ../../elsewhere subsystems/tool");
    // … other folders only if they are in the project, and larder installed something there.
    env.sh(
        "cp -a ../elsewhere ../home/other; ln -s ../../home/other subsystems/other; \
         mkdir -p subsystems/mine/.bin; echo mine > subsystems/mine/.bin/tool; cp -a ../elsewhere subsystems/old; \
         mkdir subsystems/link; ln -s ../../../home/other/.bin subsystems/link/.bin; \
         rm ../home/other/recipe.yml subsystems/old/recipe.yml",
    );
    let others = || env.sh("cd ../home; find . | sort");
    let before = others();
    env.larder(["clean", "all"]).success();
    assert_eq!(others(), before);
    assert!(env.exists("subsystems/mine/.bin/tool"));
    assert!(!env.exists("subsystems/old/.bin") && !env.exists("subsystems/tool/.bin"));
    // A pinned subsystem's `.bin` that larder never installed into stays, too.
    env.write("subsystems/tool/.bin/tool", "mine");
    env.larder(["clean", "all"]).success();
    assert!(env.exists("subsystems/tool/.bin/tool"));
}

#[test]
fn sweeps_remove_only_what_larder_made() {
    let (env, _server) = project();
    env.larder(["ensure", "all"]).success();
    let kept = [
        ".larder/work/tool-notes/keep",
        ".larder/work/keep",
        "subsystems/tool/.bin/.v/keep/f",
        ".larder-hub/tool-v1.0.0/.tmp-notes",
        ".dist/.tmp-notes",
    ];
    for file in kept {
        env.write(file, "mine");
    }
    let swept = [
        format!(".larder/work/tool-{}-abcdef/lock", host()),
        "subsystems/tool/.bin/.v/tmp-abcdef/f".to_owned(),
        ".larder-hub/tool-v1.0.0/.tmp-abcdef".to_owned(),
    ];
    for file in &swept {
        env.write(file, "left by a killed process");
    }
    env.larder(["ensure", "tool", "--rebuild"]).success();
    env.larder(["release", "all"]).success();
    for file in kept {
        assert!(env.exists(file), "{file}");
    }
    for file in &swept {
        assert!(!env.exists(file), "{file}");
    }
}

#[test]
fn an_included_file_is_not_taken_through_a_link_out_of_the_source() {
    let (env, _server) = project();
    env.write("../secret", "of the one who builds\n");
    env.write("subsystems/tool/NOTES", "notes\n");
    let recipe = env.read("subsystems/tool/recipe.yml");
    for (include, target) in [("LICENSE", "../../../secret"), ("docs/secret", "../../..")] {
        let target = env.path("subsystems/tool").join(target);
        let link = include.split('/').next().unwrap();
        let target = env.sh(&format!("realpath {target}"));
        let package = format!("package: {{include: [{include}]}}\n");
        let make = format!("  commands:\n    - ln -s {} {link}\n", target.trim());
        let recipe = recipe.replace("  commands:\n", &make);
        env.write("subsystems/tool/recipe.yml", recipe + &package);
        let out = env.larder(["ensure", "tool"]).exits(1);
        assert!(
            out.stderr.contains("leads out of the source"),
            "{include}: {}",
            out.stderr
        );
    }
    // A link inside the source is taken.
    env.sh("ln -s NOTES subsystems/tool/LICENSE");
    env.write(
        "subsystems/tool/recipe.yml",
        recipe + "package: {include: [LICENSE]}\n",
    );
    env.larder(["ensure", "tool"]).success();
    assert_eq!(
        env.read("subsystems/tool/.bin/.v/current/LICENSE"),
        "notes\n"
    );
}
