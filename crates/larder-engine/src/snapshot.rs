//! Writes the state snapshot at the end of a run, and gives the next run a fast answer from it.
//!
//! The fast answer only compares file metadata: larder does not parse the project, does not set up
//! a runtime, TLS or the template engine, and opens no file except the snapshot. The answer is
//! valid only if the metadata of everything that matters is still as recorded: the project's files,
//! the source folders, and the installed files of all requested targets.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::Utf8Path;

use crate::acquire::Done;
use crate::context::Context;
use crate::installed::{Checklist, Listed, Selected, SourceState, State, TargetState, Watched};
use crate::release::pending;
use larder_core::error::Result;
use larder_core::model::{Digest, Name, Platform, Target};
use larder_core::project::{Links, Project, RenderedSource, SourceFolder};

/// Records what a run found or made. Writes nothing if nothing changed.
pub fn save(ctx: &Context, done: &BTreeMap<Target, Done>) -> Result<()> {
    if ctx.options.dry_run {
        return Ok(());
    }
    let project = &ctx.project;
    let mut state = State::new();
    state.definition = definition(project);
    let lock = ctx.lock.watched()?;
    let settled = lock.is_some();
    state.definition.extend(lock);
    state.user = watched_user(ctx);
    let settled =
        settled && Watched::settle(&state.definition) && Watched::settle(state.user.as_slice());
    let same_definition =
        settled && state.definition == ctx.state.definition && state.user == ctx.state.user;
    state.generation = ctx.state.generation + u64::from(!same_definition);
    if !settled {
        state.definition = Vec::new();
    }
    state.sources = ctx.sources.states();
    state
        .sources
        .retain(|source| Watched::settle(&source.watched));
    let now_known: BTreeSet<&SourceFolder> =
        state.sources.iter().map(|source| &source.folder).collect();
    let kept: Vec<SourceState> = ctx
        .sources
        .known()
        .iter()
        .filter(|source| !now_known.contains(&source.folder))
        .cloned()
        .collect();
    state.sources.extend(kept);
    state.all = project
        .subsystems
        .values()
        .filter(|subsystem| subsystem.platforms.contains(&subsystem.host()))
        .map(|subsystem| subsystem.name.to_string())
        .collect();
    state.hosts = project
        .subsystems
        .values()
        .filter(|subsystem| subsystem.host() != Platform::host())
        .map(|subsystem| (subsystem.name.to_string(), subsystem.host().to_string()))
        .collect();
    state.complete = state.all.len() == project.subsystems.len();
    let digests: HashMap<_, Digest> = state
        .sources
        .iter()
        .map(|source| (by_text(&source.folder), source.digest))
        .collect();
    let mut targets: BTreeMap<(String, String), TargetState> = BTreeMap::new();
    for target in &ctx.state.targets {
        targets.insert(
            (target.name.clone(), target.platform.clone()),
            target.clone(),
        );
    }
    for (target, done) in done {
        let key = (target.name.to_string(), target.platform.to_string());
        let sources = source_folders(project, &target.name, target.platform)?;
        let sources = sources
            .into_iter()
            .map(|folder| {
                let digest = digests.get(&by_text(&folder)).copied()?;
                Some((folder, digest))
            })
            .collect::<Option<Vec<_>>>();
        let (Some(sources), false) = (sources, done.watched.is_empty()) else {
            targets.remove(&key);
            continue;
        };
        if !Watched::settle(&done.watched) {
            targets.remove(&key);
            continue;
        }
        let before = targets
            .get(&key)
            .filter(|before| before.artifact == done.artifact.digest());
        let record = TargetState {
            name: key.0.clone(),
            version: done.artifact.version.to_string(),
            platform: key.1.clone(),
            source: done
                .source
                .or_else(|| before.and_then(|before| before.source)),
            needs: project
                .subsystems
                .get(&target.name)
                .map_or_else(Vec::new, |s| s.needs.iter().map(Name::to_string).collect()),
            artifact: done.artifact.digest(),
            file: done.file,
            vouched: done.artifact.vouched().clone(),
            watched: done.watched.clone(),
            sources,
            generation: state.generation,
        };
        targets.insert(key, record);
    }
    let names: BTreeSet<&str> = project.subsystems.keys().map(Name::as_str).collect();
    targets.retain(|(name, _), _| names.contains(name.as_str()));
    state.targets = targets.into_values().collect();
    if state == with_sources(ctx) {
        return Ok(());
    }
    state.save(&project.root)
}

/// The state as it was loaded, including the source folders.
fn with_sources(ctx: &Context) -> State {
    let mut sources = ctx.sources.known().to_vec();
    let mut state = ctx.state.clone();
    state.sources.append(&mut sources);
    state
}

/// The metadata of the project's files from before they were read, so that the next run notices a
/// later change.
fn definition(project: &Project) -> Vec<Watched> {
    let observed = project.observed_paths.iter();
    observed
        .map(|(path, metadata)| Watched::of(path, metadata.as_ref()))
        .collect()
}

/// The metadata of the user's configuration from before it was read.
fn watched_user(ctx: &Context) -> Option<Watched> {
    let (file, metadata) = ctx.settings.user_file.as_ref()?;
    Some(Watched::of(file, metadata.as_ref()))
}

/// The source folders that a target's keys depend on: its own, and those of the subsystems that its
/// build needs. Each of those is visited once, however many need it.
fn source_folders(
    project: &Project,
    name: &Name,
    platform: Platform,
) -> Result<BTreeSet<SourceFolder>> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::from([name]);
    let mut open = vec![(name, platform)];
    while let Some((name, platform)) = open.pop() {
        let Some(subsystem) = project.subsystems.get(name) else {
            continue;
        };
        if let Some(build) = subsystem.rendered_build(&platform, "<out>", "<src>")?
            && let RenderedSource::Dir(folder) = build.source
        {
            found.insert(folder);
        }
        for need in subsystem.build.iter().flat_map(|build| &build.needs) {
            if seen.insert(need) {
                open.push((need, project.host_target(need).platform));
            }
        }
    }
    Ok(found)
}

/// A source folder as a key of a map. It is text, because paths are compared component by component,
/// which is slow for a thousand sources.
fn by_text(folder: &SourceFolder) -> (&str, Links) {
    let SourceFolder { path, links } = folder;
    (path.as_str(), *links)
}

/// The fast answer: the checklist and the host targets that the words select, if all of them are
/// recorded as up to date and their metadata is unchanged. `None` means that a full run is needed.
///
/// `user` is the path of the user's configuration, which may demand more than when the state was
/// written.
pub fn up_to_date(
    root: &Utf8Path,
    words: &[String],
    user: Option<&Utf8Path>,
) -> Option<(Checklist, Selected)> {
    // A killed build left its work folder; a full run is needed to remove it.
    if !larder_core::fs::list(root.join(".larder/work"))
        .ok()?
        .is_empty()
    {
        return None;
    }
    let checklist = State::checklist(root)?;
    if checklist.user() != user || checklist.host() != Some(&Platform::host().to_string()) {
        return None;
    }
    let selected = checklist.select(words)?;
    let due = pending::noted(root).ok()?;
    if !due.is_empty() {
        for target in checklist.listed(&selected) {
            let Listed { name, platform, .. } = target?;
            if due.contains(&format!("{name}-{platform}")) {
                return None;
            }
        }
    }
    checklist
        .is_unchanged(root, &selected)
        .then_some((checklist, selected))
}
