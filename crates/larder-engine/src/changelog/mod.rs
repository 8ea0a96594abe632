//! `changelog`: what has changed in a subsystem since its last released version, from the commits of
//! the project's repository.
//!
//! `range` finds the beginning, `paths` says which commits count, `message` reads what commits say,
//! `merged` finds the pull requests that brought them, `groups` puts them in order, and `render`
//! writes Markdown. All of them but `range` and `paths` are pure.

mod groups;
mod merged;
mod message;
mod paths;
mod range;
mod render;
mod section;

use std::collections::HashMap;
use std::fmt::Write as _;

use larder_core::error::{Error, Result};
use larder_core::formats::documents::{ChangelogBasis, ChangelogDocument, UpstreamPages};
use larder_core::fs;
use larder_core::model::{Name, Version};
use larder_core::project::publish::{Changelog, ChangelogFrom};
use larder_core::project::{Coordinate, HubConfig, Project, Subsystem};
use larder_remote::git::{Git, Repository, Span};

use range::{Search, Start, known_commit};
use render::{Content, markdown};

pub use render::shortened;

/// The file with the pinned versions.
const VERSIONS: &str = "versions.yml";

/// How many commits are read at most.
const MOST_COMMITS: usize = 5_000;

/// How many commits are searched for the merges that brought others.
const MOST_IN_GRAPH: usize = 100_000;

/// The largest changelog that people write, in bytes.
const LONGEST_FILE: u64 = 4 << 20;

/// What to do about a shallow clone.
pub const FETCH_HINT: &str = "`git fetch --unshallow` fetches the rest; in GitHub Actions, give the checkout `fetch-depth: 0`";

/// Where changelogs come from: a project, the git to read its repository with, and the url of the
/// website of GitHub.
pub struct Changelogs<'a> {
    /// The project.
    pub project: &'a Project,
    /// Reads its repository.
    pub git: &'a Git<'a>,
    /// The url of the website of GitHub, for links to commits of a GitHub hub.
    pub web: &'a str,
}

/// The range that was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Its beginning; by default the last released version.
    pub from: Option<&'a str>,
    /// Its end; by default the commit that is checked out.
    pub to: Option<&'a str>,
}

impl Changelogs<'_> {
    /// The changelog of a subsystem.
    pub fn of(
        &self,
        subsystem: &Subsystem,
        config: &Changelog,
        asked: Asked<'_>,
    ) -> Result<ChangelogDocument> {
        let read = match &config.from {
            ChangelogFrom::None => Read::empty(&subsystem.version, ChangelogBasis::None),
            ChangelogFrom::File(path) => {
                let mut read = Read::empty(&subsystem.version, ChangelogBasis::File);
                read.text = Some(self.section(subsystem, path)?);
                read
            }
            ChangelogFrom::Commits => self.commits(subsystem, config, asked)?,
        };
        let upstream = match config.from {
            ChangelogFrom::None => None,
            _ => pages(subsystem, &read.version, read.start.previous.as_ref()),
        };
        let text = read.text.unwrap_or_else(|| {
            let repository = self.repository_url();
            markdown(&Content {
                previous: read.start.previous.as_ref(),
                version: &read.version,
                has_upstream: subsystem.upstream.is_some()
                    && read.start.basis != ChangelogBasis::None,
                upstream: upstream.as_ref(),
                groups: &read.groups,
                repository: repository.as_deref(),
            })
        });
        Ok(ChangelogDocument {
            name: subsystem.name.clone(),
            version: read.version,
            previous: read.start.previous,
            basis: read.start.basis,
            from: read.start.from,
            to: read.to,
            shallow: read.is_shallow,
            truncated: read.is_truncated,
            upstream,
            groups: read.groups,
            markdown: text,
        })
    }

    fn commits(&self, subsystem: &Subsystem, config: &Changelog, asked: Asked<'_>) -> Result<Read> {
        let repository = self.repository()?;
        let to = match asked.to {
            Some(to) => known_commit(&repository, to)?,
            None => repository.commit("HEAD")?.ok_or_else(|| {
                Error::usage(format!(
                    "the repository {} has no commit yet",
                    repository.top()
                ))
                .hint("commit the project's files first")
            })?,
        };
        let paths = paths::of(&repository, subsystem, config)?;
        let names: Vec<Name> = self.project.subsystems.keys().cloned().collect();
        let project = paths::in_repository(&repository, &self.project.root)?.unwrap_or_default();
        let mut search = Search {
            name: &subsystem.name,
            names: &names,
            folders: &paths.sources,
            project: &project,
            version: subsystem.version.clone(),
            to: &to,
        };
        if asked.to.is_some()
            && let Some(pin) = search.pin(&repository, &to)?
        {
            search.version = pin;
        }
        let start = match asked.from {
            Some(from) => search.given(&repository, from)?,
            None => search.find(&repository)?,
        };
        let span = Span {
            from: start.commit.as_deref(),
            to: &to,
        };
        let commits = repository.changes(span, &paths.all, MOST_COMMITS)?;
        let is_cut = match &start {
            _ if !repository.is_shallow() => false,
            Start {
                basis: ChangelogBasis::Given | ChangelogBasis::Tag,
                commit: Some(commit),
                ..
            } => !repository.is_ancestor(commit, &to)?,
            _ => true,
        };
        Ok(Read {
            groups: groups::group(&commits, &merged_in(&repository, span)?),
            is_truncated: commits.len() == MOST_COMMITS,
            is_shallow: is_cut,
            to: Some(to.clone()),
            text: None,
            start,
            version: search.version,
        })
    }

    /// Whether the project is in a repository of git.
    pub fn has_repository(&self) -> Result<bool> {
        Ok(self.git.repository(&self.project.root)?.is_some())
    }

    fn repository(&self) -> Result<Repository<'_>> {
        let root = &self.project.root;
        self.git.repository(root)?.ok_or_else(|| {
            Error::usage(format!("{root} is not in a git repository"))
                .cause("a changelog is made of the commits of the project's repository")
                .hint("run it in a checkout of the project, or make a repository with `git init`")
        })
    }

    /// The section about the pinned version in a file.
    fn section(&self, subsystem: &Subsystem, path: &str) -> Result<String> {
        let file = subsystem.dir.join(path);
        let shown = self.project.relative(&file);
        let bytes = fs::read_bounded(&file, LONGEST_FILE)?.ok_or_else(|| {
            Error::usage(format!("the changelog {shown} is larger than 4 MiB"))
                .hint("name a shorter file in `publish.changelog`")
        })?;
        let text = String::from_utf8_lossy(&bytes);
        section::of_version(&text, &subsystem.version).ok_or_else(|| {
            Error::usage(format!(
                "{shown} has no section about {} of {}",
                subsystem.version, subsystem.name
            ))
            .hint(format!("add a heading such as `## {}`", subsystem.version))
        })
    }

    /// The url of the project's repository, where the hub is on GitHub.
    fn repository_url(&self) -> Option<String> {
        match &self.project.hub {
            HubConfig::GitHub { repo } => {
                Some(format!("{}/{repo}", self.web.trim_end_matches('/')))
            }
            HubConfig::Dir { .. }
            | HubConfig::Http { .. }
            | HubConfig::S3 { .. }
            | HubConfig::Oci { .. } => None,
        }
    }
}

/// What was read for a changelog.
struct Read {
    version: Version,
    start: Start,
    to: Option<String>,
    is_shallow: bool,
    is_truncated: bool,
    groups: Vec<larder_core::formats::documents::ChangeGroup>,
    text: Option<String>,
}

impl Read {
    fn empty(version: &Version, basis: ChangelogBasis) -> Self {
        Self {
            version: version.clone(),
            start: Start {
                basis,
                from: None,
                commit: None,
                previous: None,
            },
            to: None,
            is_shallow: false,
            is_truncated: false,
            groups: Vec::new(),
            text: None,
        }
    }
}

/// The pull requests of the commits that merges of pull requests brought.
fn merged_in(repository: &Repository<'_>, span: Span<'_>) -> Result<HashMap<String, u64>> {
    let merges = repository.merges(span, MOST_COMMITS)?;
    let numbers: HashMap<&str, u64> = merges
        .iter()
        .filter_map(|merge| {
            let number = message::merged_pull_request(&merge.message)?;
            Some((merge.id.as_str(), number))
        })
        .collect();
    if numbers.is_empty() {
        return Ok(HashMap::new());
    }
    let graph = repository.graph(span, MOST_IN_GRAPH)?;
    Ok(merged::pull_requests(&graph, &numbers))
}

/// The pages of a publisher on GitHub about a version.
fn pages(
    subsystem: &Subsystem,
    version: &Version,
    previous: Option<&Version>,
) -> Option<UpstreamPages> {
    let tag = |version: &Version| {
        let mut subsystem = subsystem.clone();
        subsystem.version = version.clone();
        match subsystem.original(&subsystem.host()).ok()??.coordinate {
            Coordinate::GitHub { repo, tag, .. } => Some((repo, tag)),
            Coordinate::Url(_) | Coordinate::Npm { .. } | Coordinate::Pypi { .. } => None,
        }
    };
    let (repo, new) = tag(version)?;
    let old = previous.and_then(tag).map(|(_, tag)| tag);
    let base = format!("https://github.com/{repo}");
    Some(UpstreamPages {
        release: format!("{base}/releases/tag/{}", in_url(&new)),
        compare: old
            .filter(|old| *old != new)
            .map(|old| format!("{base}/compare/{}...{}", in_url(&old), in_url(&new))),
    })
}

/// A tag as a part of a url.
fn in_url(tag: &str) -> String {
    let mut url = String::new();
    for byte in tag.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                url.push(char::from(byte));
            }
            byte => {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}
