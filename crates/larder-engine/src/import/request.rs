//! What the user asks `add` for: a name, the publisher's releases, and the platforms.

use std::fmt;

use larder_core::error::{Error, Result};
use larder_core::model::{FileName, Name, Platform};
use larder_core::project::Project;
use larder_remote::http::parse_url;

/// The place of a publisher's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The releases of `owner/name` on GitHub.
    GitHub(String),
    /// The URL of one file; those for other platforms are searched under similar URLs.
    Url(String),
    /// A package of aqua's registry.
    Aqua(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub(repo) => write!(f, "github:{repo}"),
            Self::Url(url) => f.write_str(url),
            Self::Aqua(package) => write!(f, "aqua:{package}"),
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
        }
    }
}

/// What to write in place of a text that is neither `github:…` nor a URL.
fn elsewhere(text: &str) -> String {
    let by_hand = |recipe: &str| {
        format!(
            "write subsystems/NAME/recipe.yml by hand: `binaries: [NAME]`, then {recipe}; and \
             `NAME: VERSION` under `versions` in versions.yml"
        )
    };
    match text.split_once(':') {
        Some((kind @ ("npm" | "pypi"), package)) => {
            by_hand(&format!("`upstream: {{{kind}: \"{package}\"}}`"))
        }
        Some(("crate", package)) => by_hand(&format!("`build: {{source: {{crate: {package}}}}}`")),
        None if text.split('/').count() == 2 && !text.starts_with(['/', '.']) => {
            format!("write `github:owner/name`: for this repository `github:{text}`")
        }
        _ => "write `github:owner/name`, or a URL".to_owned(),
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
        platforms.sort();
        platforms.dedup();
        Ok(Self {
            schema: Self::schema_of(project),
            name,
            source,
            version,
            binaries,
            platforms,
        })
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
        for wrong in [
            "nats",
            "github:nats",
            "github:a/b/c",
            "github:../x",
            "npm:esbuild",
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
