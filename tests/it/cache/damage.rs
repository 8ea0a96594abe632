//! Damage in the cache, entries that a later larder wrote, and a cache that can not be written.

use crate::cache::files;
use crate::ensure::damage::{released, repaired};
use crate::env::LARDER;

#[test]
fn a_damaged_cached_file_is_set_aside_and_rebuilt() {
    let env = released("[build]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    env.remove("subsystems/tool/.bin");
    let output = repaired(&env, "built");
    let said = output.stdout + &output.stderr;
    assert!(
        said.contains("warning: tool: the cached copy is incomplete or damaged; it was set aside"),
        "{said}"
    );
    assert_eq!(files(&env, "quarantine").len(), 1);
    // The rebuilt entry is correct.
    env.remove("subsystems/tool/.bin");
    repaired(&env, "restored");
    // The same with an entry that was downloaded from the hub.
    let env = released("[managed]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    env.remove("subsystems/tool/.bin");
    repaired(&env, "downloaded");
}

#[test]
fn cache_verify_lists_the_damaged_files_it_set_aside() {
    let env = released("[build]");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    let out = env.larder(["cache", "verify"]).exits(4);
    assert!(
        out.stderr
            .contains("error: 1 file of the cache was damaged and set aside"),
        "{}",
        out.stderr
    );
    env.larder(["cache", "verify"]).success();
}

#[test]
fn a_damaged_or_newer_format_cache_entry_counts_as_absent() {
    let env = released("[build]");
    let entry = files(&env, "index").remove(0);
    let text = std::fs::read_to_string(&entry).unwrap();
    let renamed = text.replace("\"tool\"", "\"tonl\"");
    let mode = text.replace("0755", "0644");
    let future = text.replace("larder-entry-2", "larder-entry-3");
    for odd in [
        String::new(),
        "{".into(),
        renamed,
        mode,
        future,
        text[..text.len() / 2].into(),
    ] {
        assert_ne!(odd, text);
        std::fs::write(&entry, odd).unwrap();
        env.remove("subsystems/tool/.bin");
        repaired(&env, "built");
        assert_eq!(
            std::fs::read_to_string(&entry)
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .split(' ')
                .next(),
            Some("larder-entry-2")
        );
    }
}

#[test]
fn a_read_only_cache_does_not_fail_a_run() {
    let env = released("[build]");
    let cache = env.cache();
    let mounted = env
        .program("unshare")
        .args(["-m", "true"])
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: no mounts here");
        return;
    }
    let run = |args: &str| {
        let mut command = env.program("unshare");
        command.args([
            "-m",
            "sh",
            "-ec",
            &format!("mount --bind {cache} {cache} && mount -o remount,bind,ro {cache} && {LARDER} {args}"),
        ]);
        env.output(command)
    };
    env.remove("subsystems/tool/.bin");
    assert!(run("ensure all").success().stderr.contains("restored"));
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    let said = run("ensure all").success().stderr;
    assert!(
        said.contains("not kept in the cache") && said.contains("Read-only"),
        "{said}"
    );
    // Damaged and read-only: the entry is refused each time, and the subsystem is built instead.
    env.edit("versions.yml", "v2.0.0", "v1.0.0");
    for file in files(&env, "files") {
        crate::env::flip_bit(&file);
    }
    assert!(
        run("ensure all --reinstall")
            .success()
            .stderr
            .contains("built")
    );
    crate::env::assert_intact(&env, "tool");
}
