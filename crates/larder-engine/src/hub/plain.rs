//! Copies releases of files without sidecars: project releases, whose `checksums.txt` states what
//! their files are, and tombstones. They become visible as a whole.

use std::collections::BTreeMap;

use super::copy::Copying;
use crate::events::Did;
use crate::trust::yank;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Action, Digest, Outcome};
use larder_remote::hub::derived::CHECKSUMS;
use larder_remote::hub::{ListedAsset, LocalFile, PlainFile, PublishOptions, Published};

/// Copies it. Returns what to report.
pub(super) fn copy(copying: &Copying<'_>) -> Result<Did> {
    let Copying {
        ctx,
        from,
        to,
        publisher,
        release,
    } = *copying;
    let tag = &release.tag;
    let mut did = Did::new(Action::Copy, tag.as_str(), Outcome::UpToDate);
    did.place = Some(format!("{}/{tag}", to.describe()));
    let there = to.release(tag)?;
    let is_same = |ours: &ListedAsset| {
        let theirs = there.as_ref().and_then(|there| there.listed(&ours.name));
        theirs.is_some_and(|theirs| {
            theirs.size == ours.size
                && (theirs.sha256.is_none()
                    || ours.sha256.is_none()
                    || theirs.sha256 == ours.sha256)
        })
    };
    if release.assets.iter().all(is_same) {
        return Ok(did);
    }
    let Some(publisher) = publisher else {
        did.outcome = Outcome::Skipped;
        did.dry_run = true;
        did.reason = Some(format!("would be copied to {}", to.describe()));
        return Ok(did);
    };
    let scratch = fs::Scratch::new(&ctx.settings.remote.temp, "copy")?;
    let stated = stated(copying)?;
    let mut got: Vec<LocalFile> = Vec::new();
    for listed in &release.assets {
        ctx.cancel.check()?;
        let file = scratch.path().join(listed.name.as_str());
        let (sha256, size) = copying
            .transfer()
            .file(tag, &listed.name, &file, None, None)?;
        let expected = stated.get(listed.name.as_str()).copied().or(listed.sha256);
        if expected.is_some_and(|expected| expected != sha256) {
            return Err(Error::integrity(format!(
                "{} is not what {CHECKSUMS} of its release states: it is not copied",
                from.place(tag, &listed.name)
            )));
        }
        did.bytes += size;
        got.push(LocalFile {
            name: listed.name.clone(),
            path: file,
            sha256,
            size,
        });
    }
    let files: Vec<PlainFile<'_>> = got.iter().map(LocalFile::plain).collect();
    let options = PublishOptions {
        never_latest: tag.as_str().ends_with(yank::SUFFIX),
        ..PublishOptions::default()
    };
    let notes = from.notes(tag)?.unwrap_or_default();
    let receipt = publisher.publish_project(tag, &files, &notes, options, &|_| {})?;
    let wrote = |(_, published): &(_, Published)| *published != Published::Present;
    if receipt.assets.iter().any(wrote) {
        did.outcome = Outcome::Released;
    }
    if receipt.staged {
        publisher.finalize(tag)?;
    }
    Ok(did)
}

/// What `checksums.txt` states, by file.
fn stated(copying: &Copying<'_>) -> Result<BTreeMap<String, Digest>> {
    let name = CHECKSUMS.parse()?;
    let Some(bytes) = copying.from.small_file(&copying.release.tag, &name)? else {
        return Ok(BTreeMap::new());
    };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter_map(|line| line.split_once("  "));
    Ok(lines
        .filter_map(|(digest, name)| Some((name.to_owned(), digest.parse().ok()?)))
        .collect())
}
