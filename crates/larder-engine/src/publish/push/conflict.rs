//! The error of a place that says it has a version already, and has other bytes under it.

use larder_core::error::{Error, Result};

use super::Found;

/// Returns an error for other bytes, which nothing may overwrite.
pub(super) fn refuse_other(found: Found) -> Result<Found> {
    match found {
        Found::Other { what, ours, theirs } => Err(Error::integrity(format!(
            "{what} is published with other bytes"
        ))
        .cause(format!("{theirs} is there, and this release has {ours}"))
        .hint("publish the change under a new version; what is published is never overwritten")),
        found => Ok(found),
    }
}
