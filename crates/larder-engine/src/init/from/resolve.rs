//! Finds out where each tool is released, and makes its recipe: through `add`, or from what the file says itself.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs;
use larder_core::model::version_order::{compare, is_prerelease};
use larder_core::model::{Name, Platform, Version};
use larder_core::project::Project;
use larder_core::project::user::UserConfig;
use larder_remote::origin::{Listing, Publishers, version_in};

use super::found::{Recipe, Tool, Wanted};
use super::yaml::{self, Value};
use crate::import::{self, AddRequest, Proposal, Source, aqua};

/// The first line of a recipe, which names its schema to editors.
pub(super) const SCHEMA: &str =
    "# yaml-language-server: $schema=../../.larder/schema/recipe.schema.json\n";

/// A tool with its recipe.
#[derive(Clone, Debug)]
pub(super) struct Resolved {
    pub(super) name: Name,
    pub(super) version: Version,
    pub(super) recipe: String,
    /// Where its releases are, or `None` if the recipe is the file's own.
    pub(super) from: Option<String>,
    /// The folder of its source, relative to the project.
    pub(super) source_dir: Option<Utf8PathBuf>,
    /// What a person should know about it.
    pub(super) note: Option<String>,
}

/// A tool that could not be moved.
#[derive(Clone, Debug)]
pub(super) struct Unresolved {
    pub(super) error: Error,
    /// The command that adds it later.
    pub(super) next: String,
}

/// What is needed to ask publishers.
#[derive(Clone, Copy)]
pub(super) struct Resolver<'a> {
    pub(super) publishers: Publishers<'a>,
    /// Nobody is asked; a checkout of aqua's registry is still read.
    pub(super) offline: bool,
    pub(super) registry: &'a aqua::Registry<'a>,
    /// An empty project with the platforms of the new one.
    pub(super) project: &'a Project,
    pub(super) user: &'a UserConfig,
    pub(super) cancel: &'a Cancel,
}

impl Resolver<'_> {
    /// Makes the recipe of a tool. The outer error ends everything: the run was interrupted.
    pub(super) fn resolve(&self, tool: &Tool) -> Result<Result<Resolved, Unresolved>> {
        self.cancel.check()?;
        let name: Name = match tool.name.parse() {
            Ok(name) => name,
            Err(error) => return Ok(Err(unresolved(tool, Error::from(error)))),
        };
        let mut failures: Vec<Error> = Vec::new();
        let mut note = None;
        for source in &tool.sources {
            if self.asks(source) {
                match self.propose(self.publishers, tool, &name, source) {
                    Ok(proposal) => match same_asset(tool, &proposal) {
                        Ok(()) => return Ok(Ok(Self::proposed(tool, name, proposal, source))),
                        Err(why) => note = Some(why),
                    },
                    Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => {
                        return Err(error);
                    }
                    Err(error) => failures.push(error),
                }
            }
        }
        // A source that `add` can't read says less than one that was asked, and a registry less than the publisher.
        let worst = failures
            .into_iter()
            .rev()
            .min_by_key(|error| (error.kind() == Kind::Usage, error.kind().rank()));
        let own = tool
            .recipe
            .as_ref()
            .map(|recipe| (recipe, exact(&tool.version)));
        if let Some((recipe, Some(version))) = own {
            let has_upstream = recipe.get("upstream").is_some();
            let why = match &worst {
                Some(error) => error.to_string(),
                None => "`--offline` is set".to_owned(),
            };
            let note = note.or_else(|| match (tool.sources.is_empty(), has_upstream) {
                (true, _) => None,
                (false, true) => worst
                    .is_some()
                    .then(|| format!("its recipe was not compared with a release: {why}")),
                (false, false) => Some(format!(
                    "only its build was moved, and not what it downloads from {}: {why}",
                    tool.sources[0]
                )),
            });
            return Ok(Ok(Resolved {
                recipe: text(recipe),
                name,
                version,
                from: None,
                source_dir: recipe.source_dir.clone(),
                note,
            }));
        }
        let error = worst.unwrap_or_else(|| {
            Error::unavailable(format!(
                "`{}` is looked up at its publisher, and `--offline` is set",
                tool.name
            ))
        });
        Ok(Err(unresolved(tool, error)))
    }

    /// Whether a source can be asked.
    fn asks(&self, source: &str) -> bool {
        !self.offline || (source.starts_with("aqua:") && self.registry.folder.is_some())
    }

    /// The recipe that `add` would write.
    fn propose(
        &self,
        publishers: Publishers<'_>,
        tool: &Tool,
        name: &Name,
        source: &str,
    ) -> Result<Proposal> {
        let source = Source::parse(source)?;
        let is_aqua = matches!(source, Source::Aqua(_));
        // The assets for other platforms are then those of the same product.
        let assets: BTreeMap<Platform, String> = match (&source, &tool.asset) {
            (Source::GitHub(_), Some(asset)) => BTreeMap::from([(Platform::host(), asset.clone())]),
            _ => BTreeMap::new(),
        };
        let ask = |version: Option<&str>| {
            let request = AddRequest::new(
                self.project,
                name.clone(),
                source.clone(),
                version.map(str::to_owned),
                // A definition of aqua names the binaries itself.
                if is_aqua {
                    Vec::new()
                } else {
                    tool.binaries.clone()
                },
                assets.clone(),
            )?;
            match &source {
                Source::Aqua(package) => {
                    aqua::propose(self.registry, package, &request, self.user, self.cancel)
                }
                _ => import::propose(publishers, &request, self.user, self.cancel),
            }
        };
        let (start, exact) = match &tool.version {
            Wanted::Exact(version) => return ask(Some(version)),
            Wanted::Latest => return ask(None),
            Wanted::Series { start, exact } => (start, *exact),
        };
        if exact {
            match ask(Some(start)) {
                Err(error) if error.kind() == Kind::Failed => {}
                answer => return answer,
            }
        }
        let repo = repository(tool).ok_or_else(|| {
            Error::failed(format!(
                "{start} is the start of a version of `{name}`, and its publisher lists none"
            ))
        })?;
        let tags = Listing::new(publishers, &repo)?.tags()?;
        let newest = newest_of(&tags, start).ok_or_else(|| {
            Error::failed(format!("{repo} has no version that starts with {start}"))
        })?;
        ask(Some(newest))
    }

    fn proposed(tool: &Tool, name: Name, proposal: Proposal, source: &str) -> Resolved {
        let mut recipe = proposal.recipe;
        if !recipe.starts_with("# yaml-language-server") {
            recipe.insert_str(0, SCHEMA);
        }
        if let Some(build) = &tool.build {
            let mut text = String::new();
            yaml::entry(&mut text, 0, "build", build);
            let at = recipe.find("# verify:").unwrap_or(recipe.len());
            recipe.insert_str(at, &text);
        }
        let mut notes = proposal.unsure;
        notes.extend(proposal.notes);
        if matches!(tool.version, Wanted::Series { .. } | Wanted::Latest) {
            notes.insert(0, format!("`{}` is now {}", tool.version, proposal.version));
        }
        let note = (!notes.is_empty()).then(|| notes.join("; "));
        Resolved {
            name,
            version: proposal.version,
            recipe,
            from: Some(source.to_owned()),
            source_dir: tool
                .recipe
                .as_ref()
                .and_then(|recipe| recipe.source_dir.clone()),
            note,
        }
    }
}

/// The repository of a tool's releases.
fn repository(tool: &Tool) -> Option<String> {
    tool.sources.iter().find_map(|source| {
        let name = source
            .strip_prefix("github:")
            .or_else(|| source.strip_prefix("aqua:"))?;
        let mut parts = name.split('/');
        Some(format!("{}/{}", parts.next()?, parts.next()?))
    })
}

fn unresolved(tool: &Tool, error: Error) -> Unresolved {
    let source = tool.sources.last().map_or("SOURCE", String::as_str);
    let version = match &tool.version {
        Wanted::Exact(version) => format!(" {version}"),
        Wanted::Series { .. } | Wanted::Latest => String::new(),
    };
    Unresolved {
        error,
        next: format!("larder add {} {source}{version}", tool.name),
    }
}

fn exact(version: &Wanted) -> Option<Version> {
    match version {
        Wanted::Exact(text) => text.parse().ok(),
        Wanted::Series { .. } | Wanted::Latest => None,
    }
}

/// Whether a proposal downloads what the file downloads on this machine.
fn same_asset(tool: &Tool, proposal: &Proposal) -> Result<(), String> {
    let Some(wanted) = tool.asset.as_ref().filter(|_| tool.recipe.is_some()) else {
        return Ok(());
    };
    match proposal.assets.get(&Platform::host()) {
        Some(found) if found == wanted => Ok(()),
        Some(found) => Err(format!(
            "the recipe takes {wanted}, as the file does; `larder add` would take {found}"
        )),
        None => Err(format!("the recipe takes {wanted}, as the file does")),
    }
}

/// The newest release among tags whose version starts with these numbers.
fn newest_of<'a>(tags: &'a [String], start: &str) -> Option<&'a str> {
    let number = |tag: &'a str| {
        let version = version_in(tag).0;
        version.strip_prefix('v').unwrap_or(version)
    };
    let start = start.strip_prefix('v').unwrap_or(start);
    tags.iter()
        .map(String::as_str)
        .filter(|tag| {
            let number = number(tag);
            !is_prerelease(number)
                && number
                    .strip_prefix(start)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        .max_by(|a, b| compare(number(a), number(b)))
}

/// The text of a recipe.
fn text(recipe: &Recipe) -> String {
    let mut text = SCHEMA.to_owned();
    for (key, value) in &recipe.keys {
        yaml::entry(&mut text, 0, key, value);
    }
    if let Some(Value::List(binaries)) = recipe.get("binaries")
        && let Some(Value::Text(binary)) = binaries.first()
    {
        text = format!(
            "{text}# verify: {binary} --version      # enable this if the command prints the version\n"
        );
    }
    text
}

/// An empty project in a folder for temporary files, with some platforms.
pub(super) fn empty_project(
    scratch: &fs::Scratch,
    platforms: &[String],
    user: &UserConfig,
) -> Result<Project> {
    let mut versions = "versions: {}\n".to_owned();
    if !platforms.is_empty() {
        yaml::entry(
            &mut versions,
            0,
            "platforms",
            &Value::texts(platforms.iter().cloned()),
        );
    }
    fs::write_atomic(scratch.path().join("versions.yml"), versions.as_bytes())?;
    Project::load(scratch.path(), user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_the_newest_release_that_starts_with_it() {
        let tags = [
            "v1.7.0",
            "v1.7.12",
            "v1.7.2",
            "v1.70.0",
            "v1.8.0-rc1",
            "jq-1.6",
            "v1.8.0",
            "1.7.13-beta",
        ]
        .map(str::to_owned);
        for (start, newest) in [
            ("1.7", Some("v1.7.12")),
            ("v1.7", Some("v1.7.12")),
            ("1", Some("v1.70.0")),
            ("1.6", Some("jq-1.6")),
            ("1.8", Some("v1.8.0")),
            ("2", None),
        ] {
            assert_eq!(newest_of(&tags, start), newest, "{start}");
        }
    }
}
