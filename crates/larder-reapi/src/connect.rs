//! Connections to the cluster: plain to this machine, with TLS to others, with the user's headers on
//! every request. There is no proxy: gRPC needs HTTP/2 from end to end.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bazel_remote_apis::build::bazel::remote::execution::v2 as re;
use larder_core::error::{Error, Result};
use larder_remote::http::{Secret, Settings, root_bundle};
use prost::Message as _;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, BinaryMetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::address::Address;

/// A connection that adds the headers to every request.
pub(crate) type Connection = InterceptedService<Channel, Headers>;

/// The number of actions that wait on one connection. Servers commonly allow 100 streams on each,
/// and an action needs up to two.
const ACTIONS_EACH: usize = 40;

/// All connections of a run. Each is made when it is first used, and again after it broke.
#[derive(Debug)]
pub(crate) struct Connections {
    /// For blobs and results.
    storage: Connection,
    /// For actions, whose streams stay open for as long as they run: with connections of their own
    /// they never keep a transfer from beginning.
    execution: Vec<Connection>,
    next: AtomicUsize,
}

impl Connections {
    /// Prepares the connections. Must be called on a thread that has entered the runtime.
    pub fn new(
        address: &Address,
        jobs: NonZeroUsize,
        headers: &[(String, Secret)],
        settings: &Settings,
    ) -> Result<Self> {
        let wrong = |error: &dyn std::fmt::Display| {
            Error::usage(format!("the executor {address} can't be used")).cause(error)
        };
        let mut endpoint = Endpoint::from_shared(address.endpoint())
            .map_err(|error| wrong(&error))?
            .connect_timeout(settings.connect)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            // Common servers close connections with more than one ping in five minutes.
            .http2_keep_alive_interval(Duration::from_secs(330))
            .keep_alive_timeout(Duration::from_secs(20))
            .user_agent(settings.user_agent.clone())
            .map_err(|error| wrong(&error))?;
        if address.is_encrypted {
            let roots = root_bundle(settings.ca_file.as_deref())?;
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(roots));
            endpoint = endpoint.tls_config(tls).map_err(|error| wrong(&error))?;
        }
        let headers = Headers::new(headers)?;
        let connect = || InterceptedService::new(endpoint.connect_lazy(), headers.clone());
        Ok(Self {
            storage: connect(),
            execution: (0..jobs.get().div_ceil(ACTIONS_EACH))
                .map(|_| connect())
                .collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// The connection for blobs and results.
    pub fn storage(&self) -> Connection {
        self.storage.clone()
    }

    /// A connection for one action.
    pub fn execution(&self) -> Connection {
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        self.execution[next % self.execution.len()].clone()
    }
}

/// Adds the user's headers, and which tool asks.
#[derive(Clone)]
pub(crate) struct Headers {
    headers: Vec<(AsciiMetadataKey, AsciiMetadataValue)>,
    tool: BinaryMetadataValue,
}

impl Headers {
    fn new(headers: &[(String, Secret)]) -> Result<Self> {
        let parse = |(name, value): &(String, Secret)| {
            let key: AsciiMetadataKey = name.parse().map_err(|_| {
                Error::usage(format!(
                    "`{name}` is not the name of a header for the executor"
                ))
            })?;
            let mut value: AsciiMetadataValue = value.expose().parse().map_err(|_| {
                Error::usage(format!(
                    "the value of the header `{name}` for the executor is invalid"
                ))
                .hint("it must be one line of printable ASCII characters")
            })?;
            value.set_sensitive(true);
            Ok((key, value))
        };
        let tool = re::RequestMetadata {
            tool_details: Some(re::ToolDetails {
                tool_name: "larder".to_owned(),
                tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            ..re::RequestMetadata::default()
        };
        Ok(Self {
            headers: headers.iter().map(parse).collect::<Result<_>>()?,
            tool: BinaryMetadataValue::from_bytes(&tool.encode_to_vec()),
        })
    }
}

impl Interceptor for Headers {
    fn call(
        &mut self,
        mut request: tonic::Request<()>,
    ) -> Result<tonic::Request<()>, tonic::Status> {
        let metadata = request.metadata_mut();
        for (key, value) in &self.headers {
            metadata.insert(key.clone(), value.clone());
        }
        metadata.insert_bin(
            "build.bazel.remote.execution.v2.requestmetadata-bin",
            self.tool.clone(),
        );
        Ok(request)
    }
}

/// The values of headers are secrets.
impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Headers")
    }
}
