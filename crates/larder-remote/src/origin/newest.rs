//! The newest version of a subsystem, asked of where its originals or sources come from: git tags
//! (no API call, works for mirrors) or a registry, each through its ordinary client, whose
//! configuration is the user's.
//!
//! Knows what a version is called there: a tag is matched against the recipe's own template.
//! Changes nothing.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::git::Git;
use crate::tool::Tools;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Platform, Version};
use larder_core::project::{Coordinate, RenderedSource, Subsystem};

use super::fetched::Publishers;
use super::{npm, pypi, web};
use larder_core::model::version_order::{self, compare, is_prerelease};

/// How many are asked at once.
const AT_ONCE: usize = 8;
/// Stands in for a version's number while a template is turned around.
const PROBE: &str = "7357.7358.7359";

/// What is known of a subsystem's newest version.
#[derive(Clone, Debug)]
pub enum Newest {
    /// This one, says `asked`.
    Known {
        /// The version, written as the subsystem's own is.
        version: Version,
        /// Who says so.
        asked: String,
    },
    /// It can't be known, and why.
    Unknown(String),
}

/// Where versions are announced.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Feed {
    /// Tags of a repository.
    Git(String),
    Npm(String),
    Pypi(String),
    Crate(String),
}

impl Feed {
    /// For people.
    fn describe(&self) -> String {
        match self {
            Self::Git(url) => crate::http::redact(url),
            Self::Npm(package) => format!("npm {package}"),
            Self::Pypi(package) => format!("pypi {package}"),
            Self::Crate(name) => format!("crate {name}"),
        }
    }
}

/// A feed's answer: texts that are versions or hold one; the first is the one that the registry
/// itself calls the newest.
type Answer = Result<Vec<String>>;

/// Asks; each place once, whoever else wants it.
pub struct Asking<'a> {
    publishers: Publishers<'a>,
    cancel: &'a Cancel,
    answers: Mutex<HashMap<Feed, Arc<OnceLock<Answer>>>>,
}

impl<'a> Asking<'a> {
    /// Nobody is asked yet.
    pub fn new(publishers: Publishers<'a>, cancel: &'a Cancel) -> Self {
        Self {
            publishers,
            cancel,
            answers: Mutex::default(),
        }
    }

    /// The newest versions of these, some at once. `pre`: pre-releases count also where the present
    /// version is none.
    pub fn all(&self, subsystems: &[&Subsystem], pre: bool) -> Vec<Result<Newest>> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let slots: Vec<OnceLock<Result<Newest>>> =
            subsystems.iter().map(|_| OnceLock::new()).collect();
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(subsystems.len()) {
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
        let unasked = || Err(Error::failed("asking failed"));
        slots
            .into_iter()
            .map(|slot| slot.into_inner().unwrap_or_else(unasked))
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
                let Some(probe) = Probe::of(subsystem, platform, series) else {
                    return Ok(Newest::Unknown(
                        "its tag does not follow the version".to_owned(),
                    ));
                };
                self.answer(&feed, platform)?
                    .iter()
                    .filter_map(|tag| probe.version_in(tag))
                    .collect()
            }
            // A registry's own word on what is newest counts, where releases are asked for.
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
            // Turned around once more: a tag that only looks right is none.
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
        // One that can't be reached is tried once: per host of git, and per registry.
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

/// Which of its platforms is asked about: the host where it exists there.
fn platform_of(subsystem: &Subsystem) -> Platform {
    let host = Platform::host();
    if subsystem.platforms.contains(&host) {
        host
    } else {
        subsystem.platforms.first().copied().unwrap_or(host)
    }
}

/// Where its versions are announced; `Err(why)` where that can't be known.
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
        Some(RenderedSource::Dir { .. }) => Err(why.unwrap_or("its source is a folder").to_owned()),
        None => Err(why.unwrap_or("its recipe says nowhere to ask").to_owned()),
    })
}

/// The tag that a version has by the recipe's template.
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

/// A tag's template, turned around: what stands before and after the version in it.
struct Probe {
    before: String,
    after: String,
    /// What the version's dots are written as.
    dot: &'static str,
    /// What the version starts with that the tag leaves out.
    lead: String,
}

impl Probe {
    fn of(subsystem: &Subsystem, platform: Platform, series: &str) -> Option<Self> {
        let Ok(version) = format!("{series}{PROBE}").parse() else {
            return None;
        };
        // A template that can't do with such a version says nothing.
        let Ok(Some(tag)) = tag_of(subsystem, &version, platform) else {
            return None;
        };
        for dot in [".", "_", "-", ""] {
            if let Some((before, after)) = tag.split_once(&PROBE.replace('.', dot)) {
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
        let inside = tag
            .strip_prefix(self.before.as_str())?
            .strip_suffix(self.after.as_str())?;
        Some(format!("{}{}", self.lead, inside.replace(self.dot, ".")))
    }
}

/// A crate's newest version, as cargo's index has it.
fn crate_versions(name: &str, tools: Tools<'_>) -> Answer {
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Err(Error::usage(format!(
            "`{}` is not the name of a crate",
            name.escape_debug()
        )));
    }
    let args = ["info", "--color", "never", "--quiet", "--", name].map(OsStr::new);
    let said = tools
        .run(
            &["cargo"],
            &args,
            &[("CARGO_NET_RETRY", "1"), ("CARGO_HTTP_TIMEOUT", "15")],
        )?
        .ok_or_else(|| {
            Error::failed("cargo is not on PATH, but a crate's versions are asked for")
                .hint("install Rust")
        })?;
    if !said.status.success() {
        let what = format!("cargo could not tell the versions of {name}");
        let absent = said.err.contains("could not find");
        let error = if absent {
            Error::failed(what)
        } else {
            Error::unavailable(what)
        };
        return Err(error.cause(said.last_words()));
    }
    Ok(told_by_cargo(&said.out).into_iter().collect())
}

/// `version: 1.2.3`, or `version: 1.2.3 (latest 1.4.0)` where a project around uses an older one.
fn told_by_cargo(text: &str) -> Option<String> {
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
    fn cargo_s_words_are_understood() {
        assert_eq!(
            told_by_cargo("x #y\nversion: 15.2.0\nlicense: MIT\n").as_deref(),
            Some("15.2.0")
        );
        assert_eq!(
            told_by_cargo("x\nversion: 1.2.3 (latest 1.4.0)\n").as_deref(),
            Some("1.4.0")
        );
        assert_eq!(
            told_by_cargo("x\nversion: 1.2.3 (from ./x)\n").as_deref(),
            Some("1.2.3")
        );
        assert_eq!(told_by_cargo("nothing"), None);
    }

    #[test]
    fn versions_are_found_in_tags() {
        let probe = |before: &str, after: &str, dot, lead: &str| Probe {
            before: before.into(),
            after: after.into(),
            dot,
            lead: lead.into(),
        };
        assert_eq!(
            probe("", "", ".", "").version_in("v1.2.3").as_deref(),
            Some("v1.2.3")
        );
        assert_eq!(
            probe("jq-", "", ".", "").version_in("jq-1.7.1").as_deref(),
            Some("1.7.1")
        );
        assert_eq!(probe("jq-", "", ".", "").version_in("oniguruma-1"), None);
        assert_eq!(
            probe("curl-", "", "_", "v")
                .version_in("curl-8_11_0")
                .as_deref(),
            Some("v8.11.0")
        );
        assert_eq!(
            probe("cli/", "/x", ".", "")
                .version_in("cli/v1/x")
                .as_deref(),
            Some("v1")
        );
    }
}
