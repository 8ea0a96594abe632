//! Killed while a version is installed.

use super::sweep;
use super::tool::{Tool, VERSIONS};
use crate::env::remove;

/// After each kill one of the two versions is visible; the next run, towards either version,
/// completes it.
fn upgrade(title: &str, args: &[&str], before: impl Fn(&Tool)) {
    let tool = Tool::new();
    for version in VERSIONS.iter().rev() {
        tool.want(version);
        tool.env.larder(["ensure", "all"]).success();
    }
    let (mut from, mut to) = (VERSIONS[0], VERSIONS[1]);
    let direction = std::cell::Cell::new((from, to));
    sweep(
        title,
        &tool.env,
        args,
        |_| {
            before(&tool);
            tool.want(direction.get().1);
        },
        |round, context| {
            let seen = tool
                .visible(context)
                .unwrap_or_else(|| panic!("{context}: nothing is installed any more"));
            assert!(seen == from || seen == to, "{context}: {seen}");
            // Every third round the project wants the old version: that run must complete, too.
            let wanted = if round % 3 == 0 { from } else { to };
            tool.want(wanted);
            tool.env.larder(["ensure", "all"]).success();
            assert_eq!(tool.visible(context).as_deref(), Some(wanted), "{context}");
            tool.assert_no_leftovers(context);
            let new = seen == to;
            if wanted == to {
                std::mem::swap(&mut from, &mut to);
            }
            direction.set((from, to));
            new
        },
    );
}

#[test]
fn a_kill_during_an_upgrade_from_the_cache_is_recovered() {
    upgrade("upgrade, restored", &["ensure", "all"], |_| {});
}

#[test]
fn a_kill_during_an_upgrade_by_a_build_is_recovered() {
    upgrade(
        "upgrade, built",
        &["ensure", "all", "--source", "build"],
        |_| {},
    );
}

#[test]
fn a_kill_during_the_first_installation_is_recovered() {
    let tool = Tool::new();
    tool.env.larder(["ensure", "all"]).success();
    sweep(
        "first installation",
        &tool.env,
        &["ensure", "all"],
        |round| {
            remove(&tool.bin());
            if round % 2 == 0 {
                tool.env.remove(".larder");
            }
        },
        |_, context| {
            let seen = tool.visible(context);
            tool.env.larder(["ensure", "all"]).success();
            assert_eq!(
                tool.visible(context).as_deref(),
                Some(VERSIONS[0]),
                "{context}"
            );
            tool.assert_no_leftovers(context);
            seen.is_some()
        },
    );
}
