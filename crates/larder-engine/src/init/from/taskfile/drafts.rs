//! A tool that is being put together from what several tasks do, and the recipe that it becomes.

use larder_core::model::{FileName, Platform};

use super::RawTask;
use super::builds::{Build, Clone};
use super::facts::Fact;
use super::marks::{Marks, VersionVar, is_literal};
use crate::init::from::found::{Found, Place, Recipe, Tool, Wanted};
use crate::init::from::gotool;
use crate::init::from::yaml::Value;

/// A tool that is being put together.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) version: Option<usize>,
    pub(super) literal: Option<String>,
    pub(super) upstream: Option<Upstream>,
    pub(super) source: Option<String>,
    pub(super) clone: Option<Clone>,
    pub(super) build: Option<Build>,
    pub(super) binaries: Vec<String>,
    pub(super) place: Option<Place>,
    /// It is downloaded from the team's own releases.
    pub(super) hub: bool,
}

/// Where an original is, as marked texts.
#[derive(Clone, Debug)]
pub(super) enum Upstream {
    GitHub {
        repo: String,
        tag: String,
        asset: String,
    },
    Url(String),
}

/// Repository, tag and asset of a url of a release on GitHub.
pub(super) fn split_github(url: &str) -> Option<(String, String, String)> {
    let rest = url.strip_prefix("https://github.com/")?;
    let (repo, rest) = rest.split_once("/releases/")?;
    let (tag, asset) = match rest.strip_prefix("latest/download/") {
        Some(asset) => ("latest", asset),
        None => rest.strip_prefix("download/")?.rsplit_once('/')?,
    };
    Some((repo.to_owned(), tag.to_owned(), asset.to_owned()))
}

impl Draft {
    pub(super) fn add(
        &mut self,
        task: &RawTask<'_>,
        fact: &Fact,
        version: Option<usize>,
        marks: &mut Marks,
        found: &mut Found,
    ) {
        self.place.get_or_insert_with(|| task.place.clone());
        self.version = self.version.or(version);
        let mut upstream = match fact {
            Fact::Download(url) => match split_github(url) {
                Some((repo, tag, asset)) => Upstream::GitHub { repo, tag, asset },
                None => Upstream::Url(url.clone()),
            },
            Fact::Asset { repo, tag, asset } => Upstream::GitHub {
                repo: repo.clone(),
                tag: tag.clone(),
                asset: asset.clone(),
            },
            Fact::Clone { url, rev, dir } => {
                self.clone = Some(Clone {
                    url: url.clone(),
                    rev: rev.clone(),
                    dir: dir.clone(),
                });
                if let Some(rev) = rev.as_ref().filter(|rev| is_literal(rev)) {
                    self.literal.get_or_insert_with(|| rev.clone());
                }
                return;
            }
            Fact::Package { source, version } => {
                self.source = Some(source.clone());
                if is_literal(version) {
                    self.literal.get_or_insert_with(|| version.clone());
                }
                return;
            }
            Fact::Build => return,
        };
        // A checksums file is downloaded beside the asset.
        let path = match &upstream {
            Upstream::GitHub { asset, .. } => asset,
            Upstream::Url(url) => url,
        };
        let lower = path.to_ascii_lowercase();
        if [
            "sha256",
            "sha512",
            "checksums",
            ".sig",
            ".asc",
            ".pem",
            ".minisig",
        ]
        .iter()
        .any(|word| lower.contains(word))
        {
            return;
        }
        // Without a version in its tag, what is downloaded is not the publisher's release of that version.
        if let Upstream::GitHub { tag, .. } = &upstream {
            if marks.first_version(tag).is_none() && tag == "latest" && self.upstream.is_none() {
                self.hub = true;
            } else if is_literal(tag) && tag != "latest" {
                // The version is written into the url: it becomes a variable, as if it had been one.
                let value = larder_remote::origin::version_in(tag).0.to_owned();
                let number = value.strip_prefix('v').unwrap_or(&value).to_owned();
                let whole = marks.version(VersionVar {
                    name: String::new(),
                    value: value.clone(),
                    place: task.place.clone(),
                });
                let bare = Marks::number(&whole).unwrap_or_default();
                let replace = |text: &str| {
                    let text = text.replace(&value, &whole);
                    if value == number {
                        text
                    } else {
                        text.replace(&number, &bare)
                    }
                };
                if let Upstream::GitHub { repo, tag, asset } = upstream {
                    upstream = Upstream::GitHub {
                        tag: replace(&tag),
                        asset: replace(&asset),
                        repo,
                    };
                }
                self.version = self.version.or_else(|| marks.first_version(&whole));
            }
        }
        if self.upstream.is_some() && !self.hub {
            found.leave(
                task.place.clone(),
                format!("the task `{}`", task.name),
                "it downloads another file for the same tool: the first one was moved",
            );
            return;
        }
        self.upstream = Some(upstream);
    }

    /// Makes the tool.
    pub(super) fn finish(self, name: String, marks: &Marks, found: &mut Found) {
        let Some(place) = self.place.clone() else {
            return;
        };
        let what = format!("the tool `{name}`");
        let is_own = self.hub && (self.build.is_some() || found.hub.is_some());
        let upstream = self.upstream.clone().filter(|_| !is_own);
        let variable = self.version.and_then(|at| marks.versions.get(at));
        let text = variable
            .map(|variable| variable.value.clone())
            .or_else(|| self.literal.clone());
        let place = variable.map_or(place, |variable| variable.place.clone());
        let version = match text.as_deref() {
            Some("latest") => Wanted::Latest,
            Some(text) => Wanted::Exact(text.to_owned()),
            None if upstream.is_some() || self.source.is_some() => Wanted::Latest,
            None => {
                found.ask(
                    place.clone(),
                    what.clone(),
                    "no variable holds its version: v0.1.0 is a start",
                    format!("larder bump {name} VERSION"),
                );
                Wanted::Exact("v0.1.0".to_owned())
            }
        };
        if matches!(&version, Wanted::Exact(text) if matches!(text.as_str(), "main" | "master")) {
            found.leave(place.clone(), what.clone(), format!("its version is the branch `{version}`: versions.lock pins the commit, and `larder lock --update {name}` takes a newer one"));
        }
        let binaries: Vec<FileName> = self
            .binaries
            .iter()
            .take(1)
            .filter_map(|binary| binary.parse().ok())
            .collect();
        let mut tool = Tool {
            name: name.clone(),
            version,
            sources: Vec::new(),
            binaries: Vec::new(),
            recipe: None,
            asset: None,
            build: self.build.as_ref().map(|(build, _)| build.clone()),
            place: place.clone(),
        };
        if let Some(source) = &self.source {
            match source.strip_prefix("go:") {
                Some(path) => match gotool::tool(path, tool.version.clone(), place.clone()) {
                    Ok(go) => tool.recipe = go.recipe,
                    Err(why) => return found.leave(place, what, why),
                },
                None => tool.sources.push(source.clone()),
            }
        }
        let names = Value::texts(if binaries.is_empty() {
            vec![name.clone()]
        } else {
            binaries.iter().map(ToString::to_string).collect()
        });
        let mut keys: Vec<(&'static str, Value)> = vec![("binaries", names)];
        match upstream.map(|upstream| self.upstream_keys(&upstream, &mut tool, marks)) {
            Some(Ok(Some(value))) => keys.push(("upstream", value)),
            Some(Err(why)) if tool.sources.is_empty() && self.build.is_none() => {
                return found.ask(
                    place,
                    what,
                    why,
                    format!("larder add {name} SOURCE {}", tool.version),
                );
            }
            None | Some(Ok(None) | Err(_)) => {}
        }
        if tool.sources.is_empty() || keys.len() > 1 {
            tool.binaries.clone_from(&binaries);
        }
        let source_dir = self.build.as_ref().and_then(|(_, dir)| dir.clone());
        if let Some((build, _)) = self.build {
            keys.push(("build", build));
        }
        if keys.len() > 1 {
            tool.recipe = Some(Recipe { keys, source_dir });
        }
        if tool.recipe.is_none() && tool.sources.is_empty() {
            return found.leave(place, what, "nothing in the Taskfile says how to get it");
        }
        found.tools.push(tool);
    }

    /// The keys of `upstream:`, and where else the tool may be found.
    fn upstream_keys(
        &self,
        upstream: &Upstream,
        tool: &mut Tool,
        marks: &Marks,
    ) -> Result<Option<Value>, String> {
        let host = Platform::host();
        let (os, arch) = (host.os.as_str(), host.arch.as_str());
        let mut keys: Vec<(String, Value)> = Vec::new();
        let (mut os_words, mut arch_words) = (false, false);
        let mut add = |key: &str, text: &str| -> Result<(), String> {
            let template = marks.template(text, self.version)?;
            os_words |= template.os_words;
            arch_words |= template.arch_words;
            if !(key == "tag" && template.text == "{{ version }}") {
                keys.push((key.to_owned(), Value::Text(template.text)));
            }
            Ok(())
        };
        match upstream {
            Upstream::GitHub { repo, tag, asset } => {
                let repo = marks
                    .on(repo, os, arch)
                    .filter(|repo| !repo.contains('$'))
                    .ok_or("its repository is not known")?;
                tool.sources.push(format!("github:{repo}"));
                if asset.contains(['$', '*', '?'])
                    || marks.why_unknown(asset).is_some()
                    || self.version.is_none()
                {
                    return Ok(None);
                }
                add("github", &repo)?;
                add("tag", tag)?;
                add("asset", asset)?;
                tool.asset = marks.on(asset, os, arch);
            }
            Upstream::Url(url) => {
                if let Some(why) = marks.why_unknown(url) {
                    return Err(why.to_owned());
                }
                if url.contains('$') {
                    return Err("its url depends on variables of the shell".to_owned());
                }
                if self.version.is_none() {
                    return Err("its url names no version that a variable holds".to_owned());
                }
                add("url", url)?;
                tool.asset = marks.on(url, os, arch);
                tool.sources.extend(tool.asset.clone());
            }
        }
        let mut words: Vec<(String, Value)> = Vec::new();
        if os_words {
            words.extend(
                [
                    ("linux", "Linux"),
                    ("darwin", "Darwin"),
                    ("windows", "Windows"),
                ]
                .map(|(key, word)| (key.to_owned(), Value::text(word))),
            );
        }
        if arch_words {
            words.push(("amd64".to_owned(), Value::text("x86_64")));
        }
        if !words.is_empty() {
            keys.push(("replacements".to_owned(), Value::Map(words)));
        }
        if arch_words {
            let linux = Value::Map(vec![(
                "replacements".to_owned(),
                Value::pairs([("arm64", "aarch64")]),
            )]);
            keys.push((
                "overrides".to_owned(),
                Value::Map(vec![("linux-arm64".to_owned(), linux)]),
            ));
        }
        Ok(Some(Value::Map(keys)))
    }
}
