//! Killed while the cache is written.

use super::sweep;
use super::tool::{Tool, VERSIONS};
use crate::env::{TestEnv, remove};

#[test]
fn a_kill_while_the_cache_is_written_leaves_only_complete_entries() {
    let tool = Tool::new();
    sweep(
        "cache",
        &tool.env,
        &["ensure", "all"],
        |_| {
            remove(&tool.bin());
            tool.env.drop_cache();
        },
        |_, context| {
            let seen = tool.visible(context);
            tool.env.larder(["ensure", "all"]).success();
            tool.assert_no_leftovers(context);
            // Every cache entry is complete: the set can be restored from the cache alone.
            remove(&tool.bin());
            tool.env
                .larder(["ensure", "all", "--source", "cache"])
                .success();
            assert_eq!(
                tool.visible(context).as_deref(),
                Some(VERSIONS[0]),
                "{context}"
            );
            seen.is_some()
        },
    );
}

#[test]
fn leftovers_of_killed_cache_writers_are_removed_by_the_next() {
    let tool = Tool::new();
    let left = [".larder/.tmp-state-x1y2z3", ".tmp-versions.lock-x1y2z3"];
    for file in left {
        tool.env.write(file, "half a file");
    }
    let pin = |env: &TestEnv| env.larder(["release", "all"]).success();
    tool.env.larder(["ensure", "all"]).success();
    pin(&tool.env);
    assert!(!tool.env.exists(left[0]), "of the state");
    assert!(!tool.env.exists(left[1]), "of the lock");
}
