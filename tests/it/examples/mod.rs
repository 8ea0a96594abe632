//! Each folder of `examples/`, run as its README describes, as far as possible without the
//! internet.

mod containers;
mod published_names;
mod publisher;
mod remote;

use std::process::Stdio;

use larder_core::executable;

use crate::env::{TestEnv, host};

/// A machine whose project is a copy of an example.
fn example(name: &str) -> TestEnv {
    let env = TestEnv::new();
    env.copy_from_repo(&format!("examples/{name}"), "");
    env
}

/// Runs an installed binary with all installed binaries on PATH and returns its output.
fn run(env: &TestEnv, name: &str, args: &[&str]) -> String {
    let line = r#"for dir in subsystems/*/.bin; do PATH=$PWD/$dir:$PATH; done; exec "$@""#;
    env.run("sh", [&["-c", line, "sh", name], args].concat())
}

const SIX: [&str; 6] = [
    "darwin-amd64",
    "darwin-arm64",
    "linux-amd64",
    "linux-arm64",
    "windows-amd64",
    "windows-arm64",
];

#[test]
fn the_minimal_example_works() {
    let env = example("minimal");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=built"]
    );
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=up-to-date"]
    );
    assert_eq!(run(&env, "hello", &[]), "hello v1.0.0\n");
    env.edit(
        "subsystems/hello/recipe.yml",
        "binaries: [hello]",
        "binaries: [hello]   # a comment",
    );
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=up-to-date"]
    );
    env.edit("subsystems/hello/hello.sh", "hello @", "hi @");
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["hello=built"]
    );
    assert_eq!(run(&env, "hello", &[]), "hi v1.0.0\n");
}

#[test]
fn the_needs_and_tools_example_works() {
    let env = example("needs-and-tools");
    let first = env.larder_json(["ensure", "report"]).success();
    assert_eq!(
        (first.outcome("report"), first.outcome("style")),
        ("built".into(), "built".into())
    );
    assert_eq!(run(&env, "report", &[]), "[ report v2.1.0 ]\n");
    assert!(
        env.exists("subsystems/template/.bin/template"),
        "a build needs its generator"
    );
    env.sh("rm -rf subsystems/*/.bin");
    assert_eq!(
        env.larder_json(["ensure", "report"]).success().outcomes(),
        ["report=restored", "style=restored"]
    );
    assert!(
        !env.exists("subsystems/template/.bin/template"),
        "nothing was built, so nothing that builds is wanted"
    );
    // The version of a build need is part of the key.
    env.edit("versions.yml", "template: v1.0.0", "template: v1.0.1");
    assert_eq!(
        env.larder_json(["ensure", "report"])
            .success()
            .outcome("report"),
        "built"
    );
}

#[test]
fn a_git_source_is_built_and_a_moved_tag_is_refused() {
    let env = example("git-source");
    let upstream = env.base().join("upstream");
    env.edit(
        "subsystems/greeter/recipe.yml",
        "file:///tmp/larder-example",
        &format!("file://{upstream}"),
    );
    env.run("sh", ["make-upstream.sh", upstream.as_str()]);
    assert_eq!(
        env.larder_json(["ensure", "all"]).success().outcomes(),
        ["greeter=built"]
    );
    assert_eq!(
        run(&env, "greeter", &["you"]),
        "greeter v1.2.0 says hello to you\n"
    );
    let commit = env.sh(&format!(
        "git -C '{upstream}/greeter' rev-parse v1.2.0^{{commit}}"
    ));
    assert!(
        env.read("versions.lock").contains(commit.trim()),
        "the commit is locked"
    );
    assert!(
        env.read("subsystems/greeter/.bin/.version")
            .contains(commit.trim()),
        "and stamped"
    );
    // The tag moves: this is refused and nothing is built.
    env.sh(&format!("cd '{upstream}/greeter' && echo '# more' >> greeter.sh && git commit -qam more && git tag -f v1.2.0"));
    env.sh("rm -rf subsystems/*/.bin");
    env.drop_cache();
    env.larder(["ensure", "all"]).exits(4);
}

#[test]
fn the_packaging_example_works() {
    let env = example("packaging");
    env.larder(["ensure", "all", "--platform", "all"]).success();
    env.larder(["package", "all", "--platform", "all"])
        .success();
    for platform in SIX {
        let alpha = if platform.starts_with("windows") {
            "zip"
        } else {
            "tar.gz"
        };
        for asset in [
            format!("alpha-{platform}.{alpha}"),
            format!("beta-{platform}.tar.zst"),
            format!("gamma-tools-{platform}.zip"),
        ] {
            assert!(env.exists(&format!(".dist/{asset}")), "{asset} is missing");
            assert!(
                env.exists(&format!(".dist/{asset}.json")),
                "{asset}.json is missing"
            );
        }
    }
    // Other programs can read the archives and list the expected files.
    let list = |line: &str| {
        let mut names: Vec<_> = env.sh(line).lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(
        list("tar tf .dist/alpha-linux-amd64.tar.gz"),
        [".version", "LICENSE", "alpha"]
    );
    assert_eq!(
        list("zstd -dc .dist/beta-linux-amd64.tar.zst | tar tf -"),
        [".version", "beta"]
    );
    assert_eq!(
        list("unzip -Z1 .dist/gamma-tools-windows-amd64.zip"),
        [".version", "README.txt", "gamma.exe"]
    );
}

#[test]
fn packages_are_identical_on_another_machine() {
    let pack = |env: &TestEnv, prelude: &str| {
        let mut command = env.program("sh");
        let larder = crate::env::LARDER;
        command.args([
            "-ec",
            &format!("{prelude}; {larder} ensure all && {larder} package all && cd .dist && sha256sum *.gz *.zst *.zip"),
        ]);
        env.output(command).success().stdout
    };
    let one = example("packaging");
    let mut two = one.another("a-machine-with-a-longer-name");
    two.copy_from_repo("examples/packaging", "");
    two.set("TZ", "Asia/Tokyo")
        .set("LANG", "de_DE.UTF-8")
        .set("USER", "someone-else");
    assert_eq!(pack(&one, "umask 022"), pack(&two, "umask 077"));
}

#[test]
fn the_tasks_and_ci_example_works() {
    let env = example("tasks-and-ci");
    env.larder(["run", "greet"]).success();
    assert_eq!(env.read("greeting.txt"), "hello v1.0.0\n");
    env.remove("greeting.txt");
    env.larder(["run", "report"]).success();
    assert_eq!(env.read("report.txt").trim(), "2");
    env.larder(["run", "report"]).success();
    let ci = env.larder(["ci"]).success();
    assert!(
        env.exists(&format!(".dist/hello-{}.tar.gz", host())),
        "{}",
        ci.stderr
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_services_example_works() {
    let env = example("services");
    // Another test could use the port of the example.
    let port = crate::servers::ports::free_port().to_string();
    env.write(
        "versions.yml",
        env.read("versions.yml").replace("8421", &port),
    );
    let greeting = "hello from greeter v1.0.0\n";
    assert_eq!(env.larder(["run", "test"]).success().stdout, greeting);
    env.larder(["up"]).success();
    let out = env.larder(["run", "test"]).success();
    assert!(out.stderr.contains("it runs already"), "{}", out.stderr);
    assert_eq!(out.stdout, greeting);
    env.larder(["logs"]).success();
    let out = env.larder(["down"]).success();
    let place = |name: &str| out.stderr.find(name).expect(name);
    assert!(
        place("service watcher") < place("service greeter"),
        "{}",
        out.stderr
    );
}

#[test]
fn the_http_hub_example_works() {
    let env = example("http-hub");
    env.larder(["-C", "publisher", "ensure", "all"]).success();
    env.larder(["-C", "publisher", "release", "all"]).success();
    let server = crate::servers::files::FileServer::start(&env.path("site"));
    env.edit(
        "consumer/versions.yml",
        "http://127.0.0.1:8765",
        server.url(),
    );
    // Simulates another machine: the cache is empty.
    env.drop_cache();
    let out = env
        .larder_json(["-C", "consumer", "ensure", "all"])
        .success();
    assert_eq!(out.outcomes(), ["hello=downloaded"]);
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.method == "GET")
    );
    assert_eq!(
        env.run(
            env.path("consumer/subsystems/hello/.bin/hello").as_str(),
            [""; 0]
        ),
        "hello v1.0.0\n"
    );
}

/// Everything that is checked without touching the network: files, templates for every platform, names, needs.
#[test]
fn every_example_passes_check() {
    for name in [
        "minimal",
        "needs-and-tools",
        "git-source",
        "packaging",
        "tasks-and-ci",
        "services",
        "containers",
        "registries",
        "plat-telemetry",
        "collection",
    ] {
        let env = TestEnv::new();
        env.copy_from_repo(&format!("examples/{name}"), "repo/examples/it");
        env.copy_from_repo("subsystems", "repo/subsystems");
        env.larder(["-C", "repo/examples/it", "check"]).success();
    }
}

/// Uses the real registries: npm and pip fetch the packages of six platforms.
#[test]
#[ignore = "reaches the package registries; CI runs it"]
fn the_registry_binaries_example_works_with_real_registries() {
    let env = example("registries");
    let env = TestEnv::with_network_settings(env);
    env.larder(["ci"]).success();
    let lock = env.read("versions.lock");
    for platform in SIX {
        let exe = if platform.starts_with("windows") {
            ".exe"
        } else {
            ""
        };
        for (name, version) in [("esbuild", "0.25.0"), ("gh", "v2.102.0"), ("ruff", "0.9.6")] {
            let line = lock.lines().find(|line| {
                line.starts_with(&format!("{name} ")) && line.contains(&format!(" {platform} "))
            });
            assert!(
                line.is_some(),
                "{name} on {platform} is not locked:\n{lock}"
            );
            let path = format!(".collection/binaries/{name}/{version}/{platform}/{name}{exe}");
            let found =
                executable::check_platform(env.path(&path), &platform.parse().expect("a platform"));
            assert!(
                matches!(found, Ok(executable::Executable::Native(_))),
                "{path}: {found:?}"
            );
        }
    }
    let outcomes =
        |outcome: &str| ["esbuild", "gh", "ruff"].map(|name| format!("{name}={outcome}"));
    // The same again without the network.
    env.sh("rm -rf subsystems/*/.bin");
    assert_eq!(
        env.larder_json(["ensure", "all", "--locked", "--offline"])
            .success()
            .outcomes(),
        outcomes("restored")
    );
    // A second checkout with an empty cache: first from the hub, then from the registries, with the
    // lock unchanged.
    let second = env.another("second").with_network_settings();
    second.copy_from_repo("examples/registries", "");
    second.write("versions.lock", &lock);
    let text = second.read("versions.yml");
    second.write(
        "versions.yml",
        format!("{text}hub: {{dir: {}}}\n", env.path(".larder-hub")),
    );
    assert_eq!(
        second
            .larder_json(["ensure", "all", "--locked", "--offline"])
            .success()
            .outcomes(),
        outcomes("downloaded")
    );
    second.write("versions.yml", text);
    second.drop_cache();
    second.sh("rm -rf subsystems/*/.bin");
    assert_eq!(
        second
            .larder_json(["ensure", "all", "--locked"])
            .success()
            .outcomes(),
        outcomes("downloaded")
    );
    assert_eq!(
        (env.read("versions.lock"), second.read("versions.lock")),
        (lock.clone(), lock.clone()),
        "nothing was added"
    );
    // A digest that differs from the package's.
    let digest = lock.lines().find(|line| {
        line.starts_with("esbuild ") && line.contains(&format!(" {} original upstream ", host()))
    });
    let digest = digest
        .and_then(|line| line.split(' ').nth(7))
        .expect("a digest");
    second.write("versions.lock", lock.replace(digest, &"0".repeat(64)));
    second.drop_cache();
    second.sh("rm -rf subsystems/*/.bin");
    let out = second.larder(["ensure", "esbuild"]).exits(4);
    assert!(
        out.stderr.contains(digest) && out.stderr.contains("versions.lock says"),
        "{}",
        out.stderr
    );
}

/// This repository's own two subsystems, built twice in different places, and used together.
#[test]
fn this_repositorys_own_subsystems_are_built_and_shared() {
    let env = TestEnv::new().with_toolchain();
    env.copy_from_repo("subsystems/arc", "subsystems/arc");
    env.copy_from_repo("subsystems/sync", "subsystems/sync");
    env.versions(
        &[("arc", "v0.1.0"), ("sync", "v0.1.0")],
        "upload: always\nhub: {dir: .larder-hub}\n",
    );
    assert_eq!(
        env.larder_json(["ensure", "sync"]).success().outcomes(),
        ["arc=built", "sync=built"]
    );
    env.write("data/in/file.txt", "content");
    run(
        &env,
        "sync",
        &["data/in", "data/out", "--archive", "data/out.tar"],
    );
    let list = run(&env, "arc", &["list", "data/out.tar"]);
    assert!(
        list.contains("file.txt") && list.contains("SHA256SUMS"),
        "{list}"
    );
    // A second checkout that points at the same hub downloads.
    let second = env.another("second-checkout");
    second.copy_from_repo("subsystems/arc", "subsystems/arc");
    second.copy_from_repo("subsystems/sync", "subsystems/sync");
    second.versions(
        &[("arc", "v0.1.0"), ("sync", "v0.1.0")],
        &format!("hub: {{dir: {}}}\n", env.path(".larder-hub")),
    );
    assert_eq!(
        second.larder_json(["ensure", "all"]).success().outcomes(),
        ["arc=downloaded", "sync=downloaded"]
    );
}

#[test]
fn the_http_hub_example_works_with_any_static_server() {
    let env = example("http-hub");
    env.larder(["-C", "publisher", "ensure", "all"]).success();
    env.larder(["-C", "publisher", "release", "all"]).success();
    env.drop_cache();
    let mut command = env.program("python3");
    command.args([
        "-u",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "--directory",
        "site",
        "0",
    ]);
    let mut server = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(server.stdout.take().expect("stdout")),
        &mut line,
    )
    .expect("a line");
    let url = line
        .split(['(', ')'])
        .nth(1)
        .expect("its url")
        .trim_end_matches('/')
        .to_owned();
    env.edit("consumer/versions.yml", "http://127.0.0.1:8765", &url);
    let out = env.larder_json(["-C", "consumer", "ensure", "all"]);
    server.kill().expect("kill");
    server.wait().expect("wait");
    assert_eq!(out.success().outcomes(), ["hello=downloaded"]);
}
