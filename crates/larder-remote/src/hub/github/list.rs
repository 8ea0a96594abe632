//! The list of a repository's releases, read with few requests: all pages are read once per run;
//! later calls read only the first page again and get older releases by their ids.
//!
//! The API can't look up a draft by its tag, so a writer has to search the list. This module does
//! not depend on the contents of the releases.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::github::{Api, Release};
use larder_core::error::Result;

/// The API of a repository, and what this run has read of the list of releases.
pub(super) struct Releases {
    pub(super) api: Api,
    seen: Mutex<Option<Seen>>,
    /// Held by the thread that reads all pages; the other threads wait for its result.
    reading: Mutex<()>,
}

/// The content of the list when all its pages were read.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The id and tag of each release.
    releases: Vec<(u64, String)>,
    /// Whether any of them was immutable.
    pub(super) immutable: bool,
}

impl Seen {
    /// The ids of the releases with a tag.
    pub(super) fn of(&self, tag: &str) -> impl Iterator<Item = u64> {
        self.releases
            .iter()
            .filter(move |(_, other)| other == tag)
            .map(|(id, _)| *id)
    }
}

impl Releases {
    pub(super) fn new(api: Api) -> Self {
        Self {
            api,
            seen: Mutex::default(),
            reading: Mutex::default(),
        }
    }

    /// Reads all releases from all pages, including drafts if the token has write access.
    pub(super) fn all(&self) -> Result<Vec<Release>> {
        let (mut all, mut next) = self.first_page()?;
        while let Some(url) = next {
            let page = self
                .api
                .page(Some(url))?
                .ok_or_else(|| self.api.invisible())?;
            all.extend(page.releases);
            next = page.next;
        }
        // A new release shifts the pages while they are read, so a release can appear twice.
        all.sort_by_key(|release| release.id);
        all.dedup_by_key(|release| release.id);
        let releases = all
            .iter()
            .map(|release| (release.id, release.tag.clone()))
            .collect();
        *self.seen() = Some(Seen {
            releases,
            immutable: all.iter().any(|release| release.immutable),
        });
        Ok(all)
    }

    /// Reads all releases if all pages were not read yet. Otherwise reads only the first page, and
    /// also returns what all pages contained when they were read.
    pub(super) fn recent(&self) -> Result<(Vec<Release>, Option<Seen>)> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen().clone();
        if seen.is_none() {
            return Ok((self.all()?, None));
        }
        drop(reading);
        Ok((self.first_page()?.0, seen))
    }

    /// Drops what was read because it may be outdated: the next call reads all pages again.
    pub(super) fn forget(&self) {
        *self.seen() = None;
    }

    fn first_page(&self) -> Result<(Vec<Release>, Option<crate::http::Url>)> {
        let page = self.api.page(None)?.ok_or_else(|| self.api.invisible())?;
        Ok((page.releases, page.next))
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
