//! Connections that can be cut: each has a budget of bytes that it may still write; when it is used
//! up the connection is closed, like that of a killed server. Independent of HTTP.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// The handle of a connection, for the code that answers on it.
#[derive(Clone)]
pub struct Connection(Arc<AtomicU64>);

impl Connection {
    /// After this many more bytes the connection is cut.
    pub fn cut_after(&self, bytes: u64) {
        self.0.store(bytes, Ordering::SeqCst);
    }
}

/// A TCP listener whose connections can be cut.
pub struct Cuttable(pub TcpListener);

/// One of its connections.
pub struct Stream {
    inner: TcpStream,
    budget: Arc<AtomicU64>,
}

impl Listener for Cuttable {
    type Io = Stream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Stream, Self::Addr) {
        let (inner, address) = Listener::accept(&mut self.0).await;
        let _ = inner.set_nodelay(true);
        (
            Stream {
                inner,
                budget: Arc::new(AtomicU64::new(u64::MAX)),
            },
            address,
        )
    }
    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        Self(stream.io().budget.clone())
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let budget = self.budget.load(Ordering::SeqCst);
        if budget == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let allowed = bytes
            .len()
            .min(usize::try_from(budget).unwrap_or(usize::MAX));
        let written =
            std::task::ready!(Pin::new(&mut self.inner).poll_write(cx, &bytes[..allowed]))?;
        if budget != u64::MAX {
            self.budget.store(budget - written as u64, Ordering::SeqCst);
        }
        Poll::Ready(Ok(written))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
