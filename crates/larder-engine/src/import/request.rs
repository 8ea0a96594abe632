//! What the user asks `add` for: a name, the publisher's releases, and the platforms.

use std::collections::BTreeMap;
use std::fmt;

use larder_core::error::{Error, Result};
use larder_core::model::{FileName, Name, Platform};
use larder_core::project::Project;
use larder_remote::http::parse_url;
use larder_remote::origin::Registry;

/// The place of a publisher's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The releases of `owner/name` on GitHub.
    GitHub(String),
    /// The URL of one file; those for other platforms are searched under similar URLs.
    Url(String),
    /// A package of aqua's registry.
    Aqua(String),
    /// A package of a registry, with its version if one was written.
    Package(Registry, String, Option<String>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub(repo) => write!(f, "github:{repo}"),
            Self::Url(url) => f.write_str(url),
            Self::Aqua(package) => write!(f, "aqua:{package}"),
            Self::Package(registry, package, _) => write!(f, "{}:{package}", key(*registry)),
        }
    }
}

impl Source {
    /// Parses a word of the command line: `github:owner/name`, or a URL.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |hint: &str| {
            Err(Error::usage(format!("`larder add` can't read releases from `{text}`")).hint(hint))
        };
        if let Some(package) = text.strip_prefix("aqua:") {
            return Ok(Self::Aqua(package.to_owned()));
        }
        if let Some(package) = package(text) {
            return package;
        }
        let Some(repo) = text.strip_prefix("github:") else {
            let page = text
                .strip_prefix("https://github.com/")
                .map(|rest| rest.trim_end_matches('/').trim_end_matches(".git"));
            return match page {
                Some(repo) if repo.matches('/').count() == 1 => {
                    wrong(&format!("write `github:{repo}`"))
                }
                _ if text.contains("://") => Ok(Self::Url(parse_url(text)?.to_string())),
                _ => wrong(&elsewhere(text)),
            };
        };
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with(['.', '-'])
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        match repo.split_once('/') {
            Some((owner, name)) if part(owner) && part(name) => Ok(Self::GitHub(repo.to_owned())),
            _ => wrong("write `github:owner/name`, such as github:nats-io/nats-server"),
        }
    }

    /// The part of its name that assets' names may contain.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::GitHub(repo) => repo.rsplit('/').next().unwrap_or_default(),
            Self::Url(_) | Self::Aqua(_) => "",
            // The scope is the publisher's name.
            Self::Package(_, package, _) => package.rsplit('/').next().unwrap_or_default(),
        }
    }
}

/// The key of recipes that names a package of a registry.
pub(super) fn key(registry: Registry) -> &'static str {
    match registry {
        Registry::Npm => "npm",
        Registry::Pypi => "pypi",
        Registry::Crate => "crate",
    }
}

/// Parses `npm:PACKAGE`, `pypi:PACKAGE` or `crate:NAME`, with `@VERSION` if the text ends in one.
fn package(text: &str) -> Option<Result<Source>> {
    let (kind, package) = text.split_once(':')?;
    let all = [Registry::Npm, Registry::Pypi, Registry::Crate];
    let registry = all.into_iter().find(|registry| key(*registry) == kind)?;
    // The first `@` of `@scope/name@1.2` begins the scope.
    let (name, version) = match package.rfind(['@', '=']).filter(|at| *at > 0) {
        Some(at) => {
            let name = package[..at].trim_end_matches('=');
            (name, Some(package[at + 1..].to_owned()))
        }
        None => (package, None),
    };
    let (scope, base) = match name.strip_prefix('@').and_then(|rest| rest.split_once('/')) {
        Some((scope, base)) if registry == Registry::Npm => (scope, base),
        _ => ("scope", name),
    };
    let word = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    if word(scope) && word(base) && version.as_ref().is_none_or(|version| !version.is_empty()) {
        return Some(Ok(Source::Package(registry, name.to_owned(), version)));
    }
    let example = match registry {
        Registry::Npm => "npm:@biomejs/biome@2.0.0",
        Registry::Pypi => "pypi:ruff@0.14.0",
        Registry::Crate => "crate:hexyl@0.16.0",
    };
    Some(Err(Error::usage(format!(
        "`{text}` is not the name of a package"
    ))
    .hint(format!(
        "write the package, and its version if it is not the newest: `{example}`"
    ))))
}

/// What to write in place of a text that is no source.
fn elsewhere(text: &str) -> String {
    if !text.contains(':') && text.split('/').count() == 2 && !text.starts_with(['/', '.']) {
        return format!("write `github:owner/name`: for this repository `github:{text}`");
    }
    let forms = "write `github:owner/name`, a URL, `aqua:owner/name`, `npm:PACKAGE`, `pypi:PACKAGE` or `crate:NAME`";
    if text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    {
        format!("{forms}; `larder search {text}` looks for it in aqua's registry")
    } else {
        forms.to_owned()
    }
}

/// A subsystem to add.
#[derive(Clone, Debug)]
pub struct AddRequest {
    /// Its name in the project.
    pub name: Name,
    /// The place of its releases.
    pub source: Source,
    /// The version or tag; `None` means the latest release.
    pub version: Option<String>,
    /// The assets that the user has named, by platform.
    pub assets: BTreeMap<Platform, String>,
    /// Names of its binaries; if empty, they are read from the asset.
    pub binaries: Vec<FileName>,
    /// The platforms to find assets for.
    pub platforms: Vec<Platform>,
    /// Relative path from the recipe to its JSON Schema, which editors use, if `init` wrote the schema.
    pub schema: Option<&'static str>,
}

impl AddRequest {
    /// A request for the project's platforms and the usual ones. It is an error if the project has the subsystem already.
    pub fn new(
        project: &Project,
        name: Name,
        source: Source,
        version: Option<String>,
        binaries: Vec<FileName>,
        assets: BTreeMap<Platform, String>,
    ) -> Result<Self> {
        if let Some(known) = project.subsystems.get(&name) {
            let version = &known.version;
            return Err(Error::usage(format!("the project already has `{name}`, at {version}")).hint(
                format!(
                    "`larder bump {name}` pins another version; to add it again, remove its recipe and its version"
                ),
            ));
        }
        let usual = USUAL.iter().filter_map(|text| text.parse().ok());
        let mut platforms: Vec<Platform> = project.platforms.iter().copied().chain(usual).collect();
        platforms.extend(assets.keys());
        platforms.sort();
        platforms.dedup();
        Ok(Self {
            schema: Self::schema_of(project),
            name,
            source,
            version,
            binaries,
            assets,
            platforms,
        })
    }

    /// Parses the user's answer, `PLATFORM=NAME`.
    pub fn asset(text: &str) -> Result<(Platform, String)> {
        match text.split_once('=') {
            Some((platform, name)) if !name.is_empty() => {
                Ok((platform.trim().parse()?, name.trim().to_owned()))
            }
            _ => Err(Error::usage(format!("`{text}` does not name a platform's asset"))
                .hint("write `--asset PLATFORM=NAME`, such as `--asset linux-amd64=tool-linux-x64.tar.gz`")),
        }
    }

    /// The path of the schema, as recipes of this project refer to it.
    fn schema_of(project: &Project) -> Option<&'static str> {
        let usual = project.subsystems_dir == project.root.join("subsystems");
        (usual
            && project
                .root
                .join(".larder/schema/recipe.schema.json")
                .exists())
        .then_some("../../.larder/schema/recipe.schema.json")
    }
}

/// Platforms that most publishers have assets for.
const USUAL: [&str; 6] = [
    "linux-amd64",
    "linux-arm64",
    "darwin-amd64",
    "darwin-arm64",
    "windows-amd64",
    "windows-arm64",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        assert_eq!(
            Source::parse("github:nats-io/nats-server").unwrap(),
            Source::GitHub("nats-io/nats-server".into())
        );
        assert_eq!(
            Source::parse("https://x.example/a-1.0").unwrap(),
            Source::Url("https://x.example/a-1.0".into())
        );
        for (text, registry, name, version) in [
            ("npm:esbuild", Registry::Npm, "esbuild", None),
            ("npm:@bio/me@2.0.0", Registry::Npm, "@bio/me", Some("2.0.0")),
            ("pypi:ruff==0.14.0", Registry::Pypi, "ruff", Some("0.14.0")),
            ("pypi:ruff@0.14.0", Registry::Pypi, "ruff", Some("0.14.0")),
            ("crate:hexyl", Registry::Crate, "hexyl", None),
        ] {
            let version = version.map(str::to_owned);
            let package = Source::Package(registry, name.into(), version);
            assert_eq!(Source::parse(text).unwrap(), package);
        }
        for wrong in [
            "nats",
            "github:nats",
            "github:a/b/c",
            "github:../x",
            "npm:",
            "npm:@scope",
            "npm:x@",
            "pypi:a/b",
            "crate:../x",
            "https://github.com/a/b",
            "ftp://x/y",
        ] {
            assert_eq!(
                Source::parse(wrong).unwrap_err().kind(),
                larder_core::Kind::Usage,
                "{wrong}"
            );
        }
        assert_eq!(
            Source::parse("https://github.com/a/b.git")
                .unwrap_err()
                .hints(),
            ["write `github:a/b`"]
        );
    }
}
