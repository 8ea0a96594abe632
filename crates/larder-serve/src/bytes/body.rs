//! A part of a file as the body of a response. It is read in pieces by threads that may block, and
//! only as fast as the connection takes it.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use tokio::time::Sleep;

use super::Opened;
use crate::access::Pace;

/// How much is read at once.
const PIECE: u64 = 256 * 1024;

/// The body.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<Opened>,
    range: Range<u64>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
    pace: Option<Pace>,
    /// Runs until the next piece may be sent.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl FileBody {
    /// The bytes of a range, as fast as the client may have them.
    pub fn new(file: Opened, range: Range<u64>, pace: Option<Pace>) -> Self {
        Self {
            file: Arc::new(file),
            range,
            reading: None,
            pace,
            waiting: None,
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.range.is_empty() {
            return Poll::Ready(None);
        }
        if self.reading.is_none() {
            let file = self.file.clone();
            let Range { start, end } = self.range;
            let mut length = (end - start).min(PIECE);
            if let Some(pace) = self.pace.clone() {
                length = pace.piece(length);
                if let Some(waiting) = &mut self.waiting {
                    ready!(waiting.as_mut().poll(cx));
                } else {
                    let from = pace.take(length, Instant::now());
                    let mut waiting = Box::pin(tokio::time::sleep_until(from.into()));
                    let is_over = waiting.as_mut().poll(cx).is_ready();
                    self.waiting = Some(waiting);
                    if !is_over {
                        return Poll::Pending;
                    }
                }
                self.waiting = None;
            }
            let is_last = start + length == end;
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let piece = read_at(&file.file, start, length)?;
                // Whoever gets the last piece has the whole: it must be what was promised.
                if is_last && !file.is_unchanged() {
                    return Err(io::Error::other("the file changed while it was sent"));
                }
                Ok(piece)
            }));
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other);
        self.reading = None;
        let piece = read.flatten()?;
        self.range.start += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.range.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.range.end - self.range.start)
    }
}

/// Reads exactly these bytes.
fn read_at(file: &std::fs::File, start: u64, length: u64) -> io::Result<Bytes> {
    let mut buffer = BytesMut::zeroed(usize::try_from(length).unwrap_or(0));
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut buffer, start)?;
    #[cfg(windows)]
    {
        let mut done = 0;
        while done < buffer.len() {
            let at = start + done as u64;
            let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], at)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            done += read;
        }
    }
    Ok(buffer.freeze())
}
