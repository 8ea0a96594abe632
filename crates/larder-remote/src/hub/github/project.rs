//! Publishes a project release: files without sidecars, which become visible all together.

use std::collections::BTreeMap;

use serde_json::json;

use super::list::Releases;
use super::replace;
use super::session::{Session, Stop};
use super::transfer::Item;
use crate::github::Content;
use crate::hub::publisher::same_notes;
use crate::hub::{PlainFile, Progress, PublishOptions, Published, Receipt};
use larder_core::error::{Error, Result};
use larder_core::model::Tag;

/// Publishes files and notes under a tag.
pub(super) fn publish(
    releases: &Releases,
    tag: &Tag,
    files: &[PlainFile<'_>],
    notes: &str,
    options: PublishOptions,
    progress: Progress<'_>,
) -> Result<Receipt> {
    let mut session = Session::new(releases, tag, progress);
    notes.clone_into(&mut session.notes);
    let mut results: Vec<Option<Published>> = vec![None; files.len()];
    let done = session.run(|session| round(session, files, notes, options, &mut results));
    let (staged, url) = done.map_err(|stop| match stop {
        stop @ (Stop::Fatal(_) | Stop::Retry(_)) => stop.into(),
        Stop::Immutable(error) => error
            .context(format!(
                "the release {tag} is immutable: nothing can be added or replaced"
            ))
            .hint("release under another tag"),
    })?;
    let assets = results
        .into_iter()
        .map(|result| (tag.clone(), result.unwrap_or(Published::Present)))
        .collect();
    Ok(Receipt {
        signatures: Vec::new(),
        assets,
        staged,
        url: Some(url),
        attested: None,
    })
}

fn round(
    session: &mut Session<'_>,
    files: &[PlainFile<'_>],
    notes: &str,
    options: PublishOptions,
    results: &mut [Option<Published>],
) -> Result<(bool, String), Stop> {
    let latest = if options.never_latest {
        "false"
    } else {
        "legacy"
    };
    let mut release = session.current()?;
    for (file, result) in files.iter().zip(results.iter_mut()) {
        let PlainFile {
            name,
            file: path,
            sha256,
            size,
        } = file;
        let item = Item {
            name: name.as_str(),
            label: None,
            content: Content::File(path),
            size: *size,
            sha256: *sha256,
        };
        let present = release.asset(name.as_str());
        if let Some(there) = present
            && session.has_bytes(there, *size, sha256)?
        {
            result.get_or_insert(Published::Present);
            continue;
        }
        if release.immutable && !release.draft {
            let error = Error::refused(format!(
                "the release {} is published and does not contain this {name}",
                session.tag
            ));
            return Err(Stop::Immutable(error));
        }
        match present {
            Some(broken) if !broken.is_whole() => {
                session.delete(broken.id)?;
                session.upload(&release, item)?;
                *result = Some(Published::Added);
            }
            // A draft's assets are not visible to readers, so they may be replaced.
            Some(_) if options.replace || release.draft => {
                replace::replace_one(session, &release, item)?;
                *result = Some(Published::Replaced);
            }
            Some(_) => {
                return Err(Error::failed(format!(
                    "the release {} contains a different {name}",
                    session.tag
                ))
                .hint("release under another tag, or replace it with `--replace`")
                .into());
            }
            None => {
                session.upload(&release, item)?;
                *result = Some(Published::Added);
            }
        }
    }
    if session.wrote {
        release =
            session.wait_until_visible(release.id, files.iter().map(|file| file.name.as_str()))?;
        for PlainFile {
            name,
            file: _,
            sha256,
            size,
        } in files
        {
            let right = match release.asset(name.as_str()) {
                Some(there) => session.has_bytes(there, *size, sha256)?,
                None => false,
            };
            if !right {
                return Err(Stop::Retry(Error::unavailable(format!(
                    "{name} changed while it was published"
                ))));
            }
        }
        replace::remove_leftovers(session, &release, |name| {
            files.iter().any(|file| file.name.as_str() == name)
        })?;
    }
    if release.draft {
        let digests: BTreeMap<_, _> = files
            .iter()
            .map(|file| (file.name.to_string(), file.sha256))
            .collect();
        session.delete_redundant_drafts(&release, &digests)?;
        if options.stage {
            return Ok((true, release.page));
        }
        release = session.make_visible(&release, &json!({"body": notes, "make_latest": latest}))?;
    } else if !same_notes(release.body.as_deref().unwrap_or_default(), notes) {
        session.wrote = true;
        session.api().edit(release.id, &json!({"body": notes}))?;
    }
    Ok((false, release.page))
}
