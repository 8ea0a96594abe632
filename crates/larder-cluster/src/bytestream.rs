//! Byte streams: reading from an offset, writing with the state of an upload kept.

use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::bytestream::byte_stream_server::ByteStream;
use bazel_remote_apis::google::bytestream::{
    QueryWriteStatusRequest, QueryWriteStatusResponse, ReadRequest, ReadResponse, WriteRequest,
    WriteResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::Fault;
use crate::state::{State, parse};

/// The number of bytes in one message.
const CHUNK: usize = 64 * 1024;

impl State {
    /// The digest in the name of a resource, which must begin with the instance.
    fn resource(&self, name: &str, is_upload: bool) -> Result<re::Digest, Status> {
        let wrong = || Status::invalid_argument(format!("`{name}` names no blob"));
        let rest = match self.options.instance.as_str() {
            "" => name,
            instance => name
                .strip_prefix(instance)
                .and_then(|rest| rest.strip_prefix('/'))
                .ok_or_else(|| Status::invalid_argument("unknown instance"))?,
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let (hash, size) = match &parts[..] {
            ["blobs", hash, size] if !is_upload => (hash, size),
            ["uploads", uuid, "blobs", hash, size] if is_upload && is_uuid(uuid) => (hash, size),
            _ => return Err(wrong()),
        };
        Ok(re::Digest {
            hash: (*hash).to_owned(),
            size_bytes: size.parse().map_err(|_| wrong())?,
        })
    }
}

/// Whether a text is a random UUID.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.as_bytes()[14] == b'4'
}

#[tonic::async_trait]
impl ByteStream for State {
    type ReadStream = ReceiverStream<Result<ReadResponse, Status>>;

    async fn read(
        &self,
        request: Request<ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        let digest = self.resource(&request.resource_name, false)?;
        let (hash, _) = parse(Some(&digest))?;
        self.lock().counts.streams_read += 1;
        let bytes = self
            .blob(&hash)
            .ok_or_else(|| Status::not_found("no such blob"))?;
        let offset = usize::try_from(request.read_offset).unwrap_or(usize::MAX);
        if offset > bytes.len() {
            return Err(Status::out_of_range("the offset is behind the end"));
        }
        let faults = [
            Fault::DamageRead,
            Fault::TruncateRead,
            Fault::BreakRead,
            Fault::StallRead,
        ];
        // A failure in the middle needs a middle.
        let is_long = bytes.len() > CHUNK;
        let fault = self.take(|fault| (is_long && faults.contains(&fault)).then_some(fault));
        let (sender, receiver) = mpsc::channel(2);
        tokio::spawn(async move {
            for (number, chunk) in bytes[offset..].chunks(CHUNK).enumerate() {
                let mut data = chunk.to_vec();
                match (number, fault) {
                    (0, Some(Fault::DamageRead)) => data[0] ^= 1,
                    (1, Some(Fault::TruncateRead)) => return,
                    (1, Some(Fault::BreakRead)) => {
                        let _ = sender.send(Err(Status::unavailable("it broke"))).await;
                        return;
                    }
                    (1, Some(Fault::StallRead)) => {
                        tokio::time::sleep(Duration::from_mins(10)).await;
                    }
                    _ => {}
                }
                if sender.send(Ok(ReadResponse { data })).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn write(
        &self,
        request: Request<Streaming<WriteRequest>>,
    ) -> Result<Response<WriteResponse>, Status> {
        self.admit(&request)?;
        self.lock().counts.streams_written += 1;
        let mut stream = request.into_inner();
        let faults = [Fault::BreakWrite, Fault::CommitEarly, Fault::CommitShort];
        let mut fault = self.take(|fault| faults.contains(&fault).then_some(fault));
        let mut name = String::new();
        while let Some(message) = stream.message().await? {
            if name.is_empty() {
                name.clone_from(&message.resource_name);
            }
            let digest = self.resource(&name, true)?;
            let answer = |size| {
                Ok(Response::new(WriteResponse {
                    committed_size: size,
                }))
            };
            let mut bytes = self.lock().uploads.remove(&name).unwrap_or_default();
            if usize::try_from(message.write_offset).ok() != Some(bytes.len()) {
                return Err(Status::invalid_argument(
                    "the offset is not that of the last byte",
                ));
            }
            if fault == Some(Fault::CommitEarly) {
                // As if another client had written the rest of it.
                let mut all = vec![message];
                while let Some(message) = stream.message().await? {
                    all.push(message);
                }
                let all: Vec<u8> = all.into_iter().flat_map(|message| message.data).collect();
                self.store(Some(&digest), &all)?;
                return answer(digest.size_bytes);
            }
            bytes.extend(&message.data);
            let size = i64::try_from(bytes.len()).expect("a size");
            if message.finish_write {
                self.store(Some(&digest), &bytes)?;
                return answer(size);
            }
            self.lock().uploads.insert(name.clone(), bytes);
            match fault.take() {
                Some(Fault::BreakWrite) => return Err(Status::unavailable("it broke")),
                Some(Fault::CommitShort) => return answer(size),
                other => fault = other,
            }
        }
        Err(Status::invalid_argument("the stream has no last message"))
    }

    async fn query_write_status(
        &self,
        request: Request<QueryWriteStatusRequest>,
    ) -> Result<Response<QueryWriteStatusResponse>, Status> {
        self.admit(&request)?;
        let name = request.into_inner().resource_name;
        let digest = self.resource(&name, true)?;
        let mut stored = self.lock();
        stored.counts.status_queries += 1;
        let written = stored.uploads.get(&name).map(Vec::len);
        let (hash, _) = parse(Some(&digest))?;
        let complete = written.is_none() && stored.blobs.contains_key(&hash);
        let size = match written {
            Some(size) => i64::try_from(size).expect("a size"),
            None if complete => digest.size_bytes,
            None => return Err(Status::not_found("no such upload")),
        };
        Ok(Response::new(QueryWriteStatusResponse {
            committed_size: size,
            complete,
        }))
    }
}
