//! Which of a publisher's checksums files states a digest for which assets. The files are small, and each is read before
//! the recipe refers to it: a recipe never demands a digest that is not stated.

use std::collections::BTreeMap;
use std::io::Read;

use larder_core::cancel::Cancel;
use larder_core::error::{Kind, Result};
use larder_core::fs::IoContext;
use larder_remote::origin::{self, Publishers, stated_in};

use super::guess::{ChecksumFiles, Guess, Naming};
use super::{Release, Source, coordinate, original};
use larder_core::model::Platform;

/// The most bytes of a checksums file that are read.
const MOST: u64 = 4 << 20;

/// The files to refer to.
pub(super) struct Digests {
    /// The best files, for the platforms whose assets they mention.
    pub(super) files: Option<ChecksumFiles>,
    /// Files for all assets that do not mention the inspected asset.
    pub(super) unrelated: Vec<String>,
}

/// Reads the candidates until one of them covers all assets; otherwise chooses the one that covers the most.
pub(super) fn find(
    publishers: Publishers<'_>,
    source: &Source,
    release: &Release,
    guess: &Guess,
    inspected: Platform,
    cancel: &Cancel,
) -> Result<Digests> {
    let mut unrelated = Vec::new();
    let mut found: Vec<ChecksumFiles> = Vec::new();
    // One file may be a candidate in several ways.
    let mut texts: BTreeMap<String, Option<Vec<u8>>> = BTreeMap::new();
    for candidate in &guess.checksums {
        let mut names = candidate.names.clone();
        for (platform, name) in &candidate.names {
            cancel.check()?;
            if !texts.contains_key(name) {
                let text = read(publishers, source, release, name, *platform, cancel)?;
                texts.insert(name.clone(), text);
            }
            let asset = &guess.assets[platform];
            let states = texts[name]
                .as_ref()
                .is_some_and(|text| states(text, asset, name));
            if !states {
                names.remove(platform);
            }
        }
        if candidate.kind == Naming::Sums
            && !names.contains_key(&inspected)
            && let Some(name) = candidate.names.get(&inspected)
        {
            unrelated.push(name.clone());
        }
        let covers = names.len();
        found.push(ChecksumFiles {
            names,
            kind: candidate.kind.clone(),
        });
        if covers == guess.assets.len() {
            break;
        }
    }
    // Of those that cover the most, the first.
    let best = found.iter().rev().max_by_key(|files| files.names.len());
    let best = best.filter(|files| !files.names.is_empty()).cloned();
    let best = best.map(|mut best| {
        // One file may be for Windows, and another one for all other systems.
        if best.kind == Naming::Sums {
            let others = found.iter().filter(|files| files.kind == Naming::Sums);
            for (platform, name) in others.flat_map(|files| &files.names) {
                best.names.entry(*platform).or_insert_with(|| name.clone());
            }
        }
        best
    });
    Ok(Digests {
        files: best,
        unrelated,
    })
}

/// Whether a file states a strong digest for an asset. One that contradicts itself does: the inspection reports it.
fn states(text: &[u8], asset: &str, name: &str) -> bool {
    let base = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let folders: Vec<String> = asset
        .split_once("://")
        .map(|(_, rest)| rest.split('/').skip(1).map(str::to_owned).collect())
        .map(|mut folders: Vec<String>| {
            folders.pop();
            folders
        })
        .unwrap_or_default();
    match stated_in(text, &base(asset), &folders, &base(name)) {
        Ok(stated) => !stated.is_empty(),
        Err(error) => error.kind() == Kind::Integrity,
    }
}

/// The text of a file; `None` if it can't be read, which is no reason to give up.
fn read(
    publishers: Publishers<'_>,
    source: &Source,
    release: &Release,
    name: &str,
    platform: Platform,
    cancel: &Cancel,
) -> Result<Option<Vec<u8>>> {
    let tag = release.tag.as_ref().map(|(tag, _)| tag.as_str());
    let file = original(coordinate(source, tag, name), None);
    let fetched = match origin::fetch(publishers, &file, platform, false, cancel) {
        Ok(Some(fetched)) => fetched,
        // Some servers answer "forbidden" for files that they don't have, and these names were guessed.
        Err(error) if error.kind() == Kind::Refused && matches!(source, Source::Url(_)) => {
            return Ok(None);
        }
        Err(error) if error.kind() != Kind::Failed => return Err(error),
        Ok(None) | Err(_) => return Ok(None),
    };
    let mut text = Vec::new();
    fetched
        .reader
        .take(MOST)
        .read_to_end(&mut text)
        .at("read", &fetched.place)?;
    Ok(Some(text))
}
