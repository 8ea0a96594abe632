//! A scripted HTTP server: a function decides each answer, including where the connection breaks.
//! For tests of the client against misbehaving servers.
#![allow(dead_code, reason = "a toolbox: not every test file needs every tool")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One request as received.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
    /// First byte of a `Range: bytes=N-`.
    pub fn range(&self) -> Option<usize> {
        self.header("range")?
            .strip_prefix("bytes=")?
            .strip_suffix('-')?
            .parse()
            .ok()
    }
}

/// What to answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    head: String,
    body: Vec<u8>,
    length: Option<usize>,
    chunked: bool,
    drip: Option<Duration>,
    hang: bool,
    nothing: bool,
}

impl Reply {
    /// A status line and an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            head: format!("HTTP/1.1 {status} Scripted\r\n"),
            ..Self::default()
        }
    }
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status(200).body(body)
    }
    /// 206 with the rest of a body from `start`, and an ETag.
    pub fn rest(whole: &[u8], start: usize, etag: &str) -> Self {
        Self::status(206)
            .header("etag", etag)
            .header(
                "content-range",
                &format!("bytes {start}-{}/{}", whole.len() - 1, whole.len()),
            )
            .body(&whole[start..])
    }
    /// A redirect.
    pub fn to(status: u16, location: &str) -> Self {
        Self::status(status).header("location", location)
    }
    /// Closes the connection without an answer.
    pub fn nothing() -> Self {
        Self {
            nothing: true,
            ..Self::default()
        }
    }
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head = format!("{}{name}: {value}\r\n", self.head);
        self
    }
    /// Sets the body and its length.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.length = Some(self.body.len());
        self
    }
    /// States the whole length, sends only this many bytes, and closes.
    pub fn cut(mut self, after: usize) -> Self {
        self.body.truncate(after);
        self
    }
    /// States this length, whatever is sent.
    pub fn claim(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }
    /// Sends the body as one chunk, without the end mark if it is cut.
    pub fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }
    /// Sends byte by byte, with pauses.
    pub fn drip(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }
    /// Keeps the connection open at the end without sending anything.
    pub fn hang(mut self) -> Self {
        self.hang = true;
        self
    }

    fn send(mut self, mut stream: TcpStream) -> std::io::Result<()> {
        if self.nothing {
            return Ok(());
        }
        let whole = self.length.is_none_or(|length| length == self.body.len());
        if self.chunked {
            self.head.push_str("transfer-encoding: chunked\r\n");
            let mut body = format!("{:x}\r\n", self.length.unwrap_or(0)).into_bytes();
            body.append(&mut self.body);
            if whole {
                body.extend_from_slice(b"\r\n0\r\n\r\n");
            }
            self.body = body;
        } else {
            self.head = format!(
                "{}content-length: {}\r\n",
                self.head,
                self.length.unwrap_or(0)
            );
        }
        stream.write_all(format!("{}connection: close\r\n\r\n", self.head).as_bytes())?;
        match self.drip {
            None => stream.write_all(&self.body)?,
            Some(pause) => {
                for byte in &self.body {
                    stream.write_all(&[*byte])?;
                    std::thread::sleep(pause);
                }
            }
        }
        stream.flush()?;
        if self.hang {
            std::thread::sleep(Duration::from_secs(30));
        }
        stream.shutdown(Shutdown::Write)?;
        // Lets the client read everything before the socket is closed, even if it still sends.
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let _ = stream.read(&mut [0; 1024]);
        Ok(())
    }
}

type Handler = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// The server; it stops with the test's process.
pub struct Script {
    /// `http://127.0.0.1:<port>`
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Script {
    /// Answers with the result of the function, which gets the request and the number of earlier
    /// requests.
    pub fn start(handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(
            TcpListener::bind("127.0.0.1:0").expect("a free port"),
            handler,
        )
    }

    /// The same on a port that is already bound, so that two servers can refer to each other.
    pub fn on(
        listener: TcpListener,
        handler: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let url = format!("http://{}", listener.local_addr().expect("address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, handler): (_, Arc<Handler>) = (Arc::clone(&seen), Arc::new(handler));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
                std::thread::spawn(move || {
                    let Ok(request) = read(&stream) else { return };
                    let before = {
                        let mut log = log.lock().expect("log");
                        log.push(request.clone());
                        log.len() - 1
                    };
                    // The client may have closed the connection; the test checks that itself.
                    let _ = handler(&request, before).send(stream);
                });
            }
        });
        Self { url, seen }
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("log").clone()
    }
    /// The number of requests so far.
    pub fn count(&self) -> usize {
        self.seen().len()
    }
    /// The url of a path on this server.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Seen> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Err(std::io::Error::other("no request"));
    };
    let mut seen = Seen {
        method: method.to_owned(),
        path: path.to_owned(),
        ..Seen::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        seen.headers
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = seen
        .header("content-length")
        .and_then(|v| v.parse().ok())
        .unwrap_or(0);
    seen.body = vec![0; length];
    reader.read_exact(&mut seen.body)?;
    Ok(seen)
}
