//! Answers that are sent before hyper or `sendfile` know a connection, and the end of connections.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use http::header::{CONNECTION, DATE};
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use crate::bytes::{Answer, Content};
use crate::problem::Problem;
use crate::server::Server;

/// How long, and for how many bytes, a connection is read after its last answer. If it were closed
/// while its client sends, the client could lose the answer.
const LINGER: (Duration, u64) = (Duration::from_secs(2), 64 << 20);

/// Answers with a problem and closes the connection.
pub async fn refuse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    problem: Problem,
    server: &Server,
) {
    server.metrics.rejected(match problem.status().as_u16() {
        408 => "slow head",
        431 => "long head",
        429 => "limit",
        _ => "malformed head",
    });
    let mut answer = problem.into_answer();
    Server::finish(&mut answer.headers, server.request_id(&HeaderMap::new()));
    answer
        .headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let mut bytes = head(&answer);
    if let Content::Bytes(content) = &answer.content {
        bytes.extend_from_slice(content);
    }
    if let Ok(Ok(())) = timeout(LINGER.0, stream.write_all(&bytes)).await {
        close(stream).await;
    }
}

/// Closes a connection after its last answer.
pub async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = timeout(LINGER.0, async {
        stream.shutdown().await?;
        let mut rest = stream.take(LINGER.1);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    })
    .await;
}

/// The head of an answer of HTTP/1.1, up to the empty line.
pub fn head(answer: &Answer) -> Vec<u8> {
    let status = answer.status;
    let mut head = format!(
        "HTTP/1.1 {} {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or("Unknown")
    )
    .into_bytes();
    head.reserve(700);
    let mut line = |name: &str, value: &[u8]| {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    };
    for (name, value) in &answer.headers {
        line(name.as_str(), value.as_bytes());
    }
    if answer.content != Content::Empty {
        let mut length = String::new();
        let _ = write!(length, "{}", answer.content.length());
        line("content-length", length.as_bytes());
    }
    if !answer.headers.contains_key(DATE) {
        let now = httpdate::fmt_http_date(SystemTime::now());
        line("date", now.as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}
