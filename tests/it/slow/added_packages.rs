//! `add` for packages of registries, which npm, pip and cargo read: registries on this machine, and a script in place of
//! cargo.

use std::collections::BTreeMap;

use super::launchers::{LAUNCHER, pack, registry};
use crate::env::{TestEnv, host};
use crate::servers::pypi::PypiRepository;

const PROGRAM: &str = "#!/bin/sh\necho tool 1.2.3\n";

/// A machine whose npm has these packages: name, program, optional dependencies.
fn npm(packages: &[(&str, &str, &[&str])]) -> (TestEnv, crate::servers::scripted::Script) {
    let mut env = TestEnv::new();
    let packages: BTreeMap<String, Vec<u8>> = packages
        .iter()
        .map(|(name, text, optional)| (format!("/{name}"), pack(&env, name, text, optional)))
        .collect();
    let server = registry(packages);
    env.set("npm_config_registry", &server.url);
    env.set("no_proxy", "127.0.0.1");
    env.write(
        "versions.yml",
        format!("platforms: [{}]\nversions: {{}}\n", host()),
    );
    (env, server)
}

#[test]
fn the_packages_of_a_launcher_become_those_of_the_platforms() {
    let arch = if host().ends_with("arm64") {
        "arm64"
    } else {
        "x64"
    };
    let [esb, sw] = [
        format!("@esb/linux-{arch}"),
        format!("@sw/core-linux-{arch}-gnu"),
    ];
    let (env, _server) = npm(&[
        (
            "esb",
            LAUNCHER,
            // The registry has no package for Windows, although this one is listed.
            &[&esb, "@esb/darwin-arm64", "@esb/win32-x64"],
        ),
        (&esb, PROGRAM, &[]),
        ("@esb/darwin-arm64", PROGRAM, &[]),
        ("@sw/c", LAUNCHER, &[&sw, "@sw/core-win32-x64-msvc"]),
        (&sw, PROGRAM, &[]),
        ("@sw/core-win32-x64-msvc", PROGRAM, &[]),
    ]);
    let out = env.larder(["add", "esb", "npm:esb"]).success();
    assert!(
        out.stderr.contains("esb 1.2.3, from npm:esb"),
        "{}",
        out.stderr
    );
    let recipe = env.read("subsystems/esb/recipe.yml");
    for words in [
        "binaries: [tool]\n".to_owned(),
        format!("platforms: [{}, darwin-arm64]\n", host()),
        "  npm: \"@esb/{{ os }}-{{ arch }}\"\n".to_owned(),
    ] {
        assert!(recipe.contains(&words), "{words}: {recipe}");
    }
    env.larder(["ensure", "esb"]).success();
    assert_eq!(env.read("subsystems/esb/.bin/tool"), PROGRAM);
    let document = env
        .larder_json(["add", "sw", "npm:@sw/c@1.2.3", "--dry-run"])
        .success()
        .document();
    let recipe = document["recipe"].as_str().unwrap();
    assert!(
        recipe.contains("    windows-amd64: {npm: \"@sw/core-win32-x64-msvc\"}\n"),
        "{recipe}"
    );
    assert_eq!(document["assets"][host()], format!("npm {sw}@1.2.3"));
}

#[test]
fn a_package_of_npm_without_a_program_is_refused() {
    let (env, _server) = npm(&[
        ("shell", PROGRAM, &[]),
        ("script", LAUNCHER, &[]),
        ("half", LAUNCHER, &["half-aix-ppc64", "half-win32-ia32"]),
    ]);
    // A script for the shell runs everywhere but on Windows.
    env.larder(["add", "shell", "npm:shell"]).success();
    let recipe = env.read("subsystems/shell/recipe.yml");
    assert!(
        recipe.contains("  npm: shell\n") && !recipe.contains("windows"),
        "{recipe}"
    );
    env.larder(["ensure", "shell"]).success();
    for (package, code, words) in [
        ("npm:script", 1, "it is written in JavaScript"),
        ("npm:half", 1, "there is none for one of the platforms"),
        ("npm:nothing", 1, "has no package nothing"),
        ("npm:shell@9.9.9", 1, "npm shell@9.9.9 does not exist"),
        ("npm:../x", 2, "is not the name of a package"),
    ] {
        let out = env.larder(["add", "tool", package]).exits(code);
        assert!(out.stderr.contains(words), "{package}: {}", out.stderr);
        assert!(!env.exists("subsystems/tool"), "{package}");
    }
}

#[test]
fn the_program_of_a_wheel_is_found() {
    let repository = PypiRepository::start();
    let mut env = TestEnv::new();
    let url = format!("{}simple/", repository.url());
    env.set("PIP_INDEX_URL", url).set("no_proxy", "127.0.0.1");
    env.write(
        "versions.yml",
        format!("platforms: [{}]\nversions: {{}}\n", host()),
    );
    let arch = if host().ends_with("arm64") {
        "aarch64"
    } else {
        "x86_64"
    };
    let linux = format!("manylinux2014_{arch}");
    for (package, version, tag, program) in [
        ("arc", "1.2.0", linux.as_str(), PROGRAM),
        ("arc", "1.2.0", "macosx_11_0_arm64", PROGRAM),
        ("arc", "1.3.0rc1", linux.as_str(), PROGRAM),
        ("pure", "1.0", "any", "#!python\n"),
        ("module", "1.0", linux.as_str(), "#!python\n"),
    ] {
        let wheel = format!("{package}-{version}-py3-none-{tag}.whl");
        let lines = format!(
            "rm -rf ../wheel && mkdir -p ../wheel && cd ../wheel && d={package}-{version} && mkdir -p $d.data/scripts $d.dist-info {package}
             printf '%s' \"$PROGRAM\" > $d.data/scripts/{package}; chmod +x $d.data/scripts/{package}; echo > {package}/__init__.py
             printf 'Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n' > $d.dist-info/METADATA
             printf 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: false\\nTag: py3-none-{tag}\\n' > $d.dist-info/WHEEL
             touch $d.dist-info/RECORD; zip -qr wheel.zip $d.data $d.dist-info {package}"
        );
        env.sh(&format!("PROGRAM='{program}'\n{lines}"));
        let bytes = std::fs::read(env.path("../wheel/wheel.zip")).expect("a wheel");
        repository.put(&wheel, &bytes);
    }
    let document = env
        .larder_json(["add", "arc", "pypi:arc"])
        .success()
        .document();
    assert_eq!(
        document["version"], "1.2.0",
        "a pre-release is not the newest"
    );
    let recipe = env.read("subsystems/arc/recipe.yml");
    for words in [
        "binaries: [arc]\n".to_owned(),
        format!("platforms: [{}, darwin-arm64]\n", host()),
        "  pypi: arc\n".to_owned(),
    ] {
        assert!(recipe.contains(&words), "{words}: {recipe}");
    }
    env.larder(["ensure", "arc"]).success();
    assert_eq!(env.read("subsystems/arc/.bin/arc"), PROGRAM);
    for (package, words) in [
        ("pypi:pure", "it is written in Python"),
        ("pypi:module", "it contains no program for"),
        ("pypi:nothing", "no wheel of nothing"),
    ] {
        let out = env.larder(["add", "tool", package]).exits(1);
        assert!(out.stderr.contains(words), "{package}: {}", out.stderr);
        assert!(!env.exists("subsystems/tool"), "{package}");
    }
}

#[test]
fn a_crate_is_built() {
    let mut env = TestEnv::new();
    env.write("versions.yml", "versions: {}\n");
    let cargo = "#!/bin/sh\n[ \"$1\" = info ] && printf 'arc-cli\\nversion: 1.4.0\\n'\n";
    env.write_executable("../tools/cargo", cargo);
    let path = format!("{}:/usr/bin:/bin", env.path("../tools"));
    env.set("PATH", path);
    let out = env.larder(["add", "arc", "crate:arc-cli"]).success();
    assert!(
        out.stderr
            .contains("whether the crate's program is called `arc-cli`"),
        "{}",
        out.stderr
    );
    insta::assert_snapshot!(env.read("subsystems/arc/recipe.yml"), @r#"
    binaries: [arc-cli]
    build:
      tools: {cargo: "1"}
      source: {crate: arc-cli}
    # verify: arc-cli --version      # enable this if the command prints the version
    "#);
    assert!(env.read("versions.yml").contains("arc: 1.4.0"));
    env.larder(["check"]).success();
    // A version that is named needs no registry.
    env.remove("../tools/cargo");
    let add = ["add", "other", "crate:arc-cli@1.0.0", "--binary", "arc"];
    let document = env.larder_json(add).success().document();
    assert_eq!(document["version"], "1.0.0");
    assert_eq!(document["binaries"], serde_json::json!(["arc"]));
    assert_eq!(document["seen"], serde_json::Value::Null);
}
