//! Errors that say what to do next, for mistakes that newcomers made.

use super::{hello, says};
use crate::env::{TestEnv, host};

/// A platform on which these tests don't run.
const OTHER: &str = "windows-arm64";

#[test]
fn damaged_files_of_the_cache_are_one_flat_list() {
    let env = hello();
    env.script_subsystem("second", "v1.0.0");
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["cache", "verify"]).success();
    says(&out, &["2 files are intact"]);
    env.sh("for f in $(find ../cache -path '*/files/*' -type f); do chmod u+w $f; printf x >> $f; done");
    let out = env.larder(["cache", "verify"]).exits(4);
    says(
        &out,
        &[
            "0 files are intact",
            "error: 2 files of the cache were damaged and set aside:\n  ",
            "!caused by",
        ],
    );
    let lines = out.stderr.lines().filter(|line| line.len() == 2 + 64);
    assert_eq!(lines.count(), 2, "{}", out.stderr);
}

#[test]
fn a_platform_without_anything_gets_the_command_that_helps() {
    let env = hello();
    env.larder(["ensure", "all"]).success();
    let platform = ["--platform", OTHER];
    // The project is only for the host.
    let out = env.larder(["verify"].into_iter().chain(platform)).exits(1);
    says(
        &out,
        &[
            &format!("error: no subsystem exists for {OTHER}"),
            &format!("help: add {OTHER} to `platforms` in versions.yml"),
        ],
    );
    let out = env.larder(["bundle"].into_iter().chain(platform)).exits(2);
    says(
        &out,
        &[
            &format!("no subsystem exists for {OTHER}"),
            &format!("help: add {OTHER} to `platforms` in versions.yml"),
            "!bundle.exclude",
        ],
    );
    let out = env
        .larder(["ensure", "all"].into_iter().chain(platform))
        .success();
    says(
        &out,
        &[&format!(
            "`hello` is only for {} (the default), not for {OTHER}: add `platforms: [{}, {OTHER}]` to versions.yml",
            host(),
            host()
        )],
    );
    // Now it is for both, and only the host's is installed.
    env.write(
        "versions.yml",
        env.read("versions.yml") + &format!("platforms: [{}, {OTHER}]\n", host()),
    );
    let out = env.larder(["verify"].into_iter().chain(platform)).exits(1);
    says(
        &out,
        &[
            &format!("error: nothing is installed for {OTHER}"),
            &format!("help: `larder ensure all --platform {OTHER}` installs everything"),
        ],
    );
}

#[test]
fn a_hub_that_does_not_exist_is_named() {
    let mut env = hello();
    for hub in ["/nowhere/hub", "foo", "./foo/bar"] {
        env.set("LARDER_HUB", hub);
        let out = env
            .larder(["ensure", "all", "--source", "managed"])
            .exits(1);
        says(
            &out,
            &[
                "managed: the hub folder ",
                &format!("{} does not exist", hub.trim_start_matches('.')),
                "!for GitHub",
            ],
        );
    }
    for hub in ["acme/tools", "nats-io/nats-server"] {
        env.set("LARDER_HUB", hub);
        let out = env
            .larder(["ensure", "all", "--source", "managed"])
            .exits(1);
        says(
            &out,
            &[
                &format!("warning: LARDER_HUB is `{hub}`, which is a folder that does not exist"),
                &format!("for GitHub write `github:{hub}`"),
            ],
        );
        let out = env
            .larder(["install", "hello@v1.0.0", "--hub", hub, "--to", "bin"])
            .exits(1);
        says(&out, &[&format!("warning: --hub is `{hub}`")]);
    }
    env.set("LARDER_HUB", "acme/tools");
    env.larder(["ensure", "all"]).success();
    says(
        &env.larder(["release", "all"]).success(),
        &["for GitHub write `github:acme/tools`"],
    );
    // The folder exists now, so it is what was meant.
    says(
        &env.larder(["release", "all"]).success(),
        &["!for GitHub write"],
    );
}

#[test]
fn a_digest_that_differs_names_the_next_command() {
    let env = hello();
    env.recipe(
        "hello",
        &format!(
            "binaries: [hello]\nupstream:\n  url: http://127.0.0.1:1/hello\n  checksums: {{{}: {}}}\n",
            host(),
            "0".repeat(64)
        ),
    );
    let server = crate::servers::files::FileServer::start(env.base().join("web").as_path());
    std::fs::create_dir_all(env.base().join("web")).expect("folder");
    std::fs::write(env.base().join("web/hello"), "#!/bin/sh\necho 1\n").expect("file");
    env.edit(
        "subsystems/hello/recipe.yml",
        "http://127.0.0.1:1",
        server.url(),
    );
    let out = env.larder(["ensure", "all"]).exits(4);
    says(
        &out,
        &[
            "is not what subsystems/hello/recipe.yml says",
            "nothing was installed; find out who changed the file",
            "\"Exit 4\" in the guide",
            "!weaker source",
            "!lock --update",
        ],
    );
    // A line of the lock is replaced by a command, which is named.
    let digest = "0".repeat(64);
    env.edit(
        "subsystems/hello/recipe.yml",
        &format!("  checksums: {{{}: {digest}}}\n", host()),
        "",
    );
    env.larder(["ensure", "all"]).success();
    std::fs::write(env.base().join("web/hello"), "#!/bin/sh\necho 2\n").expect("file");
    env.drop_cache();
    let out = env.larder(["ensure", "all", "--reinstall"]).exits(4);
    says(
        &out,
        &["help: if you trust the new file: `larder lock --update hello`"],
    );
}

#[test]
fn a_damaged_sidecar_names_the_command_that_repairs_it() {
    let env = hello();
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    env.flip_bit(&format!(".larder-hub/hello-v1.0.0/hello-{}.tar.gz", host()));
    env.remove("versions.lock");
    env.drop_cache();
    let out = env
        .larder(["ensure", "all", "--reinstall", "--source", "managed"])
        .exits(4);
    says(&out, &["`larder release hello --replace`"]);
    env.write(
        &format!(".larder-hub/hello-v1.0.0/hello-{}.tar.gz.json", host()),
        "{",
    );
    let out = env
        .larder(["ensure", "all", "--reinstall", "--source", "managed"])
        .exits(4);
    says(&out, &["`larder release NAME --replace`"]);
}

#[test]
fn add_explains_what_it_needs() {
    let env = hello();
    let out = env
        .larder(["add", "foo", "github:a/b", "--offline"])
        .exits(5);
    says(
        &out,
        &[
            "`add` reads the publisher's releases, which needs the network",
            "help: run it without `--offline`",
            "!in the cache",
        ],
    );
    for url in [
        "http://tools.example.com/rg-1.0-linux-amd64.tar.gz",
        "http://192.0.2.1/rg-1.0-linux-amd64.tar.gz",
    ] {
        let out = env.larder(["add", "rg", url]).exits(2);
        says(&out, &["plain http can be changed on the way", "use https"]);
    }
}

#[test]
fn a_damaged_cache_is_not_called_empty() {
    let env = hello();
    env.larder(["ensure", "all"]).success();
    env.sh("for f in $(find ../cache -path '*/files/*' -type f); do chmod u+w $f; printf x >> $f; done; rm -rf subsystems/hello/.bin");
    let why = env.larder(["why", "hello"]).success();
    says(
        &why,
        &[
            "its copy is incomplete or damaged",
            "!nothing for these inputs",
        ],
    );
    let out = env.larder(["ensure", "all", "--source", "cache"]).exits(1);
    says(
        &out,
        &[
            "cache: its copy was incomplete or damaged, and was set aside",
            "!nothing for these inputs",
        ],
    );
}

#[test]
fn collect_without_a_publisher_names_the_key() {
    let env = hello();
    let out = env.larder(["collect", "hello"]).exits(1);
    says(&out, &["help: add `upstream:` to its recipe"]);
}

#[test]
fn one_mistake_in_a_file_is_one_problem() {
    let env = hello();
    for (recipe, texts) in [
        (
            "binaries: [hello]\nbuild:\n  source: {dir: .}\n  commands: [echo: x]\n",
            &[
                "each value in `commands` must be a text",
                "!has no commands",
            ][..],
        ),
        (
            "binaries: [hello]\nbuild:\n  source: {dir: .}\n  commands: []\n",
            &["`build` has no commands"],
        ),
        (
            "binaries: [hello]\nbuild:\n  source: {dir: nope}\n  commands: [\"true\"]\n",
            &["create this folder or correct `dir`"],
        ),
        (
            "hello\n",
            &["it needs `binaries:`, and `upstream:` or `build:`"],
        ),
        (
            "- hello\n",
            &["it needs `binaries:`, and `upstream:` or `build:`"],
        ),
        (
            "upstream: {url: \"https://example.com/x\"}\n",
            &["add `binaries: [NAME]`"],
        ),
    ] {
        env.recipe("hello", recipe);
        let out = env.larder(["check"]).exits(2);
        says(&out, texts);
        says(&out, &["error: 1 problem in the project's files"]);
    }
    env.write("versions.yml", "- hello\n");
    says(&env.larder(["check"]).exits(2), &["it needs `versions:`"]);
    // One word in versions.yml is not a mistake in each recipe.
    env.recipe(
        "hello",
        "binaries: [hello]\nbuild: {source: {dir: .}, commands: [make]}\n",
    );
    env.write("versions.yml", "versions:\n");
    for name in ["a", "b", "c"] {
        env.script_subsystem(name, "v1");
    }
    for (text, says_this) in [
        (
            "version:\n  hello: v1\n  a: v1\n",
            "did you mean `versions`?",
        ),
        ("Versions: {hello: v1}\n", "did you mean `versions`?"),
        ("project: x\n", "`versions`"),
        ("versions: [hello]\n", "`versions` must be"),
        ("versions:\n", "`versions` has no value"),
    ] {
        env.write("versions.yml", text);
        let out = env.larder(["check"]).exits(2);
        says(
            &out,
            &[says_this, "error: 1 problem in the project's files"],
        );
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_named() {
    let env = TestEnv::new();
    env.write("versions.yml/x", "");
    let out = env.larder(["status"]).exits(2);
    says(
        &out,
        &[
            "error: versions.yml in ",
            " is a folder; it must be a file\n",
            "help: ",
        ],
    );
    env.write("file", "");
    let out = env.larder(["man", "--out", "file/man"]).exits(1);
    says(&out, &["help: `--out` names a folder that can be written"]);
}

#[test]
fn a_project_without_subsystems_says_so() {
    let env = TestEnv::new();
    env.write("versions.yml", "versions: {}\n");
    for _ in 0..2 {
        let out = env.larder(["ensure", "all"]).success();
        says(
            &out,
            &["nothing to do: versions.yml has no subsystems; `larder add` adds one"],
        );
    }
    assert_eq!(env.larder_json(["ensure", "all"]).success().json().len(), 1);
}

#[test]
fn numbers_and_outcomes_are_written_in_plain_english() {
    let env = hello();
    env.larder(["ensure", "all"]).success();
    says(
        &env.larder(["cache", "size"]).success(),
        &["in 1 file of 1 artifact\n"],
    );
    says(
        &env.larder(["cache", "verify"]).success(),
        &["1 file is intact\n"],
    );
    let out = env.larder(["cache", "prune", "--dry-run"]).success();
    says(&out, &["in 0 files, 0 artifacts"]);
    let out = env.larder(["ensure", "all", "-v"]).success();
    says(&out, &["up to date", "!up-to-date"]);
    env.edit("versions.yml", "v1.0.0", "v1.1.0");
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["rollback", "hello"]).success();
    says(&out, &["rolled back", "!rolled-back"]);
}

#[test]
fn a_dry_run_counts_what_would_be_done() {
    let env = hello();
    let out = env
        .larder(["bump", "hello", "v1.1.0", "--dry-run"])
        .success();
    says(
        &out,
        &[
            "dry run",
            "would change from v1.0.0 to v1.1.0",
            "a real run would give: 1 bumped",
            "!skipped",
        ],
    );
    env.larder(["ensure", "all"]).success();
    let out = env.larder(["clean", "hello", "--dry-run"]).success();
    says(
        &out,
        &["dry run", "a real run would give: 1 cleaned", "!skipped"],
    );
    let out = env.larder(["bundle", "--dry-run"]).success();
    says(&out, &["dry run", "!skipped"]);
}
