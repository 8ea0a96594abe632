//! The limits of the cache in the user's configuration, and those of `cache prune`.

use crate::env::TestEnv;

/// A project with an old, a middle-aged and a new subsystem in the cache.
fn three_in_the_cache(env: &TestEnv) {
    let names = ["old", "middle", "new"];
    env.versions(&names.map(|name| (name, "v1.0.0")), "");
    for name in names {
        let script = format!("#!/bin/sh\necho {name} v1.0.0\n# {}\n", "x".repeat(10_000));
        env.write(&format!("subsystems/{name}/src/{name}"), script);
        env.recipe(
            name,
            &format!(
                "binaries: [{name}]\nbuild: {{source: {{dir: src}}, commands: [\"cp {name} {{{{ out }}}}/\"]}}\n"
            ),
        );
    }
    env.larder(["ensure", "all"]).success();
    for (name, days) in names.into_iter().zip(["40 days", "10 days", "0 days"]) {
        let file = env.sh(&format!(
            "sha256sum < subsystems/{name}/.bin/{name} | cut -d' ' -f1"
        ));
        let (file, cache) = (file.trim(), env.cache());
        env.sh(&format!(
            "touch -d '{days} ago' {cache}/v1/files/{}/{file}",
            &file[..2]
        ));
    }
}

/// The names of the subsystems whose binaries the cache has.
fn cached(env: &TestEnv) -> Vec<&'static str> {
    let is_cached = |name: &&str| {
        let line = format!(
            "f=$(sha256sum < subsystems/{name}/.bin/{name} | cut -d' ' -f1); find {} -name $f",
            env.cache()
        );
        !env.sh(&line).is_empty()
    };
    ["old", "middle", "new"]
        .into_iter()
        .filter(is_cached)
        .collect()
}

fn configure(env: &TestEnv, limits: &str) {
    let folder = env.home().join(".config/larder");
    std::fs::create_dir_all(&folder).expect("create folder");
    std::fs::write(folder.join("config.yml"), format!("cache: {limits}\n")).expect("write");
}

/// A run that does something, and what it said.
fn work(env: &TestEnv) -> String {
    env.larder(["ensure", "new", "--reinstall"])
        .success()
        .stderr
}

#[test]
fn limits_are_applied_after_a_run_once_a_day() {
    for (limits, left) in [
        ("{max_age: 30d}", &["middle", "new"][..]),
        ("{max_age: 1w}", &["new"]),
        ("{max_size: 25kB}", &["middle", "new"]),
        // What was used within the last hour is kept.
        ("{max_size: 1}", &["new"]),
        ("{max_size: 1GiB, max_age: 1000}", &["old", "middle", "new"]),
    ] {
        let env = TestEnv::new();
        three_in_the_cache(&env);
        configure(&env, limits);
        let said = work(&env);
        assert_eq!(cached(&env), left, "{limits}: {said}");
        let told = said.contains("the cache was beyond its limits: removed ");
        assert_eq!(told, left.len() < 3, "{limits}: {said}");
        // Everything that is installed stays, and what lost its file in the cache is obtained again.
        env.larder(["verify", "--json"]).success();
        env.larder(["ensure", "old", "--reinstall"]).success();
        env.sh(&format!(
            "find {}/v1/files -type f -exec touch -d '100 days ago' {{}} +",
            env.cache()
        ));
        let before = cached(&env);
        work(&env);
        assert_eq!(cached(&env), before, "a second time on one day: {limits}");
        env.sh(&format!(
            "touch -d '25 hours ago' {}/v1/pruned",
            env.cache()
        ));
        work(&env);
        let after = cached(&env);
        assert_eq!(
            after.len() < before.len(),
            left.len() < 3,
            "{limits}: {after:?}"
        );
    }
}

#[test]
fn nothing_is_removed_without_limits_or_by_a_run_that_changes_nothing() {
    let env = TestEnv::new();
    three_in_the_cache(&env);
    work(&env);
    configure(&env, "{max_age: 1h}");
    env.larder(["ensure", "new", "--dry-run", "--reinstall"])
        .success();
    env.larder(["status"]).success();
    assert_eq!(cached(&env), ["old", "middle", "new"]);
}

#[test]
fn prune_takes_limits_from_the_command_line_or_the_configuration() {
    for (configured, arguments, left) in [
        ("{}", &[][..], &["middle", "new"][..]),
        ("{max_age: 1w}", &[], &["new"]),
        (
            "{max_age: 1w}",
            &["--older-than", "90d"],
            &["old", "middle", "new"],
        ),
        ("{}", &["--max-size", "25kB"], &["middle", "new"]),
        ("{}", &["--max-size", "1"], &[]),
        ("{max_size: 1}", &["--dry-run"], &["old", "middle", "new"]),
    ] {
        let env = TestEnv::new();
        three_in_the_cache(&env);
        configure(&env, configured);
        env.larder([&["cache", "prune"], arguments].concat())
            .success();
        assert_eq!(cached(&env), left, "{configured} {arguments:?}");
    }
}

#[test]
fn limits_that_can_not_be_read_are_refused() {
    let env = TestEnv::new();
    for (arguments, said) in [
        (["--max-size", "big"], "such as 8GiB"),
        (["--older-than", "1y"], "write `30d`"),
    ] {
        let out = env
            .larder([&["cache", "prune"], &arguments[..]].concat())
            .exits(2);
        assert!(out.stderr.contains(said), "{}", out.stderr);
    }
    configure(&env, "{max_bytes: 20GiB}");
    let out = env.larder(["cache", "prune"]).exits(2);
    assert!(
        out.stderr.contains("unknown key `max_bytes`"),
        "{}",
        out.stderr
    );
}
