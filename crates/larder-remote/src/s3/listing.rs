//! What a bucket has: its objects, and its uploads that were begun. Lists may lag behind what was
//! written.

use super::answers::{each, has_no_uploads, text, xml};
use super::bucket::Bucket;
use super::send::Call;
use crate::http::{Answer, Method};
use larder_core::error::{Error, Result};

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// What tells its bytes from others of the same key.
    pub etag: String,
    /// When it was stored, in seconds since 1970.
    pub stored: Option<i64>,
}

/// An upload in parts that was begun and is neither complete nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The key that it is for.
    pub key: String,
    /// Its id.
    pub id: String,
    /// When it was begun, in seconds since 1970.
    pub since: Option<i64>,
}

/// More pages than any listing has. A store that never ends a list is broken.
const PAGES: usize = 100_000;

impl Bucket {
    /// The objects whose keys begin with a text, sorted by key.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>> {
        let mut listed = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let mut call =
                Call::new(Method::GET, "").query(&[("list-type", "2"), ("prefix", prefix)]);
            if let Some(token) = &token {
                call = call.query(&[("continuation-token", token)]);
            }
            let answer = self.listing(&call)?;
            let next = xml(&answer, |root| {
                for object in each(root, "Contents") {
                    listed.push(Listed {
                        key: text(object, "Key")?.to_owned(),
                        size: text(object, "Size")?.parse().ok()?,
                        etag: text(object, "ETag").unwrap_or_default().to_owned(),
                        stored: text(object, "LastModified").and_then(super::chain::seconds),
                    });
                }
                let more = text(root, "IsTruncated") == Some("true");
                let next = text(root, "NextContinuationToken").map(str::to_owned);
                // A page that says that there are more, and not where, is no list.
                match (more, next) {
                    (false, _) => Some(None),
                    (true, next) => next.map(Some),
                }
            })?;
            if next.is_none() {
                listed.sort_by(|a, b| a.key.cmp(&b.key));
                return Ok(listed);
            }
            if next == token {
                break;
            }
            token = next;
        }
        Err(Error::unavailable(format!(
            "the list of the bucket `{}` does not end",
            self.name()
        )))
    }

    /// Whether a list has an object of this key.
    pub(super) fn has_listed(&self, key: &str) -> Result<bool> {
        let call = Call::new(Method::GET, "").query(&[
            ("list-type", "2"),
            ("max-keys", "1"),
            ("prefix", key),
        ]);
        let answer = self.listing(&call)?;
        xml(&answer, |root| {
            let has = each(root, "Contents").any(|object| text(object, "Key") == Some(key));
            Some(has)
        })
    }

    /// The uploads that were begun for keys that begin with a text; none if the store can't list them.
    pub fn begun(&self, prefix: &str) -> Result<Vec<Begun>> {
        let mut begun = Vec::new();
        let mut marker: Option<(String, String)> = None;
        for _ in 0..PAGES {
            let mut call = Call::new(Method::GET, "").query(&[("prefix", prefix), ("uploads", "")]);
            if let Some((key, id)) = &marker {
                call = call.query(&[("key-marker", key), ("upload-id-marker", id)]);
            }
            let answer = self.send(&call)?;
            if has_no_uploads(&answer) {
                return Ok(begun);
            }
            self.check_list(&answer)?;
            let next = xml(&answer, |root| {
                for upload in each(root, "Upload") {
                    begun.push(Begun {
                        key: text(upload, "Key")?.to_owned(),
                        id: text(upload, "UploadId")?.to_owned(),
                        since: text(upload, "Initiated").and_then(super::chain::seconds),
                    });
                }
                let more = text(root, "IsTruncated") == Some("true");
                let of = |name| text(root, name).unwrap_or_default().to_owned();
                Some(more.then(|| (of("NextKeyMarker"), of("NextUploadIdMarker"))))
            })?;
            let Some(next) = next else {
                // Some stores give every upload.
                begun.retain(|upload| upload.key.starts_with(prefix));
                return Ok(begun);
            };
            if marker.as_ref() == Some(&next) {
                break;
            }
            marker = Some(next);
        }
        Err(Error::unavailable(format!(
            "the list of uploads of the bucket `{}` does not end",
            self.name()
        )))
    }

    fn listing(&self, call: &Call<'_>) -> Result<Answer> {
        let answer = self.send(call)?;
        self.check_list(&answer)?;
        Ok(answer)
    }

    fn check_list(&self, answer: &Answer) -> Result<()> {
        if answer.is_success() {
            return Ok(());
        }
        let error = self.error(answer);
        Err(match answer.status {
            403 => error.hint("listing the bucket needs the right s3:ListBucket"),
            _ => error,
        })
    }
}
