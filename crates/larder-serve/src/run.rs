//! The life of a server: bind, read the folder, accept, stop.

use std::net::TcpListener as Handed;
use std::time::Duration;

use camino::Utf8PathBuf;
#[cfg(unix)]
use larder_core::error::Error;
use larder_core::error::Result;
use larder_core::{fs, staging};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::access::Access;
use crate::api;
use crate::fleet::{Fleet, store};
use crate::hub;
use crate::index::{Folder, Index};
use crate::listen::Tls;
use crate::log::Log;
use crate::ports::{Listening, Ports, no_address};
use crate::reload::Reloaded;
use crate::server::Server;
use crate::settings::{Origin, Settings, TlsFiles};
use crate::systemd::Manager;
use crate::webhook::Deliveries;

/// How long writing the digests may delay the end.
const LAST_SAVE: Duration = Duration::from_secs(2);

/// How long cutting connections may delay the end.
const LAST_CUT: Duration = Duration::from_millis(300);

/// How often the service manager is told that the folder is still being read.
const STILL_READING: Duration = Duration::from_secs(10);

/// Runs a server until a signal ends it, and returns the exit code. `announce` is called once, as
/// soon as connections are accepted. `handed` is a socket that a service manager has bound.
pub async fn run(
    settings: Settings,
    handed: Option<Handed>,
    log: Log,
    announce: impl FnOnce(&Listening) -> Result<()>,
) -> Result<u8> {
    let bound = match &handed {
        Some(handed) => handed.local_addr().map_err(|error| no_address(&error))?,
        None => settings.address(),
    };
    settings.check(bound.ip())?;
    let mut signals = signals()?;
    let followed_tokens =
        Reloaded::new("the tokens were", settings.tokens.iter().cloned().collect());
    let access = Access::open(&settings, &log)?;
    let followed_tls = Reloaded::new("the certificate was", tls_files(&settings));
    let tls = settings.tls.as_ref().map(Tls::open).transpose()?;
    if tls.is_none()
        && settings.trusted_proxies.is_empty()
        && !bound.ip().to_canonical().is_loopback()
    {
        log.warning(
            "without --tls-cert tokens travel as plain text; encrypt, or put a proxy that does in front",
            &[],
        );
    }
    fs::create_own_dir_all(&settings.data)?;
    let ports = Ports::bind(handed, bound, settings.grpc_port, &log).await?;
    let listening = ports.listening.clone();
    let index = match &settings.origin {
        Origin::Hub(origin) => hub::open(origin, &log)?,
        Origin::Folder(folder) => {
            let folder = Folder::open(folder)?;
            staging::sweep(folder.path(), api::STAGED);
            Index::open(folder, &settings.data, settings.pace, log.clone())?
        }
    };
    let (stop, stopping) = watch::channel(false);
    let drain = settings.drain;
    let store = store::open(&settings.database, log.clone()).await?;
    let fleet = Fleet::open(store, index.clone(), settings.heartbeat, log.clone()).await?;
    tokio::spawn(fleet.clone().run(stopping.clone()));
    if let Some(webhook) = settings.webhook.clone() {
        let deliveries = Deliveries::open(webhook, fleet.clone(), &settings.data, log.clone())?;
        tokio::spawn(deliveries.run(stopping.clone()));
    }
    let server = Arc::new(Server::new(
        settings,
        (index, fleet),
        access,
        log.clone(),
        stopping,
    ));
    if server.settings.tokens.is_some() {
        let server = server.clone();
        tokio::spawn(
            followed_tokens.follow(log.clone(), server.stopping.clone(), move || {
                Ok(format!("there are {}", server.access.reload()?))
            }),
        );
    }
    if let Some(tls) = tls.clone() {
        tokio::spawn(
            followed_tls.follow(log.clone(), server.stopping.clone(), move || {
                tls.reload()?;
                Ok("new connections get it".to_owned())
            }),
        );
    }
    tokio::spawn(tell_when_ready(server.clone()));
    let scheme = if tls.is_some() { "https" } else { "http" };
    let acceptors = ports.acceptors(&server, tls)?;
    let (open, cut) = (acceptors[0].0.open.clone(), acceptors[0].0.cut.clone());
    let mut accepting = JoinSet::new();
    for (acceptor, listener) in acceptors {
        accepting.spawn(acceptor.run(listener));
    }
    announce(&listening)?;
    let Listening { http, grpc, .. } = listening;
    log.info(
        &format!("listening on {scheme}://{http}, and for gRPC on {grpc}"),
        &[("http", &http), ("grpc", &grpc)],
    );
    let first = signals.recv().await.unwrap_or(15);
    log.info(
        &format!("signal {first}: no new connections; open requests have {drain:?}"),
        &[("signal", &first)],
    );
    server
        .settings
        .manager
        .tell("STOPPING=1\nSTATUS=open requests are finished");
    stop.send_replace(true);
    accepting.join_all().await;
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = tokio::time::sleep(drain) => {
            let left = open.len();
            log.warning(
                &format!("{left} connections were not done in time; they are cut"),
                &[("connections", &left)],
            );
            // Their uploads are removed, and written to the audit log.
            cut.cancel();
            let _ = tokio::time::timeout(LAST_CUT, open.wait()).await;
        }
        Some(second) = signals.recv() => return Ok(128_u8.saturating_add(second)),
    }
    let _ = tokio::time::timeout(LAST_SAVE, server.index.save()).await;
    let _ = tokio::time::timeout(LAST_SAVE, server.fleet.close()).await;
    Ok(0)
}

fn tls_files(settings: &Settings) -> Vec<Utf8PathBuf> {
    let files = settings.tls.iter();
    files
        .flat_map(|TlsFiles { certificate, key }| [certificate.clone(), key.clone()])
        .collect()
}

/// Tells the service manager when the first scan is complete. As long as it takes, the manager's
/// time limit for the start is moved.
async fn tell_when_ready(server: Arc<Server>) {
    let manager: &Manager = &server.settings.manager;
    if !manager.is_there() {
        return;
    }
    loop {
        let ready = server.index.wait_until_ready();
        if tokio::time::timeout(STILL_READING, ready).await.is_ok() {
            return manager.tell("READY=1\nSTATUS=ready");
        }
        manager.tell("EXTEND_TIMEOUT_USEC=60000000\nSTATUS=reading the folder");
    }
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
