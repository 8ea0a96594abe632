//! Decompressors with a memory limit. Each one reads its input to the end. After the compressed
//! stream it accepts further streams of the same kind and zeros (which fill up blocks of tapes and
//! disks), and refuses other data.
//!
//! What larder packed is unpacked on several threads (`decode/split.rs`).

mod gz;
mod split;
#[cfg(test)]
mod tests;
mod zst;

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;

use super::pipe::{Pump, zeros_to_the_end};
use super::{Compression, ar, kind, refused};

/// Largest zstd window, as a power of two: 64 MiB. `zstd -19` needs 8 MiB; only `--ultra -22` and
/// `--long=27` need more than 64 MiB.
const ZSTD_WINDOW_LOG: u32 = 26;
/// Most memory for xz, lzma and 7z, in KiB. `xz -9` needs 65 MiB.
pub(super) const LZMA_MEMORY: u32 = 72 << 10;
const INPUT: usize = 64 << 10;

/// Decompresses `from` to its end into the pump, on several threads if it is in pieces.
pub(super) fn decode(compression: Compression, from: impl Read, pump: Pump) -> io::Result<()> {
    decode_on(compression, from, pump, None)
}

/// As [`decode`], on that many threads.
fn decode_on(
    compression: Compression,
    from: impl Read,
    pump: Pump,
    threads: Option<usize>,
) -> io::Result<()> {
    let mut from = BufReader::with_capacity(INPUT, from);
    check_magic(compression, from.fill_buf()?)?;
    match compression {
        Compression::Gz => match gz::blocks(from, &pump, threads)? {
            gz::Gz::Stopped => {}
            gz::Gz::Whole(from) => drop(run(compression, from, pump)?),
            gz::Gz::Continued(rest) => drop(pump.run(Streams {
                compression,
                current: Some(Decoder::GzRest(rest)),
            })),
        },
        Compression::Zst => {
            let mut is_first = true;
            let delivered = |_: &[u8], _: &flate2::Crc| is_first = false;
            let end = split::split(zst::FRAMES, &mut from, &pump, threads, delivered)?;
            let split::End::Rest(rest) = end else {
                return Ok(());
            };
            let mut from = Cursor::new(rest).chain(from);
            if is_first || is_next(compression, from.fill_buf()?) {
                run(compression, from, pump)?;
            } else {
                zeros_to_the_end(from)?;
            }
        }
        _ => drop(run(compression, from, pump)?),
    }
    Ok(())
}

/// Decompresses the tar that a Debian package contains into the pump, and reads the package to its
/// end.
pub(super) fn decode_deb(from: impl Read, pump: Pump) -> io::Result<()> {
    let mut from = BufReader::with_capacity(INPUT, from);
    let size = ar::find_data(&mut from)?;
    let content = ar::Content {
        from: &mut from,
        left: size,
    };
    let mut member = BufReader::with_capacity(INPUT, content);
    let compression = match kind::sniff(member.fill_buf()?) {
        kind::Sniffed::Compressed(compression) => compression,
        _ => Compression::Plain,
    };
    if run(compression, member, pump)? {
        ar::finish(from, size)?;
    }
    Ok(())
}

/// Returns false if the receiver has stopped.
fn run(compression: Compression, from: impl BufRead, pump: Pump) -> io::Result<bool> {
    Ok(if compression == Compression::Plain {
        pump.run(from)
    } else {
        pump.run(Streams {
            compression,
            current: Some(Decoder::new(compression, from)?),
        })
    })
}

/// A zstd decoder with a limit on its window.
pub(super) fn zstd_decoder<R: BufRead>(from: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(from)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

/// An xz decoder with a limit on its memory.
pub(super) fn xz_decoder<R: BufRead>(from: R) -> lzma_rust2::XzReader<R> {
    lzma_rust2::XzReader::new_mem_limit(from, true, LZMA_MEMORY)
}

/// Reads the compressed streams of a file one after the other. Several streams are valid: bgzip,
/// pzstd and `cat` make them.
struct Streams<R: BufRead> {
    compression: Compression,
    current: Option<Decoder<R>>,
}

impl<R: BufRead> Read for Streams<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.current {
            let n = decoder.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(decoder) = self.current.take() else {
                break;
            };
            let mut rest = decoder.end()?;
            if is_next(self.compression, rest.fill_buf()?) {
                self.current = Some(Decoder::new(self.compression, rest)?);
            } else {
                zeros_to_the_end(rest)?;
            }
        }
        Ok(0)
    }
}

/// Whether another stream of the same kind follows.
fn is_next(compression: Compression, start: &[u8]) -> bool {
    match compression {
        Compression::Gz => start.first() == Some(&0x1f),
        Compression::Bz2 => start.first() == Some(&b'B'),
        Compression::Xz => start.first() == Some(&0xfd),
        // A skippable frame, or a compressed one.
        Compression::Zst => start
            .first()
            .is_some_and(|b| matches!(b, 0x28 | 0x50..=0x5f)),
        Compression::Lz4 => start.first() == Some(&0x04),
        // LZMA has no mark by which a second stream could be recognised.
        Compression::Lzma | Compression::Plain => false,
    }
}

enum Decoder<R: BufRead> {
    Gz(Box<GzDecoder<R>>),
    GzRest(Box<gz::Continued<R>>),
    Bz2(bzip2::bufread::BzDecoder<R>),
    Xz(Box<lzma_rust2::XzReader<R>>),
    Zst(zstd::Decoder<'static, R>),
    Lz4(Box<lz4_flex::frame::FrameDecoder<NotesItsEnd<R>>>),
    Lzma(Box<lzma_rust2::LzmaReader<R>>),
}

impl<R: BufRead> Decoder<R> {
    fn new(compression: Compression, from: R) -> io::Result<Self> {
        Ok(match compression {
            Compression::Plain => return Err(io::ErrorKind::Unsupported.into()),
            Compression::Gz => Self::Gz(Box::new(GzDecoder::new(from))),
            Compression::Bz2 => Self::Bz2(bzip2::bufread::BzDecoder::new(from)),
            Compression::Xz => Self::Xz(Box::new(lzma_rust2::XzReader::new_mem_limit(
                from,
                false,
                LZMA_MEMORY,
            ))),
            Compression::Zst => Self::Zst(zstd_decoder(from)?.single_frame()),
            Compression::Lz4 => {
                Self::Lz4(Box::new(lz4_flex::frame::FrameDecoder::new(NotesItsEnd {
                    inner: from,
                    ended: false,
                })))
            }
            Compression::Lzma => Self::Lzma(Box::new(
                lzma_rust2::LzmaReader::new_mem_limit(from, LZMA_MEMORY, None)
                    .map_err(memory_error)?,
            )),
        })
    }

    /// Checks that the stream is complete, and returns the input behind it.
    fn end(self) -> io::Result<R> {
        Ok(match self {
            Self::Gz(decoder) => decoder.into_inner(),
            Self::GzRest(decoder) => decoder.into_inner(),
            Self::Bz2(decoder) => decoder.into_inner(),
            Self::Xz(decoder) => decoder.into_inner(),
            Self::Zst(decoder) => decoder.finish(),
            Self::Lz4(decoder) => {
                let NotesItsEnd { inner, ended } = decoder.into_inner();
                if ended {
                    // The decoder takes the end of its input for the end of a frame.
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                inner
            }
            Self::Lzma(decoder) => {
                let (inner, unused) = decoder.into_parts();
                zeros_to_the_end(&unused[..])?;
                inner
            }
        })
    }
}

impl<R: BufRead> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gz(decoder) => decoder.read(buffer),
            Self::GzRest(decoder) => decoder.read(buffer),
            Self::Bz2(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer).map_err(memory_error),
            Self::Zst(decoder) => decoder.read(buffer).map_err(zstd_error),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Lzma(decoder) => decoder.read(buffer).map_err(memory_error),
        }
    }
}

/// A reader that notes when its end was read.
struct NotesItsEnd<R> {
    inner: R,
    ended: bool,
}

impl<R: Read> Read for NotesItsEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.ended |= n == 0 && !buffer.is_empty();
        Ok(n)
    }
}

fn memory_error(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return io::Error::other(too_much_memory());
    }
    error
}

/// The error for an archive that needs more than [`LZMA_MEMORY`].
pub(super) fn too_much_memory() -> crate::Error {
    refused(format!(
        "it needs more than {} MiB of memory to decompress",
        LZMA_MEMORY >> 10
    ))
}

fn zstd_error(error: io::Error) -> io::Error {
    if error.to_string().contains("too much memory") {
        return io::Error::other(refused(format!(
            "it needs a window of more than {} MiB",
            1 << (ZSTD_WINDOW_LOG - 20)
        )));
    }
    error
}

fn check_magic(compression: Compression, start: &[u8]) -> io::Result<()> {
    let (magic, what): (&[u8], _) = match compression {
        // LZMA has no magic; its decoder reports a header that can't be right.
        Compression::Plain | Compression::Lzma => return Ok(()),
        Compression::Gz => (b"\x1f\x8b", "gzip"),
        Compression::Xz => (b"\xfd7zXZ\0", "xz"),
        Compression::Bz2 => (b"BZh", "bzip2"),
        Compression::Lz4 => (b"\x04\x22\x4d\x18", "lz4"),
        // A zstd stream can start with a skippable frame.
        Compression::Zst if start.get(1..4) == Some(b"\x2a\x4d\x18") => return Ok(()),
        Compression::Zst => (b"\x28\xb5\x2f\xfd", "zstd"),
    };
    // If the input is shorter than the magic and matches so far, the decoder reports that it ends
    // early.
    let common = magic.len().min(start.len());
    if start.is_empty() || start[..common] != magic[..common] {
        return Err(io::Error::other(refused(format!(
            "it is not in {what} format: {}",
            kind::begins(start)
        ))));
    }
    Ok(())
}
