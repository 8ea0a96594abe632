//! Requests and answers as the proxies pass them on: one for each connection, bodies with a length.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;

/// What a request that is passed on has.
pub(super) struct Head {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| value.as_str())
    }
}

pub(super) fn read_head(reader: &mut impl BufRead) -> std::io::Result<Option<Head>> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Head {
        method,
        path,
        headers,
    }))
}

pub(super) fn read_body(reader: &mut impl BufRead, head: &Head) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if head.header("transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = head
        .header("content-length")
        .and_then(|text| text.parse().ok());
    body.resize(length.unwrap_or(0), 0);
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// A request for one connection, with its length.
pub(super) fn to_bytes(head: &Head, body: &[u8]) -> Vec<u8> {
    use std::fmt::Write as _;
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.path);
    for (name, value) in &head.headers {
        let replaced = [
            "connection",
            "content-length",
            "transfer-encoding",
            "expect",
        ];
        if !replaced.contains(&name.as_str()) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
    }
    if !matches!(head.method.as_str(), "GET" | "HEAD") {
        let _ = write!(text, "content-length: {}\r\n", body.len());
    }
    text.push_str("connection: close\r\n\r\n");
    [text.as_bytes(), body].concat()
}

pub(super) fn ask(address: &str, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut server = TcpStream::connect(address)?;
    server.write_all(request)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    Ok(answer)
}

pub(super) fn status_of(answer: &[u8]) -> u16 {
    let line = answer
        .split(|byte| *byte == b'\r')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.unwrap_or(0)
}

/// The same answer, which says that the connection ends with it.
pub(super) fn closing(answer: &[u8]) -> Vec<u8> {
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let Some(end) = end else {
        return answer.to_vec();
    };
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let lines = head.split("\r\n").filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("connection")
    });
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let head = format!("{head}\r\nconnection: close");
    [head.as_bytes(), &answer[end..]].concat()
}

/// The same answer with another `Date`.
pub(super) fn later(answer: &[u8], start: usize, seconds: i64) -> Vec<u8> {
    let head = String::from_utf8_lossy(&answer[..start]).into_owned();
    let line = |line: &str| match line.split_once(": ") {
        Some((name, date)) if name.eq_ignore_ascii_case("date") => {
            let date = jiff::fmt::rfc2822::parse(date).expect("a date");
            let date = date + jiff::SignedDuration::from_secs(seconds);
            format!("{name}: {}", date.strftime("%a, %d %b %Y %H:%M:%S GMT"))
        }
        _ => line.to_owned(),
    };
    let head = head
        .split("\r\n")
        .map(line)
        .collect::<Vec<_>>()
        .join("\r\n");
    [head.as_bytes(), &answer[start..]].concat()
}
