//! A connection as hyper gets it: with bytes that were read already put back in front, with an end
//! after one request, and with a limit for how long its client may take nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::server::Server;

/// How far one request of a connection is. All of it is used by one thread at a time.
#[derive(Debug, Default)]
pub struct Turn {
    /// Whether all that may be read was read, and more was asked for.
    exhausted: AtomicBool,
    /// Whether all that was written is flushed.
    flushed: AtomicBool,
    /// Whether the content of the answer was taken as a whole.
    pub answered: AtomicBool,
}

impl Turn {
    /// Whether the request is answered, and nothing but the next request is waited for.
    pub fn is_over(&self) -> bool {
        [&self.exhausted, &self.flushed, &self.answered]
            .iter()
            .all(|flag| flag.load(Relaxed))
    }
}

/// The connection.
#[derive(Debug)]
pub struct Prefixed<S> {
    prefix: Bytes,
    /// How many bytes may be read after the prefix; `None` for all.
    left: Option<u64>,
    turn: Arc<Turn>,
    stream: S,
    limit: Duration,
    /// Runs as long as the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Prefixed<S> {
    /// Puts bytes in front of what comes.
    pub fn new(stream: S, prefix: Bytes, server: &Server) -> Self {
        Self {
            prefix,
            left: None,
            turn: Arc::default(),
            stream,
            limit: server.settings.timeouts.write,
            stalled: None,
        }
    }

    /// Only lets so many bytes be read after the prefix. What follows is never read: hyper waits for
    /// it, and `turn` tells when it does.
    #[must_use]
    pub fn with_only(mut self, left: u64, turn: Arc<Turn>) -> Self {
        self.left = Some(left);
        self.turn = turn;
        self
    }

    /// The connection alone.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Passes on what a write gave, unless the client has taken nothing for too long.
    fn watched<T>(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let limit = self.limit;
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        match stalled.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            let Some(left) = self.left else {
                return Pin::new(&mut self.stream).poll_read(cx, buffer);
            };
            if left == 0 {
                self.turn.exhausted.store(true, Relaxed);
                return Poll::Pending;
            }
            let most = usize::try_from(left).unwrap_or(usize::MAX);
            let mut part =
                ReadBuf::new(buffer.initialize_unfilled_to(most.min(buffer.remaining())));
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut part);
            let length = part.filled().len();
            buffer.advance(length);
            self.left = Some(left - length as u64);
            return read;
        }
        let length = self.prefix.len().min(buffer.remaining());
        buffer.put_slice(&self.prefix[..length]);
        self.prefix.advance(length);
        if self.prefix.is_empty() {
            self.prefix = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.turn.flushed.store(false, Relaxed);
        let wrote = Pin::new(&mut self.stream).poll_write(cx, buffer);
        self.watched(cx, wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.turn.flushed.store(false, Relaxed);
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.watched(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        if flushed.is_ready() {
            self.turn.flushed.store(true, Relaxed);
        }
        self.watched(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
