//! Names and messages of the protocol that the generated code does not have, and conversions
//! between its digests and larder's.

use std::fmt;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use bazel_remote_apis::google::protobuf;
use larder_core::error::{Error, Result};
use larder_core::model::Digest;

/// A blob of the content-addressed storage: its SHA-256, and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct BlobId {
    pub digest: Digest,
    pub size: u64,
}

impl BlobId {
    /// The id of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
        }
    }

    /// As a message.
    pub fn to_wire(self) -> re::Digest {
        re::Digest {
            hash: self.digest.to_string(),
            size_bytes: i64::try_from(self.size).unwrap_or(i64::MAX),
        }
    }

    /// From a message. `what` says what it is the digest of.
    pub fn from_wire(digest: Option<&re::Digest>, what: &str) -> Result<Self> {
        let parse = |digest: &re::Digest| {
            Some(Self {
                digest: digest.hash.parse().ok()?,
                size: u64::try_from(digest.size_bytes).ok()?,
            })
        };
        digest.and_then(parse).ok_or_else(|| {
            let text = digest.map_or_else(
                || "none".to_owned(),
                |digest| format!("`{}/{}`", digest.hash, digest.size_bytes),
            );
            Error::integrity(format!("the cluster states no valid digest of {what}")).cause(text)
        })
    }

    /// Finds the id in a resource name such as `blobs/HASH/SIZE`, with or without an instance.
    pub fn in_name(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let at = parts.iter().position(|part| *part == "blobs")?;
        Some(Self {
            digest: parts.get(at + 1)?.parse().ok()?,
            size: parts.get(at + 2)?.parse().ok()?,
        })
    }
}

/// `HASH/SIZE`, as in the names of resources.
impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.digest, self.size)
    }
}

/// A `Tree` with its folders as bytes: the digest of a folder is that of the bytes that were sent,
/// which may have fields that are unknown here.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RawTree {
    #[prost(bytes = "vec", tag = "1")]
    pub root: Vec<u8>,
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub children: Vec<Vec<u8>>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<protobuf::Duration>,
}

/// `google.rpc.PreconditionFailure`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PreconditionFailure {
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<Violation>,
}

/// A violation in a [`PreconditionFailure`].
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Violation {
    #[prost(string, tag = "1")]
    pub kind: String,
    #[prost(string, tag = "2")]
    pub subject: String,
    #[prost(string, tag = "3")]
    pub description: String,
}
