//! A writer for one tag: it finds or creates the release to use, and repeats rounds of work until
//! one succeeds.
//!
//! A round reads the release in its current state, writes what is missing, and checks the result. A
//! problem such as a lost answer, a concurrent job or an outdated list ends the round, and the next
//! round starts from the state at that time. What was already checked is not written again. An
//! interrupted round and a killed process are therefore handled in the same way.
//!
//! Releases are addressed by their ids, because the API can't look up a draft by its tag.
//!
//! What belongs in a release is decided by the callers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use super::list::Releases;
use super::view::choose_release;
use crate::github::{Api, Release, WriteError};
use crate::hub::{Notes, Progress};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Tag;

/// How many rounds are tried. Only a round that failed for a temporary reason is followed by
/// another.
const ROUNDS: u32 = 14;

/// What the notes of a subsystem's release begin with; its tag follows.
pub(super) const NOTES_BEGIN: &str = "Binaries of ";

/// Why a round ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The release changed, or an answer was lost: another round may succeed. Contains the error to
    /// report if no round succeeds.
    Retry(Error),
    /// The release is immutable.
    Immutable(Error),
    /// Another round would fail too.
    Fatal(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<WriteError> for Stop {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Gone(e) | WriteError::Taken(e) | WriteError::Unknown(e) => Self::Retry(e),
            WriteError::Immutable(e) => Self::Immutable(e),
            WriteError::TagRefused(e) | WriteError::Fatal(e) => Self::Fatal(e),
        }
    }
}

impl From<Stop> for Error {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Retry(e) | Stop::Immutable(e) | Stop::Fatal(e) => e,
        }
    }
}

/// A writer for one tag.
pub(super) struct Session<'a> {
    pub(super) releases: &'a Releases,
    pub(super) tag: &'a Tag,
    pub(super) progress: Progress<'a>,
    /// The description to use if a draft has to be created.
    pub(super) notes: String,
    /// What is added to the description then.
    pub(super) more_notes: Option<Notes<'a>>,
    /// The id of the draft that this session created.
    created: Option<u64>,
    /// The ids of the assets that this session uploaded.
    pub(super) uploaded: BTreeSet<u64>,
    /// Those of them that still have their temporary names, unless another writer renamed them.
    pub(super) staged: BTreeSet<u64>,
    /// Whether this session has written anything.
    pub(super) wrote: bool,
    /// Whether the repository's releases are immutable, if that is known already.
    immutable: Option<bool>,
}

impl<'a> Session<'a> {
    pub(super) fn new(releases: &'a Releases, tag: &'a Tag, progress: Progress<'a>) -> Self {
        let notes = format!(
            "{NOTES_BEGIN}{tag}, published by larder. `manifest.json` describes them, `checksums.txt` contains their SHA-256 digests."
        );
        Self {
            releases,
            tag,
            progress,
            notes,
            more_notes: None,
            created: None,
            uploaded: BTreeSet::new(),
            staged: BTreeSet::new(),
            wrote: false,
            immutable: None,
        }
    }

    pub(super) fn api(&self) -> &'a Api {
        &self.releases.api
    }

    /// Runs rounds until one succeeds. After a failure, deletes the draft that this session created
    /// if it is empty.
    pub(super) fn run<T>(
        &mut self,
        mut round: impl FnMut(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut last = Error::unavailable(format!("the release {} was not published", self.tag));
        for n in 0..ROUNDS {
            match round(self) {
                Ok(done) => return Ok(done),
                Err(Stop::Retry(error)) => {
                    last = error;
                    self.releases.forget();
                    self.pause_before_retry(n)?;
                }
                Err(stop) => {
                    self.delete_empty_draft(&stop);
                    return Err(stop);
                }
            }
        }
        Err(Stop::Fatal(
            last.context(format!(
                "the release {} was not published: no attempt of {ROUNDS} succeeded",
                self.tag
            ))
            .with_kind(Kind::Unavailable),
        ))
    }

    /// Waits before the next try: longer each time, with jitter, so that several writers do not
    /// collide again.
    pub(super) fn pause_before_retry(&self, n: u32) -> Result<()> {
        let base = self.api().client().settings().backoff;
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        let jitter = 0.5 + f64::from(nanos % 1_000) / 1_000.0;
        let longest = (self.api().config().settle / 4).max(Duration::from_millis(20));
        self.api().client().cancel().sleep(
            (base * 2_u32.saturating_pow(n.min(10)))
                .min(longest)
                .mul_f64(jitter),
        )
    }

    /// The release of this tag that all writers use; it is created if there is none.
    pub(super) fn current(&mut self) -> Result<Release, Stop> {
        if let Some(found) = self.existing()? {
            return Ok(found);
        }
        self.create()?;
        // Other writers may have created a draft at the same moment. Once the list shows our draft,
        // it shows theirs too.
        let until = Instant::now() + self.api().config().settle;
        loop {
            let found = self.candidates()?;
            let settled = self
                .created
                .is_none_or(|id| found.iter().any(|r| r.id == id))
                && !found.is_empty();
            if settled || Instant::now() >= until {
                if let Some(release) = choose_release(found) {
                    return Ok(release);
                }
                let ours = self
                    .created
                    .map(|id| self.api().by_id(id))
                    .transpose()?
                    .flatten();
                return ours.ok_or_else(|| {
                    Stop::Retry(Error::unavailable(format!(
                        "GitHub does not list the draft of {} that was just created",
                        self.tag
                    )))
                });
            }
            self.api().client().cancel().sleep(self.poll_interval())?;
        }
    }

    /// The release of this tag that all writers use, if there is one.
    pub(super) fn existing(&mut self) -> Result<Option<Release>> {
        if let Some(published) = self.api().by_tag(self.tag.as_str())? {
            return Ok(Some(published));
        }
        Ok(choose_release(self.candidates()?))
    }

    /// The pause between two reads of a list that lags behind.
    fn poll_interval(&self) -> Duration {
        (self.api().config().settle / 20).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Every release with this tag, drafts included. All pages are read again if the first one does
    /// not show the draft that was just created.
    pub(super) fn candidates(&mut self) -> Result<Vec<Release>> {
        let (mut all, seen) = self.releases.recent()?;
        if seen.is_some()
            && self
                .created
                .is_some_and(|id| all.iter().all(|release| release.id != id))
        {
            all = self.releases.all()?;
        }
        let seen = seen.unwrap_or_default();
        if seen.immutable || all.iter().any(|release| release.immutable) {
            self.immutable = Some(true);
        }
        for id in seen.of(self.tag.as_str()) {
            if all.iter().all(|release| release.id != id) {
                all.extend(self.api().by_id(id)?);
            }
        }
        all.retain(|release| release.tag == self.tag.as_str());
        Ok(all)
    }

    /// Whether releases become immutable when they are published.
    pub(super) fn is_immutable(&mut self) -> Result<bool> {
        if let Some(known) = self.immutable {
            return Ok(known);
        }
        let known = self.api().immutable_releases()?.unwrap_or(false);
        self.immutable = Some(known);
        Ok(known)
    }

    fn create(&mut self) -> Result<(), Stop> {
        self.wrote = true;
        let more = self.more_notes.and_then(|notes| notes());
        let notes = match more {
            Some(more) => format!("{}\n\n{more}", self.notes),
            None => self.notes.clone(),
        };
        match self.api().create_draft(self.tag.as_str(), &notes) {
            Ok(made) => {
                self.created = Some(made.id);
                Ok(())
            }
            Err(WriteError::Gone(error)) => Err(Stop::Fatal(
                error
                    .with_kind(Kind::Refused)
                    .context(format!("the token may not create releases in {}", self.api().repo()))
                    .hint("it needs write access to the repository's contents (`contents: write` in a workflow)"),
            )),
            Err(WriteError::Unknown(error)) => {
                // The draft may have been created, but its id is not known.
                self.releases.forget();
                let until = Instant::now() + self.api().config().settle;
                while Instant::now() < until {
                    if !self.candidates()?.is_empty() {
                        return Ok(());
                    }
                    self.api().client().cancel().sleep(self.poll_interval())?;
                }
                Err(Stop::Retry(error))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the current state of a release by its id.
    pub(super) fn read_release(&self, id: u64) -> Result<Release, Stop> {
        let gone = || {
            Stop::Retry(Error::unavailable(format!(
                "the release {} was deleted in the meantime",
                self.tag
            )))
        };
        self.api().by_id(id)?.ok_or_else(gone)
    }

    /// Reads a release until it shows assets with all these names. Returns [`Stop::Retry`] if that
    /// takes longer than lists may lag behind.
    pub(super) fn wait_until_visible<'n>(
        &self,
        id: u64,
        names: impl IntoIterator<Item = &'n str> + Clone,
    ) -> Result<Release, Stop> {
        let until = Instant::now() + self.api().config().settle;
        loop {
            let release = self.read_release(id)?;
            let missing = names
                .clone()
                .into_iter()
                .find(|name| release.asset(name).is_none());
            let Some(missing) = missing else {
                return Ok(release);
            };
            if Instant::now() >= until {
                return Err(Stop::Retry(Error::unavailable(format!(
                    "the release {} does not show {missing}",
                    self.tag
                ))));
            }
            self.api().client().cancel().sleep(self.poll_interval())?;
        }
    }

    /// After a failure, deletes the draft that this session created, if it is still empty.
    fn delete_empty_draft(&mut self, stop: &Stop) {
        let (Some(id), Stop::Fatal(error)) = (self.created, stop) else {
            return;
        };
        if matches!(error.kind(), Kind::Interrupted(_) | Kind::Unavailable) {
            return;
        }
        // Ignore an error here: it would hide the one that ended the session.
        if let Ok(Some(release)) = self.api().by_id(id)
            && release.draft
            && release.assets.is_empty()
        {
            let _ = self.api().delete_release(id);
        }
    }

    /// Deletes a draft that can't be published, if this session created it and uploaded all its
    /// assets.
    pub(super) fn delete_own_draft(&mut self, id: u64) {
        if self.created == Some(id)
            && let Ok(Some(release)) = self.api().by_id(id)
            && release.draft
            && release
                .assets
                .iter()
                .all(|asset| self.uploaded.contains(&asset.id))
        {
            let _ = self.api().delete_release(id);
        }
    }
}
