//! The last step of publishing: makes a draft visible, and deletes redundant drafts of the same
//! tag.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names;
use super::session::{Session, Stop};
use crate::github::{Asset, Release, WriteError};
use larder_core::error::Error;
use larder_core::model::Digest;

impl Session<'_> {
    /// Publishes a draft, and makes further changes to its fields in the same request.
    pub(super) fn make_visible(
        &mut self,
        release: &Release,
        change: &Value,
    ) -> Result<Release, Stop> {
        self.wrote = true;
        let mut wanted = json!({"draft": false});
        if let (Value::Object(wanted), Value::Object(change)) = (&mut wanted, change) {
            wanted.extend(change.clone());
        }
        match self.api().edit(release.id, &wanted) {
            Ok(published) if !published.draft => Ok(published),
            Ok(_) => Err(Stop::Retry(Error::unavailable(format!(
                "the release {} is still a draft",
                self.tag
            )))),
            Err(WriteError::Unknown(error)) => match self.read_release(release.id)? {
                published if !published.draft => Ok(published),
                _ => Err(Stop::Retry(error)),
            },
            Err(WriteError::TagRefused(error)) => {
                self.delete_own_draft(release.id);
                let error = error.context(format!(
                    "a rule of {} does not allow the tag {}",
                    self.api().repo(),
                    self.tag
                ));
                Err(Stop::Fatal(error.hint(format!(
                    "allow tags like `{}` in the repository's rulesets; a tag of a deleted immutable release can't be used again",
                    self.tag
                ))))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes drafts of this tag that crashed or concurrent writers left, if they contain only
    /// copies of assets of `keep`, the release that is used. `published` are the assets that may be
    /// such copies.
    pub(super) fn delete_redundant_drafts(
        &mut self,
        keep: &Release,
        published: &BTreeMap<String, Digest>,
    ) -> Result<(), Stop> {
        let candidates = self.candidates()?;
        for extra in candidates
            .into_iter()
            .filter(|r| r.draft && r.id != keep.id)
        {
            // The list may lag behind, so read the draft itself.
            let Some(extra) = self.api().by_id(extra.id)?.filter(|r| r.draft) else {
                continue;
            };
            let redundant = |asset: &Asset| {
                let ours = published.get(&asset.name).copied();
                let copied = ours.is_some()
                    && asset.sha256() == ours
                    && keep.whole(&asset.name).and_then(Asset::sha256) == ours;
                copied
                    || !asset.is_whole()
                    || names::is_derived(&asset.name)
                    || names::is_signature(&asset.name)
                    || names::is_temporary(&asset.name)
            };
            if !extra.assets.iter().all(redundant) {
                continue;
            }
            for asset in &extra.assets {
                self.delete(asset.id)?;
            }
            if self
                .api()
                .by_id(extra.id)?
                .is_some_and(|r| r.draft && r.assets.is_empty())
            {
                self.wrote = true;
                self.api().delete_release(extra.id)?;
            }
        }
        Ok(())
    }
}
