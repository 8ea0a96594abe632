//! The table of commands that write. The agent's switch is not in it, because there is no agent yet.

use std::cell::RefCell;
use std::rc::Rc;

use super::scenario::{Scenario, succeeds};
pub use super::serving::{serve_delete, serve_put};
use crate::env::{TestEnv, host, remove};
use crate::fake_github::{FakeGitHub, Visibility, WRITE};
use crate::servers::files::FileServer;

/// A project with one subsystem, whose binaries have other names in the second version.
fn built() -> TestEnv {
    let env = TestEnv::new();
    env.write("subsystems/tool/src/NOTICE", "for all\n");
    want(&env, 1, "sources: [build]\n");
    env
}

fn want(env: &TestEnv, version: usize, more: &str) {
    let other = ["left", "right"][version - 1];
    env.versions(&[("tool", &format!("v{version}.0.0"))], more);
    env.recipe(
        "tool",
        &format!(
            "description: A tool\nhomepage: https://tool.example\nlicense: MIT\nbinaries: [tool, {other}]\n\
             build:\n  source: {{dir: .}}\n  commands:\n    \
             - \"for b in tool {other}; do printf '#!/bin/sh\\necho %s {{{{ version }}}}\\n' $b > {{{{ out }}}}/$b; done\"\n\
             package: {{include: [src/NOTICE]}}\n"
        ),
    );
}

fn ensured(env: &TestEnv) {
    env.larder(["ensure", "all"]).success();
}

fn uninstalled(env: &TestEnv) {
    env.remove("subsystems/tool/.bin");
    env.remove(".larder");
}

pub fn ensure_builds() -> Scenario {
    Scenario::new(built(), &["ensure", "all"])
}

/// So many subsystems that some wait for the disk at the same time, and are flushed together.
pub fn ensure_builds_many() -> Scenario {
    let env = TestEnv::new();
    let names: Vec<String> = (0..9).map(|n| format!("tool{n}")).collect();
    let pins: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "v1.0.0")).collect();
    env.versions(&pins, "sources: [build]\n");
    for name in &names {
        env.write(
            &format!("subsystems/{name}/{name}"),
            "#!/bin/sh\necho v1.0.0\n",
        );
        let command = format!("cp {name} {{{{ out }}}}");
        env.recipe(
            name,
            &format!(
                "binaries: [{name}]\nbuild: {{source: {{dir: .}}, commands: [\"{command}\"]}}\n"
            ),
        );
    }
    Scenario::new(env, &["ensure", "all"])
}

pub fn ensure_builds_and_uploads() -> Scenario {
    let env = built();
    want(&env, 1, "sources: [build]\nupload: always\n");
    Scenario::new(env, &["ensure", "all"])
}

pub fn ensure_restores() -> Scenario {
    let env = built();
    ensured(&env);
    uninstalled(&env);
    Scenario::new(env, &["ensure", "all"])
}

/// The first version is installed, the second is wanted.
fn upgrade(env: TestEnv, cached: bool) -> Scenario {
    for version in if cached { &[2, 1][..] } else { &[1] } {
        want(&env, *version, "sources: [build]\n");
        ensured(&env);
    }
    want(&env, 2, "sources: [build]\n");
    Scenario::new(env, &["ensure", "all"])
}

pub fn ensure_upgrades_by_a_build() -> Scenario {
    upgrade(built(), false)
}

pub fn ensure_upgrades_from_the_cache() -> Scenario {
    upgrade(built(), true)
}

pub fn ensure_upgrades_plain_files() -> Scenario {
    let mut env = built();
    env.set("LARDER_LINKS", "never");
    let mut scenario = upgrade(env, true);
    scenario.links = false;
    scenario
}

pub fn ensure_downloads_from_a_hub() -> Scenario {
    let env = built();
    ensured(&env);
    env.larder(["release", "all"]).success();
    uninstalled(&env);
    env.remove(".dist");
    env.remove("versions.lock");
    env.drop_cache();
    env.edit("versions.yml", "[build]", "[managed]");
    Scenario::new(env, &["ensure", "all"])
}

/// A project whose subsystem a publisher serves in two versions, with checksums.
fn published() -> (TestEnv, FileServer) {
    let env = TestEnv::new();
    let host = host();
    for version in ["1.0.0", "2.0.0"] {
        env.sh(&format!(
            "d=$PWD/../files; mkdir -p $d; printf '#!/bin/sh\\necho v{version}\\n' > one; chmod +x one; \
             for p in {host} darwin-arm64; do tar czf $d/one-{version}-$p.tar.gz one; done; rm one; \
             cd $d && sha256sum one-{version}-* > sums-{version}"
        ));
    }
    let server = FileServer::start(&env.base().join("files"));
    let url = server.url();
    env.versions(
        &[("one", "1.0.0")],
        &format!("# Kept.\nplatforms: [{host}, darwin-arm64]\n"),
    );
    env.recipe(
        "one",
        &format!(
            "binaries: [one]\nupstream:\n  url: \"{url}/one-{{{{ version }}}}-{{{{ platform }}}}.tar.gz\"\n  \
             checksums: \"{url}/sums-{{{{ version }}}}\"\n"
        ),
    );
    (env, server)
}

/// Keeps a server as long as the scenario.
fn with_server(server: FileServer, env: TestEnv, args: &[&str]) -> Scenario {
    let mut scenario = Scenario::new(env, args);
    scenario.reset = Box::new(move |_| server.heal());
    scenario
}

pub fn ensure_downloads_an_original() -> Scenario {
    let (env, server) = published();
    with_server(server, env, &["ensure", "all", "--platform", "all"])
}

pub fn rollback() -> Scenario {
    let env = built();
    for version in [1, 2] {
        want(&env, version, "sources: [build]\n");
        ensured(&env);
    }
    let again = |env: &TestEnv, done| {
        for _ in 0..if done { 2 } else { 1 } {
            succeeds(env, &["rollback".to_owned(), "tool".to_owned()])?;
        }
        Ok(())
    };
    Scenario::new(env, &["rollback", "tool"]).again(again)
}

pub fn clean() -> Scenario {
    let env = built();
    ensured(&env);
    env.larder(["package", "all"]).success();
    Scenario::new(env, &["clean", "all"])
}

pub fn cache_prune() -> Scenario {
    let env = built();
    ensured(&env);
    want(&env, 2, "sources: [build]\n");
    ensured(&env);
    Scenario::new(env, &["cache", "prune", "--older-than", "0s"])
}

/// One file of the cache is damaged and set aside.
pub fn cache_verify() -> Scenario {
    let env = built();
    ensured(&env);
    let damaged = env.sh("find ../cache/v1/files -type f | sort | head -1");
    crate::env::flip_bit(&env.path(damaged.trim()));
    // The command itself exits with 4, and the next has nothing to say.
    let mut scenario = Scenario::new(env, &["cache", "verify"]);
    scenario.run = Box::new(|env, command| {
        let mut ended: super::scenario::Ended = env.output(command).into();
        if ended.code == Some(4) {
            ended.code = Some(0);
        }
        ended
    });
    scenario.verifies = false;
    scenario.again(|env, _| {
        // The first run after a fault may be the one that finds the damage.
        env.larder(["cache", "verify"]);
        succeeds(env, &["cache".to_owned(), "verify".to_owned()])
    })
}

pub fn lock() -> Scenario {
    let (env, server) = published();
    with_server(server, env, &["lock"])
}

pub fn lock_update() -> Scenario {
    let (env, server) = published();
    env.larder(["lock"]).success();
    with_server(server, env, &["lock", "--update", "one"])
}

pub fn bump() -> Scenario {
    let (env, server) = published();
    env.larder(["lock"]).success();
    with_server(server, env, &["bump", "one", "2.0.0"])
}

/// The next run of a command that is refused if it has been done: then another one.
fn or_ensure(args: &'static [&'static str]) -> impl Fn(&TestEnv, bool) -> Result<(), String> {
    move |env, done| {
        // The next run that writes removes what was left.
        let args = if done {
            &["ensure", "all", "--reinstall"][..]
        } else {
            args
        };
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        succeeds(env, &args)
    }
}

pub fn add() -> Scenario {
    let (env, server) = published();
    env.remove("subsystems");
    env.write("versions.yml", "# Ours.\nversions: {}\n");
    let url = format!("{}/one-1.0.0-{}.tar.gz", server.url(), host());
    let args = ["add", "one", url.as_str()];
    let again = args.map(str::to_owned);
    with_server(server, env, &args).again(move |env, done| {
        let check = ["check".to_owned()];
        succeeds(env, if done { &check } else { &again })
    })
}

pub fn remove_() -> Scenario {
    let env = built();
    env.script_subsystem("other", "v1");
    env.larder(["ensure", "all"]).success();
    env.larder(["package", "all"]).success();
    Scenario::new(env, &["remove", "other"]).again(or_ensure(&["remove", "other"]))
}

pub fn collect() -> Scenario {
    let (env, server) = published();
    with_server(server, env, &["collect", "all"])
}

pub fn install_to() -> Scenario {
    let env = built();
    ensured(&env);
    let to = env.base().join("to").to_string();
    Scenario::new(env, &["install", "tool", "--to", &to])
}

pub fn package() -> Scenario {
    let env = built();
    ensured(&env);
    Scenario::new(env, &["package", "all"])
}

pub fn bundle() -> Scenario {
    let env = built();
    ensured(&env);
    Scenario::new(env, &["bundle"])
}

pub fn release() -> Scenario {
    let env = built();
    ensured(&env);
    Scenario::new(env, &["release", "all"])
}

pub fn release_attest() -> Scenario {
    let env = built();
    ensured(&env);
    Scenario::new(env, &["release", "all", "--attest"])
}

/// A project with a key for its releases.
fn signing() -> TestEnv {
    let mut env = built();
    env.larder(["key", "new", "--out", "team"]).success();
    let key = env.path("team.key");
    env.set("LARDER_SIGNING_KEY_FILE", key);
    let public = env.read("team.pub");
    let public = public.lines().nth(1).expect("the key").to_owned();
    let trust = format!("trust: {{keys: {{team: {public}}}, managed: [team]}}\n");
    want(&env, 1, &format!("sources: [build]\n{trust}"));
    ensured(&env);
    env
}

pub fn release_sign() -> Scenario {
    Scenario::new(signing(), &["release", "all", "--sign"])
}

pub fn yank() -> Scenario {
    let env = signing();
    env.larder(["release", "all", "--sign"]).success();
    Scenario::new(env, &["yank", "tool@v1.0.0", "--reason", "loses data"])
}

/// A run that did everything made the key, and the next one must not replace it.
pub fn key_new() -> Scenario {
    let args = ["key", "new", "--out", "team"];
    let next = args.map(str::to_owned);
    Scenario::new(built(), &args).again(move |env, done| {
        if done || env.exists("team.pub") {
            env.larder(&next).exits(1);
        } else {
            succeeds(env, &next)?;
        }
        match (env.exists("team.key"), env.exists("team.pub")) {
            (true, true) => Ok(()),
            found => Err(format!("the two files of a key: {found:?}")),
        }
    })
}

pub fn release_project() -> Scenario {
    let env = built();
    ensured(&env);
    Scenario::new(env, &["release", "project", "v7"])
}

/// The same version was built again with another text, which replaces what is released.
fn replacing(args: &[&str]) -> Scenario {
    let env = built();
    ensured(&env);
    env.larder(args.iter().filter(|arg| **arg != "--replace"))
        .success();
    env.write("subsystems/tool/src/NOTICE", "for all others\n");
    env.remove("versions.lock");
    ensured(&env);
    Scenario::new(env, args)
}

pub fn release_replace() -> Scenario {
    replacing(&["release", "all", "--replace"])
}

pub fn release_project_replace() -> Scenario {
    replacing(&["release", "project", "v7", "--replace"])
}

pub fn release_status() -> Scenario {
    let env = built();
    ensured(&env);
    env.larder(["release", "all"]).success();
    Scenario::new(env, &["release", "status"])
}

pub fn release_to_github() -> Scenario {
    let mut env = built();
    want(&env, 1, "sources: [build]\nhub: {github: acme/tools}\n");
    env.set("GH_TOKEN", WRITE)
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    ensured(&env);
    let server: Rc<RefCell<Option<FakeGitHub>>> = Rc::default();
    let shared = server.clone();
    let mut scenario = Scenario::new(env, &["release", "all"]);
    scenario.reset = Box::new(move |env| {
        let github = FakeGitHub::start();
        github.repo("acme/tools", Visibility::Public);
        env.set("GITHUB_API_URL", github.api_url())
            .set("GITHUB_SERVER_URL", github.web_url());
        *shared.borrow_mut() = Some(github);
    });
    scenario.check = Box::new(move |_| {
        let server = server.borrow();
        let Some(github) = server.as_ref() else {
            return Ok(());
        };
        let releases = github.releases("acme/tools");
        if releases.len() > 1 || releases.iter().any(|r| !r.draft && r.assets.len() != 4) {
            return Err(format!(
                "{} releases, half of one is published",
                releases.len()
            ));
        }
        Ok(())
    });
    scenario
}

pub fn publish_render() -> Scenario {
    let env = built();
    env.versions(
        &[("tool", "v1.0.0")],
        "sources: [build]\nhub: {github: acme/tools}\npublish: {maintainer: A <a@b.example>}\n",
    );
    let recipe = env.read("subsystems/tool/recipe.yml");
    let channels = "publish: {homebrew: {tap: acme/tap}, deb: {}, npm: {package: \"@acme/tool\"}, installer: {}}\n";
    env.recipe("tool", &(recipe + channels));
    ensured(&env);
    Scenario::new(env, &["publish", "all", "--render"])
}

pub fn init() -> Scenario {
    let env = TestEnv::new();
    remove(&env.path("subsystems"));
    Scenario::new(env, &["init", "--ci", "github"])
}
