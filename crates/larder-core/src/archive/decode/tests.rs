//! Splitting changes nothing: the bytes are the same, or both ways refuse the stream.

use std::io::BufReader;

use proptest::prelude::*;
use proptest::sample::Index;

use super::super::pipe::{Shared, Source, with_pump};
use super::super::tests::{bytes_entry, packed, program};
use super::super::{Budget, DEFLATE_MARKER};
use super::*;
use crate::cancel::Cancel;
use crate::model::PackageFormat;

/// What a decompressor gives, and whether it gives all without an error.
type Outcome = (Vec<u8>, bool);

fn outcome<'a>(
    stream: impl Read + Send + 'a,
    decompress: impl FnOnce(&mut dyn Read, Pump) -> io::Result<()> + Send,
) -> Outcome {
    let cancel = Cancel::new();
    let shared = Shared::new(&cancel, &Budget::default(), None);
    let source = Source::new(stream, &shared);
    let mut bytes = Vec::new();
    let result = with_pump(
        &shared,
        source,
        |source, pump| decompress(source, pump),
        |pipe| {
            loop {
                let piece = pipe.peek()?;
                let n = piece.len();
                if n == 0 {
                    return Ok(());
                }
                bytes.extend_from_slice(piece);
                pipe.consume(n);
            }
        },
    );
    (bytes, result.is_ok())
}

fn in_order(compression: Compression, stream: &[u8]) -> Outcome {
    outcome(stream, |from, pump| {
        run(compression, BufReader::new(from), pump).map(drop)
    })
}

/// Reads in small and uneven steps, as a network does.
struct Steps<'a>(&'a [u8], usize);

impl Read for Steps<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = (self.1 * 5 + 3) % 60_000;
        let step = buffer.len().min(1 + self.1);
        self.0.read(&mut buffer[..step])
    }
}

fn in_pieces(compression: Compression, stream: &[u8], threads: usize) -> Outcome {
    outcome(Steps(stream, 7), |from, pump| {
        decode_on(compression, from, pump, Some(threads))
    })
}

/// The number of pieces that are split off at the start.
fn pieces(compression: Compression, stream: &[u8]) -> usize {
    let mut count = 0;
    let (format, stream) = match compression {
        Compression::Gz => (gz::BLOCKS, &stream[10..]),
        _ => (zst::FRAMES, stream),
    };
    outcome(stream, |from, pump| {
        split::split(format, &mut BufReader::new(from), &pump, Some(3), |_, _| {
            count += 1;
        })
        .map(drop)
    });
    count
}

#[track_caller]
fn assert_same(compression: Compression, stream: &[u8]) -> bool {
    let (bytes, ok) = in_order(compression, stream);
    for threads in [1, 3] {
        let (split, split_ok) = in_pieces(compression, stream, threads);
        assert_eq!(split_ok, ok, "{threads} threads");
        // The bytes before an error are of no use, and may differ in number.
        let n = if ok {
            usize::MAX
        } else {
            split.len().min(bytes.len())
        };
        let same = split.iter().take(n).eq(bytes.iter().take(n));
        assert!(same, "{threads} threads give other bytes");
    }
    ok
}

fn tar(format: PackageFormat, size: usize) -> Vec<u8> {
    packed(format, &[bytes_entry("tool", 0o755, &program(size))], 2)
}

const OWN: [(PackageFormat, Compression, usize); 2] = [
    (PackageFormat::TarGz, Compression::Gz, 512 << 10),
    (PackageFormat::TarZst, Compression::Zst, 2 << 20),
];

#[test]
fn all_blocks_of_own_packages_are_split() {
    for (format, compression, block) in OWN {
        for size in [1, block - 5_000, block, 2 * block + 1, 5 * block] {
            let stream = tar(format, size);
            // The tar is up to 2.5 KiB larger. The last block of gzip is always read in order.
            let blocks = (size + 2_560).div_ceil(block);
            let expected = blocks - usize::from(compression == Compression::Gz);
            assert_eq!(pieces(compression, &stream), expected, "{format:?} {size}");
            assert!(assert_same(compression, &stream));
        }
    }
}

#[test]
fn whatever_follows_is_the_same() {
    for (format, compression, block) in OWN {
        let stream = tar(format, block + 5_000);
        for (after, accepted) in [
            (&[][..], true),
            (&[0; 1000], true),
            (&stream, true),
            (&stream[..stream.len() / 2], false),
            (b"more", false),
            (&[0, 0, 7], false),
        ] {
            let joined = [&stream, after].concat();
            assert_eq!(assert_same(compression, &joined), accepted, "{format:?}");
        }
    }
}

/// A gzip member of these deflate blocks.
fn member(deflate: &[u8], content: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let mut stream = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    stream.extend_from_slice(deflate);
    stream.extend_from_slice(&crc.sum().to_le_bytes());
    stream.extend_from_slice(&crc.amount().to_le_bytes());
    stream
}

fn stored(bytes: &[u8], last: bool) -> Vec<u8> {
    let size = u16::try_from(bytes.len()).unwrap();
    let mut block = vec![u8::from(last)];
    block.extend_from_slice(&size.to_le_bytes());
    block.extend_from_slice(&(!size).to_le_bytes());
    block.extend_from_slice(bytes);
    block
}

/// Blocks that refer to the ones before, each followed by a marker.
fn depending(content: &[u8], block: usize) -> Vec<u8> {
    let mut compress = flate2::Compress::new(flate2::Compression::new(6), false);
    let mut stream = Vec::with_capacity(2 * content.len() + 1000);
    for block in content.chunks(block) {
        let flush = flate2::FlushCompress::Sync;
        compress.compress_vec(block, &mut stream, flush).unwrap();
        stream.extend_from_slice(&stored(b"", false));
    }
    stream.extend_from_slice(&stored(b"", true));
    stream
}

#[test]
fn markers_that_are_not_the_end_of_a_block_are_found_out() {
    let marker = DEFLATE_MARKER;
    let content = [b"before".as_slice(), marker, b"after"].concat();
    let repeated = b"what is said three times is true ".repeat(9000);
    let bomb = vec![0; 3 << 20];
    let split_empty = [&[0], marker, &stored(b"a", true)].concat();
    for (name, deflate, content, expected) in [
        ("in stored data", stored(&content, true), &content[..], 0),
        (
            "a second block",
            [&stored(b"x", false)[..], &[0], marker, &stored(b"y", true)].concat(),
            b"xy",
            1,
        ),
        ("depending", depending(&repeated, 100_000), &repeated, 1),
        ("too large", depending(&bomb, 1 << 20), &bomb, 0),
        ("empty", split_empty, b"a", 0),
    ] {
        let stream = member(&deflate, content);
        assert_eq!(pieces(Compression::Gz, &stream), expected, "{name}");
        assert!(assert_same(Compression::Gz, &stream), "{name}");
        assert_eq!(in_order(Compression::Gz, &stream).0, content, "{name}");
    }
    // The end of the stream in the middle, and markers behind it.
    let mut ended = member(&stored(b"x", true), b"x");
    ended.push(0);
    ended.extend_from_slice(marker);
    assert!(!assert_same(Compression::Gz, &ended));
}

/// A place of a stream where a change matters: near its start, its end, or a marker.
fn place(stream: &[u8], near: usize, offset: Index) -> usize {
    let n = DEFLATE_MARKER.len();
    let markers: Vec<usize> = (0..stream.len().saturating_sub(n))
        .filter(|at| {
            stream[*at..].starts_with(DEFLATE_MARKER)
                || stream[*at..].starts_with(b"\x28\xb5\x2f\xfd")
        })
        .collect();
    let at = match near {
        0 => 0,
        1 => stream.len().saturating_sub(20),
        2 => return offset.index(stream.len()),
        n => markers.get(n % markers.len().max(1)).copied().unwrap_or(0),
    };
    (at + offset.index(30))
        .saturating_sub(10)
        .min(stream.len() - 1)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn changed_streams_give_the_same_in_order_and_in_pieces(
        zst in any::<bool>(),
        changes in prop::collection::vec((0..5_u8, 0..8_usize, any::<Index>(), any::<u8>()), 1..4),
    ) {
        let (format, compression, block) = OWN[usize::from(zst)];
        let mut stream = tar(format, 2 * block + 9_000);
        for (change, near, offset, byte) in changes {
            let at = place(&stream, near, offset);
            match change {
                0 => stream[at] = byte,
                1 => stream[at] ^= 1 << (byte % 8),
                2 => stream.insert(at, byte),
                3 => drop(stream.remove(at)),
                _ => stream.truncate(at.max(16)),
            }
        }
        // The first bytes are checked before anything is split.
        stream[..4].copy_from_slice(&tar(format, 1)[..4]);
        assert_same(compression, &stream);
    }
}
