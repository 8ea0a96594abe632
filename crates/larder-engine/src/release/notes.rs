//! What the page of a new release says has changed. A release never fails because of its notes:
//! what prevents them is said.

use crate::changelog::{Asked, Changelogs, FETCH_HINT, shortened};
use crate::context::Context;
use crate::events::Level;
use larder_core::error::Result;
use larder_core::formats::documents::ChangelogBasis;
use larder_core::model::Target;
use larder_core::project::Subsystem;
use larder_core::project::publish::ChangelogFrom;

/// How long the changes are at most, in bytes. GitHub refuses a description of more than 125,000
/// characters.
pub(crate) const LONGEST: usize = 100_000;

/// The changes of a subsystem since the version before, as Markdown; `None` if there is nothing to
/// say, or the project is in no repository.
pub fn release_notes(ctx: &Context, target: &Target) -> Option<String> {
    let changed = ctx
        .subsystem(target)
        .and_then(|subsystem| changes(ctx, subsystem));
    match changed {
        Ok(Changes::Text { title, text }) => Some(format!("## {title}\n\n{text}")),
        Ok(Changes::Nothing) => None,
        Ok(Changes::Incomplete) => {
            let text = format!(
                "the release's page lists no changes, because the clone is shallow: {FETCH_HINT}"
            );
            ctx.events.note(Some(target), Level::Info, text);
            None
        }
        Err(error) => {
            let text = format!("the release's page lists no changes: {error}");
            ctx.events.note(Some(target), Level::Warning, text);
            None
        }
    }
}

/// What has changed in a subsystem since the version before.
pub(crate) enum Changes {
    /// The changes as Markdown, and a title that says since when.
    Text { title: String, text: String },
    /// There is nothing to say, or the project is in no repository.
    Nothing,
    /// The history is incomplete, so that its first commit would seem to have made everything.
    Incomplete,
}

/// What has changed in a subsystem since the version before.
pub(crate) fn changes(ctx: &Context, subsystem: &Subsystem) -> Result<Changes> {
    let git = ctx.git();
    let changelogs = Changelogs {
        project: &ctx.project,
        git: &git,
        web: ctx.settings.remote.github.web.as_str(),
    };
    let config = &subsystem.publish.changelog;
    if config.from == ChangelogFrom::Commits && !changelogs.has_repository()? {
        return Ok(Changes::Nothing);
    }
    let document = changelogs.of(subsystem, config, Asked::default())?;
    if document.shallow {
        return Ok(Changes::Incomplete);
    }
    if document.markdown.is_empty() {
        return Ok(Changes::Nothing);
    }
    let title = match (&document.previous, document.basis) {
        (Some(previous), _) => format!("Changes since {previous}"),
        (None, ChangelogBasis::History) => "All changes so far".to_owned(),
        (None, _) => "Changes".to_owned(),
    };
    let text = shortened(&document.markdown, LONGEST);
    Ok(Changes::Text { title, text })
}
