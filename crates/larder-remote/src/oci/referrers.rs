//! What refers to a manifest, such as its signature: by the registry's own list (OCI 1.1), or else
//! by an index under a tag that is made from the manifest's digest.
//!
//! Such an index is read, extended and written again, and registries have no condition for a write.
//! Therefore a writer looks again after a pause and repeats what another one has overwritten. An
//! entry is lost only if a writer stalls for longer than the pause between reading and writing.

use std::time::Duration;

use larder_core::error::{Error, Result};
use larder_core::model::Digest;
use serde_json::{Value, json};

use super::auth::Right;
use super::{MAX_JSON, Manifest, OCI_INDEX, Repository, answers};
use crate::http::{Method, Request};

/// How often an index is written that others overwrite.
const ROUNDS: usize = 16;

/// The tag of the index of what refers to a manifest.
pub fn referrers_tag(subject: &Digest) -> String {
    format!("sha256-{subject}")
}

impl Repository {
    /// What refers to a manifest: descriptors with `artifactType` and `annotations`.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Value>> {
        if let Some(list) = self.own_list(subject)? {
            return Ok(list);
        }
        let index = self.manifest(&referrers_tag(subject))?;
        Ok(index
            .map(|index| entries(&index.json()))
            .unwrap_or_default())
    }

    /// Adds a manifest with `subject` to what refers to that, where the registry does not do it by
    /// itself. The manifest has been put already. `pause` is how long a write of another writer may
    /// take. True if something was written.
    pub fn add_referrer(
        &self,
        subject: &Digest,
        manifest: &Manifest,
        pause: Duration,
    ) -> Result<bool> {
        let has_lists = if let Some(has_lists) = self.lists_referrers.get() {
            *has_lists
        } else {
            let has_lists = self.own_list(subject)?.is_some();
            *self.lists_referrers.get_or_init(|| has_lists)
        };
        if has_lists {
            return Ok(false);
        }
        let document = manifest.json();
        let mut ours = manifest.descriptor();
        ours["artifactType"] = document["artifactType"].clone();
        ours["annotations"] = document["annotations"].clone();
        let tag = referrers_tag(subject);
        let mut all: Vec<Value> = Vec::new();
        let mut is_written = false;
        for _ in 0..ROUNDS {
            let there = self.manifest(&tag)?;
            let there = there
                .map(|index| entries(&index.json()))
                .unwrap_or_default();
            let is_complete = all
                .iter()
                .chain([&ours])
                .all(|entry| there.iter().any(|other| other["digest"] == entry["digest"]));
            if is_complete {
                return Ok(is_written);
            }
            for entry in there.into_iter().chain([ours.clone()]) {
                if all.iter().all(|other| other["digest"] != entry["digest"]) {
                    all.push(entry);
                }
            }
            let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": all});
            self.put_manifest(&tag, &Manifest::of(&index))?;
            is_written = true;
            self.client.cancel().sleep(pause)?;
        }
        Err(Error::unavailable(format!(
            "too many writers change {}:{tag} at once",
            self.name
        ))
        .hint("run again"))
    }

    /// The registry's own list; `None` if it has none.
    fn own_list(&self, subject: &Digest) -> Result<Option<Vec<Value>>> {
        let mut next = Some(self.name.url(&format!("referrers/sha256:{subject}"))?);
        let mut found = Vec::new();
        while let Some(url) = next.take() {
            let answer = self.send(Right::Pull, || {
                let request = Request::new(Method::GET, url.clone())?.anything();
                Ok(request.header("accept", OCI_INDEX)?.limit(MAX_JSON))
            })?;
            match answer.status {
                // A registry of before answers in one of these ways.
                400 | 404 | 405 | 501 => return Ok(None),
                _ if !answer.is_success() => return Err(answers::error(&answer)),
                _ => {}
            }
            let Ok(page) = answer.json::<Value>() else {
                return Ok(None);
            };
            if page["manifests"].as_array().is_none() {
                return Ok(None);
            }
            found.extend(entries(&page));
            next = answer.link("next")?;
        }
        Ok(Some(found))
    }
}

fn entries(index: &Value) -> Vec<Value> {
    index["manifests"].as_array().cloned().unwrap_or_default()
}
