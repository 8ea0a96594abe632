//! The source of a build: what is copied, with which modes and times, and which changes are seen.

use crate::env::TestEnv;
use crate::servers::scripted::{Reply, Script};

/// A subsystem that records with `ls` what its build sees of the source in the folder `src`.
fn listing_subsystem(env: &TestEnv, source: &str) {
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        &format!(
            "any: true\nbinaries: [tool]\nbuild:\n  source: {source}\n  commands:\n    \
             - \"find . -mindepth 1 -printf '%P %y %m %T@\\\\n' | sort > {{{{ out }}}}/tool\"\n"
        ),
    );
}

/// The lines that the build wrote: path, type, mode, time.
fn seen(env: &TestEnv) -> Vec<Vec<String>> {
    let text = env.read("subsystems/tool/.bin/tool");
    let words = |line: &str| line.split(' ').map(str::to_owned).collect();
    text.lines().map(words).collect()
}

#[test]
fn a_copy_has_one_time_and_one_mode_and_no_empty_folders() {
    let env = TestEnv::new();
    listing_subsystem(&env, "{dir: src}");
    env.write("subsystems/tool/src/configure.ac", "x");
    env.write_executable("subsystems/tool/src/configure", "x");
    env.write("subsystems/tool/src/in/deep/file", "x");
    env.sh("mkdir subsystems/tool/src/empty; ln -s configure subsystems/tool/src/link");
    env.sh("touch -d 2031-01-01 subsystems/tool/src/configure.ac");
    env.larder(["ensure", "tool"]).success();
    let seen = seen(&env);
    let names: Vec<&str> = seen.iter().map(|line| line[0].as_str()).collect();
    let expected = [
        "configure",
        "configure.ac",
        "in",
        "in/deep",
        "in/deep/file",
        "link",
    ];
    assert_eq!(names, expected);
    for line in &seen {
        assert_eq!(line[3], seen[0][3], "{line:?}");
        assert!(line[1] == "l" || line[2] == "755", "{line:?}");
    }
    // The execute permission is not part of the key, so it must not be part of the copy either.
    env.sh("chmod -x subsystems/tool/src/configure");
    let output = env.larder_json(["ensure", "tool"]).success();
    assert_eq!(output.outcome("tool"), "up-to-date");
}

#[test]
fn a_source_archive_has_one_time() {
    let env = TestEnv::new();
    env.sh(
        "mkdir -p top/in; echo x > top/configure.ac; echo x > top/in/configure; \
         touch -d 2031-01-01 top/configure.ac; tar czf ../source.tar.gz top; rm -r top",
    );
    let bytes = std::fs::read(env.base().join("source.tar.gz")).unwrap();
    let sha256 = larder_core::model::Digest::of(&bytes);
    let server = Script::start(move |_, _| Reply::ok(bytes.clone()));
    let url = server.at("/source.tar.gz");
    listing_subsystem(&env, &format!("{{url: \"{url}\", sha256: {sha256}}}"));
    env.larder(["ensure", "tool"]).success();
    let seen = seen(&env);
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(seen.iter().all(|line| line[3] == seen[0][3]), "{seen:?}");
}

#[test]
fn a_source_archive_keeps_its_links_modes_and_empty_folders() {
    for (file, make) in [
        ("s.tar.gz", "tar czf $f top"),
        ("s.tar.xz", "tar cJf $f top"),
        ("s.tar", "tar cf $f top"),
        ("s.zip", "zip -qry $f top"),
        ("no-ending", "(cd top; tar cf - . | zstd -q > $f)"),
    ] {
        let env = TestEnv::new();
        env.sh(&format!(
            "mkdir -p top/empty top/in; cd top; echo x > in/file; echo x > run; chmod 755 run; \
             ln -s in/file link; ln -s in folder; ln -s nowhere dangling; ln -s ../../out out; \
             ln -s /etc/passwd etc; cd ..; f=$PWD/../{file}; {make}; rm -r top"
        ));
        let bytes = std::fs::read(env.base().join(file)).unwrap();
        let sha256 = larder_core::model::Digest::of(&bytes);
        let server = Script::start(move |_, _| Reply::ok(bytes.clone()));
        let url = server.at(&format!("/{file}"));
        listing_subsystem(&env, &format!("{{url: \"{url}\", sha256: {sha256}}}"));
        let output = env.larder(["ensure", "tool", "-v"]).success();
        let seen: Vec<String> = seen(&env).iter().map(|line| line[..3].join(" ")).collect();
        assert_eq!(
            seen,
            [
                "dangling l 777",
                "empty d 755",
                "folder l 777",
                "in d 755",
                "in/file f 644",
                "link l 777",
                "run f 755",
            ],
            "{file}"
        );
        let said = format!("{}{}", output.stdout, output.stderr);
        for link in ["etc", "out"] {
            assert!(
                said.contains(&format!("{link}`: it is a link to")),
                "{file}: {said}"
            );
        }
    }
}

#[test]
fn a_source_folder_that_is_a_link_is_followed() {
    for link in ["src", "."] {
        let env = TestEnv::new();
        listing_subsystem(&env, "{dir: src}");
        env.write("subsystems/tool/src/file", "x");
        if link == "src" {
            env.sh("mkdir shared; mv subsystems/tool/src shared/src; ln -s ../../shared/src subsystems/tool/src");
        } else {
            env.sh("mkdir shared; mv subsystems/tool shared/tool; ln -s ../shared/tool subsystems/tool");
        }
        env.larder(["ensure", "tool"]).success();
        assert_eq!(seen(&env)[0][0], "file", "{link}");
        let again = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(again.outcome("tool"), "up-to-date", "{link}");
        let file = if link == "src" {
            "shared/src/new"
        } else {
            "shared/tool/src/new"
        };
        env.write(file, "x");
        let changed = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(changed.outcome("tool"), "built", "{link}");
    }
}

#[test]
fn a_change_in_an_ignore_file_that_ignores_itself_is_seen() {
    for (file, folder) in [
        (".gitignore", ""),
        (".larderignore", ""),
        (".gitignore", "in/"),
        (".larderignore", "in/deep/"),
        (".gitignore", "in/deep/er/"),
    ] {
        let env = TestEnv::new();
        listing_subsystem(&env, "{dir: src}");
        let ignore = format!("subsystems/tool/src/{folder}{file}");
        env.write(&ignore, format!("{file}\n*.log\n"));
        env.write(&format!("subsystems/tool/src/{folder}a"), "x");
        env.write(&format!("subsystems/tool/src/{folder}b"), "x");
        env.larder(["ensure", "tool"]).success();
        env.larder(["ensure", "tool"]).success();
        // Written in place, so that the folder's own metadata does not change.
        env.sh(&format!("echo b >> {ignore}"));
        let output = env.larder_json(["ensure", "tool"]).success();
        assert_eq!(output.outcome("tool"), "built", "{folder}{file}");
        let built = env.read("subsystems/tool/.bin/tool");
        assert!(!built.contains("b f"), "{folder}{file}: {built}");
    }
}

#[test]
fn the_reason_of_git_is_shown_and_an_unreachable_server_is_unavailable() {
    for (url, reason, code) in [
        ("ssh://127.0.0.1:1/o/r.git", "Connection refused", 5),
        ("https://127.0.0.1:1/o/r.git", "unable to access", 5),
        (
            "file:///nowhere/r.git",
            "does not appear to be a git repository",
            1,
        ),
    ] {
        let env = TestEnv::new();
        listing_subsystem(&env, &format!("{{git: \"{url}\", rev: v1.0.0}}"));
        let output = env.larder(["ensure", "tool"]).exits(code);
        let said = output.stderr.split("the log:").next().unwrap_or_default();
        assert!(said.contains(reason), "{url}: {}", output.stderr);
        assert!(!said.contains("and the repository exists"), "{url}: {said}");
    }
}
