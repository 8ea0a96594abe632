//! The ports of a server: one for HTTP and one for gRPC, or one for both.

use std::net::{SocketAddr, TcpListener as Handed};
use std::sync::Arc;

use larder_core::error::{Error, Result};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::listen::{Acceptor, Port, Tls};
use crate::log::Log;
use crate::server::Server;
use crate::settings::{GRPC_PORT, HTTP_PORT};
use crate::{api, grpc};

/// The addresses of a server: the first line on its standard output.
#[derive(Clone, Debug, Serialize)]
pub struct Listening {
    /// Always `listening`.
    pub event: &'static str,
    /// The address for HTTP.
    pub http: SocketAddr,
    /// The address for gRPC: the same one if both share a port.
    pub grpc: SocketAddr,
}

/// The bound ports.
#[derive(Debug)]
pub struct Ports {
    http: TcpListener,
    /// `None` if gRPC shares the port of HTTP.
    grpc: Option<TcpListener>,
    /// Their addresses.
    pub listening: Listening,
}

impl Ports {
    /// Binds the ports. `handed` is a socket for HTTP that a service manager has bound at `address`.
    /// Where no port for gRPC is named, a server on another port than the usual one takes any that is
    /// free if the usual one is taken: several servers are on the machine then.
    pub async fn bind(
        handed: Option<Handed>,
        address: SocketAddr,
        grpc_port: Option<u16>,
        log: &Log,
    ) -> Result<Self> {
        let is_usual = handed.is_some() || address.port() == HTTP_PORT;
        let http = match handed {
            Some(handed) => taken(handed)?,
            None => bound(address, "HTTP", "--port").await?,
        };
        let http_address = http.local_addr().map_err(|error| no_address(&error))?;
        let at = |port| SocketAddr::new(http_address.ip(), port);
        let grpc = match grpc_port {
            Some(port) if port == http_address.port() => None,
            Some(port) => Some(bound(at(port), "gRPC", "--grpc-port").await?),
            None if address.port() == 0 => Some(bound(at(0), "gRPC", "--grpc-port").await?),
            None => match bound(at(GRPC_PORT), "gRPC", "--grpc-port").await {
                Err(error) if !is_usual => {
                    log.warning(&format!("{error}; gRPC gets any port that is free"), &[]);
                    Some(bound(at(0), "gRPC", "--grpc-port").await?)
                }
                listener => Some(listener?),
            },
        };
        let grpc_address = match &grpc {
            Some(listener) => listener.local_addr().map_err(|error| no_address(&error))?,
            None => http_address,
        };
        Ok(Self {
            http,
            grpc,
            listening: Listening {
                event: "listening",
                http: http_address,
                grpc: grpc_address,
            },
        })
    }

    /// What accepts connections at each port.
    pub fn acceptors(
        self,
        server: &Arc<Server>,
        tls: Option<Tls>,
    ) -> Result<Vec<(Acceptor, TcpListener)>> {
        let (api, calls) = (api::router(server), grpc::router(server)?);
        let Some(grpc) = self.grpc else {
            let both = Port::Both {
                http: api,
                grpc: calls,
            };
            let acceptor = Acceptor::new(server.clone(), tls, both);
            return Ok(vec![(acceptor, self.http)]);
        };
        let acceptor = Acceptor::new(server.clone(), tls, Port::Http(api));
        let for_grpc = acceptor.with_port(Port::Grpc(calls));
        Ok(vec![(acceptor, self.http), (for_grpc, grpc)])
    }
}

/// A socket that was handed over.
fn taken(handed: Handed) -> Result<TcpListener> {
    handed
        .set_nonblocking(true)
        .and_then(|()| TcpListener::from_std(handed))
        .map_err(|error| Error::failed("cannot use the socket of the service manager").cause(error))
}

async fn bound(address: SocketAddr, what: &str, option: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Error::failed(format!("cannot listen on {address} for {what}"))
            .cause(error)
            .hint(format!(
                "another program may use that port; {option} 0 takes any that is free"
            ))
    })
}

/// The address of a socket can't be found.
pub fn no_address(error: &std::io::Error) -> Error {
    Error::failed("cannot find the address that was bound").cause(error)
}
