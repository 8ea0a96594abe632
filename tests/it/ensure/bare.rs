//! Bare machines: no certificates of authorities, no folder for temporary files, no home, and a root
//! folder in which there is nothing but larder. What works, and what the messages say.

use crate::env::TestEnv;
#[cfg(target_os = "linux")]
use crate::env::host;
use crate::servers::files::FileServer;

/// A project with one subsystem for each way that needs no tools: a file of a server on the
/// loopback, one of a folder hub, and one of a server that only https reaches.
fn project() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    let www = env.base().join("www");
    std::fs::create_dir_all(&www).unwrap();
    std::fs::write(www.join("web"), "#!/bin/sh\necho web v1.0.0\n").unwrap();
    let server = FileServer::start(&www);
    for (name, url) in [
        ("web", format!("{}/web", server.url())),
        ("secure", "https://127.0.0.1:1/secure".to_owned()),
    ] {
        env.recipe(
            name,
            &format!("binaries: [{name}]\nupstream: {{url: \"{url}\"}}\n"),
        );
    }
    env.versions(&[("web", "v1.0.0"), ("secure", "v1.0.0")], "");
    env.script_subsystem("tool", "v1.0.0");
    env.larder(["ensure", "tool"]).success();
    env.larder(["release", "tool"]).success();
    env.larder(["clean", "tool"]).success();
    // From now on the build can't be made.
    env.drop_cache();
    (env, server)
}

#[test]
fn without_certificates_only_https_fails_and_says_what_is_missing() {
    let (mut env, _server) = project();
    let empty = env.base().join("empty");
    std::fs::create_dir_all(&empty).unwrap();
    env.set("SSL_CERT_DIR", &empty);
    for (arguments, exit, says) in [
        (&["ensure", "web"][..], 0, &["downloaded"][..]),
        (
            &["ensure", "tool", "--source", "managed"],
            0,
            &["downloaded"],
        ),
        (
            &["ensure", "secure"],
            1,
            &[
                "https://127.0.0.1:1/secure can't be trusted: no certificates of authorities could be loaded",
                "No CA certificates were loaded from the system",
                "install the system's package of them (usually `ca-certificates`)",
                "SSL_CERT_FILE",
            ],
        ),
    ] {
        let out = env.larder(arguments).exits(exit);
        for text in says {
            assert!(out.stderr.contains(text), "{arguments:?}: {}", out.stderr);
        }
    }
}

#[test]
fn a_missing_folder_for_temporary_files_or_home_is_named() {
    let (mut env, _server) = project();
    let nowhere = env.base().join("nowhere");
    env.set("TMPDIR", &nowhere);
    // Downloads are staged in the cache.
    env.larder(["ensure", "web"]).success();
    env.larder(["ensure", "tool", "--source", "managed"])
        .success();
    let to = env.base().join("to");
    let hub = env.path(".larder-hub");
    let elsewhere = env.another("elsewhere");
    let mut command = elsewhere.command([
        "install",
        "tool",
        "--to",
        to.as_str(),
        "--hub",
        hub.as_str(),
    ]);
    command.env("TMPDIR", &nowhere);
    let out = elsewhere.output(command).exits(1);
    for text in [
        "there is no folder for temporary files",
        &format!("make {nowhere}, or name another folder in TMPDIR"),
    ] {
        assert!(out.stderr.contains(text), "{}", out.stderr);
    }
    // The home is only needed for the cache.
    env.unset("HOME")
        .unset("XDG_CACHE_HOME")
        .unset("XDG_CONFIG_HOME");
    env.larder(["ensure", "web", "--reinstall"]).success();
    env.unset("LARDER_CACHE_DIR");
    let out = env.larder(["ensure", "web", "--reinstall"]).exits(2);
    for text in [
        "there is no home folder for the cache",
        "HOME does not name an absolute folder",
        "LARDER_CACHE_DIR",
    ] {
        assert!(out.stderr.contains(text), "{}", out.stderr);
    }
}

/// `LARDER_TEST_STATIC` names a static larder, such as `tests/cross` makes one.
#[cfg(target_os = "linux")]
#[test]
fn a_static_larder_works_in_an_empty_root() {
    let Some(larder) = std::env::var_os("LARDER_TEST_STATIC") else {
        println!("skipped: LARDER_TEST_STATIC names no static larder");
        return;
    };
    let (env, server) = project();
    let root = env.base().join("root");
    crate::env::copy_tree(env.project(), &root.join("project"));
    // The copy leaves releases out.
    env.sh(&format!("cp -r .larder-hub {root}/project/"));
    std::fs::copy(&larder, root.join("larder")).unwrap();
    crate::env::set_mode(&root.join("larder"), 0o755);
    let run = |arguments: &str, variables: &[(&str, &str)]| {
        let mut command = env.program("unshare");
        command.env_clear().envs(variables.iter().copied());
        command.args(["-r", &format!("--root={root}"), "--wd=/project", "/larder"]);
        command.args(arguments.split(' '));
        env.output(command)
    };
    let home = ("HOME", "/home");
    let cache = ("LARDER_CACHE_DIR", "/cache");
    for (arguments, variables, exit, says) in [
        ("--version", &[][..], 0, ""),
        ("check", &[], 0, ""),
        ("status", &[cache], 0, ""),
        (
            "ensure web",
            &[],
            2,
            "there is no home folder for the cache",
        ),
        ("ensure web", &[home], 0, "downloaded"),
        ("ensure web", &[cache], 0, "1 up to date"),
        ("ensure tool --source managed", &[cache], 0, "downloaded"),
        (
            "ensure secure",
            &[cache],
            1,
            "no certificates of authorities could be loaded",
        ),
        ("ensure tool --rebuild", &[cache], 1, "cannot run `sh`"),
        ("verify web", &[cache], 0, ""),
        (
            "install tool --to /to --hub dir:/project/.larder-hub",
            &[cache],
            1,
            "make /tmp, or name another folder in TMPDIR",
        ),
        ("rollback web", &[cache], 1, "has no previous set"),
        ("exec -- web", &[cache], 127, "cannot run `web`"),
        ("clean web", &[cache], 0, "1 cleaned"),
    ] {
        let out = run(arguments, variables);
        assert_eq!(out.code, Some(exit), "{arguments}: {out:?}");
        assert!(out.stderr.contains(says), "{arguments}: {}", out.stderr);
    }
    drop(server);
    // What the machine has decides which platform is its own, not what larder is linked to.
    let (musl, gnu) = if host() == "linux-arm64" {
        ("lib/ld-musl-aarch64.so.1", "lib/ld-linux-aarch64.so.1")
    } else {
        ("lib/ld-musl-x86_64.so.1", "lib64/ld-linux-x86-64.so.2")
    };
    let platforms = format!("platforms: [{0}, {0}-musl]\n", host());
    let versions = root.join("project/versions.yml");
    let text = std::fs::read_to_string(&versions).unwrap();
    std::fs::write(&versions, text + &platforms).unwrap();
    for (loader, wanted) in [
        (None, host()),
        (Some(musl), format!("{}-musl", host())),
        (Some(gnu), host()),
    ] {
        if let Some(loader) = loader {
            std::fs::create_dir_all(root.join(loader).parent().unwrap()).unwrap();
            std::fs::write(root.join(loader), "").unwrap();
        }
        let out = run("status tool --json", &[cache]);
        let document = out.document();
        assert_eq!(document["subsystems"][0]["platform"], wanted, "{loader:?}");
    }
}

/// A subsystem that exists only for musl is static, so it is the host's where glibc is, too.
#[cfg(target_os = "linux")]
#[test]
fn a_program_for_musl_is_that_of_a_machine_with_glibc() {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    let musl = format!("{}-musl", host());
    env.edit(
        "subsystems/tool/recipe.yml",
        "binaries:",
        &format!("platforms: [{musl}]\nbinaries:"),
    );
    env.edit(
        "versions.yml",
        "versions:",
        &format!("platforms: [{0}, {musl}]\nversions:", host()),
    );
    env.script_subsystem("both", "v1.0.0");
    let out = env.larder_json(["ensure", "all"]).success();
    let mut platforms: Vec<_> = out
        .finished("ensure")
        .iter()
        .map(|line| line["platform"].as_str().unwrap_or_default().to_owned())
        .collect();
    platforms.sort();
    assert_eq!(platforms, [host().as_str(), &musl]);
    // It is in `.bin` itself, verified, on PATH, and up to date without being read.
    assert_eq!(env.sh("subsystems/tool/.bin/tool"), "tool v1.0.0\n");
    env.larder(["verify"]).success();
    assert_eq!(
        env.larder(["exec", "--", "tool"]).success().stdout,
        "tool v1.0.0\n"
    );
    let (out, calls) = env.strace("execve,openat", None, ["ensure", "all"]);
    out.success();
    let opened = |name: &str| calls.iter().any(|call| format!("{call:?}").contains(name));
    assert!(!opened(".bin/tool") && !opened("recipe.yml"), "{calls:?}");
    env.larder(["rollback", "tool"]).exits(1);
    env.larder(["clean", "all"]).success();
    assert!(!env.exists("subsystems/tool/.bin"));
}
