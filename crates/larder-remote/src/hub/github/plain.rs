//! Publishes files without sidecars: those of a project release, which become visible all together,
//! and those that join a release.

use std::collections::BTreeMap;

use serde_json::json;

use super::list::Releases;
use super::publish::check_size;
use super::replace;
use super::session::{Session, Stop};
use super::transfer::Item;
use crate::github::{Content, Release};
use crate::hub::attachment::{self, Attachment};
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
            file: _,
            sha256,
            size,
        } = file;
        let item = item(file);
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

fn item<'a>(file: &'a PlainFile<'_>) -> Item<'a> {
    let PlainFile {
        name,
        file,
        sha256,
        size,
    } = file;
    Item {
        name: name.as_str(),
        label: None,
        content: Content::File(file),
        size: *size,
        sha256: *sha256,
    }
}

/// Adds files to the release of a tag that all writers use. It stays a draft if it is one.
pub(super) fn attach(
    releases: &Releases,
    hub: &str,
    tag: &Tag,
    files: &[PlainFile<'_>],
    progress: Progress<'_>,
) -> Result<Vec<Attachment>> {
    for file in files {
        attachment::check_name(&file.name)?;
        check_size(&file.name, file.size)?;
    }
    let mut session = Session::new(releases, tag, progress);
    let mut results = vec![Attachment::Present; files.len()];
    let mut is_refused = false;
    loop {
        let round = |session: &mut Session<'_>| {
            let Some(release) = session.existing()? else {
                return Err(attachment::no_release(tag, hub).into());
            };
            attach_round(session, &release, files, is_refused, &mut results)
        };
        match session.run(round) {
            Ok(()) => return Ok(results),
            // The API does not mark every immutable release so.
            Err(Stop::Immutable(_)) if !is_refused => is_refused = true,
            Err(stop) => return Err(stop.into()),
        }
    }
}

fn attach_round(
    session: &mut Session<'_>,
    release: &Release,
    files: &[PlainFile<'_>],
    is_refused: bool,
    results: &mut [Attachment],
) -> Result<(), Stop> {
    let is_immutable = !release.draft && (release.immutable || is_refused);
    let mut missing = Vec::new();
    for (file, result) in files.iter().zip(results) {
        if has(session, release, file)? {
            continue;
        }
        *result = if is_immutable {
            Attachment::Immutable
        } else {
            Attachment::Added
        };
        missing.push(file);
    }
    if is_immutable || missing.is_empty() {
        return Ok(());
    }
    for file in &missing {
        if let Some(broken) = release.asset(file.name.as_str()) {
            session.delete(broken.id)?;
        }
        session.upload(release, item(file))?;
    }
    let names = missing.iter().map(|file| file.name.as_str());
    let release = session.wait_until_visible(release.id, names)?;
    for file in &missing {
        if !has(session, &release, file)? {
            return Err(Stop::Retry(Error::unavailable(format!(
                "{} changed while it was published",
                file.name
            ))));
        }
    }
    Ok(())
}

/// Whether the release has this file; an error if it has another one of that name. One whose upload
/// was interrupted is none.
fn has(session: &Session<'_>, release: &Release, file: &PlainFile<'_>) -> Result<bool> {
    let Some(there) = release.whole(file.name.as_str()) else {
        return Ok(false);
    };
    if session.has_bytes(there, file.size, &file.sha256)? {
        return Ok(true);
    }
    let theirs = match session.digest(there)? {
        Some(digest) => digest.to_string(),
        None => format!("{} bytes", there.size),
    };
    Err(attachment::differs(
        session.tag,
        &file.name,
        &file.sha256,
        &theirs,
    ))
}
