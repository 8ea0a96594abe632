//! gzip streams of larder's own, whose blocks stand alone and end with a marker.
//!
//! Whether a place is the end of such a block only the blocks before it can tell: the marker could
//! be part of other data. So a block must prove itself. Its inflater starts with nothing before it,
//! refuses whatever refers further back, and must come to a stop between two blocks of deflate
//! exactly where the marker ends, on the border of a byte.

use std::io::{self, BufRead, Chain, Cursor, Read};

use flate2::Crc;
use zlib_rs::{Inflate, InflateFlush, Status};

use super::super::DEFLATE_MARKER;
use super::super::pipe::Pump;
use super::split::{End, Format, split};

/// The header that larder writes: no name, no time, an unknown system. Other programs write it too.
const HEADER: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// A block that is larger, packed or unpacked, is not larder's own.
const LARGEST: usize = 512 << 10;
/// The most bytes that a marked block of incompressible data takes.
const LARGEST_PACKED: usize = LARGEST + LARGEST / 64;
/// Room behind the output, with which the inflater is fastest to its end.
const ROOM: usize = 512;
/// How far deflate can refer back.
const WINDOW: usize = 32 << 10;
/// An empty last block.
const LAST: &[u8] = &[3, 0];

pub(super) const BLOCKS: Format = Format {
    unpacked: LARGEST + ROOM,
    least_threads: 2,
    read,
    unpack,
};

/// The rest of an input: what was read of it, and what was not.
pub(super) type Rest<R> = Chain<Cursor<Vec<u8>>, R>;

/// A stream whose blocks were unpacked as far as they stand alone.
pub(super) enum Gz<R> {
    /// The receiver has stopped.
    Stopped,
    /// Nothing was unpacked.
    Whole(Rest<R>),
    /// The member continues.
    Continued(Box<Continued<Rest<R>>>),
}

/// Unpacks the blocks at the start of a stream that stand alone.
pub(super) fn blocks<R: BufRead>(
    mut from: R,
    pump: &Pump,
    threads: Option<usize>,
) -> io::Result<Gz<R>> {
    let mut start = Vec::new();
    (&mut from)
        .take(HEADER.len() as u64)
        .read_to_end(&mut start)?;
    if start != HEADER {
        return Ok(Gz::Whole(Cursor::new(start).chain(from)));
    }
    let mut crc = Crc::new();
    let mut window = Vec::new();
    let delivered = |unpacked: &[u8], piece: &Crc| {
        crc.combine(piece);
        window.extend_from_slice(&unpacked[unpacked.len().saturating_sub(WINDOW)..]);
        window.drain(..window.len().saturating_sub(WINDOW));
    };
    let rest = match split(BLOCKS, &mut from, pump, threads, delivered)? {
        End::Stopped => return Ok(Gz::Stopped),
        End::Rest(rest) => rest,
    };
    if window.is_empty() {
        start.extend_from_slice(&rest);
        return Ok(Gz::Whole(Cursor::new(start).chain(from)));
    }
    let rest = Cursor::new(rest).chain(from);
    let continued = Continued::new(rest, &window, crc)?;
    Ok(Gz::Continued(Box::new(continued)))
}

/// Reads up to the end of the next marker.
fn read(from: &mut dyn BufRead, piece: &mut Vec<u8>) -> io::Result<bool> {
    while piece.len() <= LARGEST_PACKED {
        let bytes = from.fill_buf()?;
        let n = bytes.len();
        if n == 0 {
            return Ok(false);
        }
        // A marker can begin in what was read before.
        let before = piece.len();
        let start = before.saturating_sub(DEFLATE_MARKER.len() - 1);
        piece.extend_from_slice(bytes);
        if let Some(end) = end_of_marker(&piece[start..]) {
            piece.truncate(start + end);
            from.consume(piece.len() - before);
            return Ok(true);
        }
        from.consume(n);
    }
    Ok(false)
}

/// The position after the first marker.
fn end_of_marker(bytes: &[u8]) -> Option<usize> {
    let mut last = DEFLATE_MARKER.len() - 1;
    while let Some(byte) = bytes.get(last) {
        last += match byte {
            0xff if bytes[..=last].ends_with(DEFLATE_MARKER) => return Some(last + 1),
            0xff => 1,
            // The last zero of the marker is two bytes before its end.
            0 => 2,
            _ => DEFLATE_MARKER.len(),
        };
    }
    None
}

fn unpack(piece: &mut Vec<u8>, output: &mut [u8]) -> Option<usize> {
    let length = piece.len();
    piece.extend_from_slice(LAST);
    let mut inflate = Inflate::new(false, 15);
    let mut step = |read: usize, size: usize, flush| {
        let status = inflate.decompress(&piece[read..], &mut output[size..], flush);
        let read = usize::try_from(inflate.total_in()).ok()?;
        let size = usize::try_from(inflate.total_out()).ok()?;
        // A full output must not be the reason for a stop.
        (size < output.len()).then_some((status.ok()?, read, size))
    };
    let (mut status, mut read, mut size) = (Status::Ok, 0, 0);
    while read < length && status == Status::Ok {
        // It stops after each block of deflate.
        (status, read, size) = step(read, size, InflateFlush::Block)?;
    }
    if status != Status::Ok || read != length || size == 0 {
        return None;
    }
    // More was offered, so a block ends here. If bits of the last byte were left, which are ones,
    // they would make this last block an invalid one.
    let end = step(read, size, InflateFlush::NoFlush)?;
    (end == (Status::StreamEnd, length + LAST.len(), size)).then_some(size)
}

/// Reads the rest of a member whose start was unpacked.
pub(super) struct Continued<R> {
    from: R,
    inflate: Inflate,
    crc: Crc,
    ended: bool,
}

impl<R: BufRead> Continued<R> {
    fn new(from: R, window: &[u8], crc: Crc) -> io::Result<Self> {
        let mut inflate = Inflate::new(false, 15);
        inflate.set_dictionary(window).map_err(damaged)?;
        Ok(Self {
            from,
            inflate,
            crc,
            ended: false,
        })
    }

    /// The input behind the member.
    pub(super) fn into_inner(self) -> R {
        self.from
    }

    fn check_trailer(&mut self) -> io::Result<()> {
        let mut trailer = [0; 8];
        self.from.read_exact(&mut trailer)?;
        let expected = (
            self.crc.sum().to_le_bytes(),
            self.crc.amount().to_le_bytes(),
        );
        if trailer.as_slice() != [expected.0, expected.1].as_flattened() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the gzip stream does not have its checksum",
            ));
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Continued<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            let input = self.from.fill_buf()?;
            let at_end = input.is_empty();
            let given = input.len();
            let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, buffer, InflateFlush::NoFlush)
                .map_err(damaged)?;
            let count = |n: u64, most| usize::try_from(n).map_or(most, |n| n.min(most));
            let read = count(self.inflate.total_in() - read, given);
            let written = count(self.inflate.total_out() - written, buffer.len());
            self.from.consume(read);
            self.crc.update(&buffer[..written]);
            if status == Status::StreamEnd {
                self.check_trailer()?;
                self.ended = true;
            } else if written == 0 && at_end {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

fn damaged(error: zlib_rs::InflateError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.as_str())
}
