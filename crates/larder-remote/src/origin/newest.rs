//! Finds the newest version of a subsystem, from the place that its originals or its source code
//! come from: git tags (which need no API call and work for mirrors) or a registry. Each is read
//! through its own client, with the user's configuration.
//!
//! A tag is matched against the recipe's own template. Nothing is changed.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::git::Git;
use crate::tool::{ClientVariables, Tools};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Platform, Version};
use larder_core::project::{Coordinate, RenderedSource, Subsystem};

use super::fetched::Publishers;
use super::{npm, pypi, web};
use larder_core::model::version_order::{self, compare, is_prerelease};

/// The number of concurrent lookups.
const MAX_CONCURRENT: usize = 8;
/// The placeholder for a version number when a template is rendered to find its other parts.
const PLACEHOLDER: &str = "7357.7358.7359";

/// The newest version of a subsystem, or why it is not known.
#[derive(Clone, Debug)]
pub enum Newest {
    /// The newest version is known.
    Known {
        /// The version, in the same form as the subsystem's current one.
        version: Version,
        /// The place that announces it.
        asked: String,
    },
    /// The newest version can't be found; contains the reason.
    Unknown(String),
}

/// A place that announces versions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Feed {
    /// The tags of a repository.
    Git(String),
    Npm(String),
    Pypi(String),
    Crate(String),
}

impl Feed {
    /// The place's name, for messages.
    fn describe(&self) -> String {
        match self {
            Self::Git(url) => crate::http::redact(url),
            Self::Npm(package) => format!("npm {package}"),
            Self::Pypi(package) => format!("pypi {package}"),
            Self::Crate(name) => format!("crate {name}"),
        }
    }
}

/// A registry of packages, which its own client reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// npm's.
    Npm,
    /// Python's.
    Pypi,
    /// Rust's, of crates.
    Crate,
}

/// The answer of a feed: texts that are versions or contain one. If a registry marks a version as
/// the newest, that one is first.
type Answer = Result<Vec<String>>;

/// Finds newest versions. Each place is read only once and its answer is shared.
pub struct VersionLookup<'a> {
    publishers: Publishers<'a>,
    cancel: &'a Cancel,
    answers: Mutex<HashMap<Feed, Arc<OnceLock<Answer>>>>,
}

impl<'a> VersionLookup<'a> {
    /// Sends no request yet.
    pub fn new(publishers: Publishers<'a>, cancel: &'a Cancel) -> Self {
        Self {
            publishers,
            cancel,
            answers: Mutex::default(),
        }
    }

    /// The newest versions of these subsystems, looked up concurrently. `pre`: include pre-releases
    /// even if the current version is not a pre-release.
    pub fn all(&self, subsystems: &[&Subsystem], pre: bool) -> Vec<Result<Newest>> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let slots: Vec<OnceLock<Result<Newest>>> =
            subsystems.iter().map(|_| OnceLock::new()).collect();
        std::thread::scope(|scope| {
            for _ in 0..MAX_CONCURRENT.min(subsystems.len()) {
                scope.spawn(|| {
                    while let Some(n) =
                        Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
                            .filter(|n| *n < slots.len())
                    {
                        let _ = slots[n].set(self.newest(subsystems[n], pre));
                    }
                });
            }
        });
        let missing = || Err(Error::failed("the lookup of the newest version failed"));
        slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(missing))
            .collect()
    }

    /// The newest version of a subsystem.
    pub fn newest(&self, subsystem: &Subsystem, pre: bool) -> Result<Newest> {
        let current = subsystem.version.as_str();
        let series = version_order::prefix(current);
        if series.len() == current.len() {
            return Ok(Newest::Unknown(format!(
                "`{current}` has no number to compare"
            )));
        }
        let platform = platform_of(subsystem);
        let feed = match feed(self.publishers, subsystem, platform)? {
            Ok(feed) => feed,
            Err(why) => return Ok(Newest::Unknown(why)),
        };
        let asked = feed.describe();
        let early = pre || is_prerelease(current);
        let mut candidates: Vec<String> = match &feed {
            Feed::Git(_) => {
                let Some(pattern) = TagPattern::of(subsystem, platform, series) else {
                    return Ok(Newest::Unknown(
                        "the recipe's tag does not contain the version".to_owned(),
                    ));
                };
                self.answer(&feed, platform)?
                    .iter()
                    .filter_map(|tag| pattern.version_in(tag))
                    .collect()
            }
            // For releases, use the version that the registry itself marks as the newest.
            Feed::Npm(_) if !early => self
                .answer(&feed, platform)?
                .into_iter()
                .take(1)
                .map(|text| format!("{series}{text}"))
                .collect(),
            _ => self
                .answer(&feed, platform)?
                .into_iter()
                .map(|text| format!("{series}{text}"))
                .collect(),
        };
        candidates.retain(|text| {
            version_order::prefix(text) == series && (early || !is_prerelease(text))
        });
        candidates.sort_by(|a, b| compare(b, a));
        for candidate in candidates {
            let Ok(version) = candidate.parse::<Version>() else {
                continue;
            };
            // Render the tag of this version and check that it exists: the match may be accidental.
            if !matches!(feed, Feed::Git(_))
                || self
                    .answer(&feed, platform)?
                    .contains(&tag_of(subsystem, &version, platform)?.unwrap_or_default())
            {
                return Ok(Newest::Known { version, asked });
            }
        }
        Ok(Newest::Unknown(format!(
            "{asked} announces no version like `{current}`"
        )))
    }

    /// The newest version of a package: the one that the registry marks as such, else the highest
    /// that is not a pre-release, else the highest. On the Python index, one with a wheel for the
    /// platform.
    pub fn newest_in(
        &self,
        registry: Registry,
        package: &str,
        platform: Platform,
    ) -> Result<Option<Version>> {
        let package = package.to_owned();
        let feed = match registry {
            Registry::Npm => Feed::Npm(package),
            Registry::Pypi => Feed::Pypi(package),
            Registry::Crate => Feed::Crate(package),
        };
        let mut versions = self.answer(&feed, platform)?;
        if registry == Registry::Pypi {
            versions.sort_by(|a, b| {
                let early = is_prerelease(a).cmp(&is_prerelease(b));
                early.then_with(|| compare(b, a))
            });
        }
        Ok(versions.iter().find_map(|text| text.parse().ok()))
    }

    fn answer(&self, feed: &Feed, platform: Platform) -> Answer {
        let slot = Arc::clone(
            self.answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(feed.clone())
                .or_default(),
        );
        slot.get_or_init(|| self.ask(feed, platform)).clone()
    }

    fn ask(&self, feed: &Feed, platform: Platform) -> Answer {
        self.cancel.check()?;
        let client = self.publishers.client;
        let offline = client.settings().offline;
        if offline && !matches!(feed, Feed::Git(url) if is_local(url)) {
            return Err(Error::unavailable(format!(
                "{} is needed, but `--offline` is set",
                feed.describe()
            )));
        }
        // A git host or a registry that can't be reached is tried only once per run.
        let host = match feed {
            Feed::Git(url) => url.split('/').take(3).collect::<Vec<_>>().join("/"),
            Feed::Npm(_) => "npm".to_owned(),
            Feed::Pypi(_) => "pypi".to_owned(),
            Feed::Crate(_) => "crate".to_owned(),
        };
        if let Some(error) = client.unanswered(&host) {
            return Err(error);
        }
        let settings = self.publishers.settings;
        let tools = Tools::new(settings, self.cancel);
        let answer = match feed {
            Feed::Git(url) => Git::new(&settings.environment, offline, self.cancel).tags(url),
            Feed::Npm(package) => npm::versions(package, tools),
            Feed::Pypi(package) => pypi::versions(package, platform, tools),
            Feed::Crate(name) => crate_versions(name, tools),
        };
        if let Err(error) = &answer
            && error.kind() == Kind::Unavailable
        {
            client.set_unanswered(&host, error);
        }
        answer
    }
}

fn is_local(url: &str) -> bool {
    url.starts_with("file://") || url.starts_with('/')
}

/// The platform to look up: the host if the subsystem supports it, otherwise its first platform.
fn platform_of(subsystem: &Subsystem) -> Platform {
    let host = subsystem.host();
    if subsystem.platforms.contains(&host) {
        host
    } else {
        subsystem.platforms.first().copied().unwrap_or(host)
    }
}

/// The place that announces a subsystem's versions; the inner `Err` is the reason why there is
/// none.
fn feed(
    publishers: Publishers<'_>,
    subsystem: &Subsystem,
    platform: Platform,
) -> Result<Result<Feed, String>> {
    let why = match subsystem
        .original(&platform)?
        .map(|original| original.coordinate)
    {
        Some(Coordinate::GitHub { repo, .. }) => {
            return Ok(Ok(Feed::Git(web::repository(publishers, &repo)?)));
        }
        Some(Coordinate::Npm { package, .. }) => return Ok(Ok(Feed::Npm(package))),
        Some(Coordinate::Pypi { package, .. }) => return Ok(Ok(Feed::Pypi(package))),
        Some(Coordinate::Url(_)) => Some("a url announces no versions"),
        None => None,
    };
    let source = subsystem
        .rendered_build(&platform, "<out>", "<src>")?
        .map(|build| build.source);
    Ok(match source {
        Some(RenderedSource::Git { url, .. }) => Ok(Feed::Git(url)),
        Some(RenderedSource::Crate { name, .. }) => Ok(Feed::Crate(name)),
        Some(RenderedSource::Url { .. }) => {
            Err(why.unwrap_or("a url announces no versions").to_owned())
        }
        Some(RenderedSource::Dir(_)) => Err(why.unwrap_or("its source is a folder").to_owned()),
        None => Err(why
            .unwrap_or("its recipe names no place that announces versions")
            .to_owned()),
    })
}

/// The tag of a version according to the recipe's template.
fn tag_of(subsystem: &Subsystem, version: &Version, platform: Platform) -> Result<Option<String>> {
    let subsystem = Subsystem {
        version: version.clone(),
        ..subsystem.clone()
    };
    if let Some(Coordinate::GitHub { tag, .. }) = subsystem
        .original(&platform)?
        .map(|original| original.coordinate)
    {
        return Ok(Some(tag));
    }
    Ok(
        match subsystem
            .rendered_build(&platform, "<out>", "<src>")?
            .map(|build| build.source)
        {
            Some(RenderedSource::Git { rev, .. }) => Some(rev),
            _ => None,
        },
    )
}

/// Finds the version in a tag: the parts of a tag's template before and after the version.
struct TagPattern {
    before: String,
    after: String,
    /// The text that the tag has in place of the version's dots.
    dot: &'static str,
    /// The start of the version that the tag leaves out.
    lead: String,
}

impl TagPattern {
    fn of(subsystem: &Subsystem, platform: Platform, series: &str) -> Option<Self> {
        let Ok(version) = format!("{series}{PLACEHOLDER}").parse() else {
            return None;
        };
        // If the template can't be rendered with such a version, the pattern is unknown.
        let Ok(Some(tag)) = tag_of(subsystem, &version, platform) else {
            return None;
        };
        for dot in [".", "_", "-", ""] {
            if let Some((before, after)) = tag.split_once(&PLACEHOLDER.replace('.', dot)) {
                let (before, lead) = match before.strip_suffix(series) {
                    Some(before) => (before, String::new()),
                    None => (before, series.to_owned()),
                };
                return (!dot.is_empty()).then(|| Self {
                    before: before.to_owned(),
                    after: after.to_owned(),
                    dot,
                    lead,
                });
            }
        }
        None
    }

    fn version_in(&self, tag: &str) -> Option<String> {
        let version = tag
            .strip_prefix(self.before.as_str())?
            .strip_suffix(self.after.as_str())?;
        Some(format!("{}{}", self.lead, version.replace(self.dot, ".")))
    }
}

/// cargo's own variables, with logins for its registries, and shorter time limits than cargo's.
const CARGO_VARIABLES: ClientVariables = ClientVariables {
    own: &["CARGO_*"],
    defaults: &[("CARGO_NET_RETRY", "1"), ("CARGO_HTTP_TIMEOUT", "15")],
};

/// The newest version of a crate, which cargo is asked for.
pub fn newest_crate(
    publishers: Publishers<'_>,
    name: &str,
    cancel: &Cancel,
) -> Result<Option<String>> {
    let versions = crate_versions(name, Tools::new(publishers.settings, cancel))?;
    Ok(versions.into_iter().next())
}

/// The newest version of a crate in the index that cargo uses.
fn crate_versions(name: &str, tools: Tools<'_>) -> Answer {
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Error::usage(format!(
            "`{}` is not the name of a crate",
            name.escape_debug()
        )));
    }
    let args = ["info", "--color", "never", "--quiet", "--", name].map(OsStr::new);
    let output = tools
        .run(&["cargo"], &args, &CARGO_VARIABLES)?
        .ok_or_else(|| {
            Error::failed("cargo is not on PATH, but it is needed to list a crate's versions")
                .hint("install Rust")
        })?;
    if !output.status.success() {
        let what = format!("cargo could not list the versions of {name}");
        let absent = output.err.contains("could not find");
        let error = if absent {
            Error::failed(what)
        } else {
            Error::unavailable(what)
        };
        return Err(error.cause(output.last_lines()));
    }
    Ok(newest_from_cargo(&output.out).into_iter().collect())
}

/// Parses `version: 1.2.3`, or `version: 1.2.3 (latest 1.4.0)` if a project in the current folder
/// uses an older version.
fn newest_from_cargo(text: &str) -> Option<String> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("version: "))?;
    let newest = line
        .split_once("(latest ")
        .map_or(line, |(_, newest)| newest);
    newest.split([' ', ')']).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_output_of_cargo_is_parsed() {
        assert_eq!(
            newest_from_cargo("x #y\nversion: 15.2.0\nlicense: MIT\n").as_deref(),
            Some("15.2.0")
        );
        assert_eq!(
            newest_from_cargo("x\nversion: 1.2.3 (latest 1.4.0)\n").as_deref(),
            Some("1.4.0")
        );
        assert_eq!(
            newest_from_cargo("x\nversion: 1.2.3 (from ./x)\n").as_deref(),
            Some("1.2.3")
        );
        assert_eq!(newest_from_cargo("nothing"), None);
    }

    #[test]
    fn versions_are_found_in_tags() {
        let pattern = |before: &str, after: &str, dot, lead: &str| TagPattern {
            before: before.into(),
            after: after.into(),
            dot,
            lead: lead.into(),
        };
        assert_eq!(
            pattern("", "", ".", "").version_in("v1.2.3").as_deref(),
            Some("v1.2.3")
        );
        assert_eq!(
            pattern("jq-", "", ".", "")
                .version_in("jq-1.7.1")
                .as_deref(),
            Some("1.7.1")
        );
        assert_eq!(pattern("jq-", "", ".", "").version_in("oniguruma-1"), None);
        assert_eq!(
            pattern("curl-", "", "_", "v")
                .version_in("curl-8_11_0")
                .as_deref(),
            Some("v8.11.0")
        );
        assert_eq!(
            pattern("cli/", "/x", ".", "")
                .version_in("cli/v1/x")
                .as_deref(),
            Some("v1")
        );
    }
}
