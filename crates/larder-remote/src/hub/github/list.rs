//! The list of a repository's releases, as cheaply as it can be had: all pages are read once per
//! run, later calls read the first page again and ask for older releases by their numbers.
//!
//! A draft has no tag that could be asked for, so whoever writes to a tag has to look through the
//! list. Knows nothing of what the releases hold.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::github::{Api, Release};
use larder_core::error::Result;

/// A repository's releases: its API, and what this run has seen of the list.
pub(super) struct Releases {
    pub(super) api: Api,
    seen: Mutex<Option<Seen>>,
    /// Held by the thread that reads all pages; the others wait for what it finds.
    reading: Mutex<()>,
}

/// What the list held when all its pages were read.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Number and tag of each release.
    releases: Vec<(u64, String)>,
    /// Whether one of them was immutable.
    pub(super) immutable: bool,
}

impl Seen {
    /// The numbers of the releases of a tag.
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

    /// All releases, from all pages; drafts where the token may write.
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
        // A release that was made while the pages were read shows up twice.
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

    /// All releases, if nobody has read all pages yet; otherwise the first page, and what all pages
    /// held then.
    pub(super) fn recent(&self) -> Result<(Vec<Release>, Option<Seen>)> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.seen().clone();
        if seen.is_none() {
            return Ok((self.all()?, None));
        }
        drop(reading);
        Ok((self.first_page()?.0, seen))
    }

    /// Forgets what was seen, because it is in doubt: the next call reads all pages.
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
