//! Which binaries a publisher's file gives: several names for one file, others on some platforms, and
//! other files for some versions.

use crate::env::{TestEnv, host};
use crate::originals::extract::published;
use crate::servers::files::FileServer;

const SCRIPT: &str =
    "mkdir b && printf '#!/bin/sh\necho bun\n' > b/bun && chmod 755 b/bun && tar czf $out .";

#[test]
fn one_file_has_several_names() {
    let (env, _server) = published("tool.tar.gz", SCRIPT);
    for extract in ["", "  extract: {'*/bun': bun}\n"] {
        let recipe = env.read("subsystems/tool/recipe.yml");
        let names = "binaries: [{name: bunx, link: bun}, bun, {name: b, link: bun}]";
        let recipe = recipe.replace("binaries: [tool]", names) + extract;
        env.write("subsystems/tool/recipe.yml", recipe);
        env.larder(["ensure", "all"]).success();
        for name in ["bun", "bunx", "b"] {
            let file = env.path(format!("subsystems/tool/.bin/{name}"));
            assert_eq!(env.run(file.as_str(), [""; 0]), "bun\n");
        }
        let stamp = env.read("subsystems/tool/.bin/.version");
        let at = |name: &str| {
            stamp
                .find(&format!("{{name: {name}, mode: 0755"))
                .expect(name)
        };
        assert!(at("bunx") < at("bun") && at("bun") < at("b"), "{stamp}");
        env.sh("rm -rf subsystems/tool/.bin .larder");
    }
    // Everything that passes artifacts on has all names.
    env.larder(["ensure", "all"]).success();
    env.larder(["verify", "all"]).success();
    env.larder(["release", "all"]).success();
    env.drop_cache();
    env.sh("rm -rf subsystems/tool/.bin .larder versions.lock");
    env.larder(["ensure", "all", "--source", "managed"])
        .success();
    env.sh("cmp subsystems/tool/.bin/bun subsystems/tool/.bin/bunx");
    env.larder(["collect", "all"]).success();
    env.sh(&format!(
        "cmp .collection/binaries/tool/v1.0.0/{}/bun subsystems/tool/.bin/b",
        host()
    ));
}

#[test]
fn a_build_makes_only_the_file_itself() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "");
    env.write("subsystems/tool/src/bun", "#!/bin/sh\necho built\n");
    env.recipe(
        "tool",
        "binaries: [{name: bunx, link: bun}, bun]\nbuild: {source: {dir: src}, commands: [\"cp bun {{ out }}/bun\"]}\n",
    );
    env.larder(["ensure", "all"]).success();
    let file = env.path("subsystems/tool/.bin/bunx");
    assert_eq!(env.run(file.as_str(), [""; 0]), "built\n");
}

#[test]
fn a_platform_has_other_binaries() {
    let lines = "printf '#!/bin/sh\necho tool\n' > tool && echo 'start tool' > run.sh && echo start > run.bat && chmod 755 tool && tar czf $out .";
    let (env, _server) = published("tool.tar.gz", lines);
    env.versions(
        &[("tool", "v1.0.0")],
        &format!("platforms: [{}, windows-amd64]\n", host()),
    );
    let recipe = env.read("subsystems/tool/recipe.yml")
        + "  overrides: {windows: {binaries: [run.bat, run.sh]}}\n";
    env.write("subsystems/tool/recipe.yml", recipe);
    env.larder(["ensure", "all", "--platform", "all"]).success();
    assert!(env.exists("subsystems/tool/.bin/tool"));
    let windows = "subsystems/tool/.bin/.p/windows-amd64";
    assert_eq!(env.read(&format!("{windows}/run.bat")), "start\n");
    assert_eq!(env.read(&format!("{windows}/run.sh")), "start tool\n");
    assert!(!env.exists(&format!("{windows}/tool")) && !env.exists("subsystems/tool/.bin/run.sh"));
    // A text that is no script is a program on Windows only.
    env.edit("subsystems/tool/recipe.yml", "{windows: {", "{linux: {");
    if host().starts_with("linux") {
        let out = env.larder(["ensure", "all"]).exits(1);
        let words = "neither an executable nor a script";
        assert!(out.stderr.contains(words), "{}", out.stderr);
    }
}

#[test]
fn a_version_has_other_names() {
    let env = TestEnv::new();
    for name in ["old-v1.0.0", "tool-v2.0.0", "tool-v2.1.0"] {
        let file = env.base().join("files").join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("create folder");
        std::fs::write(file, format!("#!/bin/sh\necho {name}\n")).expect("write");
    }
    let server = FileServer::start(&env.base().join("files"));
    env.versions(&[("tool", "v1.0.0")], "");
    let url = server.url();
    env.recipe(
        "tool",
        &format!(
            "binaries: [tool]\nupstream:\n  url: '{url}/tool-{{{{ version }}}}'\n  versions: [{{'<2': {{url: '{url}/old-{{{{ version }}}}'}}}}]\n"
        ),
    );
    let runs = |wanted: &str| {
        let file = env.path("subsystems/tool/.bin/tool");
        assert_eq!(env.run(file.as_str(), [""; 0]), format!("{wanted}\n"));
    };
    env.larder(["ensure", "all"]).success();
    runs("old-v1.0.0");
    env.larder(["bump", "tool", "v2.0.0"]).success();
    assert!(env.read("versions.lock").contains("/tool-v2.0.0\n"));
    env.larder(["ensure", "all", "--locked"]).success();
    runs("tool-v2.0.0");
    // A change of what applies to other versions changes nothing.
    env.edit("subsystems/tool/recipe.yml", "/old-", "/older-");
    let status = env.larder_json(["status"]).document();
    assert_eq!(status["subsystems"][0]["fresh"], true);
    env.edit("subsystems/tool/recipe.yml", "/older-", "/old-");
    // Another version than the pinned one has the names of that version.
    server.take();
    env.drop_cache();
    env.larder(["collect", "tool", "v1.0.0"]).success();
    assert_eq!(server.take(), ["GET /old-v1.0.0"]);
}
