//! Archives whose folder can't be kept.

use super::super::extract;

/// What larder says about an archive of these shell lines, whose folder is to be kept.
#[track_caller]
fn refused(lines: &str, code: i32, reason: &str) {
    let (env, _server) = extract::published("tool.tar.gz", lines);
    env.edit(
        "subsystems/tool/recipe.yml",
        "upstream:\n",
        "upstream:\n  keep: tree\n",
    );
    let output = env.larder(["ensure", "all"]).exits(code);
    assert!(output.stderr.contains(reason), "{lines}: {}", output.stderr);
    assert!(!env.exists("subsystems/tool/.bin/tool"));
    let left = env.sh("ls -A subsystems/tool/.bin/.v 2>/dev/null || true");
    assert_eq!(left, "", "{lines}");
}

const TOOL: &str =
    "mkdir -p t/bin t/share && printf '#!/bin/sh\\n' > t/bin/tool && chmod 755 t/bin/tool";

#[test]
fn archives_that_lead_outside_are_refused() {
    for (lines, reason) in [
        (
            "echo x > a && tar czPf $out --transform='s,^a$,../a,' t a",
            "contains `..`",
        ),
        (
            "echo x > a && tar czPf $out --transform='s,^a$,/a,' t a",
            "absolute",
        ),
        (
            "ln -s share t/link && echo x > a && tar czf $out --transform='s,^a$,t/link/a,' t a",
            "through a link",
        ),
    ] {
        refused(&format!("{TOOL} && {lines}"), 4, reason);
    }
}

#[test]
fn names_that_not_every_system_can_store_are_refused() {
    for (lines, code, reason) in [
        ("echo > t/share/a && echo > t/share/A", 4, "only in case"),
        ("echo > 't/share/a:b'", 1, "Windows can't store"),
        ("echo > t/share/aux.c", 1, "a device on Windows"),
        ("echo > 't/share/a\\b'", 4, "a backslash"),
        (
            "echo > \"t/share/$(printf 'a\\tb')\"",
            4,
            "control character",
        ),
        ("echo > t/share/a.", 1, "a dot or a space"),
        ("echo > t/.version", 1, "the name of the stamp"),
        (
            "mkdir t/tool && echo > t/tool/x",
            1,
            "something else called `tool`",
        ),
    ] {
        refused(
            &format!("{TOOL} && {lines} && tar czf $out t"),
            code,
            reason,
        );
    }
}

#[test]
fn the_budget_holds() {
    let many = "for i in $(seq 100); do echo $i > t/share/$i; done && tar czf $out t";
    for (limits, reason) in [
        ("{entries: 50}", "more than 50"),
        ("{unpacked: 100}", "100"),
    ] {
        let (env, _server) = extract::published("tool.tar.gz", &format!("{TOOL} && {many}"));
        env.edit(
            "subsystems/tool/recipe.yml",
            "upstream:\n",
            &format!("limits: {limits}\nupstream:\n  keep: tree\n"),
        );
        let output = env.larder(["ensure", "all"]).exits(4);
        assert!(output.stderr.contains(reason), "{}", output.stderr);
    }
    // Hard links become files, and count as such.
    let (env, _server) = extract::published(
        "tool.tar.gz",
        &format!(
            "{TOOL} && head -c 60000 /dev/zero > t/a && for i in 1 2 3; do ln t/a t/share/$i; done && tar czf $out t"
        ),
    );
    env.edit(
        "subsystems/tool/recipe.yml",
        "upstream:\n",
        "limits: {unpacked: 200kB}\nupstream:\n  keep: tree\n",
    );
    let output = env.larder(["ensure", "all"]).exits(4);
    assert!(
        output.stderr.contains("with its hard links"),
        "{}",
        output.stderr
    );
    env.edit("subsystems/tool/recipe.yml", "200kB", "300kB");
    env.larder(["ensure", "all"]).success();
    let sizes =
        env.sh("cd subsystems/tool/.bin/.v/current/ && stat -c '%s %h' share/1 share/2 share/3 a");
    assert_eq!(sizes, "60000 1\n".repeat(4));
}

#[test]
fn a_binary_that_is_not_there_is_named() {
    refused(
        &format!("{TOOL} && mv t/bin/tool t/bin/other && tar czf $out t"),
        1,
        "no file named `tool`",
    );
    refused(
        &format!("{TOOL} && echo page > t/bin/tool && tar czf $out t"),
        1,
        "tool",
    );
    refused(
        "printf '#!/bin/sh\\n' > tool && gzip -c tool > $out",
        1,
        "single file",
    );
}
