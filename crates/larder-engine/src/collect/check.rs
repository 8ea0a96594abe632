//! Whether what was collected is still as it was stated.

use camino::Utf8Path;

use super::{Item, ItemFile, item_of, read};
use crate::installed::tree::{self, Links};
use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs;
use larder_core::keys::tree::hash_file;
use larder_core::model::{Artifact, Digest, Name, Platform};

/// The tree that was collected into a folder, as its stamp describes it.
pub fn tree_in(name: &Name, dir: &Utf8Path) -> Result<Option<Artifact>> {
    let text = fs::read_text_opt(dir.join(stamp::FILE))?;
    let artifact = text.and_then(|text| stamp::parse(name, &text));
    Ok(artifact.filter(|artifact| artifact.tree.is_some()))
}

/// The first difference between a folder and the tree that was collected into it.
pub fn tree_difference(dir: &Utf8Path, artifact: &Artifact) -> Result<Option<String>> {
    tree::difference(dir, artifact, Links::Archive, true, || Ok(false))
}

/// Whether all files of a manifest's entry exist and have the stated sizes and digests.
pub(super) fn is_undamaged(name: &Name, dir: &Utf8Path, item: &Item) -> Result<bool> {
    if let Some(artifact) = tree_in(name, dir)? {
        return Ok(item_of(&artifact) == *item && tree_difference(dir, &artifact)?.is_none());
    }
    if item.filename.contains('/') {
        // Only the stamp says which links and modes there should be.
        return Ok(false);
    }
    let own = ItemFile {
        filename: item.filename.clone(),
        size: item.size,
        sha256: item.sha256.clone(),
    };
    for ItemFile {
        filename,
        size,
        sha256,
    } in item.files.iter().chain([&own])
    {
        let path = dir.join(filename);
        let same_size = fs::lstat(&path)?.is_some_and(|meta| meta.is_file() && meta.len() == *size);
        if !same_size || hash_file(&path)?.0.to_string() != *sha256 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The files that a version's manifest states for a platform: name, size and digest. `None` if it
/// states none.
pub fn stated(dir: &Utf8Path, platform: Platform) -> Result<Option<Vec<(String, u64, Digest)>>> {
    let item = read(dir)?.and_then(|mut all| all.platforms.remove(&platform.to_string()));
    let Some(item) = item else {
        return Ok(None);
    };
    let own = ItemFile {
        filename: item.filename,
        size: item.size,
        sha256: item.sha256,
    };
    let files = if item.files.is_empty() {
        vec![own]
    } else {
        item.files
    };
    let parsed = files
        .into_iter()
        .map(|file| Some((file.filename, file.size, file.sha256.parse().ok()?)));
    Ok(parsed.collect())
}
