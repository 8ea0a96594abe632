//! Accepting connections, and what is done with each.
//!
//! ```text
//! accept ── plain ──► head::read ─┬─ GET or HEAD of a file ──► quick: sendfile, and the next head
//!        │                        ├─ anything else ──────────► hyper: one request, and the next head
//!        │                        └─ no head ────────────────► 400, 408 or 431, and the end
//!        └─ TLS (its own module) ─► the same without sendfile
//! ```
//! axum's own loop has no timeout for heads and none for clients that take nothing.

pub mod head;
mod hyper;
#[cfg(target_os = "linux")]
mod quick;
mod refuse;
mod stream;
mod tls;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use bytes::BytesMut;
use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::head::Read;
use self::stream::Prefixed;
use crate::problem::Problem;
use crate::server::Server;

pub use self::tls::Tls;

/// What a port is for.
#[derive(Clone, Debug)]
pub enum Port {
    /// The HTTP API and files.
    Http(Router),
    /// gRPC.
    Grpc(Router),
    /// All of it.
    Both {
        /// The HTTP API and files.
        http: Router,
        /// gRPC.
        grpc: Router,
    },
}

/// What each connection needs.
#[derive(Clone, Debug)]
pub struct Acceptor {
    /// What all requests share.
    pub server: Arc<Server>,
    /// What is answered.
    port: Port,
    /// The open connections.
    pub open: TaskTracker,
    /// Ends all connections at once.
    pub cut: CancellationToken,
    tls: Option<Tls>,
    peers: Peers,
}

/// How many connections each address has; only counted where there is a limit.
type Peers = Arc<Mutex<HashMap<IpAddr, usize>>>;

impl Acceptor {
    /// An acceptor without connections.
    pub fn new(server: Arc<Server>, tls: Option<Tls>, port: Port) -> Self {
        Self {
            port,
            server,
            open: TaskTracker::new(),
            cut: CancellationToken::new(),
            tls,
            peers: Arc::default(),
        }
    }

    /// The same for another port. Both know all open connections.
    #[must_use]
    pub fn with_port(&self, port: Port) -> Self {
        Self {
            port,
            ..self.clone()
        }
    }

    /// Accepts connections until the server is to stop. Then the listener is closed.
    pub async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.server.stopped() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = self.clone().connection(stream, peer);
                    let cut = self.cut.clone();
                    self.open.spawn(async move {
                        cut.run_until_cancelled_owned(connection).await;
                    });
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    let message = format!("no connection can be accepted: {error}");
                    self.server.log.error(&message, &[]);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Serves one connection. What not every connection needs is boxed: a waiting connection has room
    /// for the largest of its futures, and hyper's take tens of kilobytes.
    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        let _connected = self.server.metrics.connection();
        // Answers are written as a whole: waiting for more of them only delays the last part.
        let _ = stream.set_nodelay(true);
        let Some(_place) = self.take_place(peer.ip()) else {
            self.server.metrics.rejected("connections");
            let detail = "this address has too many connections (--connections-per-peer)";
            let problem =
                Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with(RETRY_AFTER, 1.into());
            refuse::refuse(stream, *problem, &self.server).await;
            return;
        };
        match self.tls.clone() {
            None => self.plain(stream, peer).await,
            Some(tls) => Box::pin(self.encrypted(stream, peer, &tls)).await,
        }
    }

    /// Serves a connection with TLS: what comes out of it goes to [`hyper`].
    async fn encrypted(self, stream: TcpStream, peer: SocketAddr, tls: &Tls) {
        let limit = self.server.settings.timeouts.head;
        let handshake = async {
            let mut first = [0];
            if stream.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase() {
                return Ok(Err(stream));
            }
            tls.acceptor().accept(stream).await.map(Ok)
        };
        let done = tokio::select! {
            biased;
            done = timeout(limit, handshake) => done,
            () = self.server.stopped() => return,
        };
        let mut stream = match done {
            Ok(Ok(Ok(stream))) => stream,
            Ok(Ok(Err(plain))) => {
                let detail = "this port speaks HTTPS: write https:// in place of http://";
                return refuse::refuse(plain, *Problem::bad_request(detail), &self.server).await;
            }
            Ok(Err(_)) | Err(_) => return self.server.metrics.rejected("tls handshake"),
        };
        let mut buffer = BytesMut::new();
        let mut is_first = true;
        loop {
            let read = head::read(&mut stream, &mut buffer, &self.server, is_first).await;
            is_first = false;
            match read {
                Read::Head(_) if matches!(self.port, Port::Grpc(_)) => {
                    return refuse::refuse(stream, *not_grpc(), &self.server).await;
                }
                Read::Head(head) => match hyper::http1(stream, buffer, &head, peer, &self).await {
                    Some(next) => (stream, buffer) = next,
                    None => return,
                },
                Read::Preface => {
                    let stream = Prefixed::new(stream, buffer.freeze(), &self.server);
                    return hyper::http2(stream, peer, self).await;
                }
                Read::Closed => return,
                Read::Bad(problem) => {
                    return refuse::refuse(stream, *problem, &self.server).await;
                }
            }
        }
    }

    async fn plain(self, mut stream: TcpStream, peer: SocketAddr) {
        let mut buffer = BytesMut::new();
        let mut is_first = true;
        loop {
            let read = head::read(&mut stream, &mut buffer, &self.server, is_first).await;
            is_first = false;
            match read {
                Read::Head(_) if matches!(self.port, Port::Grpc(_)) => {
                    return refuse::refuse(stream, *not_grpc(), &self.server).await;
                }
                #[cfg(target_os = "linux")]
                Read::Head(head) if quick::suits(&head) => {
                    match quick::answer(&stream, &head, peer, &self.server).await {
                        Ok(true) => {}
                        Ok(false) => return refuse::close(stream).await,
                        Err(_) => return,
                    }
                    let _ = buffer.split_to(head.length);
                    if buffer.is_empty() {
                        // Idle and slow connections hold no memory.
                        buffer = BytesMut::new();
                    }
                }
                Read::Head(head) => {
                    match Box::pin(hyper::http1(stream, buffer, &head, peer, &self)).await {
                        Some(next) => (stream, buffer) = next,
                        None => return,
                    }
                }
                Read::Preface => {
                    let stream = Prefixed::new(stream, buffer.freeze(), &self.server);
                    return Box::pin(hyper::http2(stream, peer, self)).await;
                }
                Read::Closed => return,
                Read::Bad(problem) => {
                    return refuse::refuse(stream, *problem, &self.server).await;
                }
            }
        }
    }

    /// A place among the connections of an address; `None` if it has too many.
    fn take_place(&self, peer: IpAddr) -> Option<Place> {
        let Some(most) = self.server.settings.connections_per_peer else {
            return Some(Place(None));
        };
        let mut peers = self.peers.lock().ok()?;
        let count = peers.entry(peer).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.peers.clone(), peer))))
    }
}

/// The answer to a request that is no call, on the port for calls.
fn not_grpc() -> Box<Problem> {
    let detail = "this port speaks gRPC over HTTP/2; the HTTP API is on the other one (--port)";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
}

/// A connection of an address that has a limit.
struct Place(Option<(Peers, IpAddr)>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((peers, peer)) = &self.0
            && let Ok(mut peers) = peers.lock()
            && let Some(count) = peers.get_mut(peer)
        {
            *count -= 1;
            if *count == 0 {
                peers.remove(peer);
            }
        }
    }
}

/// Whether an error of `accept` only concerns the connection that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
