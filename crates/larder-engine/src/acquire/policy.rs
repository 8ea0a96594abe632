//! The policy: how the search goes on after an answer of a source. This table is complete:
//!
//! | class       | cases                                                            | then                                |
//! |-------------|------------------------------------------------------------------|-------------------------------------|
//! | absent      | 404 or 410 of a visible place; no such asset for this platform   | the next source                     |
//! | unavailable | no connection, proxy, 5xx or stall after retries, `--offline`    | the next source, if its bytes are   |
//! |             |                                                                  | pinned without the unavailable one  |
//! | refused     | 401, or 403 to our token; TLS; a 404 where our token sees nothing| stop                                |
//! | wrong       | a digest differs, also after one fresh fetch                     | stop; never a weaker source         |
//!
//! Every other failure (a mistake in a file, `--locked` without a line, an interruption) stops the
//! search as well. This module knows the classes and the pins; it does not know how a source is
//! asked.

use larder_core::error::Kind;
use larder_core::formats::PinKind;
use larder_core::model::{Origin, SourceKind};
use larder_core::project::{Checksum, Original, RenderedSource};

use super::request::Request;

/// How the search goes on after a source did not give the artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next source is asked.
    Next,
    /// The next source is asked if its bytes are [`pinned`].
    NextIfPinned,
    /// The search ends here.
    Stop,
}

/// How the search goes on after a source answered that it does not have the artifact.
pub const ABSENT: Then = Then::Next;

/// How the search goes on after an error of a source.
pub const fn after(error: Kind) -> Then {
    match error {
        Kind::Unavailable => Then::NextIfPinned,
        Kind::Refused
        | Kind::Integrity
        | Kind::Locked
        | Kind::Usage
        | Kind::Failed
        | Kind::Interrupted(_) => Then::Stop,
    }
}

/// Checks that the bytes of a source are pinned independently of the source that was unavailable
/// before it. The error is the reason why the source is not asked.
pub fn pinned(request: &Request<'_>, source: SourceKind) -> Result<(), String> {
    let unpinned = |what: &str| {
        Err(format!(
            "the next source, {source}, is not asked: {what}, and the source before it is unavailable"
        ))
    };
    match source {
        SourceKind::Cache | SourceKind::Managed => Ok(()),
        SourceKind::Original => {
            if request.pin(Origin::Original, PinKind::Upstream).is_some() {
                return Ok(());
            }
            match request.subsystem.original(&request.target.platform) {
                Ok(Some(original)) => {
                    let other = original.emulated.as_deref().map(|other| &other.original);
                    let is_pinned = |original: &Original| {
                        matches!(original.checksum, Some(Checksum::Pinned(_)))
                    };
                    if [Some(&original), other]
                        .into_iter()
                        .flatten()
                        .all(is_pinned)
                    {
                        Ok(())
                    } else {
                        unpinned("neither lock nor recipe pins its bytes")
                    }
                }
                // There is no upstream, or its template is wrong: asking the source reports that.
                _ => Ok(()),
            }
        }
        SourceKind::Build | SourceKind::RemoteCache => match request.rendered_build() {
            Ok(Some(build)) => match build.source {
                RenderedSource::Git { url, rev } if !request.has_commit(&url, &rev) => {
                    unpinned("its git revision is not locked to a commit")
                }
                RenderedSource::Git { .. }
                | RenderedSource::Dir(_)
                | RenderedSource::Url { .. }
                | RenderedSource::Crate { .. } => Ok(()),
            },
            _ => Ok(()),
        },
    }
}
