//! Decompressors with a memory limit. Each one reads its input to the end and refuses data after
//! the compressed stream.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::pipe::{Pump, at_end};
use super::{Compression, refused};

/// Largest zstd window, as a power of two: 64 MiB. `zstd -19` needs 8 MiB; only `--ultra -22` and
/// `--long=27` need more than 64 MiB.
const ZSTD_WINDOW_LOG: u32 = 26;
/// Most memory for xz, in KiB. `xz -9` needs 65 MiB.
const XZ_MEMORY: u32 = 72 << 10;
const INPUT: usize = 64 << 10;

/// Decompresses `from` to its end into the pump.
pub(super) fn decode(compression: Compression, from: impl Read, pump: Pump) -> io::Result<()> {
    let mut from = BufReader::with_capacity(INPUT, from);
    check_magic(compression, from.fill_buf()?)?;
    match compression {
        Compression::Plain => {
            pump.run(from);
            Ok(())
        }
        Compression::Gz => {
            pump.run(Members {
                current: Some(GzDecoder::new(from)),
            });
            Ok(())
        }
        Compression::Bz2 => {
            let mut decoder = bzip2::bufread::MultiBzDecoder::new(from);
            if pump.run(&mut decoder) {
                at_end(decoder.into_inner())
            } else {
                Ok(())
            }
        }
        Compression::Xz => {
            let mut decoder = xz_decoder(from);
            if pump.run(MapErrors {
                inner: &mut decoder,
                convert: xz_error,
            }) {
                at_end(decoder.into_inner())
            } else {
                Ok(())
            }
        }
        Compression::Zst => {
            let mut decoder = zstd_decoder(from)?;
            if pump.run(MapErrors {
                inner: &mut decoder,
                convert: zstd_error,
            }) {
                at_end(decoder.finish())
            } else {
                Ok(())
            }
        }
    }
}

/// A zstd decoder with a limit on its window.
pub(super) fn zstd_decoder<R: BufRead>(from: R) -> io::Result<zstd::Decoder<'static, R>> {
    let mut decoder = zstd::Decoder::with_buffer(from)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG)?;
    Ok(decoder)
}

/// An xz decoder with a limit on its memory.
pub(super) fn xz_decoder<R: BufRead>(from: R) -> lzma_rust2::XzReader<R> {
    lzma_rust2::XzReader::new_mem_limit(from, true, XZ_MEMORY)
}

/// Reads the members of a gzip file one after the other. Several members are valid (bgzip makes
/// them); other data after a member is refused.
struct Members<R> {
    current: Option<GzDecoder<R>>,
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.current {
            let n = decoder.read(buffer)?;
            if n > 0 || buffer.is_empty() {
                return Ok(n);
            }
            let Some(mut rest) = self.current.take().map(GzDecoder::into_inner) else {
                break;
            };
            match rest.fill_buf()? {
                [] => {}
                [0x1f, ..] => self.current = Some(GzDecoder::new(rest)),
                _ => at_end(rest)?,
            }
        }
        Ok(0)
    }
}

/// Converts the errors of a reader.
struct MapErrors<R> {
    inner: R,
    convert: fn(io::Error) -> io::Error,
}

impl<R: Read> Read for MapErrors<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(self.convert)
    }
}

fn xz_error(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return io::Error::other(refused(format!(
            "it needs more than {} MiB of memory to decompress",
            XZ_MEMORY >> 10
        )));
    }
    error
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
        Compression::Plain => return Ok(()),
        Compression::Gz => (b"\x1f\x8b", "gzip"),
        Compression::Xz => (b"\xfd7zXZ\0", "xz"),
        Compression::Bz2 => (b"BZh", "bzip2"),
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
            begins(start)
        ))));
    }
    Ok(())
}

/// Describes the first bytes of a file, for error messages.
pub(super) fn begins(start: &[u8]) -> String {
    if start.is_empty() {
        return "it is empty".into();
    }
    let text = String::from_utf8_lossy(&start[..start.len().min(512)]).to_lowercase();
    if ["<!doctype", "<html"]
        .iter()
        .any(|tag| text.trim_start().starts_with(tag))
    {
        return "it is an HTML page".into();
    }
    let bytes: String = start
        .iter()
        .take(8)
        .flat_map(|b| b.escape_ascii())
        .map(char::from)
        .collect();
    format!("it begins with `{bytes}`")
}
