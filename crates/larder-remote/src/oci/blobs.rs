//! Blobs: the layers and configs of images.

use std::io::{self, Read};

use camino::Utf8Path;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::{Digest, Hasher};
use larder_core::staging::{self, StagedFile};

use super::auth::Right;
use super::{Blob, MAX_JSON, Repository, answers};
use crate::http::{Method, Request, Url, read_error};

impl Repository<'_> {
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

    /// Uploads a blob that is not there.
    pub fn upload_blob(&self, blob: &Blob, file: &Utf8Path) -> Result<()> {
        let Err(error) = self.upload(blob, file) else {
            return Ok(());
        };
        // It may have arrived, and only the answer was lost.
        if error.kind() == Kind::Unavailable && self.has_blob(&blob.digest).unwrap_or(false) {
            return Ok(());
        }
        Err(error)
    }

    fn upload(&self, blob: &Blob, file: &Utf8Path) -> Result<()> {
        let start = self.name.url("blobs/uploads/")?;
        let answer = self.send(Right::Push, || {
            Request::new(Method::POST, start.clone())?.bytes(Vec::new(), "application/octet-stream")
        })?;
        if !answer.is_success() {
            return Err(answers::error(&answer));
        }
        let mut session = answer.location()?.ok_or_else(|| {
            Error::unavailable(format!("{} does not say where to upload to", answer.url))
                .hint("check that the name is that of a registry of images")
        })?;
        let digest = format!("sha256:{}", blob.digest);
        session.query_pairs_mut().append_pair("digest", &digest);
        let credential = self.credential(Right::Push)?;
        // It is sent once: a session ends with its upload.
        let request = Request::new(Method::PUT, session)?
            .once()
            .file(
                file.as_std_path(),
                blob.size,
                "application/octet-stream",
                &|_| {},
            )?
            .credential(&credential);
        let answer = self.client.send(request)?;
        if answers::code(&answer).as_deref() == Some("DIGEST_INVALID") {
            return Err(Error::integrity(format!(
                "{} received other bytes than those of {file}",
                self.name
            ))
            .cause(format!("{digest} was announced"))
            .hint("render the files again"));
        }
        if matches!(answer.status, 404 | 409 | 416) {
            // The session is over, and a new one can be started.
            return Err(answers::error(&answer).with_kind(Kind::Unavailable));
        }
        if !answer.is_success() {
            return Err(answers::error(&answer));
        }
        match answer.header("docker-content-digest") {
            Some(stated) if stated != digest => Err(Error::integrity(format!(
                "{} has other bytes than those of {file}",
                self.name
            ))
            .cause(format!("{digest} was sent, and {stated} is there"))),
            _ => Ok(()),
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
        // This also finds out what the registry wants to know, which a transfer does not.
        if !self.has_blob(&blob.digest)? {
            return Err(self.absent(&blob.digest));
        }
        let request = Request::new(Method::GET, self.blob_url(&blob.digest)?)?
            .pinned()
            .limit(blob.size)
            .credential(&self.credential(Right::Pull)?);
        let Some(mut body) = self.client.get(request)? else {
            return Err(self.absent(&blob.digest));
        };
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

    fn blob_url(&self, digest: &Digest) -> Result<Url> {
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
