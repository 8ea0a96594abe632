//! Writes zip archives whose local headers state the sizes.
//!
//! The packages of the hub have them after the data instead, so that they can be streamed; the
//! Python Package Index refuses archives of that form. Here the output is a file, so the header is
//! written again once the sizes are known.

use std::io::{self, Seek, SeekFrom, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use larder_core::archive::gzip;
use larder_core::error::{Error, Result};

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
const DEFLATE: u16 = 8;
/// Needed to extract: 2.0. Made by: Unix.
const NEEDED: u16 = 20;
const MADE_BY: u16 = 3 << 8 | NEEDED;
const GZIP_HEADER: usize = 10;
const GZIP_TRAILER: usize = 8;

/// Writes a zip archive.
pub struct ZipWriter<W> {
    out: W,
    threads: usize,
    time: [u16; 2],
    offset: u64,
    directory: Vec<u8>,
    count: u16,
}

impl<W: Write + Seek> ZipWriter<W> {
    /// Starts an archive whose entries have this time, in seconds since 1970.
    pub fn new(out: W, time: i64, threads: usize) -> Self {
        Self {
            out,
            threads,
            time: dos_time(time),
            offset: 0,
            directory: Vec::new(),
            count: 0,
        }
    }

    /// Adds a file of a known size.
    pub fn add(
        &mut self,
        name: &str,
        mode: u32,
        size: u64,
        write: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<()> {
        let size = to_u32(size)?;
        let offset = to_u32(self.offset)?;
        let header = self.header(name, [0; 3])?;
        self.out.write_all(&header).map_err(failed)?;
        let mut raw = RawDeflate {
            out: &mut self.out,
            skip: GZIP_HEADER,
            held: Vec::new(),
        };
        let packed = gzip(&mut raw, self.threads, write)?;
        let trailer: [u8; GZIP_TRAILER] = raw
            .held
            .as_slice()
            .try_into()
            .map_err(|_| Error::failed("a gzip stream has no trailer"))?;
        let [a, b, c, d, rest @ ..] = trailer;
        let crc = u32::from_le_bytes([a, b, c, d]);
        if u32::from_le_bytes(rest) != size {
            return Err(Error::integrity(format!(
                "`{name}` does not have the stated size of {size} bytes"
            )));
        }
        let compressed = packed.size - (GZIP_HEADER + GZIP_TRAILER) as u64;
        let fields = [crc, to_u32(compressed)?, size];

        let header = self.header(name, fields)?;
        self.out
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| self.out.write_all(&header))
            .and_then(|()| self.out.seek(SeekFrom::End(0)))
            .map_err(failed)?;
        self.offset += header.len() as u64 + compressed;
        self.list(name, mode, fields, offset)
    }

    /// Writes the directory.
    pub fn finish(mut self) -> Result<()> {
        let offset = to_u32(self.offset)?;
        let size = to_u32(self.directory.len() as u64)?;
        let mut end = std::mem::take(&mut self.directory);
        end.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        put16(&mut end, [self.count, self.count]);
        put32(&mut end, [size, offset]);
        put16(&mut end, [0]);
        self.out
            .write_all(&end)
            .and_then(|()| self.out.flush())
            .map_err(failed)
    }

    /// The local header of an entry.
    fn header(&self, name: &str, fields: [u32; 3]) -> Result<Vec<u8>> {
        let mut header = b"PK\x03\x04".to_vec();
        let [time, date] = self.time;
        put16(&mut header, [NEEDED, FLAGS, DEFLATE, time, date]);
        put32(&mut header, fields);
        put16(&mut header, [name_length(name)?, 0]);
        header.extend_from_slice(name.as_bytes());
        Ok(header)
    }

    /// Adds an entry to the directory.
    fn list(&mut self, name: &str, mode: u32, fields: [u32; 3], offset: u32) -> Result<()> {
        self.count = self
            .count
            .checked_add(1)
            .filter(|n| *n < u16::MAX)
            .ok_or_else(too_large)?;
        let [time, date] = self.time;
        let to = &mut self.directory;
        to.extend_from_slice(b"PK\x01\x02");
        put16(to, [MADE_BY, NEEDED, FLAGS, DEFLATE, time, date]);
        put32(to, fields);
        // Lengths of name, extra field and comment; number of the disk; internal attributes.
        put16(to, [name_length(name)?, 0, 0, 0, 0]);
        put32(to, [(0o100_000 | mode) << 16, offset]);
        to.extend_from_slice(name.as_bytes());
        Ok(())
    }
}

/// Passes on what is between the header and the trailer of a gzip stream, and keeps the trailer.
struct RawDeflate<'a, W> {
    out: &'a mut W,
    skip: usize,
    held: Vec<u8>,
}

impl<W: Write> Write for RawDeflate<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        self.held.extend_from_slice(&bytes[skipped..]);
        let pass = self.held.len().saturating_sub(GZIP_TRAILER);
        self.out.write_all(&self.held[..pass])?;
        self.held.drain(..pass);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put16<const N: usize>(to: &mut Vec<u8>, fields: [u16; N]) {
    for field in fields {
        to.extend_from_slice(&field.to_le_bytes());
    }
}

fn put32<const N: usize>(to: &mut Vec<u8>, fields: [u32; N]) {
    for field in fields {
        to.extend_from_slice(&field.to_le_bytes());
    }
}

/// Time and date as DOS writes them, in UTC; from 1980 to 2107.
fn dos_time(seconds: i64) -> [u16; 2] {
    let Ok(time) = Timestamp::from_second(seconds) else {
        return [0, 1 << 5 | 1];
    };
    let time = time.to_zoned(TimeZone::UTC);
    if !(1980..=2107).contains(&time.year()) {
        return [0, 1 << 5 | 1];
    }
    // All fields are in their ranges, so no sign is lost.
    let bits = |field: i8| u16::from(field.unsigned_abs());
    let clock = bits(time.hour()) << 11 | bits(time.minute()) << 5 | (bits(time.second()) / 2);
    let year = (time.year() - 1980).unsigned_abs();
    [
        clock,
        year << 9 | bits(time.month()) << 5 | bits(time.day()),
    ]
}

fn name_length(name: &str) -> Result<u16> {
    u16::try_from(name.len()).map_err(|_| too_large())
}

fn to_u32(n: u64) -> Result<u32> {
    u32::try_from(n)
        .ok()
        .filter(|n| *n < u32::MAX)
        .ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::failed("the files are too large for a zip archive")
        .cause("its sizes have 32 bits")
        .hint("leave this channel out for this subsystem: `--skip`, or `enabled: false`")
}

fn failed(error: io::Error) -> Error {
    Error::failed("cannot write a zip archive").cause(error)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn times_are_those_of_dos() {
        assert_eq!(dos_time(315_532_800), [0, 33]);
        // 2026-11-26 23:05:12
        assert_eq!(
            dos_time(1_795_734_312),
            [(23 << 11) + (5 << 5) + 6, (46 << 9) + (11 << 5) + 26]
        );
        assert_eq!(dos_time(0), [0, 33]);
        assert_eq!(dos_time(i64::MAX), [0, 33]);
    }

    #[test]
    fn local_headers_state_the_sizes() {
        let big = vec![b'a'; 700_000];
        let mut bytes = Cursor::new(Vec::new());
        let mut zip = ZipWriter::new(&mut bytes, 315_532_800, 2);
        for (name, content) in [("a.txt", b"text".as_slice()), ("empty", b""), ("big", &big)] {
            let write = |out: &mut dyn Write| out.write_all(content).map_err(failed);
            zip.add(name, 0o755, content.len() as u64, write).unwrap();
        }
        zip.finish().unwrap();
        let bytes = bytes.into_inner();
        assert_eq!(bytes[6..8], FLAGS.to_le_bytes(), "no data descriptor");
        assert_eq!(
            bytes[22..26],
            4u32.to_le_bytes(),
            "the size of the first file"
        );

        let mut zip = ZipWriter::new(Cursor::new(Vec::new()), 315_532_800, 1);
        let wrong = zip.add("a", 0o644, 5, |out| out.write_all(b"text").map_err(failed));
        assert!(wrong.unwrap_err().message().contains("stated size"));
    }
}
