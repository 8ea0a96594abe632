//! Requests that hyper answers: everything but files over plain HTTP. With HTTP/1 it gets one request
//! at a time, with HTTP/2 the connection.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, StatusCode, Version};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::head::{self, Head};
use super::stream::{Prefixed, Turn};
use super::{Acceptor, Port, not_grpc, refuse};
use crate::api::Peer;
use crate::grpc;
use crate::problem::{Problem, Result};

/// The most requests of one connection at the same time, with HTTP/2.
const MOST_STREAMS: u32 = 100;
/// The same where gRPC is spoken: a proxy sends the calls of many agents over one connection, and
/// each of them waits for hints.
const MOST_CALLS: u32 = 1000;

/// Serves one request of HTTP/1, whose head is at the start of the buffer. Gives the connection back if
/// another request may follow, with what of it is in the buffer. hyper never sees a second head: its
/// own answers to bad ones have no content, and to slow ones there is none.
pub async fn http1<S>(
    stream: S,
    mut buffer: BytesMut,
    head: &Head,
    peer: SocketAddr,
    acceptor: &Acceptor,
) -> Option<(S, BytesMut)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = &acceptor.server;
    let body = match body_length(head) {
        Ok(body) => body,
        Err(problem) => {
            refuse::refuse(stream, *problem, server).await;
            return None;
        }
    };
    let turn = Arc::new(Turn::default());
    let mut rest = BytesMut::new();
    let stream = match body {
        Some(body) => {
            let whole = body.saturating_add(head.length as u64);
            let here = usize::try_from(whole).map_or(buffer.len(), |n| n.min(buffer.len()));
            rest = buffer.split_off(here);
            let left = whole - here as u64;
            Prefixed::new(stream, buffer.freeze(), server).with_only(left, turn.clone())
        }
        // Only hyper knows where it ends.
        None => Prefixed::new(stream, buffer.freeze(), server),
    };
    let service = service_fn(|request| call(request, peer, acceptor, Some(turn.clone())));
    let mut connection = http1::Builder::new()
        // A client may shut down its side as soon as it has asked.
        .half_close(true)
        .keep_alive(body.is_some())
        .max_buf_size(head::LONGEST)
        .serve_connection(TokioIo::new(stream), service);
    let mut is_stopping = false;
    let ended = loop {
        let turn_ends = poll_fn(|cx| match connection.poll_without_shutdown(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending if turn.is_over() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            biased;
            ended = turn_ends => break ended,
            () = server.stopped(), if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let stream = connection.into_parts().io.into_inner().into_inner();
    match ended {
        None => {
            if rest.is_empty() {
                // Idle connections hold no memory.
                rest = BytesMut::new();
            }
            return Some((stream, rest));
        }
        Some(Ok(())) => refuse::close(stream).await,
        Some(Err(error)) if error.is_parse() => refuse::close(stream).await,
        Some(Err(_)) => {}
    }
    None
}

/// The length of the body of a request; `None` if only its chunks tell. What two readers could take for
/// different lengths is refused.
fn body_length(head: &Head) -> Result<Option<u64>> {
    let mut lengths = head.headers.get_all(CONTENT_LENGTH).iter();
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    match (
        codings.next(),
        codings.next(),
        lengths.next(),
        lengths.next(),
    ) {
        (None, _, None, _) => Ok(Some(0)),
        (None, _, Some(length), None) => {
            let text = length.to_str().unwrap_or_default();
            let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let length = text.parse().ok().filter(|_| is_number);
            length.map(Some).ok_or_else(|| {
                Problem::bad_request("Content-Length is not the number of bytes of the body")
            })
        }
        (None, _, Some(_), Some(_)) => Err(Problem::bad_request(
            "a request has at most one header Content-Length",
        )),
        (Some(_), _, Some(_), _) => Err(Problem::bad_request(
            "a request has either Transfer-Encoding or Content-Length, not both",
        )),
        (Some(coding), None, None, _) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(None)
        }
        (Some(_), ..) => Err(Problem::bad_request(
            "the only Transfer-Encoding of a request is chunked",
        )),
    }
}

/// The content of an answer, which tells when hyper has taken it or has no use for it.
struct Content {
    body: Body,
    turn: Arc<Turn>,
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.turn.answered.store(true, Ordering::Relaxed);
    }
}

/// Serves a connection with HTTP/2.
pub async fn http2<S>(stream: Prefixed<S>, peer: SocketAddr, acceptor: Acceptor)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = acceptor.server.clone();
    let service = service_fn(|request| {
        let acceptor = acceptor.clone();
        async move { call(request, peer, &acceptor, None).await }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(match acceptor.port {
            Port::Http(_) => MOST_STREAMS,
            Port::Grpc(_) | Port::Both { .. } => MOST_CALLS,
        })
        .max_header_list_size(u32::try_from(head::LONGEST).unwrap_or(u32::MAX))
        .keep_alive_interval(server.settings.timeouts.idle)
        .keep_alive_timeout(server.settings.timeouts.head)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        () = server.stopped() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

fn call(
    request: Request<Incoming>,
    peer: SocketAddr,
    acceptor: &Acceptor,
    turn: Option<Arc<Turn>>,
) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let is_call = request.version() == Version::HTTP_2 && grpc::is_call(request.headers());
    let router = match &acceptor.port {
        Port::Http(router) => router,
        Port::Both { grpc, .. } if is_call => grpc,
        Port::Both { http, .. } => http,
        Port::Grpc(router) if is_call => router,
        Port::Grpc(_) => return Box::pin(async { Ok(not_grpc().into_response()) }),
    };
    let answered = router.clone().oneshot(request);
    Box::pin(async move {
        let mut response = answered.await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            // axum states the length of the content that is not sent.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        if let Some(turn) = turn {
            response = response.map(|body| Body::new(Content { body, turn }));
        }
        Ok(response)
    })
}
