//! npm and PyPI through their ordinary clients: against scripted registries with wrong digests and,
//! for one small package each, against the configured registries.

use std::process::Command;

use larder_core::Kind;
use larder_core::archive::{Content, PackEntry, pack};
use larder_core::cancel::Cancel;
use larder_core::model::{Digest, Platform};
use larder_core::project::{Coordinate, Original, PackageFormat};
use larder_remote::origin::Algorithm;

use crate::env::TestEnv;
use crate::originals::{ask, client, fetch, has, original};
use crate::servers::scripted::{Reply, Script};

/// Runs one ignored test of this file in its own process, with a scripted registry in its
/// environment.
fn in_a_process(test: &str, vars: &[(&str, &str)]) {
    let (_, module) = module_path!().split_once("::").expect("a module of `it`");
    let test = format!("{module}::{test}");
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &test, "--nocapture"])
        .env("HOME", home.path())
        .env("npm_config_cache", home.path().join("npm"))
        .env("npm_config_userconfig", home.path().join("npmrc"))
        .env("PIP_NO_CACHE_DIR", "1")
        .env("PIP_CONFIG_FILE", home.path().join("pip.conf"))
        .env_remove("PIP_FIND_LINKS")
        .env("no_proxy", "127.0.0.1")
        .envs(vars.iter().copied())
        .current_dir(home.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn npm(version: &str) -> Original {
    original(
        Coordinate::Npm {
            package: "tiny".into(),
            version: version.into(),
        },
        None,
    )
}

/// An npm registry with one package, whose tarball's integrity is `integrity`.
fn npm_registry(tarball: Vec<u8>, integrity: String) -> Script {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    Script::on(listener, move |request, _| {
        match request.path.as_str() {
        "/tiny" => Reply::ok(
            serde_json::json!({
                "name": "tiny", "dist-tags": {"latest": "1.2.3"},
                "versions": {"1.2.3": {"name": "tiny", "version": "1.2.3", "dist": {"tarball": format!("{base}/tiny/-/tiny-1.2.3.tgz"), "integrity": integrity}}}
            })
            .to_string(),
        )
        .header("content-type", "application/json"),
        "/tiny/-/tiny-1.2.3.tgz" => Reply::ok(tarball.clone()),
        _ => Reply::status(404).header("content-type", "application/json").body("{}"),
    }
    })
}

/// A package whose install scripts would create a file if they ran.
fn tarball() -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::default(),
    ));
    let manifest = br#"{"name": "tiny", "version": "1.2.3", "scripts": {"prepack": "touch MARK", "prepare": "touch MARK"}}"#;
    for (name, bytes) in [
        ("package/package.json", &manifest[..]),
        ("package/bin/tiny", b"#!/bin/sh\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn sri(bytes: &[u8]) -> String {
    use base64::Engine as _;
    format!(
        "sha256-{}",
        base64::engine::general_purpose::STANDARD.encode(Digest::of(bytes).as_bytes())
    )
}

#[test]
fn npm_packages_must_match_the_registrys_integrity() {
    let bytes = tarball();
    let honest = npm_registry(bytes.clone(), sri(&bytes));
    in_a_process("npm_honest", &[("npm_config_registry", &honest.url)]);
    let liar = npm_registry(bytes, sri(b"something else"));
    in_a_process("npm_wrong_digest", &[("npm_config_registry", &liar.url)]);
    let down = Script::start(|_, _| Reply::status(503));
    in_a_process(
        "npm_down",
        &[
            ("npm_config_registry", &down.url),
            ("npm_config_fetch_retries", "0"),
        ],
    );
    let locked = Script::start(|_, _| Reply::status(401));
    in_a_process("npm_locked", &[("npm_config_registry", &locked.url)]);
}

#[test]
#[ignore = "run by npm_packages_must_match_the_registrys_integrity"]
fn npm_honest() {
    let (bytes, name, stated) = fetch(&npm("1.2.3"), "linux-amd64").unwrap().unwrap();
    assert_eq!((name.as_str(), stated), ("tiny-1.2.3.tgz", 1));
    assert_eq!(bytes, tarball(), "not packed anew");
    assert!(!std::path::Path::new("MARK").exists());
    assert!(fetch(&npm("9.9.9"), "linux-amd64").unwrap().is_none());
    let other = Coordinate::Npm {
        package: "absent".into(),
        version: "1.0.0".into(),
    };
    assert!(
        fetch(&original(other, None), "linux-amd64")
            .unwrap()
            .is_none()
    );
}

#[test]
#[ignore = "run by npm_packages_must_match_the_registrys_integrity"]
fn npm_wrong_digest() {
    assert_eq!(
        fetch(&npm("1.2.3"), "linux-amd64").unwrap_err().kind(),
        Kind::Integrity
    );
}

#[test]
#[ignore = "run by npm_packages_must_match_the_registrys_integrity"]
fn npm_down() {
    let client = client();
    let error = || {
        ask(&client, &npm("1.2.3"), Platform::host(), true)
            .err()
            .unwrap()
    };
    assert_eq!(error().kind(), Kind::Unavailable);
    let started = std::time::Instant::now();
    assert_eq!(error().kind(), Kind::Unavailable);
    assert!(started.elapsed().as_millis() < 50, "not asked again");
}

#[test]
#[ignore = "run by npm_packages_must_match_the_registrys_integrity"]
fn npm_locked() {
    assert_eq!(
        fetch(&npm("1.2.3"), "linux-amd64").unwrap_err().kind(),
        Kind::Refused
    );
}

/// A package index with a wheel for each of these tags, each stating `sha256` of it (or of something else).
fn index(wheels: &'static [&'static str], honest: bool) -> Script {
    Script::start(move |request, _| {
        let path = request.path.as_str();
        if path.trim_end_matches('/').ends_with("/tiny") {
            let link = |tag: &&str| {
                let name = format!("tiny-1.2.3-py3-none-{tag}.whl");
                let digest = if honest {
                    Digest::of(&wheel(tag))
                } else {
                    Digest::of(b"something else")
                };
                format!("<a href=\"/files/{name}#sha256={digest}\">{name}</a>")
            };
            let links: String = wheels.iter().map(link).collect();
            return Reply::ok(format!("<!DOCTYPE html><html><body>{links}</body></html>"))
                .header("content-type", "text/html");
        }
        match path
            .strip_prefix("/files/tiny-1.2.3-py3-none-")
            .and_then(|rest| rest.strip_suffix(".whl"))
        {
            Some(tag) => Reply::ok(wheel(tag)),
            None => Reply::status(404),
        }
    })
}

fn wheel(tag: &str) -> Vec<u8> {
    let files = [
        ("tiny-1.2.3.data/scripts/tiny", format!("for {tag}")),
        (
            "tiny-1.2.3.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tiny\nVersion: 1.2.3\n".into(),
        ),
        (
            "tiny-1.2.3.dist-info/WHEEL",
            format!("Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: py3-none-{tag}\n"),
        ),
        ("tiny-1.2.3.dist-info/RECORD", "\n".into()),
    ];
    let entry = |(name, text): &'_ (&'static str, String)| (*name, text.clone().into_bytes());
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(entry).collect();
    let entries: Vec<PackEntry<'_>> = files
        .iter()
        .map(|(name, bytes)| PackEntry {
            name,
            mode: 0o644,
            size: bytes.len() as u64,
            content: Content::Bytes(bytes),
        })
        .collect();
    let mut out = Vec::new();
    pack(
        PackageFormat::Zip,
        &entries,
        &mut out,
        1,
        &Cancel::new(),
        &|_| (),
    )
    .unwrap();
    out
}

const WHEELS: &[&str] = &[
    "manylinux_2_28_x86_64",
    "manylinux_2_17_x86_64.manylinux2014_x86_64",
    "manylinux_2_17_aarch64",
    "musllinux_1_1_x86_64",
    "macosx_11_0_arm64",
    "macosx_10_12_x86_64",
    "win_amd64",
    "win_arm64",
];

fn pypi(version: &str) -> Original {
    original(
        Coordinate::Pypi {
            package: "tiny".into(),
            version: version.into(),
        },
        None,
    )
}

#[test]
fn wheels_are_selected_and_must_match_the_index_digest() {
    let honest = index(WHEELS, true);
    in_a_process(
        "pypi_honest",
        &[("PIP_INDEX_URL", &format!("{}/simple", honest.url))],
    );
    let liar = index(WHEELS, false);
    in_a_process(
        "pypi_wrong_digest",
        &[("PIP_INDEX_URL", &format!("{}/simple", liar.url))],
    );
    let down = Script::start(|_, _| Reply::status(503));
    in_a_process(
        "pypi_down",
        &[
            ("PIP_INDEX_URL", &format!("{}/simple", down.url)),
            ("PIP_RETRIES", "0"),
        ],
    );
    let locked = Script::start(|_, _| Reply::status(403));
    in_a_process(
        "pypi_locked",
        &[("PIP_INDEX_URL", &format!("{}/simple", locked.url))],
    );
    in_a_process(
        "pypi_down",
        &[
            ("PIP_INDEX_URL", "http://127.0.0.1:9/simple"),
            ("PIP_RETRIES", "0"),
        ],
    );
}

#[test]
#[ignore = "run by wheels_are_selected_and_must_match_the_index_digest"]
fn pypi_honest() {
    for (platform, tag) in [
        ("linux-amd64", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("linux-amd64-musl", "musllinux_1_1_x86_64"),
        ("darwin-arm64", "macosx_11_0_arm64"),
        ("windows-arm64", "win_arm64"),
    ] {
        let (bytes, name, stated) = fetch(&pypi("1.2.3"), platform)
            .unwrap()
            .unwrap_or_else(|| panic!("none for {platform}"));
        assert_eq!(
            (name.as_str(), stated),
            (format!("tiny-1.2.3-py3-none-{tag}.whl").as_str(), 1),
            "{platform}"
        );
        assert_eq!(bytes, wheel(tag));
    }
    assert!(fetch(&pypi("1.2.3"), "linux-386").unwrap().is_none());
    assert!(fetch(&pypi("9.9.9"), "linux-amd64").unwrap().is_none());
    let other = Coordinate::Pypi {
        package: "absent".into(),
        version: "1.0.0".into(),
    };
    assert!(
        fetch(&original(other, None), "linux-amd64")
            .unwrap()
            .is_none()
    );
}

#[test]
#[ignore = "run by wheels_are_selected_and_must_match_the_index_digest"]
fn pypi_wrong_digest() {
    let error = fetch(&pypi("1.2.3"), "linux-amd64").unwrap_err();
    assert_eq!(error.kind(), Kind::Integrity, "{error}");
    assert!(
        error
            .to_string()
            .contains(&Digest::of(b"something else").to_string()),
        "{error}"
    );
}

#[test]
#[ignore = "run by wheels_are_selected_and_must_match_the_index_digest"]
fn pypi_down() {
    let error = fetch(&pypi("1.2.3"), "linux-amd64").unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error}");
}

#[test]
#[ignore = "run by wheels_are_selected_and_must_match_the_index_digest"]
fn pypi_locked() {
    let error = fetch(&pypi("1.2.3"), "linux-amd64").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused, "{error}");
}

/// pyenv's pip, for example, fails after `pip install` if it can't renew its own files.
#[test]
fn a_report_of_pip_counts_even_if_the_program_around_pip_fails() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("pip3");
    let text = "#!/bin/sh\nPATH=\"${PATH#*:}\" python3 -m pip \"$@\"\nended=$?\n\
                [ \"$1\" != install ] || exit 1\nexit $ended\n";
    std::fs::write(&program, text).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!(
        "{}:{}",
        folder.path().display(),
        std::env::var("PATH").unwrap()
    );
    let index = index(WHEELS, true);
    in_a_process(
        "pypi_behind_a_failing_program",
        &[
            ("PIP_INDEX_URL", &format!("{}/simple", index.url)),
            ("PATH", &path),
        ],
    );
}

#[test]
#[ignore = "run by a_report_of_pip_counts_even_if_the_program_around_pip_fails"]
fn pypi_behind_a_failing_program() {
    let platform: Platform = "linux-amd64".parse().unwrap();
    let (_, _, stated) = fetch(&pypi("1.2.3"), "linux-amd64").unwrap().unwrap();
    assert_eq!(stated, 1, "the index's digest is known");
    assert!(has(&client(), &pypi("1.2.3"), platform).unwrap());
    // Without a report it is what pip says.
    assert!(!has(&client(), &pypi("9.9.9"), platform).unwrap());
}

/// Uses the configured registries for one tiny package each: their stated digest exists and
/// matches.
#[test]
fn packages_of_real_registries_are_downloaded_and_verified() {
    let package = Coordinate::Npm {
        package: "is-number".into(),
        version: "7.0.0".into(),
    };
    let platform: Platform = "windows-arm64".parse().unwrap();
    let fetched = ask(&client(), &original(package.clone(), None), platform, true)
        .unwrap()
        .unwrap();
    assert_eq!(fetched.stated[0].algorithm, Algorithm::Sha512);
    assert!(
        fetch(&original(package, None), "linux-amd64")
            .unwrap()
            .is_some()
    );
    let wheel = Coordinate::Pypi {
        package: "iniconfig".into(),
        version: "2.0.0".into(),
    };
    let (_, name, stated) = fetch(&original(wheel, None), "darwin-arm64")
        .unwrap()
        .unwrap();
    assert_eq!(
        (name.as_str(), stated),
        ("iniconfig-2.0.0-py3-none-any.whl", 1)
    );
}

/// With the configured registries: if the registry's digest and the project's pin differ, the
/// project's pin counts.
#[test]
fn registry_packages_must_match_the_projects_pins() {
    let env = TestEnv::new().with_network_settings();
    let wrong = Digest::of(b"something else");
    for (name, version, upstream, file) in [
        ("js", "7.0.0", "npm: is-number", "package/package.json"),
        ("py", "2.0.0", "pypi: iniconfig", "iniconfig/__init__.py"),
    ] {
        env.remove("subsystems");
        env.versions(&[(name, version)], "");
        let recipe = format!(
            "any: true\nbinaries: [{name}]\nupstream:\n  {upstream}\n  extract: {{\"{file}\": {name}}}\n"
        );
        env.recipe(
            name,
            &format!("{recipe}  checksums: {{{}: {wrong}}}\n", crate::env::host()),
        );
        let out = env.larder(["ensure", name]).exits(4);
        assert!(
            out.stderr.contains(&wrong.to_string()) && out.stderr.contains("recipe.yml says"),
            "{}",
            out.stderr
        );
        env.recipe(name, &recipe);
        env.larder(["ensure", name]).success();
    }
}
