//! Killed while other commands write: after the next run of the same command everything is there,
//! and nothing that the killed run has left.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::sweep;
use super::tool::{Tool, VERSIONS};
use crate::env::{TestEnv, host, list, remove};
use crate::servers::files::FileServer;

/// Everything on this machine whose name is one that larder gives to what it stages.
fn litter(env: &TestEnv) -> Vec<Utf8PathBuf> {
    fn walk(dir: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
        for name in list(dir) {
            let path = dir.join(&name);
            let staged = [
                ".tmp-", "tmp-", "larder-", "stage-", "file-", "small-", ".next-",
            ];
            if staged.iter().any(|prefix| name.starts_with(prefix)) {
                found.push(path.clone());
            }
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                walk(&path, found);
            }
        }
    }
    let mut found = Vec::new();
    for dir in [
        env.project().to_owned(),
        env.cache(),
        env.base().join("tmp"),
        env.base().join("to"),
    ] {
        walk(&dir, &mut found);
    }
    found
}

fn no_litter(env: &TestEnv, context: &str) {
    assert_eq!(litter(env), Vec::<Utf8PathBuf>::new(), "{context}");
    for folder in [".larder/work", ".larder/pending"] {
        let left = list(&env.path(folder));
        assert!(left.is_empty(), "{context}: {folder}: {left:?}");
    }
}

/// The files of a folder, without larder's locks.
fn files(dir: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for name in list(dir).into_iter().filter(|name| !name.starts_with('.')) {
        let path = dir.join(&name);
        if path.is_dir() {
            let inner = files(&path).into_iter();
            found.extend(inner.map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, std::fs::read(path).expect("a file"));
        }
    }
    found
}

#[test]
fn a_kill_during_a_bump_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    let old = env.read("versions.yml");
    let new = old.replace(VERSIONS[0], "v3.0.0");
    let args = ["bump", "tool", "v3.0.0", "--no-lock"];
    sweep(
        "bump",
        env,
        &args,
        |_| drop(env.write("versions.yml", &old)),
        |_, context| {
            let there = env.read("versions.yml");
            assert!(there == old || there == new, "{context}: {there}");
            env.larder(args).success();
            assert_eq!(env.read("versions.yml"), new, "{context}");
            no_litter(env, context);
            there == new
        },
    );
}

#[test]
fn a_kill_while_bundling_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["bundle"]).success();
    let wanted = files(&env.path(".dist"));
    sweep(
        "bundle",
        env,
        &["bundle"],
        |_| env.remove(".dist"),
        |_, context| {
            let there = files(&env.path(".dist"));
            assert!(
                there.is_empty() || there == wanted,
                "{context}: half a bundle"
            );
            env.larder(["bundle"]).success();
            assert_eq!(files(&env.path(".dist")), wanted, "{context}");
            no_litter(env, context);
            there == wanted
        },
    );
}

#[test]
fn a_kill_while_the_project_is_released_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    let args = ["release", "project", "v7"];
    env.larder(args).success();
    let hub = env.path(".larder-hub");
    let wanted = files(&hub);
    sweep(
        "release of the project",
        env,
        &args,
        |round| {
            if round % 2 == 0 {
                env.remove(".dist");
            }
            remove(&hub);
        },
        |_, context| {
            let there = files(&hub);
            assert!(
                there.is_empty() || there == wanted,
                "{context}: half a release"
            );
            env.larder(args).success();
            assert_eq!(files(&hub), wanted, "{context}");
            no_litter(env, context);
            there == wanted
        },
    );
}

#[test]
fn a_kill_between_a_build_and_its_upload_does_not_lose_the_upload() {
    let tool = Tool::new();
    let env = &tool.env;
    env.edit(
        "versions.yml",
        "sources: [build]\n",
        "sources: [build]\nupload: always\n",
    );
    env.larder(["ensure", "all"]).success();
    let hub = env.path(".larder-hub");
    let wanted: Vec<String> = files(&hub).into_keys().collect();
    assert_eq!(wanted.len(), 4, "{wanted:?}");
    sweep(
        "build and upload",
        env,
        &["ensure", "all"],
        |round| {
            remove(&hub);
            remove(&tool.bin());
            env.drop_cache();
            env.remove("versions.lock");
            if round % 2 == 0 {
                env.remove(".larder");
                env.remove(".dist");
            }
        },
        |_, context| {
            let names = || files(&hub).into_keys().collect::<Vec<_>>();
            let there = names() == wanted;
            env.larder(["ensure", "all"]).success();
            assert_eq!(names(), wanted, "{context}: the upload is lost");
            tool.assert_no_leftovers(context);
            no_litter(env, context);
            there
        },
    );
}

/// A machine with an original that a publisher serves.
fn published() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    let host = host();
    env.sh(&format!(
        "mkdir -p ../files; printf '#!/bin/sh\\necho v1.0.0\\n' > one; chmod +x one; tar czf ../files/one-{host}.tar.gz one; rm one"
    ));
    let server = FileServer::start(&env.base().join("files"));
    env.versions(&[("one", "v1.0.0")], &format!("platforms: [{host}]\n"));
    let url = format!("{}/one-{{{{ platform }}}}.tar.gz", server.url());
    env.recipe(
        "one",
        &format!("binaries: [one]\nupstream: {{url: \"{url}\"}}\n"),
    );
    (env, server)
}

#[test]
fn a_kill_while_collecting_is_recovered() {
    let (env, _server) = published();
    env.larder(["collect", "all"]).success();
    let binary = env.path(format!(".collection/binaries/one/v1.0.0/{}/one", host()));
    let wanted = std::fs::read(&binary).expect("collected");
    let names = || {
        files(&env.path(".collection"))
            .into_keys()
            .collect::<Vec<_>>()
    };
    let all = names();
    sweep(
        "collect",
        &env,
        &["collect", "all"],
        |round| {
            match round % 3 {
                0 => env.remove(".collection"),
                1 => drop(env.write(
                    &format!(".collection/binaries/one/v1.0.0/{}/one", host()),
                    "damaged",
                )),
                _ => env.remove(".collection/metadata"),
            }
            if round % 2 == 0 {
                env.drop_cache();
            }
        },
        |_, context| {
            let there = names() == all && std::fs::read(&binary).is_ok_and(|bytes| bytes == wanted);
            env.larder(["collect", "all"]).success();
            assert_eq!(names(), all, "{context}");
            assert_eq!(
                std::fs::read(&binary).expect("collected"),
                wanted,
                "{context}"
            );
            no_litter(&env, context);
            there
        },
    );
}

#[test]
fn a_kill_while_installing_into_a_folder_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    let to = env.base().join("to");
    let args = ["install", "tool", "--to", to.as_str()];
    env.larder(args).success();
    let wanted = files(&to);
    assert_eq!(wanted.len(), 2, "{:?}", wanted.keys());
    sweep(
        "install",
        env,
        &args,
        |_| remove(&to),
        |_, context| {
            let there = files(&to);
            for (name, bytes) in &there {
                assert_eq!(bytes, &wanted[name], "{context}: {name} is not whole");
            }
            env.larder(args).success();
            assert_eq!(files(&to), wanted, "{context}");
            no_litter(env, context);
            there == wanted
        },
    );
}

#[test]
fn a_kill_while_locking_is_recovered() {
    let (env, _server) = published();
    env.larder(["lock"]).success();
    let wanted = env.read("versions.lock");
    sweep(
        "lock",
        &env,
        &["lock"],
        |round| {
            env.remove("versions.lock");
            if round % 2 == 0 {
                env.drop_cache();
            }
        },
        |_, context| {
            let there = std::fs::read_to_string(env.path("versions.lock")).ok();
            assert!(
                there.as_ref().is_none_or(|text| *text == wanted),
                "{context}: {there:?}"
            );
            env.larder(["lock"]).success();
            assert_eq!(env.read("versions.lock"), wanted, "{context}");
            no_litter(&env, context);
            there.is_some()
        },
    );
}

#[test]
fn a_killed_init_can_be_run_again() {
    let env = TestEnv::new();
    env.larder(["init", "--ci", "github"]).success();
    let everything = |env: &TestEnv| {
        let mut all = files(env.project());
        all.extend(files(&env.path(".larder/schema")));
        all.extend(files(&env.path(".github")));
        all
    };
    let wanted = everything(&env);
    sweep(
        "init",
        &env,
        &["init", "--ci", "github"],
        |_| {
            remove(env.project());
            std::fs::create_dir_all(env.project()).expect("create folder");
        },
        |_, context| {
            let there = env.exists("versions.yml");
            assert!(
                !there || everything(&env) == wanted,
                "{context}: half a project"
            );
            if !there {
                // Not even the option that allows an existing project is needed.
                env.larder(["init"]).success();
            }
            env.larder(["init", "--ci", "github"]).success();
            assert_eq!(everything(&env), wanted, "{context}");
            env.larder(["check"]).success();
            no_litter(&env, context);
            there
        },
    );
}
