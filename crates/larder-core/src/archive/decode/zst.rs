//! Zstandard files of many frames. Where a frame ends, the sizes of its blocks say, and nothing in
//! it refers to the frames before.

use std::io::{self, BufRead, Read};

use zstd::bulk::Decompressor;

use super::super::ZSTD_FRAME;
use super::split::Format;

const MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// The most bytes that a frame of incompressible data takes.
const LARGEST_PACKED: u64 = (ZSTD_FRAME + ZSTD_FRAME / 64) as u64;

/// Frames that are not larger than larder's own.
pub(super) const FRAMES: Format = Format {
    unpacked: ZSTD_FRAME,
    // One thread decompresses almost as fast as another one hashes and writes.
    least_threads: 3,
    read,
    unpack,
};

/// Reads a frame. One with anything unusual is left to the ordinary reader.
fn read(from: &mut dyn BufRead, frame: &mut Vec<u8>) -> io::Result<bool> {
    let mut from = from.take(LARGEST_PACKED);
    if !append(&mut from, frame, 5)? || !frame.starts_with(MAGIC) {
        return Ok(false);
    }
    let descriptor = frame[4];
    // One segment, so the content fits into the output; no dictionary, and no reserved bit.
    if descriptor & 0b0010_1011 != 0b0010_0000 {
        return Ok(false);
    }
    let (bytes, least) = match descriptor >> 6 {
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let ends_with_checksum = descriptor & 0b100 != 0;
    if !append(&mut from, frame, bytes)?
        || number(&frame[5..]).saturating_add(least) > ZSTD_FRAME as u64
    {
        return Ok(false);
    }
    loop {
        let start = frame.len();
        if !append(&mut from, frame, 3)? {
            return Ok(false);
        }
        let header = number(&frame[start..]);
        let size = match header >> 1 & 3 {
            // One byte that is repeated.
            1 => 1,
            3 => return Ok(false),
            _ => header >> 3,
        };
        if !append(&mut from, frame, size)? {
            return Ok(false);
        }
        if header & 1 == 1 {
            return Ok(!ends_with_checksum || append(&mut from, frame, 4)?);
        }
    }
}

/// Reads exactly `size` bytes more. Returns false if there are fewer.
fn append(from: &mut impl Read, to: &mut Vec<u8>, size: u64) -> io::Result<bool> {
    Ok(from.take(size).read_to_end(to)? as u64 == size)
}

fn number(bytes: &[u8]) -> u64 {
    let next = |number, byte: &u8| number << 8 | u64::from(*byte);
    bytes.iter().rev().fold(0, next)
}

#[expect(clippy::ptr_arg, reason = "other formats append to the piece")]
fn unpack(frame: &mut Vec<u8>, output: &mut [u8]) -> Option<usize> {
    let size = Decompressor::new()
        .ok()?
        .decompress_to_buffer(frame, output);
    size.ok().filter(|size| *size > 0)
}
