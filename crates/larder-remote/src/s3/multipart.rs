//! Uploads of large files in parts, which go on after an interruption.
//!
//! An upload has two steps. [`Bucket::stage`] sends the parts, several at a time and each straight
//! from the file, so memory does not grow with it; nobody can read them yet. [`Bucket::commit`] makes
//! them an object. A file that fits into one request is sent by `commit` alone.
//!
//! An upload of the same key that was begun before is continued if it has parts and all of them are
//! those of this file, by their digests. Two writers of the same bytes may then share an upload, which
//! harms neither: the parts are the same, and who completes it second finds the object. An upload
//! with any other part belongs to another file, and is left alone.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::Utf8Path;

use super::answers::{Failure, each, has_no_uploads, text, xml};
use super::bucket::Bucket;
use super::object::{Content, Created};
use super::send::{Call, Payload};
use crate::http::{Answer, Method};
use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, IoContext as _};
use larder_core::model::{Digest, Hasher};

/// The size in bytes up to which a file is sent in one request, and of most parts.
const PART: u64 = 16 << 20;
/// The largest number of parts of an upload.
const MAX_PARTS: u64 = 10_000;
/// How many parts are sent at the same time.
const AT_ONCE: usize = 4;

/// A file whose parts are there, or one that needs none. Nobody can read it before it is committed.
pub struct Staged<'a> {
    key: String,
    path: &'a Utf8Path,
    size: u64,
    sha256: Digest,
    kind: &'a str,
    sent: &'a (dyn Fn(u64) + Sync),
    upload: Option<Upload>,
}

/// An upload with all its parts.
struct Upload {
    id: String,
    parts: Vec<Part>,
}

/// A part that the store has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    number: usize,
    size: u64,
    etag: String,
    /// The digest that the store computed, in base64, if it computes any.
    sha256: Option<String>,
}

/// The size of the parts of a file. The same file always has the same parts.
fn part_size(size: u64) -> u64 {
    let smallest = size.div_ceil(MAX_PARTS);
    smallest.next_multiple_of(1 << 20).max(PART)
}

/// The digests of a file and of its parts.
fn digests(path: &Utf8Path, part: u64) -> Result<(Digest, u64, Vec<Digest>)> {
    let mut file = fs::open(path)?;
    let (mut whole, mut one) = (Hasher::new(), Hasher::new());
    let (mut size, mut left) = (0, part);
    let mut parts = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let room = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let n = std::io::Read::read(&mut file, &mut buffer[..room]).at("read", path)?;
        if n == 0 {
            break;
        }
        whole.update(&buffer[..n]);
        one.update(&buffer[..n]);
        size += n as u64;
        left -= n as u64;
        if left == 0 {
            parts.push(std::mem::replace(&mut one, Hasher::new()).finish());
            left = part;
        }
    }
    if left < part {
        parts.push(one.finish());
    }
    Ok((whole.finish(), size, parts))
}

impl Staged<'_> {
    /// Whether it has parts, which one request makes an object.
    pub fn is_in_parts(&self) -> bool {
        self.upload.is_some()
    }
}

impl Bucket {
    /// Sends the parts of a file, which must have this digest and size, or finds those that were sent
    /// before.
    pub fn stage<'a>(
        &self,
        key: &str,
        path: &'a Utf8Path,
        sha256: &Digest,
        size: u64,
        kind: &'a str,
        sent: &'a (dyn Fn(u64) + Sync),
    ) -> Result<Staged<'a>> {
        self.check_keys()?;
        let part = part_size(size);
        let (found, length, parts) = digests(path, part)?;
        if found != *sha256 || length != size {
            return Err(
                Error::integrity(format!("{path} changed after it was packaged"))
                    .cause(format!("sha256 {found}, its sidecar says {sha256}"))
                    .hint("package it again"),
            );
        }
        let mut staged = Staged {
            key: key.to_owned(),
            path,
            size,
            sha256: *sha256,
            kind,
            sent,
            upload: None,
        };
        if size > PART {
            staged.upload = Some(self.upload(&staged, &parts, part)?);
        }
        Ok(staged)
    }

    /// Makes a staged file an object: in place of any other, or only if there is none of its key.
    pub fn commit(&self, staged: &Staged<'_>, is_new: bool) -> Result<Created> {
        let Some(upload) = &staged.upload else {
            let content = Content::File {
                path: staged.path.as_std_path(),
                size: staged.size,
                sha256: staged.sha256,
                sent: staged.sent,
            };
            return if is_new {
                self.create(&staged.key, content, staged.kind)
            } else {
                self.put(&staged.key, content, staged.kind)
                    .map(|()| Created::New)
            };
        };
        self.complete(&staged.key, staged.size, upload, is_new)
    }

    /// Ends a staged upload that is not needed any more.
    pub fn discard(&self, staged: &Staged<'_>) {
        if let Some(upload) = &staged.upload {
            // What stays is a leftover, which `larder hub gc` removes.
            let _ = self.abort(&staged.key, &upload.id);
        }
    }

    /// Ends an upload that was begun.
    pub fn abort(&self, key: &str, id: &str) -> Result<()> {
        let call = Call::new(Method::DELETE, key).query(&[("uploadId", id)]);
        let answer = self.send(&call)?;
        if answer.is_success() || answer.status == 404 {
            return Ok(());
        }
        Err(self
            .error(&answer)
            .context(format!("cannot end an upload of {key}")))
    }

    /// Tries whether the store completes an upload only if there is no object of its key, which exists.
    pub fn completes_conditionally(&self, existing: &str) -> Result<bool> {
        let id = self.begin(existing, "text/plain")?;
        let bytes = b"probe";
        let call = Call::new(Method::PUT, existing)
            .query(&[("partNumber", "1"), ("uploadId", &id)])
            .payload(Payload::Bytes(bytes, "text/plain"));
        let answer = self.send(&call)?;
        if !answer.is_success() {
            return Err(self.error(&answer));
        }
        let parts = vec![part(&answer, 1, bytes.len() as u64)];
        let upload = Upload { id, parts };
        Ok(self.complete(existing, 0, &upload, true)? == Created::Exists)
    }

    fn begin(&self, key: &str, kind: &str) -> Result<String> {
        let call = Call::new(Method::POST, key)
            .query(&[("uploads", "")])
            .header("x-amz-checksum-algorithm", "SHA256")
            .header("content-type", kind);
        let answer = self.send(&call)?;
        if !answer.is_success() {
            return Err(self.error(&answer).context(format!("cannot upload {key}")));
        }
        xml(&answer, |root| text(root, "UploadId").map(str::to_owned))
    }

    /// All parts of a file: those of an upload that was begun before, and those that it lacks.
    fn upload(&self, staged: &Staged<'_>, digests: &[Digest], size: u64) -> Result<Upload> {
        let (id, there) = match self.begun_before(staged, digests, size)? {
            Some(begun) => begun,
            None => (self.begin(&staged.key, staged.kind)?, Vec::new()),
        };
        let parts: Vec<Mutex<Option<Part>>> = digests.iter().map(|_| Mutex::default()).collect();
        for part in there {
            (staged.sent)(part.size);
            if let Some(slot) = parts.get(part.number - 1) {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(part);
            }
        }
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = || -> Result<()> {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(slot) = parts.get(index) else {
                    break;
                };
                let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
                if slot.is_none() {
                    let range = range(index, size, staged.size);
                    let sent = self.send_part(staged, &id, index + 1, &range, digests[index]);
                    *slot = Some(sent.inspect_err(|_| stop.store(true, Ordering::Relaxed))?);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..AT_ONCE.min(parts.len()))
                .map(|_| scope.spawn(work))
                .collect();
            workers
                .into_iter()
                .try_for_each(|worker| match worker.join() {
                    Ok(ended) => ended,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
        })?;
        let parts = parts
            .into_iter()
            .filter_map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner))
            .collect();
        Ok(Upload { id, parts })
    }

    fn send_part(
        &self,
        staged: &Staged<'_>,
        id: &str,
        number: usize,
        range: &std::ops::Range<u64>,
        sha256: Digest,
    ) -> Result<Part> {
        let text = number.to_string();
        let call = Call::new(Method::PUT, &staged.key)
            .query(&[("partNumber", &text), ("uploadId", id)])
            .payload(Payload::File {
                path: staged.path.as_std_path(),
                part: range,
                sha256,
                kind: "application/octet-stream",
                sent: staged.sent,
            });
        let answer = self.send(&call)?;
        if !answer.is_success() {
            let what = format!("cannot upload part {number} of {}", staged.key);
            return Err(self.error(&answer).context(what));
        }
        Ok(part(&answer, number, range.end - range.start))
    }

    /// An upload of the same file that was begun before, and its parts.
    fn begun_before(
        &self,
        staged: &Staged<'_>,
        digests: &[Digest],
        size: u64,
    ) -> Result<Option<(String, Vec<Part>)>> {
        // A publisher need not have the right to list uploads.
        let begun = match self.begun(&staged.key) {
            Err(error) if error.kind() == Kind::Refused => return Ok(None),
            other => other?,
        };
        for begun in begun.into_iter().filter(|begun| begun.key == staged.key) {
            let Some(parts) = self.parts(&staged.key, &begun.id)? else {
                continue;
            };
            let mut is_ours = !parts.is_empty();
            for part in &parts {
                is_ours = is_ours && is_part(part, staged, digests, size)?;
            }
            if is_ours {
                return Ok(Some((begun.id, parts)));
            }
        }
        Ok(None)
    }

    /// The parts that an upload has; `None` if there is no such upload any more, or the store can't
    /// list them.
    fn parts(&self, key: &str, id: &str) -> Result<Option<Vec<Part>>> {
        let mut parts = Vec::new();
        let mut marker = "0".to_owned();
        loop {
            let call = Call::new(Method::GET, key)
                .query(&[("part-number-marker", &marker), ("uploadId", id)]);
            let answer = self.send(&call)?;
            if answer.status == 404 || has_no_uploads(&answer) {
                return Ok(None);
            }
            if !answer.is_success() {
                return Err(self.error(&answer));
            }
            let next = xml(&answer, |root| {
                for part in each(root, "Part") {
                    parts.push(Part {
                        number: text(part, "PartNumber")?.parse().ok().filter(|n| *n > 0)?,
                        size: text(part, "Size")?.parse().ok()?,
                        etag: text(part, "ETag")?.to_owned(),
                        sha256: text(part, "ChecksumSHA256").map(str::to_owned),
                    });
                }
                let more = text(root, "IsTruncated") == Some("true");
                let next = text(root, "NextPartNumberMarker").map(str::to_owned);
                Some(next.filter(|_| more))
            })?;
            match next {
                Some(next) if next != marker => marker = next,
                _ => return Ok(Some(parts)),
            }
        }
    }

    fn complete(&self, key: &str, size: u64, upload: &Upload, is_new: bool) -> Result<Created> {
        let Upload { id, parts } = upload;
        let mut body = String::from("<CompleteMultipartUpload>");
        for part in parts {
            let Part {
                number,
                size: _,
                etag,
                sha256,
            } = part;
            let etag = etag.trim_matches('"');
            let _ = write!(
                body,
                "<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag>"
            );
            if let Some(sha256) = sha256 {
                let _ = write!(body, "<ChecksumSHA256>{sha256}</ChecksumSHA256>");
            }
            body.push_str("</Part>");
        }
        body.push_str("</CompleteMultipartUpload>");
        let mut call = Call::new(Method::POST, key)
            .query(&[("uploadId", id)])
            .payload(Payload::Bytes(body.as_bytes(), "application/xml"));
        if is_new {
            call = call.header("if-none-match", "*");
        }
        let what = || format!("cannot complete the upload of {key}");
        let error = match self.send(&call) {
            Ok(answer) => match (answer.status, Failure::of(&answer).code.as_str()) {
                // An answer of status 200 may be an error: it was begun before the work was done.
                (200..=299, "") => return Ok(Created::New),
                (412, _) if is_new => {
                    let _ = self.abort(key, id);
                    return Ok(Created::Exists);
                }
                (200..=299, _) => Error::unavailable(what()).cause(Failure::of(&answer).message),
                _ => self.error(&answer).context(what()),
            },
            Err(error) => error.context(what()),
        };
        // The answer may have been lost, or another writer of the same bytes was first.
        let may_be_done = is_new && matches!(error.kind(), Kind::Unavailable | Kind::Refused);
        if may_be_done && self.head(key)?.is_some_and(|there| there.size == size) {
            return Ok(Created::Exists);
        }
        Err(error)
    }
}

/// The bytes of a part.
fn range(index: usize, part: u64, size: u64) -> std::ops::Range<u64> {
    let start = index as u64 * part;
    start..(start + part).min(size)
}

/// The part that an answer confirms.
fn part(answer: &Answer, number: usize, size: u64) -> Part {
    let header = |name: &str| answer.header(name).map(str::to_owned);
    Part {
        number,
        size,
        etag: header("etag").unwrap_or_default(),
        sha256: header("x-amz-checksum-sha256"),
    }
}

/// Whether a part that the store has is the one of this file. A store that computes no SHA-256 states
/// the MD5 of a part.
fn is_part(part: &Part, staged: &Staged<'_>, digests: &[Digest], size: u64) -> Result<bool> {
    let index = part.number - 1;
    let Some(digest) = digests.get(index) else {
        return Ok(false);
    };
    let range = range(index, size, staged.size);
    if part.size != range.end - range.start {
        return Ok(false);
    }
    match &part.sha256 {
        Some(sha256) => Ok(*sha256 == STANDARD.encode(digest.as_bytes())),
        None => Ok(part.etag.trim_matches('"') == md5(staged.path.as_std_path(), &range)?),
    }
}

fn md5(path: &Path, range: &std::ops::Range<u64>) -> Result<String> {
    use md5::Digest as _;
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = fs::open(path)?;
    file.seek(SeekFrom::Start(range.start)).at("read", path)?;
    let mut file = file.take(range.end - range.start);
    let mut hasher = md5::Md5::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let n = file.read(&mut buffer).at("read", path)?;
        if n == 0 {
            break;
        }
        hasher.update(&buffer[..n]);
    }
    let digest = hasher.finalize();
    Ok(super::sign::hex(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_size_has_few_enough_parts() {
        for size in [PART + 1, 1 << 30, 5 << 40] {
            let part = part_size(size);
            assert!(size.div_ceil(part) <= MAX_PARTS, "{size}");
            let last = usize::try_from(size.div_ceil(part) - 1).unwrap();
            assert_eq!(range(last, part, size).end, size);
        }
        assert_eq!(part_size(PART + 1), PART);
    }
}
