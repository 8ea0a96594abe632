//! The contents of a zip's entries, decompressed and checked against the zip's directory.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;

use super::super::decode;
use super::directory::Entry;

/// Reads the contents of all entries that can be opened, one after the other. Each one is checked at its end.
pub(super) struct Contents<'a> {
    file: &'a File,
    entries: std::slice::Iter<'a, Entry>,
    current: Option<Current<'a>>,
}

impl<'a> Contents<'a> {
    pub(super) fn new(file: &'a File, entries: &'a [Entry]) -> Self {
        Self {
            file,
            entries: entries.iter(),
            current: None,
        }
    }
}

struct Current<'a> {
    entry: &'a Entry,
    decoder: Decoder<'a>,
    crc: Crc,
    size: u64,
}

type Raw<'a> = BufReader<io::Take<&'a File>>;

enum Decoder<'a> {
    Stored(Raw<'a>),
    Deflate(flate2::bufread::DeflateDecoder<Raw<'a>>),
    Bzip2(bzip2::bufread::BzDecoder<Raw<'a>>),
    Zstd(zstd::Decoder<'static, Raw<'a>>),
    Xz(Box<lzma_rust2::XzReader<Raw<'a>>>),
}

impl<'a> Decoder<'a> {
    fn new(entry: &Entry, mut file: &'a File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(entry.data))?;
        let raw = BufReader::with_capacity(64 << 10, file.take(entry.compressed));
        Ok(match entry.method {
            0 => Self::Stored(raw),
            8 => Self::Deflate(flate2::bufread::DeflateDecoder::new(raw)),
            12 => Self::Bzip2(bzip2::bufread::BzDecoder::new(raw)),
            93 => Self::Zstd(decode::zstd_decoder(raw)?),
            _ => Self::Xz(Box::new(decode::xz_decoder(raw))),
        })
    }
    fn into_raw(self) -> Raw<'a> {
        match self {
            Self::Stored(raw) => raw,
            Self::Deflate(decoder) => decoder.into_inner(),
            Self::Bzip2(decoder) => decoder.into_inner(),
            Self::Zstd(decoder) => decoder.finish(),
            Self::Xz(decoder) => decoder.into_inner(),
        }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stored(raw) => raw.read(buffer),
            Self::Deflate(decoder) => decoder.read(buffer),
            Self::Bzip2(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
            Self::Xz(decoder) => decoder.read(buffer),
        }
    }
}

impl Read for Contents<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let Some(current) = &mut self.current else {
                let Some(entry) = self.entries.find(|entry| entry.closed.is_none()) else {
                    return Ok(0);
                };
                let decoder = Decoder::new(entry, self.file)?;
                self.current = Some(Current {
                    entry,
                    decoder,
                    crc: Crc::new(),
                    size: 0,
                });
                continue;
            };
            let n = current
                .decoder
                .read(buffer)
                .map_err(|e| io::Error::other(current.entry.refuse("it is damaged").cause(e)))?;
            current.size += n as u64;
            // Without this check, an extra byte would be read as part of the next entry.
            if current.size > current.entry.size {
                return Err(io::Error::other(
                    current.entry.refuse("it is larger than stated"),
                ));
            }
            if n > 0 {
                current.crc.update(&buffer[..n]);
                return Ok(n);
            }
            if let Some(done) = self.current.take() {
                done.check()?;
            }
        }
    }
}

impl Current<'_> {
    fn check(self) -> io::Result<()> {
        let Self {
            entry,
            decoder,
            crc,
            size,
        } = self;
        let why = if size != entry.size {
            "it is shorter than stated"
        } else if crc.sum() != entry.crc {
            "its checksum is wrong"
        } else if decoder.into_raw().bytes().next().is_some() {
            "there is data after its compressed content"
        } else {
            return Ok(());
        };
        Err(io::Error::other(entry.refuse(why)))
    }
}
