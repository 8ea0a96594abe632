//! Killed while a tree replaces a tree: an artifact with folders and links.

use super::sweep;
use crate::env::{TestEnv, remove};
use crate::originals::tree::{BIN, published, recipe};

/// The version that is installed; all of it must be there.
fn seen(env: &TestEnv, context: &str) -> Option<&'static str> {
    let program = env.path(format!("{BIN}/nvim"));
    if !program.exists() {
        return None;
    }
    let output = env.output(env.program(&program));
    let version = ["1.0.0", "2.0.0"]
        .into_iter()
        .find(|version| output.stdout == format!("NVIM {version}\nargs: \n"));
    let version = version.unwrap_or_else(|| panic!("{context}: it prints {}", output.stdout));
    let library = env.read(&format!("{BIN}/.v/current/lib/nvim/x.so"));
    assert_eq!(library, format!("so {version}"), "{context}");
    assert!(
        env.read(&format!("{BIN}/.version"))
            .starts_with(&format!("version: {version}\n"))
    );
    Some(version)
}

fn want(env: &TestEnv, version: &str) {
    env.versions(&[("nvim", version)], "hub: {dir: hub}\n");
}

fn in_order(env: &TestEnv, wanted: &str, context: &str) {
    env.larder(["ensure", "all"]).success();
    assert_eq!(seen(env, context), Some(wanted), "{context}");
    let names = crate::env::list(&env.path(format!("{BIN}/.v")));
    assert!(names.len() <= 4, "{context}: {names:?}");
    assert!(
        !names.iter().any(|name| name.starts_with("tmp-")),
        "{context}: {names:?}"
    );
    env.larder(["verify", "nvim"]).success();
}

#[test]
fn a_kill_during_an_upgrade_of_a_tree_is_recovered() {
    let (env, _server) = published();
    for version in ["2.0.0", "1.0.0"] {
        want(&env, version);
        env.larder(["ensure", "all"]).success();
    }
    let (mut from, mut to) = ("1.0.0", "2.0.0");
    let direction = std::cell::Cell::new((from, to));
    sweep(
        "upgrade of a tree, restored",
        &env,
        &["ensure", "all"],
        |_| want(&env, direction.get().1),
        |round, context| {
            let found = seen(&env, context);
            let found = found.unwrap_or_else(|| panic!("{context}: nothing is installed"));
            assert!(found == from || found == to, "{context}: {found}");
            let wanted = if round % 3 == 0 { from } else { to };
            want(&env, wanted);
            in_order(&env, wanted, context);
            let new = found == to;
            if wanted == to {
                std::mem::swap(&mut from, &mut to);
            }
            direction.set((from, to));
            new
        },
    );
}

#[test]
fn a_kill_during_the_first_download_of_a_tree_is_recovered() {
    let (env, server) = published();
    recipe(&env, &server, "");
    sweep(
        "first download of a tree",
        &env,
        &["ensure", "all"],
        |_| {
            remove(&env.path(BIN));
            env.drop_cache();
        },
        |_, context| {
            let found = seen(&env, context);
            in_order(&env, "1.0.0", context);
            found.is_some()
        },
    );
}
