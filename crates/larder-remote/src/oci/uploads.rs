//! Uploads blobs. A blob is sent in one request; if that breaks off, the registry is asked how much
//! it has, and the rest is sent in the same session. A blob that another repository of the registry
//! has is mounted instead.

use std::time::Duration;

use camino::Utf8Path;
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, IoContext as _};
use larder_core::model::Digest;

use super::auth::Right;
use super::{Blob, Repository, answers};
use crate::http::{Answer, Method, Request, Sent as Progress, Url};

/// How often an upload that broke off is continued or begun again.
const RESUMES: u32 = 5;
/// The pause before bytes are sent again that another writer sends, too.
const PAUSE: Duration = Duration::from_millis(100);

/// Where the bytes of a blob are.
#[derive(Clone, Copy, Debug)]
enum Bytes<'a> {
    File(&'a Utf8Path),
    Memory(&'a [u8]),
}

/// What became of bytes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// The registry has them.
    Stored,
    /// The registry says that they have another digest, but they have the right one.
    Garbled,
}

impl Bytes<'_> {
    fn digest(self) -> Result<Digest> {
        match self {
            Self::File(path) => Ok(Digest::of_reader(fs::open(path)?).at("read", path)?.0),
            Self::Memory(bytes) => Ok(Digest::of(bytes)),
        }
    }

    fn shown(self) -> String {
        match self {
            Self::File(path) => path.to_string(),
            Self::Memory(_) => "what larder wrote".to_owned(),
        }
    }
}

impl Repository {
    /// Uploads a blob from a file unless it is there. `sent` is told how many bytes go out.
    pub fn upload_blob(&self, blob: &Blob, file: &Utf8Path, sent: Progress<'_>) -> Result<()> {
        self.upload_missing(blob, Bytes::File(file), sent)
    }

    /// Uploads these bytes as a blob unless they are there.
    pub fn upload_bytes(&self, bytes: &[u8]) -> Result<Blob> {
        let blob = Blob {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        };
        self.upload_missing(&blob, Bytes::Memory(bytes), &|_| ())?;
        Ok(blob)
    }

    fn upload_missing(&self, blob: &Blob, from: Bytes<'_>, sent: Progress<'_>) -> Result<()> {
        if self.has_blob(&blob.digest)? {
            return Ok(());
        }
        let Err(error) = self.upload(blob, from, sent) else {
            return Ok(());
        };
        // It may have arrived, and only the answer was lost.
        if error.kind() == Kind::Unavailable && self.has_blob(&blob.digest).unwrap_or(false) {
            return Ok(());
        }
        Err(error)
    }

    fn upload(&self, blob: &Blob, from: Bytes<'_>, sent: Progress<'_>) -> Result<()> {
        let Some(mut session) = self.start(blob)? else {
            return Ok(());
        };
        let mut offset = 0;
        let mut last = None;
        for n in 0..RESUMES {
            let error = match self.send_rest(&session, blob, from, offset, sent) {
                Ok(Sent::Stored) => return Ok(()),
                Ok(Sent::Garbled) => None,
                Err(error) if error.kind() == Kind::Unavailable => Some(error),
                Err(error) => return Err(error),
            };
            if self.has_blob(&blob.digest).unwrap_or(false) {
                return Ok(());
            }
            let Some(error) = error else {
                // Another writer uploads the same bytes.
                self.client.cancel().sleep(PAUSE)?;
                let Some(next) = self.start(blob)? else {
                    return Ok(());
                };
                (session, offset) = (next, 0);
                continue;
            };
            match self.received(&session)? {
                Some((next, has)) if has > offset && has <= blob.size => {
                    (session, offset) = (next, has);
                }
                // A registry that has nothing of it may just be busy.
                _ => {
                    let pause = self.client.settings().backoff * 2_u32.pow(n);
                    self.client.cancel().sleep(pause)?;
                    last = Some(error);
                    let Some(next) = self.start(blob)? else {
                        return Ok(());
                    };
                    (session, offset) = (next, 0);
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::unavailable(format!(
                "the upload of {} breaks off again and again",
                from.shown()
            ))
            .hint("run again")
        }))
    }

    /// Starts a session; `None` if the blob was mounted from another repository.
    fn start(&self, blob: &Blob) -> Result<Option<Url>> {
        let url = self.name.url("blobs/uploads/")?;
        let begin = |url: &Url| {
            self.send(Right::Push, || {
                Request::new(Method::POST, url.clone())?
                    .bytes(Vec::new(), "application/octet-stream")
            })
        };
        let mut answer = None;
        if let Some(from) = self.mounts_from() {
            let mut mount = url.clone();
            mount
                .query_pairs_mut()
                .append_pair("mount", &format!("sha256:{}", blob.digest))
                .append_pair("from", &from);
            // A registry that does not let us read there answers as if nothing was to be mounted,
            // or refuses.
            answer = begin(&mount).ok().filter(Answer::is_success);
        }
        let answer = match answer {
            Some(answer) => answer,
            None => begin(&url)?,
        };
        if answer.status == 201 {
            return Ok(None);
        }
        if !answer.is_success() {
            return Err(answers::error(&answer));
        }
        let session = answer.location()?.ok_or_else(|| {
            Error::unavailable(format!("{} does not say where to upload to", answer.url))
                .hint("check that the name is that of a registry of images")
        })?;
        Ok(Some(session))
    }

    /// Sends what is missing after `offset`, and ends the session.
    fn send_rest(
        &self,
        session: &Url,
        blob: &Blob,
        from: Bytes<'_>,
        offset: u64,
        sent: Progress<'_>,
    ) -> Result<Sent> {
        let octets = "application/octet-stream";
        let body = |request: Request<'static>| match from {
            Bytes::File(path) => request.part(path.as_std_path(), offset..blob.size, octets, sent),
            Bytes::Memory(bytes) => {
                let rest = usize::try_from(offset).ok().and_then(|at| bytes.get(at..));
                request.bytes(rest.unwrap_or_default().to_vec(), octets)
            }
        };
        let mut session = session.clone();
        if offset > 0 && offset < blob.size {
            let range = format!("{offset}-{}", blob.size - 1);
            let answer = self.send(Right::Push, || {
                body(Request::new(Method::PATCH, session.clone())?.once())?
                    .header("content-range", &range)
            })?;
            if !answer.is_success() {
                return Err(upload_error(&answer));
            }
            session = answer.location()?.unwrap_or(session);
        }
        let digest = format!("sha256:{}", blob.digest);
        session.query_pairs_mut().append_pair("digest", &digest);
        // It is sent once: a session ends with its upload.
        let answer = self.send(Right::Push, || {
            let request = Request::new(Method::PUT, session.clone())?.once();
            if offset > 0 {
                return request.bytes(Vec::new(), octets);
            }
            body(request)
        })?;
        if answers::code(&answer).as_deref() == Some("DIGEST_INVALID") {
            if from.digest()? == blob.digest {
                return Ok(Sent::Garbled);
            }
            return Err(Error::integrity(format!(
                "{} received other bytes than those of {}",
                self.name,
                from.shown()
            ))
            .cause(format!("{digest} was announced"))
            .hint("the file changed since it was made: make it again"));
        }
        if !answer.is_success() {
            return Err(upload_error(&answer));
        }
        match answer.header("docker-content-digest") {
            Some(stated) if stated != digest => Err(Error::integrity(format!(
                "{} has other bytes than those of {}",
                self.name,
                from.shown()
            ))
            .cause(format!("{digest} was sent, and {stated} is there"))),
            _ => Ok(Sent::Stored),
        }
    }

    /// Where a session goes on, and how many bytes it has; `None` if it is over.
    fn received(&self, session: &Url) -> Result<Option<(Url, u64)>> {
        let answer = self.send(Right::Push, || {
            Ok(Request::new(Method::GET, session.clone())?.anything())
        })?;
        if !answer.is_success() {
            return Ok(None);
        }
        let last = answer.header("range").and_then(|range| {
            let range = range.trim_start_matches("bytes=");
            range.strip_prefix("0-")?.parse::<u64>().ok()
        });
        // `0-0` is what registries say of an empty session, too.
        let has = last.filter(|last| *last > 0).map_or(0, |last| last + 1);
        Ok(Some((answer.location()?.unwrap_or(session.clone()), has)))
    }
}

/// The error of an upload.
fn upload_error(answer: &Answer) -> Error {
    let error = answers::error(answer);
    if matches!(answer.status, 404 | 409 | 416) {
        // The session is over, and a new one can be started.
        return error.with_kind(Kind::Unavailable);
    }
    error
}
