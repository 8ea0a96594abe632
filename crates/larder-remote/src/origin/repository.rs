//! Reads single files and the tags of a public repository on GitHub, or of the mirror that the user set.

use crate::git::Git;
use crate::http::Request;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};

use super::fetched::Publishers;
use super::web;

/// The largest file that is read.
const MAX_FILE: u64 = 32 * 1024 * 1024;

/// A file of a repository at a commit; `None` if there is none.
pub fn file_at(
    publishers: Publishers<'_>,
    repo: &str,
    commit: &str,
    path: &str,
) -> Result<Option<Vec<u8>>> {
    let mut url = web::github_base(publishers)?;
    let Ok(mut segments) = url.path_segments_mut() else {
        return Err(Error::usage("the url can't be used as a base url"));
    };
    segments
        .pop_if_empty()
        .extend(repo.split('/'))
        .extend(["raw", commit])
        .extend(path.split('/'));
    drop(segments);
    let request = Request::new(crate::http::Method::GET, url)?;
    publishers.client.get_small(request, MAX_FILE)
}

/// The tags of a repository.
pub fn tags(publishers: Publishers<'_>, repo: &str, cancel: &Cancel) -> Result<Vec<String>> {
    let url = web::repository(publishers, repo)?;
    let offline = publishers.client.settings().offline;
    Git::new(&publishers.settings.environment, offline, cancel).tags(&url)
}
