//! Capabilities, the content-addressed storage and the action cache as services.

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::build::bazel::semver::SemVer;
use bazel_remote_apis::google::rpc;
use prost::Message as _;
use tokio_stream::Iter;
use tonic::{Code, Request, Response, Status};

use crate::Fault;
use crate::state::{State, parse};

type Nothing<T> = Iter<std::vec::IntoIter<Result<T, Status>>>;

#[tonic::async_trait]
impl re::capabilities_server::Capabilities for State {
    async fn get_capabilities(
        &self,
        request: Request<re::GetCapabilitiesRequest>,
    ) -> Result<Response<re::ServerCapabilities>, Status> {
        self.admit(&request)?;
        self.check(&request.get_ref().instance_name, 0)?;
        self.lock().counts.capabilities += 1;
        let functions = if self.options.sha256 {
            vec![re::digest_function::Value::Sha256 as i32]
        } else {
            vec![re::digest_function::Value::Sha1 as i32]
        };
        let version = |minor| SemVer {
            major: 2,
            minor,
            ..SemVer::default()
        };
        Ok(Response::new(re::ServerCapabilities {
            cache_capabilities: Some(re::CacheCapabilities {
                digest_functions: functions.clone(),
                action_cache_update_capabilities: Some(re::ActionCacheUpdateCapabilities {
                    update_enabled: self.options.updates,
                }),
                max_batch_total_size_bytes: self.options.batch,
                ..re::CacheCapabilities::default()
            }),
            execution_capabilities: self.options.executes.then(|| re::ExecutionCapabilities {
                digest_function: functions[0],
                exec_enabled: true,
                digest_functions: functions,
                ..re::ExecutionCapabilities::default()
            }),
            low_api_version: Some(version(0)),
            high_api_version: Some(version(self.options.version)),
            deprecated_api_version: None,
        }))
    }
}

#[tonic::async_trait]
impl re::content_addressable_storage_server::ContentAddressableStorage for State {
    async fn find_missing_blobs(
        &self,
        request: Request<re::FindMissingBlobsRequest>,
    ) -> Result<Response<re::FindMissingBlobsResponse>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        self.check(&request.instance_name, request.digest_function)?;
        if self.happens(Fault::BreakFindMissing) {
            return Err(Status::unavailable("the connection is closed"));
        }
        self.lock().counts.find_missing += 1;
        let mut missing = Vec::new();
        for digest in request.blob_digests {
            let (hash, _) = parse(Some(&digest))?;
            if self.blob(&hash).is_none() {
                missing.push(digest);
            }
        }
        Ok(Response::new(re::FindMissingBlobsResponse {
            missing_blob_digests: missing,
        }))
    }

    async fn batch_update_blobs(
        &self,
        request: Request<re::BatchUpdateBlobsRequest>,
    ) -> Result<Response<re::BatchUpdateBlobsResponse>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        self.check(&request.instance_name, request.digest_function)?;
        let size = request.encoded_len();
        {
            let counts = &mut self.lock().counts;
            counts.batches += 1;
            counts.largest_batch = counts.largest_batch.max(size);
        }
        let total: usize = request.requests.iter().map(|blob| blob.data.len()).sum();
        if self.options.batch > 0 && i64::try_from(total).expect("a size") > self.options.batch {
            return Err(Status::invalid_argument(
                "the batch is larger than permitted",
            ));
        }
        if self.happens(Fault::RefuseBatch) {
            return Err(Status::resource_exhausted("too many requests"));
        }
        let responses = request.requests.iter().map(|blob| {
            let status = match self.store(blob.digest.as_ref(), &blob.data) {
                Ok(()) => rpc::Status::default(),
                Err(status) => message(&status),
            };
            re::batch_update_blobs_response::Response {
                digest: blob.digest.clone(),
                status: Some(status),
            }
        });
        Ok(Response::new(re::BatchUpdateBlobsResponse {
            responses: responses.collect(),
        }))
    }

    async fn batch_read_blobs(
        &self,
        request: Request<re::BatchReadBlobsRequest>,
    ) -> Result<Response<re::BatchReadBlobsResponse>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        self.check(&request.instance_name, request.digest_function)?;
        let mut responses = Vec::new();
        for digest in request.digests {
            let (hash, _) = parse(Some(&digest))?;
            let found = self.blob(&hash);
            let status = match &found {
                Some(_) => rpc::Status::default(),
                None => message(&Status::not_found("no such blob")),
            };
            let mut data = found.map(|bytes| bytes.to_vec()).unwrap_or_default();
            if !data.is_empty() && self.happens(Fault::DamageRead) {
                data[0] ^= 1;
            }
            responses.push(re::batch_read_blobs_response::Response {
                digest: Some(digest),
                data,
                compressor: 0,
                status: Some(status),
            });
        }
        Ok(Response::new(re::BatchReadBlobsResponse { responses }))
    }

    type GetTreeStream = Nothing<re::GetTreeResponse>;

    async fn get_tree(
        &self,
        _: Request<re::GetTreeRequest>,
    ) -> Result<Response<Self::GetTreeStream>, Status> {
        Err(Status::unimplemented("no client of the tests asks for it"))
    }

    async fn split_blob(
        &self,
        _: Request<re::SplitBlobRequest>,
    ) -> Result<Response<re::SplitBlobResponse>, Status> {
        Err(Status::unimplemented("not stated in the capabilities"))
    }

    type GetChunkMappingStream = Nothing<re::GetChunkMappingResponse>;

    async fn get_chunk_mapping(
        &self,
        _: Request<re::GetChunkMappingRequest>,
    ) -> Result<Response<Self::GetChunkMappingStream>, Status> {
        Err(Status::unimplemented("not stated in the capabilities"))
    }

    async fn splice_blob(
        &self,
        _: Request<re::SpliceBlobRequest>,
    ) -> Result<Response<re::SpliceBlobResponse>, Status> {
        Err(Status::unimplemented("not stated in the capabilities"))
    }

    async fn register_chunk_mapping(
        &self,
        _: Request<tonic::Streaming<re::RegisterChunkMappingRequest>>,
    ) -> Result<Response<re::RegisterChunkMappingResponse>, Status> {
        Err(Status::unimplemented("not stated in the capabilities"))
    }
}

#[tonic::async_trait]
impl re::action_cache_server::ActionCache for State {
    async fn get_action_result(
        &self,
        request: Request<re::GetActionResultRequest>,
    ) -> Result<Response<re::ActionResult>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        self.check(&request.instance_name, request.digest_function)?;
        let (hash, _) = parse(request.action_digest.as_ref())?;
        let mut stored = self.lock();
        let found = stored.results.get(&hash).cloned();
        stored.counts.hits += usize::from(found.is_some());
        found
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no such result"))
    }

    async fn update_action_result(
        &self,
        request: Request<re::UpdateActionResultRequest>,
    ) -> Result<Response<re::ActionResult>, Status> {
        self.admit(&request)?;
        let request = request.into_inner();
        self.check(&request.instance_name, request.digest_function)?;
        if !self.options.updates {
            return Err(Status::permission_denied("results come from workers only"));
        }
        let (hash, _) = parse(request.action_digest.as_ref())?;
        let result = request.action_result.unwrap_or_default();
        for folder in &result.output_directories {
            let (tree, _) = parse(folder.tree_digest.as_ref())?;
            if self.blob(&tree).is_none() {
                return Err(Status::failed_precondition("an output is not there"));
            }
        }
        let mut stored = self.lock();
        stored.counts.updates += 1;
        stored.results.insert(hash, result.clone());
        Ok(Response::new(result))
    }
}

/// A status as a message in an answer.
pub(crate) fn message(status: &Status) -> rpc::Status {
    let details = rpc::Status::decode(status.details()).map(|decoded| decoded.details);
    rpc::Status {
        code: status.code() as i32,
        message: status.message().to_owned(),
        details: if status.code() == Code::Ok {
            Vec::new()
        } else {
            details.unwrap_or_default()
        },
    }
}
