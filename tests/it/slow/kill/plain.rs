//! Killed while a set of plain files becomes one of links, while links become plain files, and
//! during a rollback.

use std::collections::BTreeSet;

use super::tool::{Tool, VERSIONS, names};
use super::{RunEnd, run_with_kill, sweep};
use crate::env::{LARDER, remove};

/// The installed version, whether its files are plain or links. Without a stamp, whole files of
/// either version may be there; with one, exactly those of its version.
fn seen(tool: &Tool, context: &str) -> Option<&'static str> {
    let bin = tool.bin();
    let stamp = std::fs::read_to_string(bin.join(".version")).ok();
    let stamped = stamp.map(|text| {
        VERSIONS
            .into_iter()
            .find(|version| text.starts_with(&format!("version: {version}\n")))
            .unwrap_or_else(|| panic!("{context}: {text}"))
    });
    let mut found = BTreeSet::new();
    for entry in bin.read_dir_utf8().into_iter().flatten().flatten() {
        let name = entry.file_name().to_owned();
        if name.starts_with('.') || name == "NOTICE" || !entry.path().exists() {
            continue;
        }
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let of = VERSIONS
            .into_iter()
            .find(|version| text == format!("#!/bin/sh\necho {name} {version}\n"))
            .unwrap_or_else(|| panic!("{context}: {name} is not whole: {text}"));
        if let Some(version) = stamped {
            assert_eq!(of, version, "{context}: {name} beside that stamp is mixed");
        }
        found.insert(name);
    }
    if let Some(version) = stamped {
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, names(version), "{context}: names of {version}");
    }
    stamped
}

/// Checks that exactly this version is installed, as plain files or as links, and nothing else.
fn in_order(tool: &Tool, wanted: &str, context: &str) {
    let stamp = tool.bin().join(".version");
    if stamp.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        assert_eq!(tool.visible(context).as_deref(), Some(wanted), "{context}");
        tool.assert_no_leftovers(context);
        return;
    }
    assert_eq!(seen(tool, context), Some(wanted), "{context}");
    let files: BTreeSet<String> = names(wanted)
        .into_iter()
        .chain([".v", ".version", "NOTICE"])
        .map(str::to_owned)
        .collect();
    assert_eq!(crate::env::list(&tool.bin()), files, "{context}");
    let inner = crate::env::list(&tool.bin().join(".v"));
    let is_set = |name: &String| name.split_once('-').is_some_and(|(hex, _)| hex.len() == 12);
    // At most the previous set.
    assert!(
        inner.len() <= 1 && inner.iter().all(is_set),
        "{context}: {inner:?}"
    );
}

/// Installs the wanted version, as plain files or as links.
fn install(tool: &Tool, plain: bool) {
    let mut command = tool.env.command(["ensure", "all"]);
    if plain {
        command.env("LARDER_LINKS", "never");
    } else {
        command.env_remove("LARDER_LINKS");
    }
    tool.env.output(command).success();
}

/// Kills an upgrade from a set of plain files or links to one of the other or the same kind.
fn change(title: &str, from_plain: bool, to_plain: bool) {
    let mut tool = Tool::new();
    for version in VERSIONS {
        tool.want(version);
        install(&tool, false);
    }
    if to_plain {
        tool.env.set("LARDER_LINKS", "never");
    }
    sweep(
        title,
        &tool.env,
        &["ensure", "all"],
        |_| {
            remove(&tool.bin());
            tool.want(VERSIONS[0]);
            install(&tool, from_plain);
            tool.want(VERSIONS[1]);
        },
        |round, context| {
            let there = seen(&tool, context);
            // Every third round the next run wants the old version: that must complete, too.
            let wanted = VERSIONS[usize::from(round % 3 != 0)];
            tool.want(wanted);
            install(&tool, to_plain);
            in_order(&tool, wanted, context);
            there == Some(VERSIONS[1])
        },
    );
}

#[test]
fn a_kill_while_plain_files_become_links_is_recovered() {
    change("plain files to links", true, false);
}

#[test]
fn a_kill_while_links_become_plain_files_is_recovered() {
    change("links to plain files", false, true);
}

#[test]
fn a_kill_while_plain_files_are_replaced_is_recovered() {
    change("plain files to plain files", true, true);
}

/// Both versions are installed: one is current, the other previous.
fn both() -> Tool {
    let tool = Tool::new();
    for version in VERSIONS {
        tool.want(version);
        install(&tool, false);
    }
    tool
}

/// Checks that both versions are there, whatever was killed: rolling back twice shows each. Returns
/// what was visible before.
fn both_ways(tool: &Tool, context: &str) -> String {
    let first = tool.visible(context).unwrap_or_else(|| panic!("{context}"));
    let other = VERSIONS.into_iter().find(|version| *version != first);
    tool.env.larder(["rollback", "tool"]).success();
    assert_eq!(tool.visible(context).as_deref(), other, "{context}");
    tool.assert_no_leftovers(context);
    tool.env.larder(["rollback", "tool"]).success();
    assert_eq!(tool.visible(context), Some(first.clone()), "{context}");
    tool.assert_no_leftovers(context);
    first
}

#[test]
fn a_kill_during_a_rollback_loses_neither_version() {
    let tool = both();
    let before = std::cell::RefCell::new(String::new());
    sweep(
        "rollback",
        &tool.env,
        &["rollback", "tool"],
        |_| before.replace(tool.visible("before").unwrap()).clear(),
        |_, context| both_ways(&tool, context) != *before.borrow(),
    );
}

#[test]
fn a_kill_during_a_rollback_without_exchange_loses_neither_version() {
    let tool = both();
    let mut kills = 0;
    for call in [
        "rename",
        "renameat",
        "symlink",
        "symlinkat",
        "unlink",
        "fsync",
    ] {
        for n in 1.. {
            let injected =
                format!("inject=renameat2:error=EINVAL -e inject=?{call}:signal=KILL:when={n}");
            let mut command = tool.env.program("strace");
            command.args(["-f", "-qq", "-o", "/dev/null", "-e"]);
            command.arg(format!("trace=renameat2,?{call}")).arg("-e");
            command
                .args(injected.split(' '))
                .args([LARDER, "rollback", "tool"]);
            let output = tool.env.output(command);
            let killed = output.signal == Some(9) || output.code == Some(137);
            assert!(killed || output.code == Some(0), "{call} {n}: {output:?}");
            both_ways(&tool, &format!("{call} {n}"));
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 4, "{kills}");
    // The exchange itself, killed.
    assert_eq!(
        run_with_kill(&tool.env, "renameat2", 1, &["rollback", "tool"]),
        RunEnd::Killed
    );
    both_ways(&tool, "renameat2 1");
}
