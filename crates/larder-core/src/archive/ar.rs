//! Debian packages: an `ar` archive with three members, of which the last one is a tar of the files.

use std::io::{self, BufRead, Read};

use super::refused;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;
/// Most members of a package. A real one has three, or a few more with signatures.
const MOST_MEMBERS: usize = 32;

/// Name and size of a member.
struct Member {
    name: String,
    size: u64,
}

/// Reads a package up to the tar of its files, and returns the size of that tar.
pub(super) fn find_data(from: &mut impl BufRead) -> io::Result<u64> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(refuse("it is not a Debian package"));
    }
    for n in 0..MOST_MEMBERS {
        let Some(Member { name, size }) = header(from)? else {
            return Err(refuse("it is a Debian package without files"));
        };
        if n == 0 && name != "debian-binary" {
            return Err(refuse("it is an `ar` archive, but not a Debian package"));
        }
        if name.starts_with("data.tar") {
            return Ok(size);
        }
        skip(from, size.next_multiple_of(2))?;
    }
    Err(refuse("it is a Debian package with too many members"))
}

/// Reads the rest of a package behind the tar of its files, which has this size.
pub(super) fn finish(mut from: impl BufRead, size: u64) -> io::Result<()> {
    let mut padding = size % 2;
    for _ in 0..MOST_MEMBERS {
        // The padding of the last member may be missing.
        if from.fill_buf()?.is_empty() {
            return Ok(());
        }
        skip(&mut from, padding)?;
        let Some(Member { name, size }) = header(&mut from)? else {
            return Ok(());
        };
        if name.starts_with("data.tar") {
            return Err(refuse("it is a Debian package with two archives of files"));
        }
        skip(&mut from, size)?;
        padding = size % 2;
    }
    Err(refuse("it is a Debian package with too many members"))
}

/// The next member's header; `None` at the end.
fn header(from: &mut impl BufRead) -> io::Result<Option<Member>> {
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut header = [0; HEADER];
    from.read_exact(&mut header)?;
    let text = |range: std::ops::Range<usize>| std::str::from_utf8(&header[range]).ok();
    let size = text(48..58).and_then(|size| size.trim_end().parse().ok());
    match (header.ends_with(b"`\n"), text(0..16), size) {
        (true, Some(name), Some(size)) => Ok(Some(Member {
            // Some programs end names with a slash.
            name: name.trim_end().trim_end_matches('/').to_owned(),
            size,
        })),
        _ => Err(refuse("it is a damaged Debian package")),
    }
}

/// The content of a member, which must be complete.
pub(super) struct Content<R> {
    pub(super) from: R,
    pub(super) left: u64,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let n = self.from.read(&mut buffer[..n])?;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        Ok(n)
    }
}

fn skip(from: &mut impl BufRead, size: u64) -> io::Result<()> {
    if io::copy(&mut from.take(size), &mut io::sink())? == size {
        Ok(())
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

fn refuse(why: &str) -> io::Error {
    io::Error::other(refused(why))
}
