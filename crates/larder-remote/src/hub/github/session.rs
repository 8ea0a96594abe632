//! A writer at one tag: finds or makes the release, uploads one thing at a time so that no answer that got lost matters,
//! and makes the draft visible. What belongs into the release is decided in [`publish`](super::publish).
//!
//! Everything is keyed by the release's id: a draft has no tag that could be asked for. Whatever is in doubt is looked at
//! again; nothing that was seen to be right is written again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::api::{Api, RawAsset, RawRelease, Source, Trouble};
use super::read::canonical;
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{Digest, Tag};

/// How often a release is looked at anew before giving up: each round failed for a reason that may pass.
pub(super) const ROUNDS: u32 = 14;
/// How often one upload is tried within a round.
const UPLOADS: u32 = 4;

/// Why a round ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// The world changed: look again, then go on. With the reason, should it never settle.
    Again(Error),
    /// The release can't be changed any more.
    Immutable(Error),
    /// It would fail again.
    Fatal(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Gone(e) | Trouble::Taken(e) | Trouble::Unsure(e) => Self::Again(e),
            Trouble::Immutable(e) => Self::Immutable(e),
            Trouble::TagRefused(e) | Trouble::Fatal(e) => Self::Fatal(e),
        }
    }
}

/// Something to upload, and how to know it again.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    pub(super) label: Option<&'a str>,
    pub(super) source: Source<'a>,
    pub(super) size: u64,
    pub(super) sha256: Digest,
}

impl<'a> Item<'a> {
    /// Bytes in memory.
    pub(super) fn bytes(name: &'a str, bytes: &'a [u8]) -> Self {
        Self {
            name,
            label: None,
            source: Source::Bytes(bytes),
            size: bytes.len() as u64,
            sha256: Digest::of(bytes),
        }
    }
    /// The same with a label.
    pub(super) fn labelled(self, label: &'a str) -> Self {
        Self {
            label: Some(label),
            ..self
        }
    }
    /// The same under another name.
    pub(super) fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }
}

/// A writer at one tag.
pub(super) struct Session<'a> {
    pub(super) api: &'a Api,
    pub(super) tag: &'a Tag,
    pub(super) progress: &'a (dyn Fn(u64) + Sync),
    /// Text of a draft that has to be made.
    pub(super) notes: String,
    /// The draft this session made.
    created: Option<u64>,
    /// Ids of assets this session uploaded.
    uploaded: BTreeSet<u64>,
    /// Anything was written.
    pub(super) wrote: bool,
    /// The repository's releases are immutable, as far as was seen.
    pub(super) immutable: Option<bool>,
}

impl<'a> Session<'a> {
    pub(super) fn new(api: &'a Api, tag: &'a Tag, progress: &'a (dyn Fn(u64) + Sync)) -> Self {
        let notes = format!(
            "Binaries of {tag}, kept by larder. `manifest.json` says what they are, `checksums.txt` how to check them."
        );
        Self {
            api,
            tag,
            progress,
            notes,
            created: None,
            uploaded: BTreeSet::new(),
            wrote: false,
            immutable: None,
        }
    }

    /// Rounds until one comes through. On failure no empty draft of ours is left behind.
    pub(super) fn run<T>(
        &mut self,
        mut round: impl FnMut(&mut Self) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        let mut last = Error::unavailable(format!("the release {} did not settle", self.tag));
        for n in 0..ROUNDS {
            match round(self) {
                Ok(done) => return Ok(done),
                Err(Stop::Again(error)) => {
                    last = error;
                    self.api.forget_seen();
                    self.rest(n)?;
                }
                Err(stop) => {
                    self.withdraw_empty(&stop);
                    return Err(stop);
                }
            }
        }
        Err(Stop::Fatal(
            last.context(format!("the release {} did not settle", self.tag))
                .with_kind(Kind::Unavailable),
        ))
    }

    /// A pause before looking again, longer each time; not the same for everyone.
    fn rest(&self, n: u32) -> Result<()> {
        let base = self.api.client().settings().backoff;
        let nanos = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |d| d.subsec_nanos());
        let jitter = 0.5 + f64::from(nanos % 1_000) / 1_000.0;
        let longest = (self.api.config.settle / 4).max(Duration::from_millis(20));
        self.api.sleep(
            (base * 2_u32.saturating_pow(n.min(10)))
                .min(longest)
                .mul_f64(jitter),
        )
    }

    /// The release of this tag that counts; made if there is none.
    pub(super) fn current(&mut self) -> Result<RawRelease, Stop> {
        if let Some(found) = self.existing()? {
            return Ok(found);
        }
        self.create()?;
        // Others may have made one at the same moment. The lists tell, once they show ours.
        let until = Instant::now() + self.api.config.settle;
        loop {
            let found = self.candidates()?;
            let settled = self
                .created
                .is_none_or(|id| found.iter().any(|r| r.id == id))
                && !found.is_empty();
            if settled || Instant::now() >= until {
                if let Some(release) = canonical(found) {
                    return Ok(release);
                }
                let ours = self
                    .created
                    .map(|id| self.api.by_id(id))
                    .transpose()?
                    .flatten();
                return ours.ok_or_else(|| {
                    Stop::Again(Error::unavailable(format!(
                        "the draft of {} is not to be seen",
                        self.tag
                    )))
                });
            }
            self.api.sleep(self.step())?;
        }
    }

    /// The release of this tag that counts, if there is one.
    pub(super) fn existing(&mut self) -> Result<Option<RawRelease>> {
        if let Some(published) = self.api.by_tag(self.tag.as_str())? {
            return Ok(Some(published));
        }
        Ok(canonical(self.candidates()?))
    }

    /// Between two looks at a list that lags.
    fn step(&self) -> Duration {
        (self.api.config.settle / 20).clamp(Duration::from_millis(10), Duration::from_secs(1))
    }

    /// Every release with this tag, drafts included.
    ///
    /// All pages are turned once per run. After that the newest page is enough, for what is older is known; where it does
    /// not show what we just made, or a round did not come through, they are turned again.
    pub(super) fn candidates(&mut self) -> Result<Vec<RawRelease>> {
        let (mut all, seen) = self.api.recent()?;
        if seen.is_some()
            && self
                .created
                .is_some_and(|id| all.iter().all(|release| release.id != id))
        {
            all = self.api.releases()?;
        }
        let seen = seen.unwrap_or_default();
        if seen.immutable || all.iter().any(|release| release.immutable) {
            self.immutable = Some(true);
        }
        for id in seen.of(self.tag.as_str()) {
            if all.iter().all(|release| release.id != id) {
                all.extend(self.api.by_id(id)?);
            }
        }
        all.retain(|release| release.tag_name == self.tag.as_str());
        Ok(all)
    }

    /// Whether what gets published here can't be changed any more. Asked when a draft is at hand.
    pub(super) fn is_immutable(&mut self) -> Result<bool> {
        if let Some(known) = self.immutable {
            return Ok(known);
        }
        let known = self.api.immutable_releases()?.unwrap_or(false);
        self.immutable = Some(known);
        Ok(known)
    }

    fn create(&mut self) -> Result<(), Stop> {
        self.wrote = true;
        match self.api.create_draft(self.tag.as_str(), &self.notes) {
            Ok(made) => {
                self.created = Some(made.id);
                Ok(())
            }
            Err(Trouble::Gone(error)) => Err(Stop::Fatal(
                error
                    .with_kind(Kind::Refused)
                    .context(format!("the token may not create releases in {}", self.api.repo))
                    .hint("it needs write access to the repository's contents (`contents: write` in a workflow)"),
            )),
            Err(Trouble::Unsure(error)) => {
                // It may be there without our knowing its id.
                self.api.forget_seen();
                let until = Instant::now() + self.api.config.settle;
                while Instant::now() < until {
                    if !self.candidates()?.is_empty() {
                        return Ok(());
                    }
                    self.api.sleep(self.step())?;
                }
                Err(Stop::Again(error))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// The release as it is now.
    pub(super) fn look(&self, id: u64) -> Result<RawRelease, Stop> {
        let gone = || {
            Stop::Again(Error::unavailable(format!(
                "the release {} went away",
                self.tag
            )))
        };
        self.api.by_id(id)?.ok_or_else(gone)
    }

    /// The release once it shows all these names.
    pub(super) fn look_until<'n>(
        &self,
        id: u64,
        names: impl IntoIterator<Item = &'n str> + Clone,
    ) -> Result<RawRelease, Stop> {
        let until = Instant::now() + self.api.config.settle;
        loop {
            let release = self.look(id)?;
            let missing = names
                .clone()
                .into_iter()
                .find(|name| release.asset(name).is_none());
            let Some(missing) = missing else {
                return Ok(release);
            };
            if Instant::now() >= until {
                return Err(Stop::Again(Error::unavailable(format!(
                    "the release {} does not show {missing}",
                    self.tag
                ))));
            }
            self.api.sleep(self.step())?;
        }
    }

    /// Whether an asset has these bytes. Where the server states no digest, they are read.
    pub(super) fn same(&self, asset: &RawAsset, size: u64, sha256: &Digest) -> Result<bool> {
        if !asset.is_whole() || asset.size != size {
            return Ok(false);
        }
        if let Some(stated) = asset.sha256() {
            return Ok(stated == *sha256);
        }
        let Some(body) = self.api.asset(asset.id)? else {
            return Ok(false);
        };
        let (found, _) = Digest::of_reader(body)
            .map_err(|e| crate::http::read_error(&e, &format!("cannot read {}", asset.name)))?;
        Ok(found == *sha256)
    }

    /// Uploads one thing and sees that it is there, whole and under its name. `Again`: the name is used by something else.
    pub(super) fn put(&mut self, release: &RawRelease, item: Item<'_>) -> Result<RawAsset, Stop> {
        let mut last = Error::unavailable(format!("cannot upload {}", item.name));
        for n in 0..UPLOADS {
            if n > 0 {
                self.rest(n)?;
            }
            self.wrote = true;
            match self.api.upload(
                release,
                item.name,
                item.label,
                item.source,
                item.size,
                self.progress,
            ) {
                Ok(made) => {
                    self.uploaded.insert(made.id);
                    if made.name != item.name {
                        self.delete(made.id)?;
                        let message = format!(
                            "GitHub keeps `{}` under another name: `{}`",
                            item.name, made.name
                        );
                        return Err(Stop::Fatal(Error::failed(message).hint(
                            "set `package.name` to one of letters, digits, `.`, `-`, `_`",
                        )));
                    }
                    if self.same(&made, item.size, &item.sha256)? {
                        return Ok(made);
                    }
                    self.delete(made.id)?;
                    let message = format!(
                        "{} arrived as other bytes than its sidecar states",
                        item.name
                    );
                    last = Error::integrity(message)
                        .hint("`larder package` it anew, then release again");
                }
                Err(Trouble::Taken(_)) => {
                    // Perhaps an earlier try of ours came through. Lists may lag behind.
                    let seen = self.look_until(release.id, [item.name])?;
                    let Some(there) = seen.asset(item.name) else {
                        continue;
                    };
                    if self.same(there, item.size, &item.sha256)? {
                        return Ok(there.clone());
                    }
                    if there.is_whole() {
                        return Err(Stop::Again(Error::failed(format!(
                            "{} was published by someone else meanwhile",
                            item.name
                        ))));
                    }
                    self.delete(there.id)?;
                }
                Err(Trouble::Unsure(error)) => {
                    last = error;
                    let seen = self.look(release.id)?;
                    match seen.asset(item.name) {
                        Some(there) if self.same(there, item.size, &item.sha256)? => {
                            return Ok(there.clone());
                        }
                        Some(there) if !there.is_whole() => self.delete(there.id)?,
                        _ => {}
                    }
                }
                Err(trouble) => return Err(trouble.into()),
            }
        }
        Err(Stop::Fatal(last))
    }

    /// Deletes an asset; it may be gone already.
    pub(super) fn delete(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        self.api.delete_asset(id)?;
        Ok(())
    }

    /// Deletes an asset that must still be there: if not, someone else is at it, too.
    pub(super) fn delete_own(&mut self, id: u64) -> Result<(), Stop> {
        self.wrote = true;
        if self.api.delete_asset(id)? {
            return Ok(());
        }
        Err(Stop::Again(Error::unavailable(
            "someone else changes the release at the same time",
        )))
    }

    /// Gives an asset another name.
    pub(super) fn rename(&mut self, id: u64, name: &str) -> Result<(), Stop> {
        self.wrote = true;
        self.api.rename_asset(id, name)?;
        Ok(())
    }

    /// Makes a draft visible.
    pub(super) fn make_visible(
        &mut self,
        release: &RawRelease,
        change: &Value,
    ) -> Result<RawRelease, Stop> {
        self.wrote = true;
        let mut wanted = json!({"draft": false});
        if let (Value::Object(wanted), Value::Object(change)) = (&mut wanted, change) {
            wanted.extend(change.clone());
        }
        match self.api.edit(release.id, &wanted) {
            Ok(published) if !published.draft => Ok(published),
            Ok(_) => Err(Stop::Again(Error::unavailable(format!(
                "the release {} is still a draft",
                self.tag
            )))),
            Err(Trouble::Unsure(error)) => match self.look(release.id)? {
                published if !published.draft => Ok(published),
                _ => Err(Stop::Again(error)),
            },
            Err(Trouble::TagRefused(error)) => {
                self.withdraw_ours(release.id);
                let error = error.context(format!(
                    "a rule of {} does not allow the tag {}",
                    self.api.repo, self.tag
                ));
                Err(Stop::Fatal(error.hint(format!(
                    "allow tags like `{}` in the repository's rulesets; a tag of a deleted immutable release can't be used again",
                    self.tag
                ))))
            }
            Err(trouble) => Err(trouble.into()),
        }
    }

    /// Removes what others left or we made too much: drafts of this tag that hold nothing but copies of what the release
    /// that counts holds among `names`.
    pub(super) fn tidy(
        &mut self,
        keep: &RawRelease,
        names: &BTreeMap<&str, Digest>,
    ) -> Result<(), Stop> {
        let candidates = self.candidates()?;
        for extra in candidates
            .into_iter()
            .filter(|r| r.draft && r.id != keep.id)
        {
            // As it is now, not as the list had it.
            let Some(extra) = self.api.by_id(extra.id)?.filter(|r| r.draft) else {
                continue;
            };
            let spare = |asset: &RawAsset| {
                let ours = names.get(asset.name.as_str()).copied();
                let copied = ours.is_some()
                    && asset.sha256() == ours
                    && keep.whole(&asset.name).and_then(RawAsset::sha256) == ours;
                let derived = super::publish::DERIVED.contains(&asset.name.as_str());
                copied || derived || !asset.is_whole() || super::swap::is_temporary(&asset.name)
            };
            if !extra.assets.iter().all(spare) {
                continue;
            }
            for asset in &extra.assets {
                self.delete(asset.id)?;
            }
            if self
                .api
                .by_id(extra.id)?
                .is_some_and(|r| r.draft && r.assets.is_empty())
            {
                self.wrote = true;
                self.api.delete_release(extra.id)?;
            }
        }
        Ok(())
    }

    /// After a failure: no empty draft of ours stays behind.
    fn withdraw_empty(&mut self, stop: &Stop) {
        let (Some(id), Stop::Fatal(error)) = (self.created, stop) else {
            return;
        };
        if matches!(error.kind(), Kind::Interrupted(_) | Kind::Unavailable) {
            return;
        }
        // It is about manners: an error here would hide the one that counts.
        if let Ok(Some(release)) = self.api.by_id(id)
            && release.draft
            && release.assets.is_empty()
        {
            let _ = self.api.delete_release(id);
        }
    }

    /// A draft that can't be published is removed if this session made it and all in it.
    fn withdraw_ours(&mut self, id: u64) {
        if self.created == Some(id)
            && let Ok(Some(release)) = self.api.by_id(id)
            && release.draft
            && release
                .assets
                .iter()
                .all(|asset| self.uploaded.contains(&asset.id))
        {
            let _ = self.api.delete_release(id);
        }
    }
}
