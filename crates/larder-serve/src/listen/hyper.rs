//! Connections that hyper serves: everything but files over plain HTTP.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_LENGTH;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tower::ServiceExt;

use super::stream::Prefixed;
use super::{Acceptor, head, refuse};
use crate::api::Peer;
use crate::problem::Problem;

/// The most requests of one connection at the same time, with HTTP/2.
const MOST_STREAMS: u32 = 100;

/// Serves a connection with HTTP/1.
pub async fn http1<S>(stream: Prefixed<S>, peer: SocketAddr, acceptor: Acceptor)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let server = acceptor.server.clone();
    let limit = server.settings.timeouts.head;
    let service = service_fn(|request| call(request, peer, &acceptor));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        // A client may shut down its side as soon as it has asked.
        .half_close(true)
        .max_buf_size(head::LONGEST)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        biased;
        ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => ended,
        () = server.stopped() => {
            Pin::new(&mut connection).graceful_shutdown();
            poll_fn(|cx| connection.poll_without_shutdown(cx)).await
        }
    };
    let parts = connection.into_parts();
    let stream = parts.io.into_inner().into_inner();
    match ended {
        Ok(()) => refuse::close(stream).await,
        Err(error) if error.is_timeout() && !parts.read_buf.is_empty() => {
            let seconds = limit.as_secs_f64();
            let detail = format!("the head of the request was not complete within {seconds} s");
            let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, detail);
            refuse::refuse(stream, *problem, &server).await;
        }
        Err(error) if error.is_parse() => refuse::close(stream).await,
        Err(_) => {}
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
        async move { call(request, peer, &acceptor).await }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
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
) -> Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(Peer(peer));
    let answered = acceptor.router.clone().oneshot(request);
    Box::pin(async move {
        let mut response = answered.await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            // axum states the length of the content that is not sent.
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Ok(response)
    })
}
