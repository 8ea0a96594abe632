//! The stream of hints for one node, which ends with the server, and with the node.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use crate::fleet::v1::WatchResponse;
use crate::metrics::Open;
use crate::server::Server;

/// The answers of one call of `Watch`.
pub struct Hints {
    receiver: mpsc::Receiver<()>,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
    _counted: Open,
}

impl Hints {
    /// Passes on hints until the server stops.
    pub fn new(receiver: mpsc::Receiver<()>, server: &Arc<Server>) -> Self {
        let counted = server.metrics.fleet.watch();
        let server = server.clone();
        Self {
            receiver,
            stopped: Box::pin(async move { server.stopped().await }),
            is_over: false,
            _counted: counted,
        }
    }
}

impl Stream for Hints {
    type Item = Result<WatchResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let why = match self.receiver.poll_recv(cx) {
            Poll::Ready(Some(())) => return Poll::Ready(Some(Ok(WatchResponse {}))),
            Poll::Ready(None) => {
                Status::aborted("the node was removed, or another call of Watch took over")
            }
            Poll::Pending => match self.stopped.as_mut().poll(cx) {
                Poll::Ready(()) => Status::unavailable("the server is stopping"),
                Poll::Pending => return Poll::Pending,
            },
        };
        self.is_over = true;
        Poll::Ready(Some(Err(why)))
    }
}
