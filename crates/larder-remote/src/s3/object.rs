//! Objects of a bucket: reading, creating, replacing and deleting one.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::bucket::Bucket;
use super::send::{Call, Payload};
use super::sign::now;
use crate::http::{Answer, Download, Method, Opened};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::Digest;

/// What is stored.
#[derive(Clone, Copy)]
pub enum Content<'a> {
    /// These bytes.
    Bytes(&'a [u8]),
    /// A file with its size and digest. Called with the number of bytes sent.
    File {
        /// The file.
        path: &'a Path,
        /// Its size in bytes.
        size: u64,
        /// The digest that it must have.
        sha256: Digest,
        /// Called with the number of bytes sent since the last call.
        sent: &'a (dyn Fn(u64) + Sync),
    },
}

/// What became of an object that was to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was stored.
    New,
    /// There was one of this key; nothing was stored.
    Exists,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its size in bytes.
    pub size: u64,
    /// The digest that the store computed of all its bytes, if it states it.
    pub sha256: Option<Digest>,
    /// How long ago it was stored, by the clock of the store.
    pub age: Duration,
}

impl Bucket {
    /// The bytes of a small object; `None` if there is none.
    pub fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(download) = self.download(key)? else {
            return Ok(None);
        };
        let place = download.place().to_owned();
        crate::http::read_small(download, limit, &place).map(Some)
    }

    /// The bytes of an object; `None` if there is none.
    pub fn download(&self, key: &str) -> Result<Option<Download>> {
        match self.open(&Call::new(Method::GET, key))? {
            Opened::Body(download) => Ok(Some(download)),
            Opened::Failure(answer) => self.absent(key, &answer).map(|()| None),
        }
    }

    /// What the store knows of an object; `None` if there is none.
    pub fn head(&self, key: &str) -> Result<Option<Object>> {
        let call = Call::new(Method::HEAD, key).header("x-amz-checksum-mode", "ENABLED");
        let answer = self.send(&call)?;
        if answer.is_success() {
            return Ok(Some(self.object(&answer)));
        }
        self.absent(key, &answer).map(|()| None)
    }

    fn object(&self, answer: &Answer) -> Object {
        let number = |name: &str| answer.header(name).and_then(|text| text.parse().ok());
        // That of an object from parts is not of its bytes; its ETag ends in the number of parts.
        let in_parts = answer.header("etag").is_some_and(|etag| etag.contains('-'));
        let digest = answer
            .header("x-amz-checksum-sha256")
            .filter(|_| !in_parts)
            .and_then(|text| STANDARD.decode(text).ok())
            .and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let time = |name: &str| {
            answer
                .header(name)
                .and_then(|text| httpdate::parse_http_date(text).ok())
        };
        let stored = time("last-modified");
        let age = match (time("date"), stored) {
            (Some(now), Some(stored)) => now.duration_since(stored).unwrap_or_default(),
            (None, Some(stored)) => {
                let stored = stored
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                let now = now(&self.skew).unsigned_abs();
                Duration::from_secs(now.saturating_sub(stored.as_secs()))
            }
            _ => Duration::ZERO,
        };
        Object {
            size: number("content-length").unwrap_or_default(),
            sha256: digest.map(Digest::from_bytes),
            age,
        }
    }

    /// Stores an object in place of any other of its key.
    pub fn put(&self, key: &str, content: Content<'_>, kind: &str) -> Result<()> {
        match self.store(key, content, kind, false)? {
            Created::New => Ok(()),
            Created::Exists => Err(Error::failed(format!("{key} can't be replaced"))),
        }
    }

    /// Stores an object unless there is one of its key. Only right on a store that honours the
    /// condition.
    pub fn create(&self, key: &str, content: Content<'_>, kind: &str) -> Result<Created> {
        self.store(key, content, kind, true)
    }

    fn store(&self, key: &str, content: Content<'_>, kind: &str, is_new: bool) -> Result<Created> {
        self.check_keys()?;
        let part;
        let payload = match content {
            Content::Bytes(bytes) => Payload::Bytes(bytes, kind),
            Content::File {
                path,
                size,
                sha256,
                sent,
            } => {
                part = 0..size;
                Payload::File {
                    path,
                    part: &part,
                    sha256,
                    kind,
                    sent,
                }
            }
        };
        let mut call = Call::new(Method::PUT, key).payload(payload);
        if is_new {
            call = call.header("if-none-match", "*");
        }
        let answer = self.send(&call)?;
        match answer.status {
            200..=299 => Ok(Created::New),
            412 if is_new => Ok(Created::Exists),
            _ => Err(self.error(&answer).context(format!("cannot store {key}"))),
        }
    }

    /// Deletes an object. It is no error if there is none.
    pub fn delete(&self, key: &str) -> Result<()> {
        self.check_keys()?;
        let answer = self.send(&Call::new(Method::DELETE, key))?;
        if answer.is_success() || answer.status == 404 {
            return Ok(());
        }
        Err(self.error(&answer).context(format!("cannot delete {key}")))
    }

    /// An error if nothing can be written because there are no credentials.
    pub(super) fn check_keys(&self) -> Result<()> {
        if self.has_keys()? {
            Ok(())
        } else {
            Err(self.without_keys())
        }
    }

    /// Returns `Ok` if an error answer means that there is no object of this key, otherwise the error.
    ///
    /// A store answers 403 for an object that does not exist if the bucket may not be listed. So a
    /// 403 from somebody who may list it is a missing right, or else nothing is known.
    fn absent(&self, key: &str, answer: &Answer) -> Result<()> {
        let error = self.error(answer);
        match answer.status {
            404 | 410 if !super::answers::Failure::of(answer).is("NoSuchBucket") => return Ok(()),
            403 => {}
            _ => return Err(error),
        }
        let code = super::answers::Failure::of(answer).code;
        if !matches!(code.as_str(), "" | "AccessDenied" | "AllAccessDisabled") {
            return Err(error);
        }
        if self.may_list.get() != Some(&false) {
            match self.has_listed(key) {
                Ok(false) => return Ok(()),
                Ok(true) => return Err(error),
                Err(listing) if listing.kind() == Kind::Unavailable && answer.authorized => {
                    return Err(listing);
                }
                Err(_) => {
                    let _ = self.may_list.set(false);
                }
            }
        }
        Err(error.hint(
            "a missing object looks like this without the right to list the bucket: give s3:ListBucket",
        ))
    }
}
