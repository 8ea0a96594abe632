//! What is not as it was installed is noticed and repaired, file by file.

use super::{BIN, prints, published};

/// Does something to the installed folder, and expects that everyone notices.
#[track_caller]
fn noticed(what: &str, reason: &str) {
    let (env, server) = published();
    env.larder(["ensure", "all"]).success();
    // The record is there, so the next run compares metadata only.
    let quick = env.larder_json(["ensure", "all"]).success();
    assert_eq!(quick.outcome("nvim"), "up-to-date");
    let before = env.sh(&format!(
        "cd {BIN}/.v/current/ && find . -printf '%y %m %P %l\\n' | sort"
    ));
    env.sh(&format!("cd {BIN}/.v/current/ && {what}"));
    let requests = server.requests().len();
    let status = env.larder(["status"]);
    let shown = format!("{}{}", status.stdout, status.stderr);
    assert!(shown.contains(reason), "{what}: {shown}");
    let verify = env.larder(["verify", "nvim"]).exits(4);
    assert!(verify.stderr.contains(reason), "{what}: {}", verify.stderr);
    let package = env.larder(["package", "nvim"]).exits(4);
    assert!(
        package.stderr.contains("damaged"),
        "{what}: {}",
        package.stderr
    );
    let again = env.larder_json(["ensure", "all"]).success();
    assert_eq!(again.outcome("nvim"), "restored", "{what}");
    assert_eq!(server.requests().len(), requests, "{what}");
    let after = env.sh(&format!(
        "cd {BIN}/.v/current/ && find . -printf '%y %m %P %l\\n' | sort"
    ));
    assert_eq!(after, before, "{what}");
    prints(&env, "1.0.0");
    env.larder(["verify", "nvim"]).success();
}

#[test]
fn changed_files_are_repaired() {
    noticed(
        "printf 'NVIM 9.9.9\\n' > share/nvim/runtime/greeting.txt",
        "share/nvim/runtime/greeting.txt is not the file that its stamp names",
    );
    noticed("echo >> lib/nvim/x.so", "lib/nvim/x.so has");
    noticed(
        "chmod 644 lib/nvim/x.so",
        "lib/nvim/x.so does not have the mode",
    );
}

#[test]
fn missing_files_are_repaired() {
    noticed("rm lib/nvim/x.so", "lib/nvim/x.so is missing");
    noticed("rm -r share/nvim/runtime/doc", "a b, c.txt is missing");
    noticed("rm bin/vi", "bin/vi is missing");
    noticed("rm bin/nvim", "bin/nvim is missing");
}

#[test]
fn added_files_are_removed() {
    noticed(
        "echo > share/nvim/runtime/init.lua",
        "share/nvim/runtime/init.lua does not belong",
    );
    noticed("mkdir share/nvim/new", "share/nvim/new does not belong");
    noticed("ln -s x top", "top does not belong");
}

#[test]
fn changed_links_are_repaired() {
    noticed(
        "ln -sf ../lib/nvim/x.so bin/vi",
        "bin/vi is not the link that its stamp says",
    );
    noticed("rm nvim && cp bin/nvim nvim", "nvim is not the link");
    noticed(
        "mv lib/nvim lib/old && ln -s old lib/nvim",
        "lib/nvim/x.so is missing",
    );
    noticed(
        "rm share/plugins && mkdir share/plugins",
        "share/plugins is not the link",
    );
}

/// A file of the cache that is damaged is never installed.
#[test]
fn a_damaged_cache_is_noticed() {
    let (env, server) = published();
    env.larder(["ensure", "all"]).success();
    env.sh("f=$(grep -rl 'so 1.0.0' ../cache/v1/files) && chmod u+w $f && printf 'so 9.9.9' > $f");
    env.larder(["clean", "all"]).success();
    let before = server.requests().len();
    let again = env.larder_json(["ensure", "all"]).success();
    assert_eq!(again.outcome("nvim"), "downloaded");
    assert!(server.requests().len() > before);
    prints(&env, "1.0.0");
}
