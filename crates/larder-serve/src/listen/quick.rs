//! Sends files with `sendfile`, for GET and HEAD of `/binaries/<file>` over plain HTTP/1.1. The bytes
//! go from the page cache to the socket without passing through this process.
//!
//! The answers are those that hyper sends: both come from [`bytes::serve`].

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Version};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::head::Head;
use super::refuse;
use crate::access::Pace;
use crate::bytes::{self, Content, Opened};
use crate::server::{LONGEST_TARGET, RequestHead, Server};

/// The most bytes of one call, so that one connection does not keep a thread busy.
const SLICE: u64 = 2 << 20;
const PREFIX: &str = "/binaries/";
const ROUTE: &str = "/binaries/{filename}";

/// Whether a request is answered here. Whatever is not usual is left to hyper.
pub fn suits(head: &Head) -> bool {
    let path = head.uri.path();
    let headers = &head.headers;
    matches!(head.method, Method::GET | Method::HEAD)
        && head.version == Version::HTTP_11
        && head.uri.authority().is_none()
        && head.uri.query().is_none()
        && path.len() <= LONGEST_TARGET
        && path
            .strip_prefix(PREFIX)
            .is_some_and(|file| !file.is_empty() && !file.contains(['%', '/']))
        && headers.get_all(HOST).iter().count() == 1
        && ![EXPECT, UPGRADE, TRANSFER_ENCODING, TE, TRAILER]
            .iter()
            .any(|name| headers.contains_key(name))
        && headers
            .get_all(CONTENT_LENGTH)
            .iter()
            .all(|length| length == "0")
        && wants_close(headers).is_some()
}

/// Whether the connection is to be closed after the answer; `None` if it has another option.
fn wants_close(headers: &HeaderMap) -> Option<bool> {
    let mut close = false;
    for value in headers.get_all(CONNECTION) {
        for option in value.to_str().ok()?.split(',') {
            match option.trim().to_ascii_lowercase().as_str() {
                "close" => close = true,
                "keep-alive" | "" => {}
                _ => return None,
            }
        }
    }
    Some(close)
}

/// Answers a request. False if the connection is to be closed, an error if it can't be used any
/// more.
pub async fn answer(
    stream: &TcpStream,
    head: &Head,
    peer: SocketAddr,
    server: &Server,
) -> io::Result<bool> {
    let started = Instant::now();
    let request = RequestHead {
        method: &head.method,
        uri: &head.uri,
        version: head.version,
        headers: &head.headers,
        peer: peer.ip(),
    };
    let id = server.request_id(&head.headers);
    let name = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let served = match server.admit(request) {
        Ok(caller) => bytes::serve(&server.index, &head.method, name, &head.headers)
            .await
            .map(|(answer, file)| (answer, file, caller.pace)),
        Err(problem) => Err(problem),
    };
    let (mut answer, file, pace) =
        served.unwrap_or_else(|problem| (problem.into_answer(), None, None));
    let seen = (&head.method, &head.uri, peer.ip());
    server.answered(seen, ROUTE, (answer.status, &id), started);
    Server::finish(&mut answer.headers, id);
    let is_last = server.is_stopping() || wants_close(&head.headers) != Some(false);
    if is_last {
        answer
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let mut bytes = refuse::head(&answer);
    let sender = Sender { stream, server };
    match (&head.method, answer.content, file) {
        (&Method::GET, Content::File(range), Some(file)) => {
            // The head of a small file goes in one packet with it. Before a large one it goes alone,
            // which took less of the server's processor time when it was measured.
            let length = range.end - range.start;
            sender.send(&bytes, (1..=SLICE).contains(&length)).await?;
            sender.send_file(&file, range, pace).await?;
        }
        (&Method::GET, Content::Bytes(content), _) => {
            bytes.extend_from_slice(&content);
            sender.send(&bytes, false).await?;
        }
        _ => sender.send(&bytes, false).await?,
    }
    Ok(!is_last)
}

struct Sender<'a> {
    stream: &'a TcpStream,
    server: &'a Server,
}

impl Sender<'_> {
    /// Sends bytes. `has_more` lets the system send them together with what follows.
    async fn send(&self, mut bytes: &[u8], has_more: bool) -> io::Result<()> {
        let mut flags = SendFlags::NOSIGNAL;
        flags.set(SendFlags::MORE, has_more);
        self.progress(|| {
            let sent = rustix::net::send(self.stream, bytes, flags)?;
            bytes = &bytes[sent..];
            Ok(bytes.is_empty())
        })
        .await
    }

    /// Sends a part of a file. If the file changes meanwhile, the connection ends before the last
    /// bytes, so that no client takes what it has for the whole.
    async fn send_file(
        &self,
        file: &Opened,
        range: Range<u64>,
        pace: Option<Pace>,
    ) -> io::Result<()> {
        let Range { mut start, end } = range;
        let mut is_first = true;
        while start < end {
            let mut slice = (end - start).min(SLICE);
            if let Some(pace) = &pace {
                slice = pace.piece(slice);
                let from = pace.take(slice, Instant::now());
                tokio::time::sleep_until(from.into()).await;
            }
            if !is_first && start + slice == end && !file.is_unchanged() {
                return Err(io::Error::other("the file changed while it was sent"));
            }
            let to = start + slice;
            self.progress(|| {
                let length = usize::try_from(to - start).unwrap_or(0);
                let mut at = start;
                let sent =
                    rustix::fs::sendfile(self.stream, &file.file, Some(&mut at), length)? as u64;
                self.server.metrics.sent(sent);
                start += sent;
                match sent {
                    0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => Ok(start == to),
                }
            })
            .await?;
            is_first = false;
        }
        Ok(())
    }

    /// Does something that sends until it says that it is done, each time as soon as the client
    /// takes more. A client that takes nothing for too long is given up.
    async fn progress(&self, mut work: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
        let limit = self.server.settings.timeouts.write;
        let has_sent = AtomicBool::new(false);
        let mut sending = pin!(self.stream.async_io(Interest::WRITABLE, || {
            if work()? {
                return Ok(());
            }
            has_sent.store(true, Ordering::Relaxed);
            // The connection is full. Trying to send the rest at once would read pages of the file
            // for nothing.
            Err(io::ErrorKind::WouldBlock.into())
        }));
        loop {
            match timeout(limit, &mut sending).await {
                Ok(done) => return done,
                Err(_) if has_sent.swap(false, Ordering::Relaxed) => {}
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
    }
}
