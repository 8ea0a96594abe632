//! The life of a server: bind, read the folder, accept, stop.

use std::net::SocketAddr;
use std::time::Duration;

use larder_core::error::{Error, Result};
use larder_core::{fs, staging};
use serde::Serialize;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::access::Access;
use crate::api;
use crate::hub;
use crate::index::{Folder, Index};
use crate::listen::Acceptor;
use crate::log::Log;
use crate::server::Server;
use crate::settings::{Origin, Settings};

/// How long writing the digests may delay the end.
const LAST_SAVE: Duration = Duration::from_secs(2);

/// The addresses of a server: the first line on its standard output.
#[derive(Clone, Debug, Serialize)]
pub struct Listening {
    /// Always `listening`.
    pub event: &'static str,
    /// The address for HTTP.
    pub http: SocketAddr,
    /// The address for gRPC; null as long as there is none.
    pub grpc: Option<SocketAddr>,
}

/// Runs a server until a signal ends it, and returns the exit code. `announce` is called once, as
/// soon as connections are accepted.
pub async fn run(
    settings: Settings,
    log: Log,
    announce: impl FnOnce(&Listening) -> Result<()>,
) -> Result<u8> {
    settings.check()?;
    let mut signals = signals()?;
    let access = Access::open(&settings, &log)?;
    if settings.tls.is_some() {
        return Err(Error::usage(
            "--tls-cert is not supported by this version of the server",
        ));
    }
    fs::create_own_dir_all(&settings.data)?;
    let index = match &settings.origin {
        Origin::Hub(origin) => hub::open(origin, &log)?,
        Origin::Folder(folder) => {
            let folder = Folder::open(folder)?;
            staging::sweep(folder.path(), api::STAGED);
            Index::open(folder, &settings.data, settings.pace, log.clone())?
        }
    };
    let address = settings.address();
    let listener = TcpListener::bind(address).await.map_err(|error| {
        Error::failed(format!("cannot listen on {address}"))
            .cause(error)
            .hint("another program may use that port; --port 0 takes any that is free")
    })?;
    let http = listener
        .local_addr()
        .map_err(|error| Error::failed("cannot find the address that was bound").cause(error))?;
    let (stop, stopping) = watch::channel(false);
    let drain = settings.drain;
    let server = Arc::new(Server::new(settings, index, access, log.clone(), stopping));
    let acceptor = Acceptor::new(server.clone());
    let open = acceptor.open.clone();
    let accepting = tokio::spawn(acceptor.run(listener));
    announce(&Listening {
        event: "listening",
        http,
        grpc: None,
    })?;
    log.info(&format!("listening on http://{http}"), &[("http", &http)]);
    let first = signals.recv().await.unwrap_or(15);
    log.info(
        &format!("signal {first}: no new connections; open requests have {drain:?}"),
        &[("signal", &first)],
    );
    stop.send_replace(true);
    let _ = accepting.await;
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = tokio::time::sleep(drain) => {
            let left = open.len();
            log.warning(
                &format!("{left} connections were not done in time; they are cut"),
                &[("connections", &left)],
            );
        }
        Some(second) = signals.recv() => return Ok(128_u8.saturating_add(second)),
    }
    let _ = tokio::time::timeout(LAST_SAVE, server.index.save()).await;
    Ok(0)
}

/// The numbers of the signals that end the server.
#[cfg(unix)]
fn signals() -> Result<mpsc::Receiver<u8>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (sender, receiver) = mpsc::channel(4);
    for (kind, number) in [(SignalKind::terminate(), 15), (SignalKind::interrupt(), 2)] {
        let mut signal = signal(kind)
            .map_err(|error| Error::failed("cannot listen for signals").cause(error))?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                if sender.send(number).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

/// The numbers of the signals that end the server.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it is fallible on Unix")]
fn signals() -> Result<mpsc::Receiver<u8>> {
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if sender.send(2).await.is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}
