//! Killed while packages are written, released into a folder, and downloaded from it.

use std::collections::BTreeMap;

use larder_core::model::Digest;

use super::sweep;
use super::tool::Tool;
use crate::env::{TestEnv, list, remove};

/// Names in a folder that only a killed larder leaves.
pub(super) fn litter(env: &TestEnv, dir: &str) -> Vec<String> {
    list(&env.path(dir))
        .into_iter()
        .filter(|name| name.starts_with('.') && name != ".lock")
        .collect()
}

#[test]
fn a_kill_while_packaging_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let asset = format!(".dist/left-{}.tar.gz", crate::env::host());
    let asset = if env.exists(&asset) {
        asset
    } else {
        asset.replace("left", "tool")
    };
    let wanted = std::fs::read(env.path(&asset)).unwrap();
    sweep(
        "package",
        env,
        &["package", "all"],
        |round| match round % 3 {
            0 => env.remove(".dist"),
            1 => env.remove(&format!("{asset}.json")),
            _ => env.remove(&asset),
        },
        |_, context| {
            let there = std::fs::read(env.path(&asset)).ok();
            assert!(
                there.as_ref().is_none_or(|bytes| *bytes == wanted),
                "{context}: half a package"
            );
            let sidecar = std::fs::read_to_string(env.path(format!("{asset}.json"))).ok();
            let whole = sidecar.is_some_and(|text| {
                text.contains(&Digest::of(&wanted).to_string()) && text.ends_with("}\n")
            });
            env.larder(["package", "all"]).success();
            assert_eq!(
                std::fs::read(env.path(&asset)).unwrap(),
                wanted,
                "{context}"
            );
            assert_eq!(litter(env, ".dist"), Vec::<String>::new(), "{context}");
            there.is_some() && whole
        },
    );
}

#[test]
fn a_kill_while_releasing_into_a_folder_hub_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    let hub = ".larder-hub/tool-v1.0.0";
    env.larder(["release", "all"]).success();
    let snapshot = || -> BTreeMap<String, Vec<u8>> {
        let read = |name: String| {
            (
                name.clone(),
                std::fs::read(env.path(hub).join(&name)).unwrap(),
            )
        };
        list(&env.path(hub))
            .into_iter()
            .filter(|name| !name.starts_with('.'))
            .map(read)
            .collect()
    };
    let wanted = snapshot();
    assert_eq!(wanted.len(), 4, "{:?}", wanted.keys());
    let sidecar = wanted
        .keys()
        .find(|name| name.ends_with(".gz.json"))
        .unwrap()
        .clone();
    sweep(
        "release into a folder",
        env,
        &["release", "all"],
        |round| {
            if round % 2 == 0 {
                env.remove(".larder-hub");
            } else {
                env.remove(&format!("{hub}/{sidecar}"));
            }
        },
        |_, context| {
            for (name, bytes) in snapshot() {
                assert_eq!(bytes, wanted[&name], "{context}: {name} is not whole");
            }
            let whole = snapshot() == wanted;
            env.larder(["release", "all"]).success();
            assert_eq!(snapshot(), wanted, "{context}");
            assert_eq!(litter(env, hub), Vec::<String>::new(), "{context}");
            whole
        },
    );
}

#[test]
fn a_kill_while_downloading_from_a_folder_hub_is_recovered() {
    let tool = Tool::new();
    let env = &tool.env;
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.edit("versions.yml", "[build]", "[managed]");
    sweep(
        "download",
        env,
        &["ensure", "all"],
        |_| {
            remove(&tool.bin());
            env.drop_cache();
            env.remove("versions.lock");
        },
        |_, context| {
            let seen = tool.visible(context);
            env.larder(["ensure", "all"]).success();
            tool.assert_no_leftovers(context);
            env.larder(["ensure", "all", "--locked", "--reinstall"])
                .success();
            tool.assert_no_leftovers(context);
            assert_eq!(
                env.read("versions.lock")
                    .lines()
                    .filter(|line| line.starts_with("tool"))
                    .count(),
                1,
                "{context}"
            );
            seen.is_some()
        },
    );
}
