//! `release --attest`: the SBOM and the provenance that are attached to a release.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{REPO, project, states, with_github};
use crate::env::TestEnv;

const FOLDER: &str = ".larder-hub/one-v1.0.0";
const ATTACHED: [&str; 4] = [
    "one-linux-amd64.tar.gz.cdx.json",
    "one-linux-arm64.tar.gz.cdx.json",
    "provenance.intoto.jsonl",
    "sbom.cdx.json",
];

fn release(env: &TestEnv, args: &[&str]) -> Value {
    let out = env
        .larder_json([&["release", "one"], args].concat())
        .success();
    out.finished("release").remove(0)
}

/// The names of the assets that an SBOM describes.
fn assets(sbom: &str) -> Vec<String> {
    let sbom: Value = serde_json::from_str(sbom).expect("JSON");
    let all = sbom["components"].as_array().expect("components").iter();
    all.filter_map(|component| component["bom-ref"].as_str()?.strip_prefix("asset:"))
        .map(str::to_owned)
        .collect()
}

/// The names of the assets that provenance is about.
fn subjects(provenance: &str) -> Vec<String> {
    let name = |line| {
        let statement: Value = serde_json::from_str(line).expect("JSON");
        statement["subject"][0]["name"]
            .as_str()
            .expect("a name")
            .to_owned()
    };
    provenance.lines().map(name).collect()
}

fn names_in_hub(env: &TestEnv) -> Vec<String> {
    let files = std::fs::read_dir(env.path(FOLDER)).expect("the release");
    let names = files.map(|file| {
        file.expect("a file")
            .file_name()
            .into_string()
            .expect("a name")
    });
    let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Each file of the release with what a write would change.
fn snapshot(env: &TestEnv) -> BTreeMap<String, std::time::SystemTime> {
    let time = |name: &String| {
        let file = std::fs::metadata(env.path(FOLDER).join(name)).expect("a file");
        file.modified().expect("a time")
    };
    names_in_hub(env)
        .into_iter()
        .map(|name| (name.clone(), time(&name)))
        .collect()
}

#[test]
fn jobs_that_add_their_platforms_leave_files_about_all_of_them() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    release(&env, &["--platform", "linux-amd64", "--attest"]);
    let sbom = |env: &TestEnv| env.read(&format!("{FOLDER}/sbom.cdx.json"));
    assert_eq!(assets(&sbom(&env)), ["one-linux-amd64.tar.gz"]);
    let done = release(&env, &["--platform", "linux-arm64", "--attest"]);
    assert_eq!(done["outcome"], "released");
    let both = ["one-linux-amd64.tar.gz", "one-linux-arm64.tar.gz"];
    assert_eq!(assets(&sbom(&env)), both);
    let provenance = env.read(&format!("{FOLDER}/provenance.intoto.jsonl"));
    assert_eq!(subjects(&provenance), both);
    let names = names_in_hub(&env);
    assert!(
        ATTACHED.iter().all(|name| names.iter().any(|n| n == name)),
        "{names:?}"
    );
    // They are no assets.
    let checksums = env.read(&format!("{FOLDER}/checksums.txt"));
    assert_eq!(checksums.lines().count(), 2, "{checksums}");
    let manifest = env.read(&format!("{FOLDER}/manifest.json"));
    assert!(!manifest.contains("cdx"), "{manifest}");
    assert_eq!(
        states(&env)[..2],
        ["one linux-amd64 released", "one linux-arm64 released"]
    );
    // Again: no write.
    let before = snapshot(&env);
    for platform in ["linux-amd64", "linux-arm64"] {
        let done = release(&env, &["--platform", platform, "--attest"]);
        assert_eq!(
            (&done["outcome"], &done["reason"]),
            (&"up-to-date".into(), &"already released".into())
        );
    }
    assert_eq!(snapshot(&env), before);
}

#[test]
fn what_is_released_already_gets_its_files_later_and_lost_ones_return() {
    let env = project("");
    env.larder(["ensure", "one", "--platform", "all"]).success();
    release(&env, &["--platform", "all"]);
    assert!(!env.exists(&format!("{FOLDER}/sbom.cdx.json")));
    let done = release(&env, &["--platform", "linux-amd64", "--attest"]);
    assert_eq!(done["outcome"], "released");
    let reason = "already released; the SBOM and the provenance were attached";
    assert_eq!(done["reason"], reason);
    // The other platform's files are not known yet, but its asset is.
    let whole = env.read(&format!("{FOLDER}/sbom.cdx.json"));
    assert_eq!(assets(&whole).len(), 2);
    for lost in ["sbom.cdx.json", "one-linux-amd64.tar.gz.cdx.json"] {
        env.remove(&format!("{FOLDER}/{lost}"));
        release(&env, &["--platform", "linux-amd64", "--attest"]);
        assert_eq!(
            env.read(&format!("{FOLDER}/sbom.cdx.json")),
            whole,
            "{lost}"
        );
    }
}

#[test]
fn packages_of_another_job_are_attested_with_what_is_in_their_programs() {
    let env = project("");
    // A program of Go: an ELF file that only holds Go's build information.
    let mut program = vec![0; 128];
    for (at, bytes) in [
        (0, &b"\x7fELF\x02\x01\x01"[..]),
        (16, &[2, 0, 62, 0, 1]),
        (32, &[64]),
        (52, &[64, 0, 56, 0, 1, 0, 64, 0]),
        (64, &[1, 0, 0, 0, 6]),
        (72, &[128]),
        (96, &[255]),
    ] {
        program[at..at + bytes.len()].copy_from_slice(bytes);
    }
    program.extend(b"\xff Go buildinf:\x08\x02");
    program.resize(160, 0);
    let modules = "-".repeat(16)
        + "mod\texample.com/one\tv1.0.0\ndep\texample.com/x\tv0.2.0\n"
        + &"-".repeat(16);
    for text in ["go1.22.3", &modules] {
        program.push(u8::try_from(text.len()).expect("a short text"));
        program.extend(text.as_bytes());
    }
    program.resize(128 + 255, 0);
    std::fs::write(env.path("subsystems/one/src/one.bin"), &program).expect("written");
    env.recipe(
        "one",
        "binaries: [one]\nlicense: MIT\nbuild:\n  source: {dir: .}\n  platforms: all\n  \
         commands: [\"cp src/one.bin {{ out }}/one\", \"chmod +x {{ out }}/one\"]\n",
    );
    let platform = ["--platform", "linux-amd64"];
    env.larder([&["ensure", "one"], &platform[..]].concat())
        .success();
    env.larder([&["package", "one"], &platform[..]].concat())
        .success();
    std::fs::rename(env.path(".dist"), env.path("packages")).expect("renamed");
    env.remove("subsystems/one/.bin");
    release(
        &env,
        &[
            "--platform",
            "linux-amd64",
            "--from",
            "packages",
            "--attest",
        ],
    );
    let sbom: Value =
        serde_json::from_str(&env.read(&format!("{FOLDER}/sbom.cdx.json"))).expect("JSON");
    let purls: Vec<_> = sbom["components"]
        .as_array()
        .expect("components")
        .iter()
        .filter_map(|c| c["purl"].as_str())
        .collect();
    assert_eq!(
        purls,
        [
            "pkg:golang/example.com/one@v1.0.0",
            "pkg:golang/example.com/x@v0.2.0",
            "pkg:golang/stdlib@1.22.3"
        ]
    );
    assert_eq!(
        sbom["metadata"]["component"]["licenses"][0]["expression"],
        "MIT"
    );
}

#[test]
fn on_github_the_files_are_there_before_the_release_is_visible() {
    let (env, github) = with_github();
    env.larder(["ensure", "one", "--platform", "all"]).success();
    release(&env, &["--platform", "linux-amd64", "--attest"]);
    let writes = github.writes();
    let at = |what: &dyn Fn(&str, &str) -> bool| {
        writes
            .iter()
            .position(|entry| what(&entry.method, &entry.target))
    };
    let attached =
        at(&|method, target| method == "POST" && target.contains("name=provenance.intoto.jsonl"));
    let visible = at(&|method, target| method == "PATCH" && target.contains("/releases/"));
    assert!(attached.is_some() && attached < visible, "{writes:?}");
    release(&env, &["--platform", "linux-arm64", "--attest"]);
    let content = |wanted: &str| {
        let release = github.releases(REPO).remove(0);
        let asset = release.assets.iter().find(|asset| asset.name == wanted);
        String::from_utf8(asset.expect(wanted).bytes.to_vec()).expect("a text")
    };
    assert_eq!(assets(&content("sbom.cdx.json")).len(), 2);
    assert_eq!(subjects(&content("provenance.intoto.jsonl")).len(), 2);
    assert_eq!(
        github.releases(REPO)[0].assets.len(),
        4 + 2 + ATTACHED.len()
    );
    assert_eq!(
        states(&env)[..2],
        ["one linux-amd64 released", "one linux-arm64 released"]
    );
    github.clear_log();
    for platform in ["linux-amd64", "linux-arm64"] {
        assert_eq!(
            release(&env, &["--platform", platform, "--attest"])["outcome"],
            "up-to-date"
        );
    }
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}

#[test]
fn an_immutable_release_gets_them_in_its_draft_and_never_later() {
    let (env, github) = with_github();
    github.immutable(REPO);
    github.put_release(REPO, "other-v1", false, &[("x.zip", b"x")]);
    env.larder(["ensure", "all", "--platform", "all"]).success();
    for platform in ["linux-amd64", "linux-arm64"] {
        release(&env, &["--platform", platform, "--attest"]);
    }
    env.larder(["release", "finalize", "one"]).success();
    let mut releases = github.releases(REPO).into_iter();
    let published = releases.find(|release| release.tag == "one-v1.0.0");
    let published = published.expect("a release");
    assert!(published.immutable && !published.draft);
    for name in ATTACHED {
        assert!(
            published.assets.iter().any(|asset| asset.name == name),
            "{name}"
        );
    }
    github.clear_log();
    let done = release(&env, &["--platform", "linux-amd64", "--attest"]);
    assert_eq!(done["reason"], "already released");
    // Another release was published without them.
    env.larder(["release", "two", "--platform", "all"])
        .success();
    env.larder(["release", "finalize", "two"]).success();
    github.clear_log();
    let out = env
        .larder_json(["release", "two", "--platform", "linux-amd64", "--attest"])
        .success();
    let done = out.finished("release").remove(0);
    assert_eq!(done["outcome"], "up-to-date");
    let reason = "already released; the SBOM and the provenance were skipped: the release is published and immutable";
    assert_eq!(done["reason"], reason);
    assert!(github.writes().is_empty(), "{:?}", github.writes());
}
