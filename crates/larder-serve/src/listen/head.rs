//! Reads the head of a request from a connection, before it is known who answers it.

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout_at};

use crate::problem::Problem;
use crate::server::Server;

/// The longest head.
pub const LONGEST: usize = 16 * 1024;
/// The most headers; hyper has the same limit.
const MOST_HEADERS: usize = 100;
/// The first bytes of a connection with HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A head.
#[derive(Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The target.
    pub uri: Uri,
    /// The version: 1.0 or 1.1.
    pub version: Version,
    /// The headers.
    pub headers: HeaderMap,
    /// How many bytes of the buffer it takes.
    pub length: usize,
}

/// What came.
#[derive(Debug)]
pub enum Read {
    /// A head. It is still in the buffer.
    Head(Box<Head>),
    /// The preface of HTTP/2. It is still in the buffer.
    Preface,
    /// No request: the connection was closed, was idle for too long, or the server stops.
    Closed,
    /// A head that is malformed, too long or too slow.
    Bad(Box<Problem>),
}

/// Reads until the buffer starts with a head.
pub async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    server: &Server,
    is_first: bool,
) -> Read {
    let timeouts = &server.settings.timeouts;
    let start = Instant::now();
    let mut deadline = if is_first || !buffer.is_empty() {
        start + timeouts.head
    } else {
        start + timeouts.idle
    };
    loop {
        if let Some(parsed) = parse(buffer) {
            return parsed;
        }
        let was_empty = buffer.is_empty();
        buffer.reserve(if was_empty { 2048 } else { 8192 });
        let room = LONGEST + 1 - buffer.len();
        let mut limited = (&mut *stream).take(room as u64);
        let read = async { limited.read_buf(buffer).await };
        let read = tokio::select! {
            biased;
            read = timeout_at(deadline, read) => read,
            () = server.stopped(), if was_empty => return Read::Closed,
        };
        match read {
            Ok(Ok(0) | Err(_)) => return Read::Closed,
            Ok(Ok(_)) if was_empty && !is_first => deadline = Instant::now() + timeouts.head,
            Ok(Ok(_)) => {}
            Err(_) if buffer.is_empty() => return Read::Closed,
            Err(_) => {
                let seconds = timeouts.head.as_secs_f64();
                let detail = format!("the head of the request was not complete within {seconds} s");
                return Read::Bad(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
            }
        }
    }
}

/// Reads the head at the start of the buffer. `None` if there is only a part of it.
pub fn parse(buffer: &[u8]) -> Option<Read> {
    if buffer.is_empty() {
        return None;
    }
    if PREFACE.starts_with(&buffer[..buffer.len().min(PREFACE.len())]) && buffer.len() > 2 {
        return (buffer.len() >= PREFACE.len()).then_some(Read::Preface);
    }
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(buffer) {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST => {
            Some(head(&request, length).map_or_else(bad, |head| Read::Head(Box::new(head))))
        }
        Ok(httparse::Status::Partial) if buffer.len() <= LONGEST => None,
        Ok(_) => Some(Read::Bad(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("the head of the request is longer than {LONGEST} bytes"),
        ))),
        Err(httparse::Error::TooManyHeaders) => Some(Read::Bad(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            format!("the request has more than {MOST_HEADERS} headers"),
        ))),
        Err(error) => Some(bad(&error.to_string())),
    }
}

fn bad(why: &str) -> Read {
    Read::Bad(Problem::bad_request(format!(
        "the request is not HTTP: {why}"
    )))
}

fn head(request: &httparse::Request<'_, '_>, length: usize) -> Result<Head, &'static str> {
    let method = Method::from_bytes(request.method.unwrap_or_default().as_bytes());
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        let value = HeaderValue::from_bytes(header.value);
        headers.append(
            name.map_err(|_| "a header has an invalid name")?,
            value.map_err(|_| "a header has an invalid value")?,
        );
    }
    Ok(Head {
        method: method.map_err(|_| "the method is invalid")?,
        uri: Uri::try_from(request.path.unwrap_or_default())
            .map_err(|_| "the target is invalid")?,
        version: match request.version {
            Some(0) => Version::HTTP_10,
            _ => Version::HTTP_11,
        },
        headers,
        length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let short = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        let with_rest = format!("{short}GET /y");
        for text in [short, &with_rest, "\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let Some(Read::Head(head)) = parse(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!((head.method, head.uri.path()), (Method::GET, "/x"));
            assert!(text[..head.length].ends_with("\r\n\r\n"));
        }
        for part in [
            "",
            "G",
            "GET /x HTTP/1.1\r\nHost: a\r\n",
            "P",
            "PRI * HTTP/2",
        ] {
            assert!(parse(part.as_bytes()).is_none(), "{part}");
        }
        assert!(matches!(parse(PREFACE), Some(Read::Preface)));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let long = format!("GET /x HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(LONGEST));
        let complete = format!("{long}\r\n\r\n");
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(101));
        for (text, status) in [
            ("hello\r\n\r\n", 400),
            ("GET /x HTTP/3.0\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost a\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nHost : a\r\n\r\n", 400),
            ("GET /x HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
            ("GET /\0 HTTP/1.1\r\n\r\n", 400),
            ("\x16\x03\x01\x02\x00\x01", 400),
            (&long, 431),
            (&complete, 431),
            (&many, 431),
        ] {
            let Some(Read::Bad(problem)) = parse(text.as_bytes()) else {
                panic!("{text}")
            };
            assert_eq!(problem.status(), status, "{text}");
        }
    }
}
