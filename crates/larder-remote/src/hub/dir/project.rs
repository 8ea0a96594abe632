//! Publishes a project release to a folder: files without sidecars, which become visible all
//! together.

use camino::Utf8Path;

use super::permissions;
use super::stage::{STAGED, digest, stage, stage_bytes};
use crate::hub::publisher::same_notes;
use crate::hub::reader::NOTES;
use crate::hub::{PlainFile, Progress, Published};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, OwnFolder};
use larder_core::model::Tag;
use larder_core::staging::{self, StagedDir};

/// Publishes files and notes under a tag in the hub's existing root folder.
pub(super) fn publish(
    hub: &OwnFolder,
    tag: &Tag,
    files: &[PlainFile<'_>],
    notes: &str,
    replace: bool,
    progress: Progress<'_>,
) -> Result<Vec<Published>> {
    let root = hub.path();
    let dir = root.join(tag.as_str());
    if hub
        .folder(tag.as_str())?
        .map_or(Ok(Vec::new()), |folder| folder.list())?
        .is_empty()
    {
        publish_new(root, &dir, files, notes, progress)?;
        return Ok(files.iter().map(|_| Published::Added).collect());
    }
    staging::sweep(&dir, STAGED);
    let found = files
        .iter()
        .map(|file| compare(&dir, file))
        .collect::<Result<Vec<_>>>()?;
    let differ: Vec<&str> = files
        .iter()
        .zip(&found)
        .filter(|(_, published)| **published == Published::Replaced)
        .map(|(file, _)| file.name.as_str())
        .collect();
    if !differ.is_empty() && !replace {
        return Err(Error::failed(format!(
            "the release {tag} in {root} already has different bytes for {}",
            differ.join(", ")
        ))
        .hint("published bytes are never overwritten: use another tag, or `--replace`"));
    }
    for (file, published) in files.iter().zip(&found) {
        let PlainFile {
            name,
            file,
            sha256,
            size,
        } = file;
        if *published != Published::Present {
            stage(&dir, file, sha256, *size, progress)?.rename_over(&dir.join(name.as_str()))?;
        }
    }
    let there = fs::read_or_absent(dir.join(NOTES))?.unwrap_or_default();
    if !same_notes(&String::from_utf8_lossy(&there), notes) {
        stage_bytes(&dir, notes.as_bytes())?.rename_over(&dir.join(NOTES))?;
    }
    fs::sync_dir(&dir)?;
    Ok(found)
}

/// Publishes a new release with one rename, so that it becomes visible as a whole.
fn publish_new(
    root: &Utf8Path,
    dir: &Utf8Path,
    files: &[PlainFile<'_>],
    notes: &str,
    progress: Progress<'_>,
) -> Result<()> {
    let whole = StagedDir::without_sweep(root.as_std_path(), STAGED)?;
    let staged = whole.path();
    if let Some(mode) = permissions::folder_mode(root, staged) {
        let _ = fs::set_mode(staged, mode);
    }
    for PlainFile {
        name,
        file,
        sha256,
        size,
    } in files
    {
        stage(staged, file, sha256, *size, progress)?.rename_new(&staged.join(name.as_str()))?;
    }
    stage_bytes(staged, notes.as_bytes())?.rename_new(&staged.join(NOTES))?;
    whole.rename_to(dir)?;
    fs::sync_dir(root)
}

/// Decides the outcome of publishing a file to an existing release.
fn compare(dir: &Utf8Path, file: &PlainFile<'_>) -> Result<Published> {
    let path = dir.join(file.name.as_str());
    Ok(match fs::stat(&path)?.map(|meta| meta.len()) {
        None => Published::Added,
        Some(size) if size == file.size && digest(&path)? == file.sha256 => Published::Present,
        Some(_) => Published::Replaced,
    })
}
