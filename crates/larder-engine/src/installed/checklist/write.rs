//! Writes the checklist of a state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::{EXISTS, FOLLOW, Field, IN_COMMON};
use crate::installed::signature::{Signature, Watched};
use crate::installed::state::{SourceState, State, TargetState};
use larder_core::model::Digest;
use larder_core::project::Links;

/// The bytes of the checklist of a state whose paths are relative to the project's folder, on a
/// machine of this platform. Nothing is on it if it could give no answer.
pub(in crate::installed) fn checklist(state: &State, host: &str) -> Vec<u8> {
    let targets = if state.definition.is_empty() {
        BTreeMap::new()
    } else {
        known_good(state, host)
    };
    written(state, host, &targets)
        .or_else(|| written(state, host, &BTreeMap::new()))
        .unwrap_or_default()
}

type Targets<'a> = BTreeMap<&'a str, &'a TargetState>;

/// The targets of this machine that were up to date with the recorded sources and definitions, and
/// whose needs were, too.
fn known_good<'a>(state: &'a State, host: &str) -> Targets<'a> {
    let digests: HashMap<(&str, Links), Digest> = state
        .sources
        .iter()
        .map(|source| (key(source), source.digest))
        .collect();
    let is_of_the_host = |target: &TargetState| {
        let special = state.hosts.get(&target.name);
        target.platform == special.map_or(host, String::as_str)
    };
    let has_its_sources = |target: &TargetState| {
        target.sources.iter().all(|(folder, digest)| {
            digests.get(&(folder.path.as_str(), folder.links)) == Some(digest)
        })
    };
    let mut good: Targets<'_> = state
        .targets
        .iter()
        .filter(|target| is_of_the_host(target) && target.generation == state.generation)
        .filter(|target| has_its_sources(target))
        .map(|target| (target.name.as_str(), target))
        .collect();
    loop {
        let lacks_one =
            |target: &TargetState| target.needs.iter().any(|need| !good.contains_key(&**need));
        let bad: Vec<&str> = good
            .values()
            .filter(|target| lacks_one(target))
            .map(|target| target.name.as_str())
            .collect();
        if bad.is_empty() {
            return good;
        }
        good.retain(|name, _| !bad.contains(name));
    }
}

/// Whether the targets are exactly those that `all` selects, and what they need.
fn is_all(state: &State, targets: &Targets<'_>) -> bool {
    let mut open: Vec<&str> = state.all.iter().map(String::as_str).collect();
    let mut selected = BTreeSet::new();
    while let Some(name) = open.pop() {
        let Some(target) = targets.get(name) else {
            return false;
        };
        if selected.insert(name) {
            open.extend(target.needs.iter().map(String::as_str));
        }
    }
    state.complete && selected.len() == targets.len()
}

/// A source folder as a key of a map. It is text, because paths are compared component by
/// component, which is slow for a thousand sources.
fn key(source: &SourceState) -> (&str, Links) {
    (source.folder.path.as_str(), source.folder.links)
}

/// The folder that all installed files are in, as far as it is above those of a target.
fn common_folder(targets: &Targets<'_>) -> Utf8PathBuf {
    let mut paths = targets
        .values()
        .flat_map(|target| &target.watched)
        .filter(|watched| watched.path.is_relative())
        .map(|watched| watched.path.parent().unwrap_or(Utf8Path::new("")));
    let Some(first) = paths.next() else {
        return Utf8PathBuf::new();
    };
    let mut common: Vec<Utf8Component<'_>> = first
        .components()
        .take_while(|component| component.as_str() != ".bin")
        .collect();
    for path in paths {
        let same = common
            .iter()
            .zip(path.components())
            .take_while(|(a, b)| **a == *b);
        let same = same.count();
        common.truncate(same);
    }
    common.into_iter().collect()
}

/// The sections while they are written.
#[derive(Default)]
struct Sections {
    paths: Vec<u8>,
    count: u32,
    targets: Vec<u8>,
    sources: Vec<u8>,
    numbers: Vec<u8>,
    texts: Vec<u8>,
    common: Utf8PathBuf,
}

impl Sections {
    fn text(&mut self, text: &str) -> Option<u32> {
        let at = u32::try_from(self.texts.len()).ok()?;
        self.texts.extend(text.as_bytes());
        self.texts.push(0);
        (!text.contains('\0')).then_some(at)
    }

    fn path(&mut self, watched: &Watched) -> Option<()> {
        let in_common = (!self.common.as_str().is_empty())
            .then(|| watched.path.strip_prefix(&self.common).ok())
            .flatten()
            .map(Utf8Path::to_owned);
        let flags = if watched.follow { FOLLOW } else { 0 }
            | if watched.signature.is_some() {
                EXISTS
            } else {
                0
            }
            | if in_common.is_some() { IN_COMMON } else { 0 };
        let text = self.text(in_common.as_ref().unwrap_or(&watched.path).as_str())?;
        put(&mut self.paths, [text, flags]);
        let signature = watched.signature.unwrap_or(Signature::NOTHING);
        self.paths.extend(signature.to_bytes()?);
        self.count += 1;
        Some(())
    }

    /// Adds paths; returns the number of the first, and how many there are.
    fn add(&mut self, all: &[Watched]) -> Option<[u32; 2]> {
        let first = self.count;
        for watched in all {
            self.path(watched)?;
        }
        Some([first, self.count - first])
    }

    /// Adds a list; returns where it starts, and how long it is.
    fn list(&mut self, list: &[u32]) -> Option<[u32; 2]> {
        let start = u32::try_from(self.numbers.len() / 4).ok()?;
        put(&mut self.numbers, list.iter().copied());
        Some([start, u32::try_from(list.len()).ok()?])
    }
}

fn put(bytes: &mut Vec<u8>, numbers: impl IntoIterator<Item = u32>) {
    bytes.extend(numbers.into_iter().flat_map(u32::to_le_bytes));
}

/// The bytes; `None` if something does not fit.
fn written(state: &State, host: &str, targets: &Targets<'_>) -> Option<Vec<u8>> {
    let mut sections = Sections {
        common: common_folder(targets),
        ..Sections::default()
    };
    let common = sections.common.to_string();
    let common = sections.text(&common)?;
    let user = state.user.as_ref().map_or("", |user| user.path.as_str());
    let user = sections.text(user)?;
    let host = sections.text(host)?;
    sections.add(&state.definition)?;
    sections.add(state.user.as_slice())?;
    let always = sections.count;
    let number_of: HashMap<&str, u32> = targets.keys().copied().zip(0..).collect();
    // The sources that the targets use, in the order in which they are first used.
    let mut used: Vec<(&str, Links)> = Vec::new();
    let mut number_of_source: HashMap<(&str, Links), u32> = HashMap::new();
    for target in targets.values() {
        let needs: Vec<u32> = target.needs.iter().map(|need| number_of[&**need]).collect();
        let mut sources = Vec::new();
        for (folder, _) in &target.sources {
            let folder = (folder.path.as_str(), folder.links);
            let next = u32::try_from(used.len()).ok()?;
            sources.push(*number_of_source.entry(folder).or_insert_with(|| {
                used.push(folder);
                next
            }));
        }
        let name = sections.text(&target.name)?;
        let version = sections.text(&target.version)?;
        let platform = sections.text(&target.platform)?;
        let paths = sections.add(&target.watched)?;
        let (needs, sources) = (sections.list(&needs)?, sections.list(&sources)?);
        put(&mut sections.targets, [name, version, platform]);
        put(
            &mut sections.targets,
            [paths, needs, sources].into_iter().flatten(),
        );
    }
    let known: HashMap<(&str, Links), &SourceState> = state
        .sources
        .iter()
        .map(|source| (key(source), source))
        .collect();
    for folder in &used {
        let paths = sections.add(&known.get(folder)?.watched)?;
        put(&mut sections.sources, paths);
    }
    let count = |length: usize| u32::try_from(length).ok();
    let mut header = [0; super::FIELDS];
    for (field, value) in [
        (Field::Paths, sections.count),
        (Field::Targets, count(targets.len())?),
        (Field::Sources, count(used.len())?),
        (Field::Numbers, count(sections.numbers.len() / 4)?),
        (Field::TextBytes, count(sections.texts.len())?),
        (Field::Always, always),
        (Field::IsAll, u32::from(is_all(state, targets))),
        (Field::Common, common),
        (Field::User, user),
        (Field::Host, host),
    ] {
        header[field as usize] = value;
    }
    let mut bytes = Vec::new();
    put(&mut bytes, header);
    for section in [
        sections.paths,
        sections.targets,
        sections.sources,
        sections.numbers,
        sections.texts,
    ] {
        bytes.extend(section);
    }
    Some(bytes)
}
