//! Receives blobs and verifies each: small ones in batches, others as streams, which are resumed
//! where they broke. Bytes that do not have their digest are asked for once more, and then an error.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::bytestream::ReadRequest;
use bazel_remote_apis::google::bytestream::byte_stream_client::ByteStreamClient;
use camino::Utf8PathBuf;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::Hasher;
use larder_engine::executor::remote::{RemoteProgress, RemoteStage};
use re::content_addressable_storage_client::ContentAddressableStorageClient;
use tokio::task::JoinSet;
use tonic::Code;

use crate::session::{LONGEST_MESSAGE, Meter, Session, next};
use crate::status::Failure;
use crate::upload::SMALL;
use crate::wire::BlobId;

/// The number of batches and streams of one action at once.
const TRANSFERS: usize = 8;

/// Files to write, by their blobs: where, and whether they can be executed.
pub(crate) type Wanted = HashMap<BlobId, Vec<(Utf8PathBuf, bool)>>;

/// Why a blob was not received.
#[derive(Debug)]
pub(crate) enum Lack {
    /// The cluster does not have it any more.
    Gone(BlobId),
    Failed(Error),
}

impl From<Error> for Lack {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Lack {
    /// As an error, where a blob that is gone can't be made again.
    pub fn into_error(self, session: &Session) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Gone(id) => Error::unavailable(format!(
                "the executor {} has lost an output of the action",
                session.address
            ))
            .cause(format!("the blob {id} is not there")),
        }
    }
}

impl Session {
    /// Receives blobs into files. Returns the number of bytes received.
    pub async fn download(
        self: &Arc<Self>,
        wanted: Wanted,
        progress: &dyn RemoteProgress,
    ) -> Result<u64, Lack> {
        let small = SMALL.min(self.capabilities().await?.batch);
        let meter = Meter::default();
        progress.stage(RemoteStage::Downloading(
            wanted.keys().map(|id| id.size).sum(),
        ));
        let mut transfers: Vec<Wanted> = Vec::new();
        let (mut batch, mut size) = (Wanted::new(), 0);
        for (id, files) in wanted {
            if id.size > small {
                transfers.push(Wanted::from([(id, files)]));
                continue;
            }
            if size + id.size + 128 > self.capabilities().await?.batch && !batch.is_empty() {
                transfers.push(std::mem::take(&mut batch));
                size = 0;
            }
            size += id.size + 128;
            batch.insert(id, files);
        }
        transfers.extend((!batch.is_empty()).then_some(batch));
        let mut running = JoinSet::new();
        let mut transfers = transfers.into_iter();
        loop {
            while running.len() < TRANSFERS
                && let Some(transfer) = transfers.next()
            {
                let (session, meter) = (Arc::clone(self), meter.clone());
                running.spawn(async move { session.receive(transfer, small, &meter).await });
            }
            let lack = match next(&mut running, &meter, progress).await {
                None => return Ok(meter.bytes()),
                Some(Ok(Ok(()))) => continue,
                Some(Ok(Err(lack))) => lack,
                Some(Err(error)) => Error::failed("a transfer ended").cause(error).into(),
            };
            // Whoever gets the error may empty the folder: then nothing may write into it any more.
            running.shutdown().await;
            return Err(lack);
        }
    }

    /// Receives one blob as a stream, or several in one batch.
    async fn receive(&self, wanted: Wanted, small: u64, meter: &Meter) -> Result<(), Lack> {
        if let Some((id, files)) = wanted.iter().next()
            && id.size > small
            && let [(path, is_executable), others @ ..] = &files[..]
        {
            let _permit = self.memory(1024 * 1024).await?;
            let file = fs::create(path)?;
            self.receive_stream(*id, Output::File(file, path), meter)
                .await?;
            set_executable(path, *is_executable)?;
            for (other, is_executable) in others {
                let mut copy = fs::create(other)?;
                std::io::copy(&mut fs::open(path)?, &mut copy)
                    .map_err(|error| fs::io_error("write", other, &error))?;
                set_executable(other, *is_executable)?;
            }
            return Ok(());
        }
        let bytes: u64 = wanted.keys().map(|id| id.size).sum();
        let _permit = self.memory(2 * bytes).await?;
        for (id, data) in self.receive_batch(wanted.keys().copied().collect()).await? {
            meter.add(id.size);
            for (path, is_executable) in wanted.get(&id).into_iter().flatten() {
                let mut file = fs::create(path)?;
                file.write_all(&data)
                    .map_err(|error| fs::io_error("write", path, &error))?;
                set_executable(path, *is_executable)?;
            }
        }
        Ok(())
    }

    /// Receives small blobs. What is damaged is asked for once more.
    async fn receive_batch(&self, ids: Vec<BlobId>) -> Result<Vec<(BlobId, Vec<u8>)>, Lack> {
        let (mut left, mut received) = (ids, Vec::new());
        // Every server has the empty blob.
        received.extend(
            left.iter()
                .filter(|id| id.size == 0)
                .map(|id| (*id, Vec::new())),
        );
        left.retain(|id| id.size > 0);
        let mut is_damaged = false;
        while !left.is_empty() {
            let answer = self.retry(|| async {
                let mut client = ContentAddressableStorageClient::new(self.storage())
                    .max_decoding_message_size(LONGEST_MESSAGE);
                let request = re::BatchReadBlobsRequest {
                    instance_name: self.address.instance.clone(),
                    digests: left.iter().map(|id| id.to_wire()).collect(),
                    acceptable_compressors: Vec::new(),
                    digest_function: re::digest_function::Value::Sha256 as i32,
                };
                let answer = client.batch_read_blobs(request).await?.into_inner();
                let transient = answer.responses.iter().find_map(|response| {
                    let failure = response.status.as_ref().and_then(Failure::of_message)?;
                    failure.is_transient().then_some(failure)
                });
                transient.map_or(Ok(answer), Err)
            });
            let answer = answer
                .await
                .map_err(|failure| self.error(failure, "send blobs"))?;
            for response in answer.responses {
                let id = BlobId::from_wire(response.digest.as_ref(), "a blob")?;
                match response.status.as_ref().and_then(Failure::of_message) {
                    Some(failure) if failure.code == Code::NotFound => return Err(Lack::Gone(id)),
                    Some(failure) => return Err(self.error(failure, "send a blob").into()),
                    None if BlobId::of(&response.data) == id => {
                        left.retain(|other| *other != id);
                        received.push((id, response.data));
                    }
                    None => {}
                }
            }
            if let Some(id) = left.first() {
                if is_damaged {
                    return Err(self.damaged(*id).into());
                }
                is_damaged = true;
            }
        }
        Ok(received)
    }

    /// Receives a blob into memory, if it has at most `limit` bytes; else only its end.
    pub async fn receive_end(&self, id: BlobId, limit: usize) -> Result<Vec<u8>, Lack> {
        if id.size == 0 {
            return Ok(Vec::new());
        }
        let _permit = self.memory(2 * id.size.min(limit as u64)).await?;
        self.receive_stream(id, Output::End(Vec::new(), limit), &Meter::default())
            .await
    }

    /// Receives a blob as a stream, and returns the bytes that are kept in memory.
    async fn receive_stream(
        &self,
        id: BlobId,
        mut output: Output<'_>,
        meter: &Meter,
    ) -> Result<Vec<u8>, Lack> {
        let name = self.address.resource(&format!("blobs/{id}"));
        let (mut hasher, mut offset) = (Hasher::new(), 0);
        let mut pauses = self.pauses();
        let mut is_damaged = false;
        loop {
            let before = offset;
            let failure = match self
                .read_on(&name, id, &mut hasher, &mut offset, &mut output, meter)
                .await?
            {
                Ok(()) if offset < id.size => Failure::broken("a stream ended early"),
                Ok(()) if offset == id.size && hasher.clone().finish() == id.digest => {
                    return Ok(output.into_bytes());
                }
                Ok(()) if is_damaged => return Err(self.damaged(id).into()),
                Ok(()) => {
                    is_damaged = true;
                    (hasher, offset) = (Hasher::new(), 0);
                    output.restart()?;
                    continue;
                }
                Err(failure) if failure.code == Code::NotFound => return Err(Lack::Gone(id)),
                Err(failure) => failure,
            };
            if offset > before {
                pauses = self.pauses();
            }
            if !self.may_help(&failure) || !pauses.wait(failure.pause).await {
                return Err(self.error(failure, "send a file").into());
            }
        }
    }

    /// Reads from the offset on until the stream ends or breaks.
    async fn read_on(
        &self,
        name: &str,
        id: BlobId,
        hasher: &mut Hasher,
        offset: &mut u64,
        output: &mut Output<'_>,
        meter: &Meter,
    ) -> Result<Result<(), Failure>> {
        let mut client =
            ByteStreamClient::new(self.storage()).max_decoding_message_size(LONGEST_MESSAGE);
        let request = ReadRequest {
            resource_name: name.to_owned(),
            read_offset: i64::try_from(*offset).unwrap_or(i64::MAX),
            read_limit: 0,
        };
        let idle = self.settings.idle;
        let mut stream = match tokio::time::timeout(idle, client.read(request)).await {
            Ok(Ok(answer)) => answer.into_inner(),
            Ok(Err(status)) => return Ok(Err(status.into())),
            Err(_) => return Ok(Err(Failure::late())),
        };
        loop {
            let data = match tokio::time::timeout(idle, stream.message()).await {
                Ok(Ok(Some(answer))) => answer.data,
                Ok(Ok(None)) => return Ok(Ok(())),
                Ok(Err(status)) => return Ok(Err(status.into())),
                Err(_) => return Ok(Err(Failure::late())),
            };
            *offset += data.len() as u64;
            if *offset > id.size {
                return Ok(Ok(()));
            }
            hasher.update(&data);
            output.write(&data)?;
            meter.add(data.len() as u64);
        }
    }

    /// The error for bytes that do not have their digest.
    pub fn damaged(&self, id: BlobId) -> Error {
        Error::integrity(format!(
            "the executor {} sent bytes that do not have their digest",
            self.address
        ))
        .cause(format!(
            "they should have been the blob {id}, and twice they were not"
        ))
        .hint("its storage, or something between it and this machine, damages or changes bytes")
    }
}

/// Where a stream goes.
enum Output<'a> {
    File(std::fs::File, &'a Utf8PathBuf),
    /// The last bytes, up to a number.
    End(Vec<u8>, usize),
}

impl Output<'_> {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        match self {
            Self::File(file, path) => file
                .write_all(data)
                .map_err(|error| fs::io_error("write", path, &error)),
            Self::End(bytes, limit) => {
                bytes.extend_from_slice(data);
                let extra = bytes.len().saturating_sub(*limit);
                bytes.drain(..extra);
                Ok(())
            }
        }
    }

    fn restart(&mut self) -> Result<()> {
        match self {
            Self::File(file, path) => {
                *file = fs::create(path)?;
            }
            Self::End(bytes, _) => bytes.clear(),
        }
        Ok(())
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::File(..) => Vec::new(),
            Self::End(bytes, _) => bytes,
        }
    }
}

fn set_executable(path: &Utf8PathBuf, is_executable: bool) -> Result<()> {
    fs::set_mode(path, if is_executable { 0o755 } else { 0o644 })
}
