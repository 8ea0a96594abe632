//! Takes a version of an image back: the tags that move lead to the version before again, then the
//! index is deleted, where the registry does that. This order leaves no moment at which users of
//! `latest` get nothing, and a run that was killed in between goes on where it ended.

use std::cmp::Ordering;

use larder_core::error::Result;
use larder_core::model::{Digest, version_order};
use larder_remote::oci::{Deleted, Manifest, Repository};

use super::{Image, VERSION, as_tag, series};
use crate::publish::push::Withdrawn;

/// How many tags are tried as the version before.
const CANDIDATES: usize = 8;

impl Image {
    pub(super) fn take_back(&self, repository: &Repository) -> Result<Withdrawn> {
        let Some(ours) = repository.digest_of(&self.tag)? else {
            return Ok(Withdrawn::Absent);
        };
        let (mut moved, mut left) = (Vec::new(), Vec::new());
        for tag in self.leading_to(repository, &ours)? {
            let within = (tag != super::LATEST).then(|| tag.clone());
            match self.before(repository, within.as_deref())? {
                Some((version, manifest)) => {
                    repository.put_manifest(&tag, &manifest)?;
                    moved.push(format!("`{tag}` leads to {version} again"));
                }
                None => left.push(format!("`{tag}`")),
            }
        }
        let place = format!("{}:{}", self.name, self.tag);
        Ok(match repository.delete_manifest(&ours)? {
            Deleted::Done | Deleted::Absent => {
                let mut said = vec![format!("{place} is deleted")];
                said.extend(moved);
                if !left.is_empty() {
                    let left = left.join(" and ");
                    said.push(format!(
                        "{left} went with it, because there is no version before"
                    ));
                }
                Withdrawn::Done(said.join("; "))
            }
            Deleted::Unsupported => {
                let mut said = vec![format!(
                    "{} does not delete images by its API",
                    self.name.registry()
                )];
                said.extend(moved);
                if !left.is_empty() {
                    let left = left.join(" and ");
                    said.push(format!(
                        "{left} still leads to it, because there is no version before"
                    ));
                }
                said.push(format!("delete {place} on the registry's own page"));
                Withdrawn::Impossible(said.join("; "))
            }
        })
    }

    /// The tags that move and lead to an image.
    fn leading_to(&self, repository: &Repository, digest: &Digest) -> Result<Vec<String>> {
        let mut tags = Vec::new();
        for tag in &self.moving {
            if repository.digest_of(tag)? == Some(*digest) {
                tags.push(tag.clone());
            }
        }
        Ok(tags)
    }

    /// The newest version that is older than this one, within a series if one is given. A tag counts
    /// only if its image says that it has this version.
    fn before(
        &self,
        repository: &Repository,
        within: Option<&str>,
    ) -> Result<Option<(String, Manifest)>> {
        let mut tags = repository.tags()?;
        tags.retain(|tag| {
            tag.starts_with(|c: char| c.is_ascii_digit())
                && !version_order::is_prerelease(tag)
                && version_order::compare(tag, &self.version) == Ordering::Less
                && within.is_none_or(|within| series(tag).as_deref() == Some(within))
        });
        tags.sort_by(|a, b| version_order::compare(b, a));
        for tag in tags.into_iter().take(CANDIDATES) {
            let Some(manifest) = repository.manifest(&tag)? else {
                continue;
            };
            let version = repository.text(&manifest, VERSION)?;
            if version.is_some_and(|version| as_tag(&version) == tag) {
                return Ok(Some((tag, manifest)));
            }
        }
        Ok(None)
    }
}
