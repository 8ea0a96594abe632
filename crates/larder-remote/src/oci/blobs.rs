//! Blobs: the layers and configs of images.

use std::io::{self, Read};

use camino::Utf8Path;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Hasher};
use larder_core::staging::{self, StagedFile};

use super::auth::Right;
use super::{Blob, MAX_JSON, Repository, answers};
use crate::http::{Download, Method, Opened, Request, Url, read_error};

impl Repository {
    /// Whether a blob is there.
    pub fn has_blob(&self, digest: &Digest) -> Result<bool> {
        let url = self.blob_url(digest)?;
        let answer = self.send(Right::Pull, || Request::new(Method::HEAD, url.clone()))?;
        match answer.status {
            404 => Ok(false),
            _ if answer.is_success() => Ok(true),
            _ => Err(answers::error(&answer)),
        }
    }

    /// The bytes of a blob, as a stream that resumes by itself; `None` if it is not there. The caller
    /// checks their digest.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<Download>> {
        let url = self.blob_url(digest)?;
        let opened = self.open(Right::Pull, || {
            Ok(Request::new(Method::GET, url.clone())?.pinned())
        })?;
        match opened {
            Opened::Body(download) => Ok(Some(download)),
            Opened::Failure(answer) if matches!(answer.status, 404 | 410) => Ok(None),
            Opened::Failure(answer) => Err(answers::error(&answer)),
        }
    }

    /// Reads a small blob, such as a config; `None` if it is not there.
    pub fn small_blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let url = self.blob_url(digest)?;
        let answer = self.send(Right::Pull, || {
            Ok(Request::new(Method::GET, url.clone())?.limit(MAX_JSON))
        })?;
        match answer.status {
            404 => return Ok(None),
            _ if !answer.is_success() => return Err(answers::error(&answer)),
            _ => {}
        }
        self.compare(digest, &Digest::of(&answer.body))?;
        Ok(Some(answer.body))
    }

    /// Downloads a blob to a file. A file whose bytes are right is kept.
    pub fn fetch_blob(&self, blob: &Blob, into: &Utf8Path) -> Result<()> {
        if let Some(file) = fs::open_opt(into)? {
            let (found, size) = Digest::of_reader(file).at("read", into)?;
            if found == blob.digest && size == blob.size {
                return Ok(());
            }
        }
        let Some(body) = self.open_blob(&blob.digest)? else {
            return Err(self.absent(&blob.digest));
        };
        // One byte more shows that it is not the stated blob, however much would follow.
        let mut body = body.take(blob.size.saturating_add(1));
        let folder = into.parent().unwrap_or(Utf8Path::new("."));
        let mut staged = StagedFile::new(folder, &staging::prefix(&blob.digest.short()))?;
        let mut hashed = Hashed {
            from: &mut body,
            hasher: Hasher::new(),
        };
        io::copy(&mut hashed, staged.file_mut()).map_err(|error| {
            read_error(&error, &format!("cannot fetch a layer of {}", self.name))
        })?;
        let found = hashed.hasher.finish();
        self.compare(&blob.digest, &found)?;
        staged.rename_over(into)
    }

    fn absent(&self, digest: &Digest) -> Error {
        Error::failed(format!("{} lacks the blob sha256:{digest}", self.name))
            .cause("a manifest names it")
            .hint("the image is incomplete in its registry: push it again, or choose another")
    }

    fn compare(&self, wanted: &Digest, found: &Digest) -> Result<()> {
        if wanted == found {
            return Ok(());
        }
        Err(Error::integrity(format!(
            "{} gave a blob with the digest sha256:{found}, and sha256:{wanted} is expected",
            self.name
        ))
        .hint("something between the registry and this machine changes bytes"))
    }

    pub(super) fn blob_url(&self, digest: &Digest) -> Result<Url> {
        self.name.url(&format!("blobs/sha256:{digest}"))
    }
}

/// Hashes what is read.
struct Hashed<'a, R> {
    from: &'a mut R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
