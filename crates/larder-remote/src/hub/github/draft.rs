//! Publishes or deletes whole drafts.

use std::collections::BTreeMap;

use serde_json::json;

use super::list::Releases;
use super::replace;
use super::session::Session;
use super::sidecars::{Sidecars, audit, derive, pairs};
use crate::github::Asset;
use larder_core::error::{Error, Result};
use larder_core::model::Tag;

/// Publishes the draft of a tag with its current assets.
pub(super) fn finalize(releases: &Releases, sidecars: &Sidecars, tag: &Tag) -> Result<()> {
    let mut session = Session::new(releases, tag, &|_| {});
    let done = session.run(|session| {
        let Some(mut release) = session.existing()? else {
            let none = Error::failed(format!("there is no draft of {tag} to publish"))
                .hint("run `larder release` to create one");
            return Err(none.into());
        };
        if !release.draft {
            return Ok(());
        }
        if !release.assets.iter().any(Asset::is_whole) {
            return Err(Error::failed(format!("the draft of {tag} is empty"))
                .hint("run `larder release` to upload its assets")
                .into());
        }
        (release, _) = derive(session, sidecars, release, None)?;
        replace::remove_leftovers(session, &release, |_| true)?;
        audit(session, sidecars, &release)?;
        session.delete_redundant_drafts(&release, &BTreeMap::new())?;
        // Cache releases never become the latest release; project releases, which have no sidecars,
        // may.
        let cache = !pairs(session.api(), sidecars, &release)?.is_empty();
        let change = json!({"make_latest": if cache { "false" } else { "legacy" }});
        session.make_visible(&release, &change).map(drop)
    });
    Ok(done?)
}

/// Deletes every draft of a tag, with its assets.
pub(super) fn abort(releases: &Releases, tag: &Tag) -> Result<()> {
    let mut session = Session::new(releases, tag, &|_| {});
    for draft in session
        .candidates()?
        .into_iter()
        .filter(|release| release.draft)
    {
        releases.api.delete_release(draft.id)?;
    }
    Ok(())
}
