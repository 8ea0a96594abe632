//! Packages of npm whose program is in a package of their own for each platform, made by `npm pack`
//! and served by a registry on this machine.

use std::collections::BTreeMap;

use crate::env::TestEnv;
use crate::servers::scripted::{Reply, Script};

/// A registry with these packages: path of the name → tarball.
pub(super) fn registry(packages: BTreeMap<String, Vec<u8>>) -> Script {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    Script::on(listener, move |request, _| {
        let path = request.path.replace("%2f", "/").replace("%2F", "/");
        if let Some(name) = path.strip_prefix("/-tarball") {
            return packages
                .get(name)
                .map_or_else(|| Reply::status(404), |bytes| Reply::ok(bytes.clone()));
        }
        if !packages.contains_key(&path) {
            let reply = Reply::status(404).header("content-type", "application/json");
            return reply.body("{}");
        }
        let name = &path[1..];
        let version = serde_json::json!({
            "name": name, "version": "1.2.3",
            "dist": {"tarball": format!("{base}/-tarball{path}")}
        });
        let answer = serde_json::json!({
            "name": name, "dist-tags": {"latest": "1.2.3"}, "versions": {"1.2.3": version}
        });
        Reply::ok(answer.to_string()).header("content-type", "application/json")
    })
}

/// Packs a package with `npm pack`. It has a program and optional dependencies.
pub(super) fn pack(env: &TestEnv, name: &str, program: &str, optional: &[&str]) -> Vec<u8> {
    let folder = format!("../packages/{}", name.replace(['@', '/'], "-"));
    let optional: BTreeMap<&str, &str> = optional.iter().map(|name| (*name, "1.2.3")).collect();
    let manifest = serde_json::json!({
        "name": name, "version": "1.2.3", "bin": {"tool": "bin/tool"},
        "optionalDependencies": optional
    });
    env.write(&format!("{folder}/package.json"), manifest.to_string());
    env.write_executable(&format!("{folder}/bin/tool"), program);
    env.sh(&format!(
        "cd '{folder}' && npm pack --offline --silent > /dev/null && mv *.tgz packed"
    ));
    std::fs::read(env.path(format!("{folder}/packed"))).expect("npm packed it")
}

pub(super) const LAUNCHER: &str = "#!/usr/bin/env node\nrequire('child_process')\n";

#[test]
fn a_launcher_is_refused_with_the_package_that_has_the_program() {
    let mut env = TestEnv::new();
    let all = ["linux-amd64", "darwin-arm64", "windows-amd64"];
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "esb",
            &[
                "@esb/linux-x64",
                "@esb/darwin-arm64",
                "@esb/win32-x64",
                "@esb/aix-ppc64",
            ],
            &[
                "for linux-amd64 that is @esb/linux-x64",
                "`upstream: {npm: \"@esb/{{ os }}-{{ arch }}\", replacements: {amd64: x64, windows: win32}}`",
            ],
        ),
        (
            "@bio/me",
            &[
                "@bio/cli-linux-x64",
                "@bio/cli-linux-x64-musl",
                "@bio/cli-darwin-arm64",
                "@bio/cli-win32-x64",
            ],
            &[
                "{npm: \"@bio/cli-{{ os }}-{{ arch }}\", replacements: {amd64: x64, windows: win32}}",
            ],
        ),
        (
            "trb",
            &["trb-linux-64", "trb-darwin-arm64", "trb-windows-64"],
            &["{npm: \"trb-{{ os }}-{{ arch }}\", replacements: {amd64: 64}}"],
        ),
        (
            "@sw/c",
            &[
                "@sw/core-linux-x64-gnu",
                "@sw/core-darwin-arm64",
                "@sw/core-win32-x64-msvc",
            ],
            &[
                "{npm: \"@sw/core-{{ os }}-{{ arch }}-gnu\", replacements: {amd64: x64}}",
                "for darwin-arm64 add `overrides: {darwin-arm64: {npm: \"@sw/core-darwin-arm64\"}}`",
                "for windows-amd64 add `overrides: {windows-amd64: {npm: \"@sw/core-win32-x64-msvc\"}}`",
            ],
        ),
        (
            "half",
            &["half-darwin-arm64", "half-win32-x64"],
            &[
                "for linux-amd64 there is none",
                "it has half-darwin-arm64, half-win32-x64",
            ],
        ),
    ];
    let mut packages = BTreeMap::new();
    for (name, optional, _) in cases {
        let bytes = pack(&env, name, LAUNCHER, optional);
        packages.insert(format!("/{name}"), bytes);
    }
    // These three are programs: by what they are, for want of packages, and as the recipe says.
    let program = "#!/bin/sh\necho tool 1.2.3\n";
    for (name, text, optional) in [
        ("@esb/linux-x64", program, &[][..]),
        ("shell", program, &["shell-linux-x64"]),
        ("script", LAUNCHER, &["fsevents"]),
    ] {
        packages.insert(format!("/{name}"), pack(&env, name, text, optional));
    }
    let server = registry(packages);
    env.set("npm_config_registry", &server.url);
    env.set("no_proxy", "127.0.0.1");
    let platforms = format!("platforms: [{}]\n", all.join(", "));
    let more = ["--platform", "linux-amd64"];
    for (package, _, texts) in cases {
        env.recipe(
            "tool",
            &format!("binaries: [tool]\nupstream: {{npm: \"{package}\"}}\n"),
        );
        env.versions(&[("tool", "1.2.3")], &platforms);
        let out = env
            .larder(["ensure", "tool"].into_iter().chain(more))
            .exits(1);
        for text in [
            &format!("npm:{package}@1.2.3 has only a launcher")[..],
            "its `tool` is a script for Node.js",
        ]
        .iter()
        .chain(*texts)
        {
            assert!(
                out.stderr.contains(text),
                "{package}: {text}\n{}",
                out.stderr
            );
        }
        assert!(!env.exists("subsystems/tool/.bin/tool"));
    }
    // A recipe that wants the description itself.
    env.recipe(
        "tool",
        "binaries: [tool]\nupstream: {npm: esb}\npackage: {include: [package.json]}\n",
    );
    let out = env
        .larder(["ensure", "tool"].into_iter().chain(more))
        .exits(1);
    assert!(out.stderr.contains("has only a launcher"), "{}", out.stderr);
    for (recipe, files) in [
        ("package: {include: [package.json]}", "package.json"),
        ("package: {include: [LICENSE.json]}", "LICENSE.json"),
    ] {
        let extract = "extract: {\"*/bin/tool\": \"tool{{ exe }}\", \"*/*.json\": LICENSE.json}";
        let extract = if files == "package.json" { "" } else { extract };
        env.recipe(
            "tool",
            &format!(
                "binaries: [tool]\nupstream: {{npm: \"@esb/linux-x64\", {extract}}}\n{recipe}\n"
            ),
        );
        env.larder(["ensure", "tool"].into_iter().chain(more))
            .success();
        let found = env.sh("find subsystems -name '*.json' -type f");
        assert!(
            found.contains(files) && found.lines().count() == 1,
            "{found}"
        );
        env.sh("rm -rf subsystems/tool/.bin");
    }
    for recipe in [
        "upstream: {npm: \"@esb/{{ os }}-{{ arch }}\", replacements: {amd64: x64, windows: win32}}",
        "upstream: {npm: shell}",
        "upstream: {npm: script}",
        "any: true\nupstream: {npm: esb}",
    ] {
        env.recipe("tool", &format!("binaries: [tool]\n{recipe}\n"));
        env.larder(["ensure", "tool"].into_iter().chain(more))
            .success();
        assert_eq!(env.sh("find subsystems -name '*package.json'"), "");
    }
}
