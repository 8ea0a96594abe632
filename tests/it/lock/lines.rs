//! The lock on the command line: which lines are added, what is checked against it, which lines are
//! stale, and how branches merge.

use camino::Utf8PathBuf;
use larder_core::model::Digest;

use crate::env::{Output, TestEnv, host};
use crate::servers::files::FileServer;

/// A platform that is not this machine's.
fn other() -> &'static str {
    if host() == "darwin-arm64" {
        "linux-arm64"
    } else {
        "darwin-arm64"
    }
}

/// A machine whose publisher serves `tool` and `twin`, as scripts, in versions v1.0.0 and v2.0.0, for two platforms.
fn published() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    for version in ["v1.0.0", "v2.0.0"] {
        for platform in [host().as_str(), other()] {
            for name in ["tool", "twin"] {
                let file = file(&env, version, &format!("{name}-{platform}"));
                std::fs::create_dir_all(file.parent().expect("a folder")).expect("create folder");
                std::fs::write(
                    file,
                    format!("#!/bin/sh\necho {name} {version} {platform}\n"),
                )
                .expect("write");
            }
        }
    }
    let server = FileServer::start(&env.base().join("files"));
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("platforms: [{}, {}]\n", host(), other()),
    );
    recipe(&env, &server, "tool");
    (env, server)
}

fn file(env: &TestEnv, version: &str, name: &str) -> Utf8PathBuf {
    env.base().join("files").join(version).join(name)
}

fn recipe(env: &TestEnv, server: &FileServer, name: &str) {
    let url = format!(
        "{}/{{{{ version }}}}/{name}-{{{{ platform }}}}",
        server.url()
    );
    env.recipe(
        name,
        &format!("binaries: [{name}]\nupstream: {{url: \"{url}\"}}\n"),
    );
}

fn lines(env: &TestEnv) -> Vec<String> {
    let text = env.read("versions.lock");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

/// Removes everything installed, and the cache.
fn remove_installed_and_cache(env: &TestEnv) {
    env.drop_cache();
    env.sh("rm -rf subsystems/*/.bin .larder");
}

/// Checks that the error contains both digests and the file that states the expected one.
#[track_caller]
fn assert_blames(out: &Output, by: &str, stated: Digest, found: Digest) {
    for words in [by.to_owned(), stated.to_string(), found.to_string()] {
        assert!(out.stderr.contains(&words), "no {words} in\n{}", out.stderr);
    }
}

#[test]
fn lines_locked_on_one_platform_serve_the_others() {
    let (env, server) = published();
    env.larder(["lock", "--platform", "all"]).success();
    assert!(!env.exists("subsystems/tool/.bin"), "nothing is installed");
    assert_eq!(lines(&env).len(), 2, "{:?}", lines(&env));
    let lock = env.read("versions.lock");
    server.take();
    for (outcome, more) in [("restored", Some("--offline")), ("downloaded", None)] {
        for platform in [host().as_str(), other()] {
            let args = [
                &["ensure", "all", "--locked", "--platform", platform][..],
                more.as_slice(),
            ]
            .concat();
            assert_eq!(
                env.larder_json(args).success().outcomes(),
                [format!("tool={outcome}")],
                "{platform}"
            );
        }
        remove_installed_and_cache(&env);
    }
    env.larder(["lock", "--platform", "all"]).success();
    assert_eq!(env.read("versions.lock"), lock, "byte for byte");
}

#[test]
fn lock_lines_are_not_added_in_ci_or_under_locked() {
    let (mut env, server) = published();
    env.set("CI", "true");
    env.larder(["ensure", "all"]).success();
    assert!(!env.exists("versions.lock"), "CI writes none");
    env.unset("CI");
    remove_installed_and_cache(&env);
    // A missing line that must not be added: no request is made, nothing is installed.
    server.take();
    for args in [
        &["ensure", "all", "--locked"][..],
        &["collect", "tool", "--platform", &host(), "--locked"],
    ] {
        let out = env.larder(args).exits(3);
        assert!(
            out.stderr.contains("no line for the original of tool")
                && out.stderr.contains("larder lock"),
            "{}",
            out.stderr
        );
    }
    assert_eq!(
        (
            server.take(),
            env.exists("versions.lock"),
            env.exists("subsystems/tool/.bin/tool")
        ),
        (Vec::new(), false, false)
    );
    let out = env.larder(["ensure", "all"]).success();
    assert!(
        out.stderr.contains("trusted on first use"),
        "{}",
        out.stderr
    );
    let first = lines(&env);
    let digest = Digest::of(
        &std::fs::read(file(&env, "v1.0.0", &format!("tool-{}", host()))).expect("read"),
    );
    assert!(
        first.len() == 1 && first[0].contains(&digest.to_string()),
        "{first:?}"
    );
    // Lines are only added: that of a version that is no longer wanted stays, and is no mismatch.
    env.edit("versions.yml", "v1.0.0", "v2.0.0");
    env.larder(["ensure", "all", "--locked"]).exits(3);
    env.larder(["ensure", "all"]).success();
    let both = lines(&env);
    assert!(both.len() == 2 && both.contains(&first[0]), "{both:?}");
    let mut sorted = both.clone();
    sorted.sort();
    assert_eq!(both, sorted);
    // A changed recipe makes lines stale, too.
    env.edit("versions.yml", "v2.0.0", "v1.0.0");
    env.edit("subsystems/tool/recipe.yml", "/tool-", "/twin-");
    env.larder(["ensure", "all", "--locked"]).exits(3);
    env.larder(["ensure", "all"]).success();
    assert_eq!(lines(&env).len(), 3);
}

#[test]
fn other_bytes_than_the_lock_pins_are_refused_until_they_are_accepted() {
    let (env, server) = published();
    recipe(&env, &server, "twin");
    env.edit("versions.yml", "versions:\n", "versions:\n  twin: v1.0.0\n");
    env.larder(["lock", "--platform", "all"]).success();
    let before = env.read("versions.lock");
    let file = file(&env, "v1.0.0", &format!("tool-{}", host()));
    let old = Digest::of(&std::fs::read(&file).expect("read"));
    std::fs::write(&file, "#!/bin/sh\necho replaced\n").expect("write");
    let new = Digest::of(&std::fs::read(&file).expect("read"));
    remove_installed_and_cache(&env);
    for args in [&["ensure", "tool"][..], &["ensure", "tool", "--locked"]] {
        let out = env.larder(args).exits(4);
        assert_blames(&out, "versions.lock", old, new);
        assert_eq!(
            (
                env.read("versions.lock"),
                env.exists("subsystems/tool/.bin/tool")
            ),
            (before.clone(), false)
        );
    }
    env.larder(["lock", "--update", "tool"]).success();
    let after = env.read("versions.lock");
    let moved: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(line))
        .collect();
    assert!(
        moved.len() == 1 && moved[0].contains(&new.to_string()),
        "one line: {moved:?}"
    );
    assert_eq!(after.lines().count(), before.lines().count());
    env.larder(["ensure", "all", "--locked"]).success();
}

#[test]
fn a_wrong_digest_is_reported_with_the_file_that_states_it() {
    let (env, server) = published();
    let found = Digest::of(
        &std::fs::read(file(&env, "v1.0.0", &format!("tool-{}", host()))).expect("read"),
    );
    let wrong = Digest::of(b"something else");
    let recipe = env.read("subsystems/tool/recipe.yml");
    let with = |checksums: &str| {
        env.write(
            "subsystems/tool/recipe.yml",
            recipe.replace(
                "upstream: {",
                &format!("upstream: {{checksums: {checksums}, "),
            ),
        );
    };
    with(&format!("{{{}: {wrong}}}", host()));
    assert_blames(
        &env.larder(["ensure", "all"]).exits(4),
        "subsystems/tool/recipe.yml",
        wrong,
        found,
    );
    std::fs::write(
        file(&env, "v1.0.0", "SHA256SUMS"),
        format!("{wrong}  tool-{}\n", host()),
    )
    .expect("write");
    with(&format!("\"{}/v1.0.0/SHA256SUMS\"", server.url()));
    assert_blames(
        &env.larder(["ensure", "all"]).exits(4),
        "/v1.0.0/SHA256SUMS",
        wrong,
        found,
    );
    assert!(!env.exists("versions.lock") && !env.exists("subsystems/tool/.bin/tool"));
    // After the fix the line is added; and an edited lock takes precedence over everything else.
    std::fs::write(
        file(&env, "v1.0.0", "SHA256SUMS"),
        format!("{found}  tool-{}\n", host()),
    )
    .expect("write");
    env.larder(["ensure", "all"]).success();
    env.edit(
        "versions.lock",
        &format!(" {found} "),
        &format!(" {wrong} "),
    );
    remove_installed_and_cache(&env);
    assert_blames(
        &env.larder(["ensure", "all"]).exits(4),
        "versions.lock",
        wrong,
        found,
    );
}

#[test]
fn additions_of_two_branches_are_merged() {
    let (env, server) = published();
    env.sh("git init -q .");
    env.larder(["init", "--ci", "github"]).success();
    env.sh("git add --all && git commit -qm start && git checkout -qb theirs");
    recipe(&env, &server, "twin");
    env.edit("versions.yml", "versions:\n", "versions:\n  twin: v2.0.0\n");
    env.larder(["lock", "twin", "--platform", "all"]).success();
    env.sh("git add --all && git commit -qm theirs && git checkout -q main");
    env.larder(["lock", "tool", "--platform", "all"]).success();
    env.sh("git add --all && git commit -qm ours && git merge -q --no-edit theirs");
    assert_eq!(lines(&env).len(), 4, "{:?}", lines(&env));
    remove_installed_and_cache(&env);
    env.larder(["ensure", "all", "--locked"]).success();
    env.larder(["lock", "--platform", "all"]).success();
    assert_eq!(
        env.sh("git status --porcelain versions.lock"),
        "",
        "merged as it would have been written"
    );
}

#[test]
fn a_lock_with_crlf_keeps_its_line_ends() {
    let (env, _server) = published();
    env.larder(["lock"]).success();
    let before = format!("# kept\n{}", env.read("versions.lock")).replace('\n', "\r\n");
    env.write("versions.lock", &before);
    env.larder(["lock", "--platform", other()]).success();
    let after = env.read("versions.lock");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    let lines = |text: &str| -> std::collections::BTreeSet<String> {
        text.lines().map(str::to_owned).collect()
    };
    let (old, new) = (lines(&before), lines(&after));
    assert!(old.is_subset(&new) && new.len() > old.len(), "{after}");
}

#[test]
fn an_unreadable_lock_is_never_rewritten() {
    let (env, _server) = published();
    env.larder(["lock"]).success();
    let good = env.read("versions.lock");
    let line = lines(&env).remove(0);
    let digest = line
        .split(' ')
        .nth(7)
        .expect("name version platform origin kind inputs artifact sha256")
        .to_owned();
    let twice = format!(
        "{good}{}\n",
        line.replace(&digest, &Digest::of(b"x").to_string())
    );
    let conflict = format!("<<<<<<< ours\n{line}\n=======\n>>>>>>> theirs\n");
    for (bad, words) in [
        (conflict, "conflict"),
        (twice, "two"),
        (format!("{good}nonsense\n"), "versions.lock:"),
    ] {
        env.write("versions.lock", &bad);
        for args in [
            &["ensure", "all"][..],
            &["lock"],
            &["lock", "--update", "tool"],
            &["check"],
        ] {
            let out = env.larder(args).exits(2);
            assert!(
                out.stderr.contains("versions.lock") && out.stderr.contains(words),
                "{words}: {}",
                out.stderr
            );
            assert_eq!(env.read("versions.lock"), bad);
        }
    }
}

#[test]
fn a_platform_that_is_not_published_is_built_and_needs_no_line() {
    let (env, server) = published();
    std::fs::remove_file(file(&env, "v1.0.0", &format!("tool-{}", other()))).expect("remove");
    let build = "build:\n  source: {dir: .}\n  platforms: all\n  commands: [\"printf '#!/bin/sh\\\\n' > {{ out }}/tool{{ exe }}\"]\n";
    let recipe = env.read("subsystems/tool/recipe.yml");
    env.larder(["lock", "--platform", "all"]).exits(1);
    env.write("subsystems/tool/recipe.yml", recipe + build);
    env.larder(["lock", "--platform", "all"]).success();
    assert_eq!(lines(&env).len(), 1, "{:?}", lines(&env));
    server.take();
    let out = env
        .larder_json(["ensure", "all", "--locked", "--platform", other()])
        .success();
    assert_eq!(
        (out.outcomes(), server.take().len()),
        (vec!["tool=built".to_owned()], 1),
        "asked once"
    );
    // A platform that the publisher has is locked, or it is not usable here.
    env.write("versions.lock", "");
    remove_installed_and_cache(&env);
    env.larder(["ensure", "all", "--locked"]).exits(3);
}

#[test]
fn in_ci_an_original_that_nothing_pins_is_a_warning() {
    let (mut env, _server) = published();
    let asks = "run `larder lock tool --platform all` and commit versions.lock";
    // On a person's machine it is pinned by being used.
    env.set("CI", "true");
    let out = env.larder(["ensure", "tool"]).success();
    assert!(out.stderr.contains(asks), "{}", out.stderr);
    assert!(out.stderr.contains("its publisher states no digest"));
    assert!(!out.stderr.contains("trusted on first use"));
    assert!(!env.exists("versions.lock"));
    env.set("GITHUB_ACTIONS", "true");
    let fresh = |env: &TestEnv| {
        env.drop_cache();
        env.larder(["ensure", "tool", "--reinstall"])
    };
    let out = fresh(&env).success();
    let annotation = out
        .stderr
        .lines()
        .find(|l| l.starts_with("::warning title=tool::"));
    assert!(
        annotation.is_some_and(|line| line.contains(asks)),
        "{}",
        out.stderr
    );
    // What the publisher states is not pinned by the project; a line of the lock and a digest in the
    // recipe are.
    let digest =
        Digest::of(&std::fs::read(file(&env, "v1.0.0", &format!("tool-{}", host()))).expect("it"));
    let name = format!("tool-{}", host());
    std::fs::write(file(&env, "v1.0.0", "SUMS"), format!("{digest}  {name}\n")).expect("write");
    let recipe = env.read("subsystems/tool/recipe.yml");
    let url = recipe
        .split('"')
        .nth(1)
        .expect("a url")
        .replace("tool-{{ platform }}", "SUMS");
    let with = |checksums: &str| recipe.replace("\"}", &format!("\", checksums: {checksums}}}"));
    env.recipe("tool", &with(&format!("\"{url}\"")));
    let out = fresh(&env).success();
    assert!(
        out.stderr.contains("only its publisher states a digest"),
        "{}",
        out.stderr
    );
    env.recipe("tool", &with(&format!("{{{}: {digest}}}", host())));
    let out = fresh(&env).success();
    assert!(!out.stderr.contains("warning"), "{}", out.stderr);
    env.recipe("tool", &recipe);
    env.larder(["lock", "tool"]).success();
    let out = fresh(&env).success();
    assert!(!out.stderr.contains("warning"), "{}", out.stderr);
    env.remove("versions.lock");
    env.set("LARDER_LOCKED", "true");
    let out = fresh(&env).exits(3);
    assert!(
        out.stderr.contains("`larder lock tool --platform all`"),
        "{}",
        out.stderr
    );
}
