//! Sends the blobs that the cluster lacks: small ones in batches, others as streams, which are
//! resumed where they broke. At no time is a whole file in memory, except small ones.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use bazel_remote_apis::google::bytestream::{QueryWriteStatusRequest, WriteRequest};
use bytes::Bytes;
use camino::Utf8PathBuf;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Digest, Hasher};
use larder_engine::executor::remote::{RemoteProgress, RemoteStage};
use re::content_addressable_storage_client::ContentAddressableStorageClient;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;

use crate::session::{LONGEST_MESSAGE, Meter, Session, next};
use crate::status::Failure;
use crate::wire::BlobId;

/// Larger blobs are streams of their own.
pub(crate) const SMALL: u64 = 1024 * 1024;

/// The number of bytes in one message of a stream.
const CHUNK: usize = 128 * 1024;

/// The number of digests in one question.
const DIGESTS: usize = 10_000;

/// The number of batches and streams of one action at once.
const TRANSFERS: usize = 8;

/// Where the bytes of a blob are.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Bytes(Bytes),
    File(Utf8PathBuf),
}

/// Blobs by their ids.
pub(crate) type Blobs = HashMap<BlobId, Content>;

impl Session {
    /// Returns when the cluster has all blobs: the number of bytes sent for it. Those in `lacking`
    /// are sent whatever the cluster says that it has.
    pub async fn upload(
        self: &Arc<Self>,
        blobs: &[&Blobs],
        lacking: &[BlobId],
        progress: &dyn RemoteProgress,
    ) -> Result<u64> {
        let capabilities = self.capabilities().await?;
        let meter = Meter::default();
        loop {
            let ids = blobs.iter().flat_map(|blobs| blobs.keys().copied());
            let (claim, others) = self.present.claim(ids);
            if claim.ids.is_empty() && others.is_empty() {
                return Ok(meter.bytes());
            }
            let mut missing: HashSet<BlobId> =
                self.missing(&claim.ids).await?.into_iter().collect();
            missing.extend(claim.ids.iter().filter(|id| lacking.contains(id)));
            claim
                .ids
                .iter()
                .filter(|id| !missing.contains(id))
                .for_each(|id| claim.is_there(*id));

            let small = SMALL.min(capabilities.batch);
            let bytes = missing.iter().map(|id| id.size).sum();
            let mut transfers = Vec::new();
            let (mut batch, mut size) = (Vec::new(), 0);
            for id in missing {
                let content = blobs.iter().find_map(|blobs| blobs.get(&id));
                let Some(content) = content.cloned() else {
                    continue;
                };
                if capabilities
                    .largest_blob
                    .is_some_and(|largest| id.size > largest)
                {
                    return Err(Error::failed(format!(
                        "the executor {} stores no file of {} bytes",
                        self.address, id.size
                    )));
                }
                if id.size > small {
                    transfers.push(vec![(id, content)]);
                    continue;
                }
                // A digest and the frame of a blob need about a hundred bytes.
                if size + id.size + 128 > capabilities.batch && !batch.is_empty() {
                    transfers.push(std::mem::take(&mut batch));
                    size = 0;
                }
                size += id.size + 128;
                batch.push((id, content));
            }
            if !batch.is_empty() {
                transfers.push(batch);
            }
            if !transfers.is_empty() {
                progress.stage(RemoteStage::Uploading(bytes));
            }
            let mut running = JoinSet::new();
            let mut transfers = transfers.into_iter();
            loop {
                while running.len() < TRANSFERS
                    && let Some(transfer) = transfers.next()
                {
                    let (session, meter) = (Arc::clone(self), meter.clone());
                    running.spawn(async move { session.send(transfer, small, &meter).await });
                }
                match next(&mut running, &meter, progress).await {
                    None => break,
                    Some(Ok(sent)) => sent?.into_iter().for_each(|id| claim.is_there(id)),
                    Some(Err(error)) => return Err(Error::failed("a transfer ended").cause(error)),
                }
            }
            drop(claim);
            for mut other in others {
                // The channel is closed when the other action has sent its blobs, or failed to.
                let _ = other.changed().await;
            }
        }
    }

    /// Those blobs that the cluster lacks.
    async fn missing(&self, ids: &[BlobId]) -> Result<Vec<BlobId>> {
        let mut missing = Vec::new();
        for ids in ids.chunks(DIGESTS) {
            let answer = self.retry(|| async {
                let mut client = ContentAddressableStorageClient::new(self.storage())
                    .max_decoding_message_size(LONGEST_MESSAGE);
                let request = re::FindMissingBlobsRequest {
                    instance_name: self.address.instance.clone(),
                    blob_digests: ids.iter().map(|id| id.to_wire()).collect(),
                    digest_function: re::digest_function::Value::Sha256 as i32,
                };
                Ok(client.find_missing_blobs(request).await?.into_inner())
            });
            let answer = answer
                .await
                .map_err(|failure| self.error(failure, "say which blobs it lacks"))?;
            for digest in &answer.missing_blob_digests {
                missing.push(BlobId::from_wire(Some(digest), "a missing blob")?);
            }
        }
        Ok(missing)
    }

    /// Sends one blob as a stream, or several in one batch. Returns what the cluster has now.
    async fn send(
        &self,
        blobs: Vec<(BlobId, Content)>,
        small: u64,
        meter: &Meter,
    ) -> Result<Vec<BlobId>> {
        let ids: Vec<BlobId> = blobs.iter().map(|(id, _)| *id).collect();
        let bytes: u64 = ids.iter().map(|id| id.size).sum();
        if let [(id, content)] = &blobs[..]
            && id.size > small
        {
            // Two chunks wait in the channel, one is read, and others are in the connection.
            let _permit = self.memory(8 * CHUNK as u64).await?;
            self.send_stream(*id, content, meter).await?;
            return Ok(ids);
        }
        // The message and its encoded form.
        let _permit = self.memory(2 * bytes).await?;
        let left = std::sync::Mutex::new(blobs);
        let sent = self.retry(|| async {
            let blobs = left.lock().map(|blobs| blobs.clone()).unwrap_or_default();
            let contents = tokio::task::spawn_blocking(move || {
                let read = |(id, content): &(BlobId, Content)| read_small(*id, content);
                blobs.iter().map(read).collect::<Result<Vec<_>>>()
            });
            let contents = match contents.await {
                Ok(Ok(contents)) => contents,
                Ok(Err(error)) => return Ok(Err(error)),
                Err(error) => return Ok(Err(Error::failed("a transfer ended").cause(error))),
            };
            let request = re::BatchUpdateBlobsRequest {
                instance_name: self.address.instance.clone(),
                requests: contents,
                digest_function: re::digest_function::Value::Sha256 as i32,
            };
            let mut client = ContentAddressableStorageClient::new(self.storage())
                .max_encoding_message_size(LONGEST_MESSAGE);
            let answer = client.batch_update_blobs(request).await?.into_inner();
            let mut failed = None;
            for response in &answer.responses {
                let status = response.status.as_ref().and_then(Failure::of_message);
                let failure = status.filter(|failure| failure.code != Code::AlreadyExists);
                let id = BlobId::from_wire(response.digest.as_ref(), "a blob that was sent");
                match (failure, id) {
                    (Some(failure), _) => failed = Some(failure),
                    (None, Ok(id)) => {
                        // It is not sent again if others of the batch are.
                        if let Ok(mut left) = left.lock() {
                            left.retain(|(other, _)| *other != id);
                        }
                        meter.add(id.size);
                    }
                    (None, Err(error)) => return Ok(Err(error)),
                }
            }
            let is_done = left.lock().is_ok_and(|left| left.is_empty());
            match failed {
                Some(failure) => Err(failure),
                None if !is_done => Err(Failure::broken("it did not confirm all blobs of a batch")),
                None => Ok(Ok(())),
            }
        });
        sent.await
            .map_err(|failure| self.error(failure, "store blobs"))??;
        Ok(ids)
    }

    /// Sends one blob as a stream, in several attempts if the connection breaks.
    async fn send_stream(&self, id: BlobId, content: &Content, meter: &Meter) -> Result<()> {
        let what = "store a file";
        let mut pauses = self.pauses();
        let mut upload = Upload::new(self, id)?;
        loop {
            let (failure, before) = match self.attempt(&upload, id, content, meter).await? {
                Ok(committed) if committed == id.size => return Ok(()),
                Ok(committed) => {
                    let why = format!("it stored {committed} bytes of {}", id.size);
                    (Failure::broken(&why), upload.offset)
                }
                Err(failure) if failure.code == Code::AlreadyExists => return Ok(()),
                Err(failure) => (failure, upload.offset),
            };
            if !self.may_help(&failure) {
                return Err(self.error(failure, what));
            }
            match self.written(&upload).await {
                Some((_, true)) => return Ok(()),
                Some((offset, false)) if offset <= id.size => upload.offset = offset,
                _ => upload = Upload::new(self, id)?,
            }
            if upload.offset > before {
                pauses = self.pauses();
            }
            if !pauses.wait(failure.pause).await {
                return Err(self.error(failure, what));
            }
        }
    }

    /// How much of an upload the server has, and whether that is all; `None` if it does not know.
    async fn written(&self, upload: &Upload) -> Option<(u64, bool)> {
        let mut client = ByteStreamClient::new(self.storage());
        let request = QueryWriteStatusRequest {
            resource_name: upload.name.clone(),
        };
        let answer = tokio::time::timeout(self.settings.idle, client.query_write_status(request));
        let answer = answer.await.ok()?.ok()?.into_inner();
        Some((u64::try_from(answer.committed_size).ok()?, answer.complete))
    }

    /// One attempt, from the offset on: the number of bytes that the server has then.
    async fn attempt(
        &self,
        upload: &Upload,
        id: BlobId,
        content: &Content,
        meter: &Meter,
    ) -> Result<Result<u64, Failure>> {
        let (sender, receiver) = mpsc::channel(2);
        let (name, offset) = (upload.name.clone(), upload.offset);
        let (content, counted) = (content.clone(), meter.clone());
        let progress = Meter::default();
        let fed = progress.clone();
        let feeder = tokio::task::spawn_blocking(move || {
            feed(&sender, name, id, &content, offset, |bytes| {
                counted.add(bytes);
                fed.add(bytes);
            })
        });
        let mut client = ByteStreamClient::new(self.storage());
        let answer = client.write(ReceiverStream::new(receiver));
        tokio::pin!(answer);
        let mut seen = 0;
        let answer = loop {
            match tokio::time::timeout(self.settings.stall, &mut answer).await {
                Ok(answer) => break answer,
                Err(_) if progress.bytes() > seen => seen = progress.bytes(),
                Err(_) => return Ok(Err(Failure::late())),
            }
        };
        let answer = match answer {
            Ok(answer) => Ok(u64::try_from(answer.into_inner().committed_size).unwrap_or(0)),
            Err(status) => Err(Failure::from(status)),
        };
        if !matches!(answer, Ok(committed) if committed == id.size) {
            // If the file changed, that is why the stream ended.
            let ended = tokio::time::timeout(std::time::Duration::from_secs(1), feeder).await;
            if let Ok(Ok(Err(error))) = ended {
                return Err(error);
            }
        }
        Ok(answer)
    }
}

/// An upload that the server may know of.
struct Upload {
    name: String,
    /// The number of bytes that the server has.
    offset: u64,
}

impl Upload {
    fn new(session: &Session, id: BlobId) -> Result<Self> {
        let mut bytes = [0; 16];
        ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes)
            .map_err(|_| Error::failed("the system gives no random numbers"))?;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex = Digest::from_bytes(std::array::from_fn(|i| bytes[i % 16])).to_string();
        let parts = [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..32],
        ];
        Ok(Self {
            name: session
                .address
                .resource(&format!("uploads/{}/blobs/{id}", parts.join("-"))),
            offset: 0,
        })
    }
}

/// Reads a small blob, and checks that it still has its digest.
fn read_small(id: BlobId, content: &Content) -> Result<re::batch_update_blobs_request::Request> {
    let data = match content {
        Content::Bytes(bytes) => bytes.to_vec(),
        Content::File(path) => {
            let data = fs::read(path)?;
            if BlobId::of(&data) != id {
                return Err(changed(path));
            }
            data
        }
    };
    Ok(re::batch_update_blobs_request::Request {
        digest: Some(id.to_wire()),
        data,
        compressor: re::compressor::Value::Identity as i32,
    })
}

/// Reads a blob into the channel of a stream, and checks that it still has its digest: the last
/// message, without which the server stores nothing, is sent only then.
fn feed(
    sender: &mpsc::Sender<WriteRequest>,
    name: String,
    id: BlobId,
    content: &Content,
    offset: u64,
    sent: impl Fn(u64),
) -> Result<()> {
    let mut file;
    let mut bytes;
    let reader: &mut dyn std::io::Read = match content {
        Content::Bytes(all) => {
            bytes = &all[..];
            &mut bytes
        }
        Content::File(path) => {
            file = fs::open(path)?;
            &mut file
        }
    };
    let path = match content {
        Content::Bytes(_) => "a message",
        Content::File(path) => path.as_str(),
    };
    let mut hasher = Hasher::new();
    let mut at = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        // A chunk ends at the offset, so that what the server has is not sent again.
        let wanted = match offset.saturating_sub(at) {
            0 => CHUNK,
            before => CHUNK.min(usize::try_from(before).unwrap_or(CHUNK)),
        };
        let read = reader.read(&mut buffer[..wanted]);
        let read = read.map_err(|error| fs::io_error("read", path, &error))?;
        hasher.update(&buffer[..read]);
        let start = at;
        at += read as u64;
        let is_last = at >= id.size;
        if (read == 0 || is_last) && (at != id.size || hasher.clone().finish() != id.digest) {
            return Err(changed(path));
        }
        if start < offset && !(is_last && at <= offset) {
            continue;
        }
        let (write_offset, data) = if start < offset {
            (offset, Vec::new())
        } else {
            (start, buffer[..read].to_vec())
        };
        let request = WriteRequest {
            resource_name: name.clone(),
            write_offset: i64::try_from(write_offset).unwrap_or(i64::MAX),
            finish_write: is_last,
            data,
        };
        if sender.blocking_send(request).is_err() {
            // The server has the blob already, or the stream broke.
            return Ok(());
        }
        sent(read as u64);
        if is_last {
            return Ok(());
        }
    }
}

fn changed(path: impl AsRef<std::path::Path>) -> Error {
    Error::failed(format!(
        "{} changed while it was sent to the executor",
        path.as_ref().display()
    ))
    .hint("run the command again when nothing writes to the sources")
}
