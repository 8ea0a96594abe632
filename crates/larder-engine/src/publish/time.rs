//! The time that the files of channels carry: the same on every machine.

use camino::{Utf8Path, Utf8PathBuf};

use crate::context::Context;
use crate::events::Level;
use larder_channels::release::EARLIEST;
use larder_core::error::Result;
use larder_core::project::{RenderedSource, SourceFolder, Subsystem};
use larder_remote::git::{Git, LastChange};

/// The time for a subsystem's files, in seconds since 1970: `SOURCE_DATE_EPOCH` if it is set; else
/// the time of the last commit that changed the recipe, the folders of its source or its pinned
/// version; else 1980-01-01.
///
/// It is not the time of the newest commit of the project: then every commit would change the
/// packages of a version that is published already.
pub(super) fn time(ctx: &Context, subsystem: &Subsystem) -> Result<i64> {
    if let Some(time) = ctx.settings.source_date_epoch {
        return Ok(time.max(EARLIEST));
    }
    let git = Git::new(ctx.settings.environment(), true, &ctx.cancel);
    let folders = source_folders(subsystem)?;
    let paths: Vec<&Utf8Path> = folders.iter().map(Utf8PathBuf::as_path).collect();
    let pin = format!("^ *['\"]?{}['\"]? *:", escaped(subsystem.name.as_str()));
    let versions = ctx.project.root.join("versions.yml");
    let changes = [
        git.last_change(&ctx.project.root, &paths, None)?,
        git.last_change(&ctx.project.root, &[&versions], Some(&pin))?,
    ];
    if changes.contains(&LastChange::BeforeShallow) {
        let text = format!(
            "the files of {} carry the time 1980-01-01, because this clone is shallow and does not have the commit that last \
             changed it; `git fetch --unshallow` gets it (`fetch-depth: 0` of actions/checkout)",
            subsystem.name
        );
        ctx.events.note(None, Level::Warning, text);
        return Ok(EARLIEST);
    }
    let times = changes.into_iter().filter_map(|change| match change {
        LastChange::At(time) => Some(time),
        LastChange::BeforeShallow | LastChange::Unknown => None,
    });
    Ok(times.max().unwrap_or(EARLIEST).max(EARLIEST))
}

/// The recipe's folder and the folders that it is built from.
fn source_folders(subsystem: &Subsystem) -> Result<Vec<Utf8PathBuf>> {
    let mut folders = vec![subsystem.dir.clone()];
    for platform in &subsystem.platforms {
        if let Some(build) = subsystem.rendered_build(platform, "<out>", "<src>")?
            && let RenderedSource::Dir(SourceFolder { path, links: _ }) = build.source
            && !folders.contains(&path)
        {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// A name in a regular expression.
fn escaped(name: &str) -> String {
    name.replace('.', "\\.")
}
