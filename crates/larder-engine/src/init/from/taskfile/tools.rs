//! Groups what tasks download, clone and build by tool, and makes a tool of each group.

use std::collections::{BTreeMap, BTreeSet};

use super::builds;
use super::drafts::{Draft, Upstream, split_github};
use super::facts::{self, Fact, Facts};
use super::marks::{Marks, is_literal};
use super::values::is_version_name;
use super::{RawTask, Taskfiles};
use crate::init::from::found::{Found, subsystem_name};

/// What takes the place of a task.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    /// The command of larder.
    pub(super) by: String,
    /// What a task that needs this one needs instead.
    pub(super) need: Option<String>,
}

/// Finds the tools. Returns the tasks that larder's own commands replace, by their full name.
pub(super) fn find(
    raw: &[RawTask<'_>],
    taskfiles: &Taskfiles,
    marks: &mut Marks,
    found: &mut Found,
) -> BTreeMap<String, Replacement> {
    let all: Vec<Facts> = raw
        .iter()
        .map(|task| facts::of(task, taskfiles, marks))
        .collect();
    // An included Taskfile with one version is about one tool, which has the name of the include.
    let mut versions: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (task, facts) in raw.iter().zip(&all) {
        let of_file = versions.entry(&task.file.namespace).or_default();
        of_file.extend(facts.done.iter().filter_map(|fact| version_of(fact, marks)));
    }
    // A task with another name, such as `deps:packer`, is about what it names.
    let is_single = |task: &RawTask<'_>| {
        !task.file.namespace.is_empty()
            && versions[task.file.namespace.as_str()].len() <= 1
            && task
                .short
                .split([':', '-', '_'])
                .all(|word| GENERIC.contains(&word))
    };
    let mut drafts: BTreeMap<String, Draft> = BTreeMap::new();
    let mut replaced: BTreeMap<String, Replacement> = BTreeMap::new();
    let mut by_file: BTreeMap<&str, String> = BTreeMap::new();
    for (task, facts) in raw.iter().zip(&all) {
        for fact in &facts.done {
            if matches!(fact, Fact::Build) {
                continue;
            }
            let version = version_of(fact, marks);
            let name = if is_single(task) {
                subsystem_name(task.file.name())
            } else {
                name_of(task, fact, version, facts, marks)
            };
            if let Some(advice) = toolchain(fact) {
                found.ask(
                    task.place.clone(),
                    format!("the task `{}`", task.name),
                    "larder has no recipe for this toolchain, which is more than one program",
                    advice,
                );
                continue;
            }
            by_file
                .entry(&task.file.namespace)
                .or_insert_with(|| name.clone());
            let draft = drafts.entry(name.clone()).or_default();
            draft.add(task, fact, version, marks, found);
            for binary in &facts.binaries {
                // A task that installs several tools names the programs of all of them.
                if (is_single(task) || facts.done.len() == 1) && !draft.binaries.contains(binary) {
                    draft.binaries.push(binary.clone());
                }
            }
            replaced.insert(task.name.clone(), ensure(&name));
        }
        if !facts.others.is_empty() && replaced.contains_key(&task.name) {
            found.leave(
                task.place.clone(),
                format!("the task `{}`", task.name),
                format!(
                    "what it downloads was moved; it also runs `{}`",
                    facts.others[0]
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .chars()
                        .filter(|c| !super::marks::is_mark(*c))
                        .collect::<String>()
                ),
            );
        }
    }
    // Builds: those of a tool's Taskfile, and of a task that clones or follows one.
    for (task, facts) in raw.iter().zip(&all) {
        let names_a_binary = matches!(task.short, "bin:build" | "build:bin" | "build:binary");
        if !builds::builds(&facts.done)
            || !(names_a_binary
                || facts
                    .done
                    .iter()
                    .any(|fact| matches!(fact, Fact::Clone { .. })))
        {
            continue;
        }
        let name = by_file
            .get(task.file.namespace.as_str())
            .cloned()
            .or_else(|| (!task.file.namespace.is_empty()).then(|| subsystem_name(task.file.name())))
            .or_else(|| facts.binaries.first().map(|binary| subsystem_name(binary)));
        let Some(name) = name else { continue };
        let draft = drafts.entry(name.clone()).or_default();
        draft.place.get_or_insert_with(|| task.place.clone());
        for binary in &facts.binaries {
            if !draft.binaries.contains(binary) {
                draft.binaries.push(binary.clone());
            }
        }
        if draft.version.is_none() && !task.file.namespace.is_empty() {
            draft.version = own_version(task, taskfiles, marks);
        }
        match builds::build(
            task,
            &name,
            draft.clone.as_ref(),
            &draft.binaries,
            draft.version,
            taskfiles,
            marks,
        ) {
            Ok(build) => draft.build = Some(build),
            Err(why) => found.leave(task.place.clone(), format!("the build of `{name}`"), why),
        }
        replaced.insert(task.name.clone(), ensure(&name));
    }
    let mut hubs: BTreeSet<String> = BTreeSet::new();
    for (name, draft) in &drafts {
        if draft.hub
            && let Some(Upstream::GitHub { repo, .. }) = &draft.upstream
            && is_literal(repo)
        {
            hubs.insert(repo.clone());
        }
        let _ = name;
    }
    if let (1, Some(repo)) = (hubs.len(), hubs.first()) {
        found.hub = Some(repo.clone());
    }
    let names: BTreeSet<String> = drafts.keys().cloned().collect();
    for (name, draft) in drafts {
        draft.finish(name, marks, found);
    }
    usual(raw, &all, &names, &by_file, &mut replaced);
    for task in raw {
        if let Some(replacement) = replaced.get(&task.name) {
            found.replace(
                task.place.clone(),
                format!("the task `{}`", task.name),
                format!("larder {}", replacement.by),
            );
        }
    }
    replaced
}

/// The version that the variables of a tool's Taskfile hold, if it is one.
fn own_version(task: &RawTask<'_>, taskfiles: &Taskfiles, marks: &mut Marks) -> Option<usize> {
    let layer = task.file.layers.last()?;
    let names: Vec<&str> = layer
        .names()
        .map(|(name, _)| name)
        .filter(|name| is_version_name(name))
        .collect();
    let mut versions: Vec<usize> = names
        .into_iter()
        .filter_map(|name| {
            let value = task.text(&taskfiles.root, marks, &format!("{{{{.{name}}}}}"));
            marks.first_version(&value)
        })
        .collect();
    versions.dedup();
    match versions.as_slice() {
        [version] => Some(*version),
        _ => None,
    }
}

fn ensure(name: &str) -> Replacement {
    Replacement {
        by: format!("ensure {name}"),
        need: Some(format!("ensure {name}")),
    }
}

/// The tasks of a tool's Taskfile that larder's commands do, by their usual names.
fn usual(
    raw: &[RawTask<'_>],
    all: &[Facts],
    names: &BTreeSet<String>,
    by_file: &BTreeMap<&str, String>,
    replaced: &mut BTreeMap<String, Replacement>,
) {
    for (task, facts) in raw.iter().zip(all) {
        let of_file = by_file.get(task.file.namespace.as_str()).cloned();
        let name = of_file.unwrap_or_else(|| subsystem_name(task.file.name()));
        let tool = !task.file.namespace.is_empty() && names.contains(&name);
        let texts: Vec<&str> = task
            .commands()
            .iter()
            .filter_map(|node| crate::init::from::document::ReadNode::text(*node))
            .collect();
        let all_start =
            |start: &str| !texts.is_empty() && texts.iter().all(|text| text.starts_with(start));
        let by = match task.short {
            "default"
                if all_start("task ")
                    && texts
                        .iter()
                        .all(|text| text.contains("-l") || text.contains("--list")) =>
            {
                Some(("run".to_owned(), None))
            }
            "ensure" | "bin:ensure" | "bin:download" | "bin:build" if tool => {
                Some((format!("ensure {name}"), Some(format!("ensure {name}"))))
            }
            "clean" | "clean:bin" | "bin:clean" if tool && all_start("rm ") => {
                Some((format!("clean {name}"), None))
            }
            "src:clone" | "src:update" | "clean:src" if tool => {
                Some((format!("ensure {name}"), None))
            }
            "package" | "bin:package" if tool => Some((format!("package {name}"), None)),
            "config:version" | "version" if tool && facts.done.is_empty() => {
                Some(("list".to_owned(), None))
            }
            "deps" if tool && all_start("go mod ") => Some((format!("ensure {name}"), None)),
            _ => None,
        };
        if let Some((by, need)) = by {
            replaced
                .entry(task.name.clone())
                .or_insert(Replacement { by, need });
        }
    }
}

/// The version in what a task does.
fn version_of(fact: &Fact, marks: &Marks) -> Option<usize> {
    match fact {
        Fact::Download(url) => marks.first_version(url),
        Fact::Asset { tag, asset, .. } => marks
            .first_version(tag)
            .or_else(|| marks.first_version(asset)),
        Fact::Clone { rev, .. } => marks.first_version(rev.as_deref().unwrap_or_default()),
        Fact::Package { version, .. } => marks.first_version(version),
        Fact::Build => None,
    }
}

/// Words of task names that name no tool.
const GENERIC: [&str; 18] = [
    "install",
    "download",
    "get",
    "fetch",
    "setup",
    "bin",
    "tools",
    "tool",
    "deps",
    "ensure",
    "build",
    "src",
    "clone",
    "bootstrap",
    "dev",
    "ci",
    "all",
    "init",
];

fn name_of(
    task: &RawTask<'_>,
    fact: &Fact,
    version: Option<usize>,
    facts: &Facts,
    marks: &Marks,
) -> String {
    if let Fact::Package { source, .. } = fact {
        let package = source
            .split_once(':')
            .map_or(source.as_str(), |(_, package)| package);
        if let Some(path) = source.strip_prefix("go:") {
            let part = path.rsplit('/').find(|part| {
                !part
                    .trim_start_matches('v')
                    .chars()
                    .all(|c| c.is_ascii_digit())
            });
            return subsystem_name(part.unwrap_or(path));
        }
        return subsystem_name(package);
    }
    let variable = version
        .and_then(|at| marks.versions.get(at))
        .map(|variable| variable.name.to_ascii_lowercase());
    if let Some(name) = variable {
        let name = ["_version", "_ver", "_tag", "_rev", "_ref"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or("");
        if !name.is_empty() {
            return subsystem_name(&name.replace('_', "-"));
        }
    }
    let words: Vec<&str> = task
        .short
        .split([':', '-', '_'])
        .filter(|word| !GENERIC.contains(word))
        .collect();
    if !words.is_empty() {
        return subsystem_name(&words.join("-"));
    }
    if let [binary] = facts.binaries.as_slice() {
        return subsystem_name(binary);
    }
    let place = match fact {
        Fact::Download(url) => match split_github(url) {
            Some((repo, ..)) => repo,
            None => url.rsplit('/').next().unwrap_or("tool").to_owned(),
        },
        Fact::Asset { repo, .. } => repo.clone(),
        Fact::Clone { url, .. } => url.trim_end_matches(".git").to_owned(),
        Fact::Package { .. } | Fact::Build => "tool".to_owned(),
    };
    subsystem_name(
        &place
            .chars()
            .filter(|c| !super::marks::is_mark(*c))
            .collect::<String>(),
    )
}

/// What to do with a toolchain that a url is of.
fn toolchain(fact: &Fact) -> Option<&'static str> {
    let Fact::Download(url) = fact else {
        return None;
    };
    [
        "go.dev/dl/",
        "dl.google.com/go/",
        "nodejs.org/dist/",
        "golang.org/dl/",
        "sh.rustup.rs",
        "static.rust-lang.org",
    ]
    .iter()
    .any(|start| url.contains(start))
    .then_some("keep its installer; recipes that build with it name it under `build: {tools: …}`")
}
