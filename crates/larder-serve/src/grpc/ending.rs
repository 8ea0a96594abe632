//! Bodies of answers that end when the server stops. A stream that its client keeps open, such as
//! one of reflection, would otherwise be waited for until the end of `--drain`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Frame;

use crate::server::Server;

/// How long streams have to end by themselves, which says more to their clients.
const GRACE: Duration = Duration::from_secs(1);

/// The body of an answer.
pub struct Ending {
    body: Body,
    server: Arc<Server>,
    ended: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    is_over: bool,
}

impl Ending {
    /// A body that ends with the server.
    pub fn new(body: Body, server: Arc<Server>) -> Self {
        Self {
            body,
            server,
            ended: None,
            is_over: false,
        }
    }
}

impl http_body::Body for Ending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let server = self.server.clone();
        let ended = self.ended.get_or_insert_with(|| {
            Box::pin(async move {
                server.stopped().await;
                tokio::time::sleep(GRACE).await;
            })
        });
        if ended.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.is_over = true;
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("14"));
        let message = HeaderValue::from_static("the server is stopping");
        trailers.insert("grpc-message", message);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }
}
