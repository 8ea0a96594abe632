//! `npm:` originals, fetched by `npm` itself: its configuration and mirrors apply, and package
//! scripts never run.
//!
//! npm checks the tarball against the registry's integrity while it downloads. The registry's
//! integrity is also read here, and checked again.

use std::ffi::OsStr;

use serde_json::Value;

use crate::tool::{ClientVariables, NPM, ToolOutput, Tools};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};

use super::checks::Stated;
use super::fetched::{Fetched, TempFile};

/// The package to fetch.
pub(super) struct Request<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) ask_statements: bool,
}

/// npm's own variables (`npm_config_*` too, in either case), and time limits and options that suit a
/// build tool.
const VARIABLES: ClientVariables = ClientVariables {
    own: &["NPM_*"],
    defaults: &[
        ("npm_config_fetch_retries", "2"),
        ("npm_config_fetch_retry_mintimeout", "500"),
        ("npm_config_fetch_retry_maxtimeout", "5000"),
        ("npm_config_update_notifier", "false"),
        ("npm_config_audit", "false"),
        ("npm_config_fund", "false"),
    ],
};

/// Fetches a package's tarball.
pub(super) fn fetch(request: &Request<'_>, tools: Tools<'_>) -> Result<Option<Fetched>> {
    let Request {
        package,
        version,
        ask_statements,
    } = *request;
    check(package, version)?;
    let spec = format!("{package}@{version}");
    let coordinate = format!("npm:{spec}");
    let folder = fs::Scratch::new(tools.temp, "npm")?;
    let into = folder.path().as_ref();
    // Read the registry's statement and download the bytes at the same time.
    let (viewed, packed) = std::thread::scope(|scope| {
        let viewed = scope.spawn(|| ask_statements.then(|| view(&spec, tools)).transpose());
        let args = [
            OsStr::new("pack"),
            OsStr::new("--ignore-scripts"),
            OsStr::new("--json"),
            OsStr::new("--loglevel=error"),
            OsStr::new("--pack-destination"),
            into,
            OsStr::new("--"),
            OsStr::new(&spec),
        ];
        let packed = npm(&args, tools);
        (
            viewed
                .join()
                .unwrap_or_else(|_| Err(Error::failed("cannot run npm"))),
            packed,
        )
    });
    let packed = packed?;
    if !packed.status.success() {
        return absent_or_error(&packed, &coordinate);
    }
    if let Some(other) = packed_version(&packed.out).filter(|found| found != version) {
        return Err(
            Error::failed(format!("npm resolved {spec} to version {other}"))
                .hint("write the whole version in versions.yml: major.minor.patch"),
        );
    }
    let stated = match viewed? {
        None => Vec::new(),
        Some(viewed) if viewed.status.success() => integrity(&viewed.out),
        Some(viewed) => return absent_or_error(&viewed, &coordinate),
    };
    let Some(file_name) = fs::list(folder.path())?.into_iter().next() else {
        return Err(
            Error::failed(format!("npm wrote no package to {}", folder.path()))
                .cause(packed.last_lines()),
        );
    };
    let file = fs::open(folder.path().join(&file_name))?;
    let size = file.metadata().at("look at", folder.path())?.len();
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

/// Whether the registry has a version of a package; nothing is downloaded.
pub(super) fn exists(package: &str, version: &str, tools: Tools<'_>) -> Result<bool> {
    check(package, version)?;
    let spec = format!("{package}@{version}");
    let output = view(&spec, tools)?;
    if !output.status.success() {
        return absent_or_error(&output, &format!("npm:{spec}")).map(|found| found.is_some());
    }
    // For a version that does not exist, npm succeeds and prints nothing.
    Ok(!output.out.trim().is_empty())
}

/// Reads what the registry states for a version of a package.
fn view(spec: &str, tools: Tools<'_>) -> Result<ToolOutput> {
    let args = [
        "view",
        "--json",
        "--loglevel=error",
        "--",
        spec,
        "dist",
        "version",
    ];
    npm(&args.map(OsStr::new), tools)
}

/// The versions of a package, starting with the one that its publisher marks as the latest.
pub(super) fn versions(package: &str, tools: Tools<'_>) -> Result<Vec<String>> {
    check(package, "0.0.0")?;
    let output = npm(
        &[
            "view",
            "--json",
            "--loglevel=error",
            "--",
            package,
            "dist-tags",
            "versions",
        ]
        .map(OsStr::new),
        tools,
    )?;
    if !output.status.success() {
        absent_or_error(&output, &format!("npm:{package}"))?;
        return Err(Error::failed(format!(
            "the npm registry has no package {package}"
        )));
    }
    let value: Value = serde_json::from_str(&output.out).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let all = match value.get("versions") {
        Some(Value::Array(all)) => all.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    };
    Ok(value
        .pointer("/dist-tags/latest")
        .and_then(text)
        .into_iter()
        .chain(all)
        .collect())
}

fn npm(args: &[&OsStr], tools: Tools<'_>) -> Result<ToolOutput> {
    tools.run(&[NPM], args, &VARIABLES)?.ok_or_else(|| {
        Error::failed("npm is not on PATH, but an `npm:` upstream needs it")
            .hint("install Node.js, or use another upstream")
    })
}

/// Parses the stated integrity, which is under `dist` if several fields were requested.
fn integrity(json: &str) -> Vec<Stated> {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    let dist = value.get("dist").unwrap_or(&value);
    let text = dist
        .get("integrity")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Stated::from_integrity(text, "the npm registry")
}

/// The version that `npm pack --json` reports.
fn packed_version(json: &str) -> Option<String> {
    let value: Value = serde_json::from_str(json).ok()?;
    let first = value
        .get(0)
        .or_else(|| value.as_object()?.values().next())?;
    Some(first.get("version")?.as_str()?.to_owned())
}

/// Classifies an error code of npm: absent, or an error with a kind.
fn absent_or_error(output: &ToolOutput, coordinate: &str) -> Result<Option<Fetched>> {
    let value: Value = serde_json::from_str(&output.out).unwrap_or_default();
    let field = |key: &str| {
        value
            .pointer(&format!("/error/{key}"))
            .and_then(Value::as_str)
    };
    let from_words = || {
        let line = output
            .err
            .lines()
            .find_map(|line| line.split_once("code ").map(|(_, code)| code.trim()));
        line.unwrap_or_default()
    };
    let code = field("code").unwrap_or_else(from_words);
    let why = field("summary").map_or_else(
        || output.last_lines(),
        |text| {
            text.split(' ')
                .map(crate::http::redact)
                .collect::<Vec<_>>()
                .join(" ")
        },
    );
    let what = format!("npm could not fetch {coordinate}");
    match code {
        "E404" | "ETARGET" | "ENOVERSIONS" => Ok(None),
        "EINTEGRITY" => Err(Error::integrity(format!(
            "{coordinate} does not have the digest that the registry states"
        ))
        .cause(why)),
        "E401" | "E403" | "EAUTHUNKNOWN" | "EOTP" => Err(Error::refused(what)
            .cause(why)
            .hint("check npm's own configuration: registry and login")),
        code if code.contains("CERT")
            || code.contains("UNABLE_TO")
            || code.starts_with("ERR_TLS") =>
        {
            Err(Error::refused(what)
                .cause(why)
                .hint("TLS failed; if a company proxy is on the way, set its CA in npm's `cafile`"))
        }
        _ => Err(Error::unavailable(what).cause(why)),
    }
}

/// Accepts only plain names of the registry: no folder, no url, no option.
fn check(package: &str, version: &str) -> Result<()> {
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    let named = match package.strip_prefix('@').map(|rest| rest.split_once('/')) {
        Some(Some((scope, name))) => word(scope) && word(name),
        Some(None) => false,
        None => word(package),
    };
    if !named {
        return Err(Error::usage(format!(
            "`{}` is not the name of an npm package",
            package.escape_debug()
        )));
    }
    if semver::Version::parse(version).is_err() {
        return Err(Error::usage(format!(
            "`{version}` is not a complete version of an npm package"
        ))
        .hint("npm versions are major.minor.patch; anything less would match several"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_registry_names_and_whole_versions() {
        for good in ["esbuild", "@esbuild/linux-x64", "is-odd", "lodash.merge"] {
            assert!(check(good, "1.2.3").is_ok(), "{good}");
        }
        for bad in [
            "",
            "../x",
            "-g",
            "@x",
            "@/x",
            "a/b",
            "https://x",
            "git+ssh://x",
            "x@1",
            "a b",
            "./x",
        ] {
            assert!(check(bad, "1.2.3").is_err(), "{bad}");
        }
        for bad in ["1.2", "latest", "^1.2.3", "1.x", "", "--x"] {
            assert!(check("esbuild", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn answers_are_understood_in_both_shapes() {
        let one = r#"{"integrity": "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="}"#;
        let many = format!(r#"{{"dist": {one}, "version": "1.2.3"}}"#);
        assert_eq!(integrity(one).len(), 1);
        assert_eq!(integrity(&many), integrity(one));
        assert!(integrity("").is_empty());
        assert_eq!(
            packed_version(r#"[{"id": "a@1.2.3", "version": "1.2.3"}]"#).as_deref(),
            Some("1.2.3")
        );
        assert_eq!(
            packed_version(r#"{"a": {"version": "1.2.3"}}"#).as_deref(),
            Some("1.2.3")
        );
    }
}
