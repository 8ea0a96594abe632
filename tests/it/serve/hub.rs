//! `larder serve --hub`: released assets over HTTP, and `larder install` and projects that get them
//! from there.

use serde_json::Value;

use super::{Serving, sha256};
use crate::env::{TestEnv, host};
use crate::fake_github::{Visibility, WRITE};
use crate::github::{REPO, github};
use crate::servers::files::{Fault, FileServer};

/// A team that has released a version of a script, to the folder `hub` beside the project.
fn released(version: &str) -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", version);
    let versions = env.read("versions.yml");
    env.write("versions.yml", format!("{versions}hub: {{dir: ../hub}}\n"));
    release(&env, version);
    env
}

/// Releases a version of the script.
fn release(env: &TestEnv, version: &str) {
    env.write(
        "versions.yml",
        format!("versions: {{tool: {version}}}\nhub: {{dir: ../hub}}\n"),
    );
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
}

/// The path of the package of a version, below the hub.
fn package(version: &str) -> String {
    format!("tool-{version}/tool-{}.tar.gz", host())
}

/// What the API says of all binaries.
fn list(serving: &Serving) -> Vec<Value> {
    let list = serving.get("/api/binaries").json();
    list.as_array().expect("an array").clone()
}

fn text<'a>(info: &'a Value, key: &str) -> &'a str {
    info[key].as_str().expect("a text")
}

/// A machine without a project and without the team's cache.
fn alone(team: &TestEnv, name: &str) -> TestEnv {
    team.another(name)
}

fn url(serving: &Serving) -> String {
    format!("http://{}", serving.address)
}

#[test]
fn released_binaries_are_listed_and_served() {
    let team = released("v1.2.0");
    let mut serving = Serving::start(&team, &["--hub", "../hub"]);
    let bytes = std::fs::read(team.path("subsystems/tool/.bin/tool")).expect("read");
    let infos = list(&serving);
    let [info] = &infos[..] else {
        panic!("{infos:?}")
    };
    assert_eq!(
        (text(info, "name"), text(info, "version")),
        ("tool", "1.2.0")
    );
    assert_eq!(text(info, "checksum"), sha256(&bytes));
    assert_eq!(info["size_bytes"], bytes.len());
    assert!(
        info["uploaded_at"]
            .as_i64()
            .is_some_and(|time| time > 1_600_000_000)
    );
    let path = format!("/binaries/{}", text(info, "path"));
    // The listing and HEAD download nothing.
    let head = serving.send("HEAD", &path, &[], b"");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some(bytes.len().to_string().as_str()))
    );
    assert!(
        !serving.log().contains("was downloaded"),
        "{}",
        serving.log()
    );
    let answer = serving.get(&path);
    assert_eq!((answer.status, &answer.body), (200, &bytes));
    assert_eq!(
        answer.header("etag"),
        Some(format!("\"{}\"", sha256(&bytes)).as_str())
    );
    let part = serving.send("GET", &path, &[("Range", "bytes=2-4")], b"");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[2..5]));
    // Through hyper the answer is the same.
    let other = serving.get(&format!("{path}?x"));
    assert_eq!((other.status, other.body), (200, bytes.clone()));
    serving.says_once("was downloaded");
    let one = serving.get(&format!(
        "/api/binaries/v1.2.0/{}/{}",
        text(info, "platform"),
        text(info, "arch")
    ));
    assert_eq!(one.json(), *info);
    // Packages and sidecars, at the url of the hub and at the server's own.
    for base in ["/hub", ""] {
        let sidecar = serving.get(&format!("{base}/{}.json", package("v1.2.0")));
        let published = team.read(&format!("../hub/{}.json", package("v1.2.0")));
        assert_eq!(
            sidecar.json(),
            serde_json::from_str::<Value>(&published).expect("JSON")
        );
        let answer = serving.get(&format!("{base}/{}", package("v1.2.0")));
        let published = std::fs::read(team.path(format!("../hub/{}", package("v1.2.0"))));
        assert_eq!(answer.body, published.expect("read"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let again = serving.send(
            "GET",
            &format!("{base}/{}", package("v1.2.0")),
            &[("If-None-Match", answer.header("etag").expect("a tag"))],
            b"",
        );
        assert_eq!(again.status, 304);
        let releases = serving.get(&format!("{base}/releases.json")).json();
        assert_eq!(releases["releases"][0]["tag"], "tool-v1.2.0");
        for absent in [
            "tool-v9/x.tar.gz",
            "tool-v1.2.0/x",
            "x%20y/z",
            "tool-v1.2.0/.next-x.json",
        ] {
            let detail = serving.get(&format!("{base}/{absent}")).problem(404);
            assert!(detail.contains("/hub/releases.json"), "{detail}");
        }
    }
    for method in ["PUT", "DELETE"] {
        let target = "/api/binaries/tool/1.3.0/linux/x86_64";
        let refused = serving.send(method, target, &[], b"x");
        assert_eq!(refused.header("allow"), Some(""));
        let detail = refused.problem(405);
        assert!(detail.contains("larder release"), "{detail}");
    }
    serving.signal("TERM");
    assert_eq!(serving.end(), Some(0));
    let folder = super::machine();
    let serving = Serving::start(&folder, &[]);
    let detail = serving.get("/hub/releases.json").problem(404);
    assert!(detail.contains("/api/binaries"), "{detail}");
}

#[test]
fn new_releases_appear_and_a_hub_that_is_away_changes_nothing() {
    let team = released("v1.0.0");
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    let first = text(&list(&serving)[0], "path").to_owned();
    let got = serving.get(&format!("/binaries/{first}"));
    assert_eq!(got.status, 200);
    release(&team, "v1.1.0");
    serving.wait("the new release", |serving| list(serving).len() == 2);
    let newest = text(&list(&serving)[0], "path").to_owned();
    assert!(newest.contains("1.1.0"), "{newest}");
    team.sh("mv ../hub ../away");
    serving.says("can't be read");
    assert_eq!(list(&serving).len(), 2);
    assert_eq!(serving.get("/readyz").status, 200);
    let detail = serving.get(&format!("/binaries/{newest}")).problem(503);
    assert!(detail.contains("can't be had now"), "{detail}");
    assert_eq!(serving.stop(), Some(0));
    // After a restart it serves what it has had, although the hub is still away.
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    assert_eq!(list(&serving).len(), 2);
    assert_eq!(serving.get(&format!("/binaries/{first}")).body, got.body);
    team.sh("mv ../away ../hub");
    serving.wait("the bytes", |serving| {
        serving.get(&format!("/binaries/{newest}")).status == 200
    });
    serving.says("answers again");
    assert_eq!(serving.stop(), Some(0));
    let out = team
        .larder(["serve", "--hub", "../nowhere", "--port", "0"])
        .exits(2);
    assert!(out.stderr.contains("there is no folder"), "{}", out.stderr);
}

#[test]
fn wrong_bytes_are_never_served() {
    let team = released("v1.0.0");
    let good = std::fs::read(team.path(format!("../hub/{}", package("v1.0.0")))).expect("read");
    team.flip_bit(&format!("../hub/{}", package("v1.0.0")));
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    let path = format!("/binaries/{}", text(&list(&serving)[0], "path"));
    for target in [path.clone(), format!("/hub/{}", package("v1.0.0"))] {
        let detail = serving.get(&target).problem(502);
        assert!(detail.contains("not what its sidecar states"), "{detail}");
    }
    serving.says("error:");
    team.write(&format!("../hub/{}", package("v1.0.0")), good);
    serving.wait("the repaired bytes", |serving| {
        serving.get(&path).status == 200
    });
    // What was changed in the cache is downloaded again after a restart.
    assert_eq!(serving.stop(), Some(0));
    team.sh("for f in $(find ../cache/served -type f ! -name '*.json'); do echo x >> $f; done");
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    let answer = serving.get(&path);
    assert_eq!(answer.status, 200);
    assert_eq!(text(&list(&serving)[0], "checksum"), sha256(&answer.body));
}

#[test]
fn many_requests_share_one_download() {
    let team = released("v1.0.0");
    let files = FileServer::start(&team.base().join("hub"));
    // A server of its own has the listing; the bytes then come through a second one.
    let first = Serving::start(&team, &["--hub", "../hub"]);
    let second = Serving::start(&alone(&team, "second"), &["--hub", &url(&first)]);
    let path = format!("/binaries/{}", text(&list(&second)[0], "path"));
    std::thread::scope(|scope| {
        let ask = || second.get(&path);
        let all: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        for answer in all {
            assert_eq!(answer.join().expect("an answer").status, 200);
        }
    });
    second.says_once("was downloaded");
    first.says_once("was downloaded");
    // A static server has no listing: the server is never ready, and says why.
    let third = Serving::start_unready(&team, &["--hub", files.url(), "--data", "third"]);
    third.wait("the reason", |serving| {
        serving
            .get("/readyz")
            .problem(503)
            .contains("can't be listed")
    });
}

#[test]
fn install_takes_binaries_from_a_running_server() {
    let team = released("v1.9.0");
    release(&team, "v1.10.0");
    let hub = Serving::start(&team, &["--hub", "../hub"]);
    // The same binaries from a folder.
    for info in list(&hub) {
        let bytes = hub.get(&format!("/binaries/{}", text(&info, "path"))).body;
        team.write(&format!("binaries/{}", text(&info, "path")), bytes);
    }
    let folder = Serving::start(&team, &["--data", "of-folder"]);
    folder.wait("two files", |serving| serving.files().len() == 2);
    let of_hub = url(&hub);
    for (number, url) in [of_hub.clone(), format!("{of_hub}/hub"), url(&folder)]
        .iter()
        .enumerate()
    {
        let machine = alone(&team, &format!("machine-{number}"));
        let says =
            |machine: &TestEnv| machine.run(machine.base().join("bin/tool").as_str(), [""; 0]);
        let dry = machine
            .larder(["install", "tool", "--hub", url, "--to", "../bin", "-n"])
            .success();
        assert!(dry.stdout.contains("1.10.0 for"), "{}", dry.stdout);
        let installed = machine
            .larder_json(["install", "tool", "--hub", url, "--to", "../bin"])
            .success();
        assert_eq!(installed.outcomes(), ["tool=downloaded"]);
        assert_eq!(says(&machine), "tool v1.10.0\n");
        machine
            .larder(["install", "tool@v1.9.0", "--hub", url, "--to", "../bin"])
            .success();
        assert_eq!(says(&machine), "tool v1.9.0\n");
        for absent in ["tool@v7", "other"] {
            let out = machine.larder(["install", absent, "--hub", url]).exits(1);
            assert!(out.stderr.contains("has no"), "{}", out.stderr);
        }
    }
}

#[test]
fn a_project_gets_its_binaries_from_a_running_server() {
    let team = released("v1.0.0");
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    for (number, hub) in [format!("{}/hub", url(&serving)), url(&serving)]
        .iter()
        .enumerate()
    {
        let member = alone(&team, &format!("member-{number}"));
        member.script_subsystem("tool", "v1.0.0");
        member.write(
            "versions.yml",
            format!("versions: {{tool: v1.0.0}}\nhub: {{http: \"{hub}\"}}\n"),
        );
        let out = member.larder_json(["ensure", "all"]).success();
        assert_eq!(out.outcomes(), ["tool=downloaded"]);
        let lock = member.read("versions.lock");
        assert!(lock.contains(&package("v1.0.0")), "{lock}");
    }
    serving.says_once("was downloaded");
}

#[test]
fn a_download_from_a_server_is_resumed() {
    let team = released("v1.0.0");
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    let size = serving
        .get(&format!("/hub/{}", package("v1.0.0")))
        .body
        .len();
    let cutting = super::cutting::Cutting::start(serving.address, size / 2);
    let machine = alone(&team, "machine");
    machine
        .larder([
            "install",
            "tool@v1.0.0",
            "--hub",
            &format!("http://{}/hub", cutting.address),
            "--to",
            "../bin",
        ])
        .success();
    let ranges = cutting.ranges();
    assert!(
        ranges.iter().any(|range| !range.is_empty()),
        "the rest was asked for: {ranges:?}"
    );
}

#[test]
fn the_releases_of_a_repository_are_served() {
    let github = github(Visibility::Private);
    let mut env = TestEnv::new();
    env.script_subsystem("tool", "v1.0.0");
    env.write(
        "versions.yml",
        format!("versions: {{tool: v1.0.0}}\nhub: {{github: {REPO}}}\n"),
    );
    env.set("GITHUB_API_URL", github.api_url())
        .set("GITHUB_SERVER_URL", github.web_url())
        .set("GH_TOKEN", WRITE)
        .set("LARDER_GITHUB_PACE", "0s")
        .set("LARDER_GITHUB_SETTLE", "1s");
    env.larder(["ensure", "all"]).success();
    env.larder(["release", "all"]).success();
    let serving = Serving::start(&env, &["--hub", &format!("github:{REPO}")]);
    let infos = list(&serving);
    assert_eq!(infos.len(), 1, "{infos:?}");
    let answer = serving.get(&format!("/binaries/{}", text(&infos[0], "path")));
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(text(&infos[0], "checksum"), sha256(&answer.body));
    assert!(!serving.log().contains(WRITE), "{}", serving.log());
}

#[test]
fn a_replaced_release_is_served_as_it_is_now() {
    let mut team = released("v1.0.0");
    // The variable names a folder that is not there; the option wins.
    team.set("BINARIES_DIR", "nowhere");
    let serving = Serving::start(&team, &["--hub", "../hub"]);
    let path = format!("/binaries/{}", text(&list(&serving)[0], "path"));
    let before = serving.get(&path);
    let recipe = team.read("subsystems/tool/recipe.yml");
    team.write(
        "subsystems/tool/recipe.yml",
        recipe.replace(
            "\nverify:",
            "\n    - \"echo '# other' >> {{ out }}/tool\"\nverify:",
        ),
    );
    team.sh("rm -r ../hub");
    team.larder(["ensure", "all", "--rebuild"]).success();
    team.larder(["release", "all"]).success();
    let digest = sha256(&std::fs::read(team.path("subsystems/tool/.bin/tool")).expect("read"));
    serving.wait("the new digest", |serving| {
        let infos = list(serving);
        infos.len() == 1 && text(&infos[0], "checksum") == digest
    });
    let after = serving.get(&path);
    assert_eq!((after.status, sha256(&after.body)), (200, digest));
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[test]
fn install_refuses_bytes_that_the_server_does_not_state() {
    let machine = TestEnv::new();
    let list = |checksum: &str, size: usize| {
        let info = serde_json::json!([{
            "name": "tool", "version": "1.0.0", "platform": "linux", "arch": "x86_64",
            "checksum": checksum, "size_bytes": size, "path": "tool-1.0.0", "uploaded_at": 0,
        }]);
        machine.write("../served/api/binaries", info.to_string());
    };
    let program = b"#!/bin/sh\necho hello\n";
    machine.write("../served/binaries/tool-1.0.0", program);
    let server = FileServer::start(&machine.base().join("served"));
    let install = || machine.larder(["install", "tool", "--hub", server.url(), "--to", "../bin"]);
    for (checksum, size) in [
        (sha256(b"other"), program.len()),
        (sha256(program), program.len() - 2),
    ] {
        list(&checksum, size);
        let out = install().exits(4);
        assert!(out.stderr.contains("sha256"), "{}", out.stderr);
        assert!(!machine.base().join("bin").exists());
    }
    list(&sha256(program), program.len());
    // What is cut is resumed.
    server.fault("/binaries/tool-1.0.0", Fault::Cut { after: 5, times: 1 });
    install().success();
    assert_eq!(
        machine.run(machine.base().join("bin/tool").as_str(), [""; 0]),
        "hello\n"
    );
}
