//! `outdated` and `bump`: larder looks up the newest version, changes one value of versions.yml and
//! updates the lock.

use serde_json::{Value, json};

use crate::env::{Output, TestEnv, host};
use crate::servers::files::{Fault, FileServer};

/// A machine for which github.com is a folder with the repository `o/tool`; each of these tags is a
/// release with a script.
fn published(tags: &[&str]) -> (TestEnv, FileServer) {
    let mut env = TestEnv::new();
    env.sh("mkdir -p ../github.com/o && git init -q --bare ../github.com/o/tool && git init -q ../work && cd ../work && \
            git commit -q --allow-empty -m one");
    for tag in tags {
        release(&env, tag, &[&host(), "darwin-arm64"]);
    }
    let server = FileServer::start(&env.base().join("github.com"));
    env.set("LARDER_UPSTREAM_GITHUB", server.url());
    (env, server)
}

fn release(env: &TestEnv, tag: &str, platforms: &[&str]) {
    env.sh(&format!(
        "cd ../work && git tag -f {tag} 2>/dev/null && git push -q ../github.com/o/tool {tag} && cd ../github.com/o/tool && \
         git update-server-info"
    ));
    for platform in platforms {
        env.sh(&format!(
            "d=../github.com/o/tool/releases/download/{tag} && mkdir -p $d && t=$(mktemp -d) && \
             printf '#!/bin/sh\\necho tool {tag}\\n' > $t/tool && chmod +x $t/tool && tar czf $d/tool-{platform}.tar.gz -C $t tool"
        ));
    }
}

const RECIPE: &str =
    "binaries: [tool]\nupstream:\n  github: o/tool\n  asset: \"tool-{{ platform }}.tar.gz\"\n";

fn project(env: &TestEnv, versions: &str) {
    env.recipe("tool", RECIPE);
    env.write("versions.yml", versions);
}

fn bumped(out: &Output) -> Value {
    let lines = out.finished("bump");
    assert_eq!(lines.len(), 1, "{}", out.stdout);
    json!([lines[0]["subject"], lines[0]["outcome"], lines[0]["reason"]])
}

#[test]
fn bump_pins_and_locks_the_newest_version_and_changes_no_other_byte() {
    let (env, server) = published(&[
        "v1.9.0",
        "v1.10.0",
        "v1.11.0-rc.1",
        "nightly",
        "1.99.0",
        "lib/v3.0.0",
    ]);
    let text = format!(
        "# tool: v1.9.0\r\nplatforms:   [{}, darwin-arm64]\r\nversions:\r\n    # pinned: 'v1.9.0'\r\n    'tool' :   \"v1.9.0\"   # since spring\r\n    \r\n",
        host()
    );
    project(&env, &text);
    server.take();
    let out = env.larder(["outdated"]).success();
    let words: Vec<&str> = out.stdout.split_whitespace().collect();
    let asked = format!("{}/o/tool", server.url());
    assert_eq!(
        words,
        [
            "name", "current", "newest", "asked", "note", "tool", "v1.9.0", "v1.10.0", &asked,
            "outdated"
        ]
    );
    assert!(
        server
            .take()
            .iter()
            .all(|request| request.contains("/o/tool/")),
        "no API"
    );
    let document = env
        .larder(["outdated", "--json", "--pre"])
        .success()
        .document();
    assert_eq!(document["outdated"], 1);
    assert_eq!(document["subsystems"][0]["newest"], "v1.11.0-rc.1");
    assert_eq!(document["subsystems"][0]["state"], "outdated");

    let dry = env.larder_json(["bump", "tool", "--dry-run"]).success();
    assert_eq!(
        bumped(&dry),
        json!(["tool", "skipped", "would change from v1.9.0 to v1.10.0"])
    );
    assert_eq!(
        (env.read("versions.yml"), env.exists("versions.lock")),
        (text.clone(), false)
    );

    crate::env::set_mode(&env.path("versions.yml"), 0o664);
    let out = env.larder_json(["bump", "tool"]).success();
    assert_eq!(bumped(&out), json!(["tool", "bumped", "v1.9.0 to v1.10.0"]));
    assert_eq!(
        out.finished("lock").len(),
        2,
        "a line for each platform: {}",
        out.stdout
    );
    assert_eq!(
        env.read("versions.yml"),
        text.replace("\"v1.9.0\"", "\"v1.10.0\"")
    );
    assert!(crate::env::has_mode(&env.path("versions.yml"), 0o664));
    let lock = env.read("versions.lock");
    assert_eq!(
        lock.lines()
            .filter(|line| line.starts_with("tool v1.10.0 "))
            .count(),
        2,
        "{lock}"
    );
    // The locked files are not downloaded again.
    server.take();
    env.larder(["ensure", "all", "--locked"]).success();
    assert_eq!(server.take(), Vec::<String>::new());

    let again = env.larder_json(["bump", "tool"]).success();
    assert_eq!(bumped(&again)[1], "up-to-date");
    assert_eq!(
        env.larder(["outdated", "--json"]).success().document()["subsystems"][0]["state"],
        "newest"
    );
}

#[test]
fn a_version_that_is_not_published_is_not_pinned() {
    let (env, _server) = published(&["v1.0.0"]);
    let text = format!(
        "platforms: [{}, darwin-arm64]\nversions: {{tool: v1.0.0}}",
        host()
    );
    project(&env, &text);
    let out = env.larder(["bump", "tool", "v9.9.9"]).exits(1);
    assert!(
        out.stderr.contains("tool stays at v1.0.0") && out.stderr.contains("does not exist"),
        "{}",
        out.stderr
    );
    assert!(
        out.stderr.contains("tool v9.9.9 is not released for ")
            && out.stderr.contains("\n2 failed in ")
            && !out.stderr.contains("no original to lock"),
        "one failure for each of the two platforms:\n{}",
        out.stderr
    );
    assert_eq!(
        (env.read("versions.yml"), env.exists("versions.lock")),
        (text.clone(), false)
    );
    // An incomplete release is not used: nothing of it is locked either.
    release(&env, "v2.0.0", &[&host()]);
    let out = env.larder_json(["bump", "all"]).exits(1);
    assert_eq!(bumped(&out)[1], "failed");
    let locked: Vec<Value> = out
        .finished("lock")
        .into_iter()
        .map(|line| line["outcome"].clone())
        .collect();
    assert!(
        locked.contains(&json!("skipped")) && locked.contains(&json!("failed")),
        "{locked:?}"
    );
    assert_eq!(
        (env.read("versions.yml"), env.exists("versions.lock")),
        (text.clone(), false)
    );

    env.larder(["bump", "tool", "v9.9.9", "--no-lock"])
        .success();
    assert_eq!(
        (env.read("versions.yml"), env.exists("versions.lock")),
        (text.replace("v1.0.0", "v9.9.9"), false)
    );
    // An explicit version may be older than the pinned one.
    env.larder(["bump", "tool", "v1.0.0"]).success();
    assert_eq!(env.read("versions.yml"), text);
    assert_eq!(
        env.larder_json(["bump", "tool", "v1.0.0"])
            .success()
            .finished("bump")[0]["outcome"],
        "up-to-date"
    );
}

#[test]
fn a_wrong_bump_command_line_changes_nothing() {
    let (env, _server) = published(&["v1.0.0", "v2.0.0"]);
    let text = "versions:\n  tool: &v v1.0.0\n  twin: *v\n";
    project(&env, text);
    env.recipe("twin", &RECIPE.replace("[tool]", "[twin]"));
    for (args, code, words) in [
        (&["bump", "tol"][..], 2, "did you mean `tool`"),
        (
            &["bump", "tool", "v2.0.0"],
            2,
            "change it by hand: `tool: v2.0.0`",
        ),
        (&["bump", "twin", "v2.0.0"], 2, "versions.yml:3:3"),
        (&["bump", "tool"], 2, "can't have version v2.0.0"),
        (&["bump", "tool", "../x"], 2, "version"),
        (&["bump", "all", "v2.0.0"], 2, "does not take a version"),
        (&["outdated", "tol"], 2, "did you mean `tool`"),
        (&["bump", "tool", "--offline"], 5, "--offline"),
        (&["outdated", "--offline"], 5, "--offline"),
    ] {
        let out = env.larder(args).exits(code);
        assert!(out.stderr.contains(words), "{args:?}: {}", out.stderr);
    }
    assert_eq!(env.read("versions.yml"), text);
}

#[test]
fn new_versions_are_looked_up_at_each_kind_of_upstream() {
    let (mut env, server) = published(&["v1.0.0", "v1.1.0"]);
    env.sh(
        "git init -q --bare ../lib.git && cd ../work && git tag rel_2_9_0 && git tag rel_2_10_0 && git tag rel_2_11_0_rc1 && \
         git push -q ../lib.git --tags",
    );
    let build = |name: &str, source: &str| {
        format!("binaries: [{name}]\nbuild:\n  source: {source}\n  commands: [\"true\"]\n")
    };
    let lib = format!(
        "{{git: \"file://{}/lib.git\", rev: \"rel_{{{{ version_number | replace('.', '_') }}}}\"}}",
        env.base()
    );
    project(
        &env,
        "versions: {tool: v1.0.0, lib: 2.9.0, own: v1, web: '1.0', head: main, js: v1.0.0, py: \"2.0\", rust: 0.1.0-rc.1, moved: v1.0.0}\n",
    );
    env.recipe("lib", &build("lib", &lib));
    env.recipe("own", &build("own", "{dir: .}"));
    env.recipe("head", &build("head", &lib.replace("rel_", "")));
    env.recipe(
        "web",
        "binaries: [web]\nupstream: {url: \"https://dl.example/{{ version }}/web.tar.gz\"}\n",
    );
    env.recipe(
        "js",
        "binaries: [js]\nupstream: {npm: \"@s/js-{{ os }}\"}\n",
    );
    env.recipe("py", "binaries: [py]\nupstream: {pypi: py}\n");
    env.recipe("rust", "binaries: [rust]\nbuild: {source: {crate: rust}}\n");
    env.recipe(
        "moved",
        &RECIPE
            .replace("[tool]", "[moved]")
            .replace("o/tool", "o/gone"),
    );
    // Stand-ins for the registries' clients with their real output formats.
    env.write_executable(
        "../bin/npm",
        "#!/bin/sh\n[ \"$*\" = 'view --json --loglevel=error -- @s/js-linux dist-tags versions' ] || exit 1\n\
         echo '{\"dist-tags\": {\"latest\": \"1.2.0\", \"next\": \"2.0.0\"}, \"versions\": [\"1.0.0\", \"1.2.0\", \"2.0.0\"]}'\n",
    );
    env.write_executable(
        "../bin/pip3",
        "#!/bin/sh\necho 'py (2.1)'; echo 'Available versions: 2.1.1rc1, 2.1, 2.0'\n",
    );
    env.write_executable(
        "../bin/cargo",
        "#!/bin/sh\necho 'rust #x'; echo 'version: 0.1.0-rc.2 (latest 0.1.0)'\n",
    );
    let path = format!(
        "{}/bin:{}",
        env.base(),
        std::env::var("PATH").unwrap_or_default()
    );
    env.set("PATH", path);

    let out = env.larder(["outdated", "--json"]).exits(1);
    let document = out.document();
    let rows: Vec<String> = document["subsystems"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            ["name", "current", "newest", "state", "asked", "note"]
                .map(|key| entry[key].as_str().unwrap_or("-").to_owned())
                .join(" | ")
        })
        .collect();
    let rows = rows
        .join("\n")
        .replace(server.url(), "[SERVER]")
        .replace(env.base().as_str(), "[BASE]");
    insta::assert_snapshot!(rows, @r"
    head | main | - | unknown | - | `main` has no number to compare
    js | v1.0.0 | v1.2.0 | outdated | npm @s/js-linux | -
    lib | 2.9.0 | 2.10.0 | outdated | file://[BASE]/lib.git | -
    moved | v1.0.0 | - | unavailable | - | git could not read the tags of [SERVER]/o/gone: fatal: repository '[SERVER]/o/gone/' not found
    own | v1 | - | unknown | - | its source is a folder
    py | 2.0 | 2.1 | outdated | pypi py | -
    rust | 0.1.0-rc.1 | 0.1.0 | outdated | crate rust | -
    tool | v1.0.0 | v1.1.0 | outdated | [SERVER]/o/tool | -
    web | 1.0 | - | unknown | - | a url announces no versions
    ");
    assert_eq!(document["outdated"], 5);
    // A registry that is down does not prevent the lines of the others.
    server.fault(
        "/o/tool/info/refs?service=git-upload-pack",
        Fault::Status(503, String::new()),
    );
    let out = env.larder(["outdated", "tool", "lib"]).exits(5);
    assert!(out.stdout.contains("2.10.0"), "{}", out.stdout);
    assert!(out.stdout.contains("unavailable"), "{}", out.stdout);
    server.heal();
    // All outdated subsystems are bumped; an unknown newest version is reported and is no failure.
    let out = env.larder_json(["bump", "all", "--no-lock"]).exits(1);
    let outcomes: Vec<String> = out
        .finished("bump")
        .iter()
        .map(|line| {
            format!(
                "{}={}",
                line["subject"].as_str().unwrap_or_default(),
                line["outcome"].as_str().unwrap_or_default()
            )
        })
        .collect();
    assert_eq!(
        outcomes.join(" "),
        "head=skipped moved=failed own=skipped web=skipped js=bumped lib=bumped py=bumped rust=bumped tool=bumped"
    );
    assert_eq!(
        env.read("versions.yml"),
        "versions: {tool: v1.1.0, lib: 2.10.0, own: v1, web: '1.0', head: main, js: v1.2.0, py: \"2.1\", rust: 0.1.0, moved: v1.0.0}\n"
    );
}

/// Uses the package registries that are configured on this machine.
#[test]
fn real_registries_list_versions() {
    let env = TestEnv::new().with_toolchain();
    env.write(
        "versions.yml",
        "versions: {js: 1.0.0, py: 1.0.0, rust: 0.1.0}\n",
    );
    env.recipe("js", "binaries: [js]\nupstream: {npm: is-number}\n");
    env.recipe("py", "binaries: [py]\nupstream: {pypi: iniconfig}\n");
    env.recipe("rust", "binaries: [rust]\nbuild: {source: {crate: itoa}}\n");
    let document = env.larder(["outdated", "--json"]).success().document();
    for entry in document["subsystems"].as_array().expect("a list") {
        assert_eq!(entry["state"], "outdated", "{entry}");
    }
}
