//! A strict reader of zip archives. The directory of a zip is at its end, so the archive is spooled to an anonymous file
//! first; memory stays bounded.
//!
//! A zip tells everything twice, in front of each entry and in its directory, and readers differ in which they believe.
//! Here both must say the same, and together with the data they must cover the file from its first byte to its last:
//! nothing before, between, behind, or overlapping.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use camino::Utf8Path;
use flate2::Crc;

use super::names::{self, Node, shown};
use super::pipe::{Pipe, Shared, Source, check_budget, on_two_threads};
use super::unpack::{Meta, Unpacker};
use super::{Budget, decode, refused};
use crate::error::{Error, Result};
use crate::fs::{self, IoContext};

/// The end record, without its comment.
const END: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;
/// In a field of 32 bits: the truth is in a zip64 field.
const ELSEWHERE: u64 = 0xffff_ffff;

/// Sizes follow the data.
const DESCRIPTOR: u16 = 1 << 3;
/// Plainly, strongly, or with masked headers.
const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// An entry, as the directory states it.
#[derive(Debug)]
struct Entry {
    name: Vec<u8>,
    flags: u16,
    method: u16,
    crc: u32,
    compressed: u64,
    size: u64,
    /// Where its local header is.
    offset: u64,
    /// Where its data begins; known once the local header was read.
    data: u64,
    /// Type and permission bits, where the archive was made on Unix.
    mode: Option<u32>,
}

impl Entry {
    fn odd(&self, why: impl std::fmt::Display) -> Error {
        refused(format!("`{}`: {why}", shown(&self.name)))
    }
}

/// Reads a zip archive to its end.
pub(super) fn read<R: Read + Send>(
    shared: &Shared<'_>,
    mut source: Source<'_, R>,
    into: &Utf8Path,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    let mut spool = tempfile::tempfile_in(into).at("create a file in", into)?;
    let size = match fill(shared, &mut source, &mut spool, into) {
        Err(error) if error.kind() == crate::Kind::Integrity => {
            source.drain();
            return Err(error);
        }
        other => other?,
    };
    let broken = |e: io::Error| {
        if e.kind() == io::ErrorKind::UnexpectedEof {
            damaged()
        } else {
            fs::io_error("read", into, &e)
        }
    };
    let end = find_end(&mut spool, size).map_err(broken)??;
    let mut entries = directory(&mut spool, &end, unpacker).map_err(broken)??;
    entries.sort_by_key(|entry| entry.offset);
    let Budget {
        unpacked,
        ratio,
        entries: _,
    } = shared.budget;
    let total = entries
        .iter()
        .try_fold(0, |sum: u64, entry| sum.checked_add(entry.size))
        .unwrap_or(u64::MAX);
    check_budget(total, size, unpacked, ratio)?;
    check_layout(&mut spool, &mut entries, end.directory).map_err(broken)??;

    let contents = Contents {
        file: &spool,
        entries: entries.iter(),
        current: None,
    };
    let consume = |pipe: &mut Pipe<'_>| {
        entries
            .iter()
            .try_for_each(|entry| take(entry, pipe, unpacker))?;
        // What is wrong with the last entry shows only here.
        if pipe.peek()?.is_empty() {
            Ok(())
        } else {
            Err(damaged())
        }
    };
    on_two_threads(shared, |pump| pump.run(contents), consume)?.0
}

fn damaged() -> Error {
    refused("it is a damaged zip archive")
}

/// Copies the archive to the spool; its size.
fn fill<R: Read>(
    shared: &Shared<'_>,
    source: &mut Source<'_, R>,
    spool: &mut File,
    into: &Utf8Path,
) -> Result<u64> {
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let n = source.read(&mut buffer).map_err(|e| shared.explain(&e))?;
        if size == 0 && !buffer[..n].starts_with(b"PK") {
            return Err(refused(format!(
                "it is no zip archive: {}",
                decode::begins(&buffer[..n])
            )));
        }
        if n == 0 {
            return Ok(size);
        }
        spool.write_all(&buffer[..n]).at("write a file in", into)?;
        size += n as u64;
    }
}

/// Numbers and bytes one after the other, little-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }
    fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_le_bytes)
    }
    fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

fn read_at(mut file: &File, offset: u64, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Where the directory is.
struct End {
    directory: u64,
    size: u64,
    entries: u64,
}

fn find_end(file: &mut File, size: u64) -> io::Result<Result<End>> {
    let length = usize::try_from(size)
        .unwrap_or(usize::MAX)
        .min(END + LONGEST_COMMENT);
    let start = size - length as u64;
    let tail = read_at(file, start, length)?;
    // The comment must reach exactly to the end of the file.
    let states_end = |at: usize| {
        tail[at..].starts_with(b"PK\x05\x06")
            && usize::from(u16::from_le_bytes([tail[at + 20], tail[at + 21]])) == length - at - END
    };
    let mut places = (0..=length.saturating_sub(END)).filter(|at| length >= END && states_end(*at));
    let Some(at) = places.next() else {
        return Ok(Err(refused(
            "it is no whole zip archive: its end record is missing, or something follows it",
        )));
    };
    if places.next().is_some() {
        return Ok(Err(refused("it has two end records")));
    }
    let position = start + at as u64;
    let mut end = parse_end(&tail[at..]);
    let mut before = position;
    // A zip64 end record, if there is one, is told by a locator right before.
    if position >= 20 {
        let locator = read_at(file, position - 20, 20)?;
        if locator.starts_with(b"PK\x06\x07") {
            before = u64::from_le_bytes(locator[8..16].try_into().unwrap_or_default());
            if before.checked_add(56) != Some(position - 20) {
                return Ok(Err(damaged()));
            }
            end = parse_end64(&read_at(file, before, 56)?, end);
        }
    }
    Ok(match end {
        Some(end) if end.directory.checked_add(end.size) == Some(before) => Ok(end),
        Some(_) => Err(refused(
            "something lies before, between or after the parts of this zip archive",
        )),
        None => Err(refused("it is a part of a zip archive, or a damaged one")),
    })
}

fn parse_end(record: &[u8]) -> Option<End> {
    let mut fields = Fields(&record[4..]);
    let (disk, first, here, entries) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
    let (size, directory) = (fields.u32()?, fields.u32()?);
    (disk == 0 && first == 0 && here == entries).then_some(End {
        directory: directory.into(),
        size: size.into(),
        entries: entries.into(),
    })
}

fn parse_end64(record: &[u8], small: Option<End>) -> Option<End> {
    let small = small?;
    let mut fields = Fields(record.strip_prefix(b"PK\x06\x06")?);
    let (length, _versions, disk, first) =
        (fields.u64()?, fields.u32()?, fields.u32()?, fields.u32()?);
    let (here, entries, size, directory) =
        (fields.u64()?, fields.u64()?, fields.u64()?, fields.u64()?);
    // Where the small record states something, it states the same.
    let agree = |small: u64, large: u64, unstated: u64| small == large || small == unstated;
    let fine = length == 44
        && disk == 0
        && first == 0
        && here == entries
        && agree(small.entries, entries, 0xffff)
        && agree(small.size, size, ELSEWHERE)
        && agree(small.directory, directory, ELSEWHERE);
    fine.then_some(End {
        directory,
        size,
        entries,
    })
}

/// Reads the directory, entry by entry.
fn directory(
    file: &mut File,
    end: &End,
    unpacker: &mut Unpacker<'_>,
) -> io::Result<Result<Vec<Entry>>> {
    let mut entries = Vec::new();
    file.seek(SeekFrom::Start(end.directory))?;
    let mut reader = BufReader::new(Read::take(&*file, end.size));
    let mut names = 0;
    for _ in 0..end.entries {
        if let Err(error) = unpacker.count() {
            return Ok(Err(error));
        }
        let mut fixed = [0; 46];
        reader.read_exact(&mut fixed)?;
        let lengths =
            [28, 30, 32].map(|at| usize::from(u16::from_le_bytes([fixed[at], fixed[at + 1]])));
        let mut variable = vec![0; lengths.iter().sum()];
        reader.read_exact(&mut variable)?;
        names += lengths[0];
        if lengths[0] > names::MAX_PATH || names > 32 << 20 {
            return Ok(Err(refused("its names are too long")));
        }
        match central(&fixed, &variable, lengths) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Ok(Err(error)),
        }
    }
    // Bytes left over belong to no entry.
    Ok(if reader.bytes().next().is_none() {
        Ok(entries)
    } else {
        Err(damaged())
    })
}

fn central(fixed: &[u8], variable: &[u8], [name, extra, _comment]: [usize; 3]) -> Result<Entry> {
    let parse = || -> Option<(u16, u32, Entry)> {
        let mut fields = Fields(fixed.strip_prefix(b"PK\x01\x02")?);
        let (made_by, _needed, flags, method, _time_and_date) = (
            fields.u16()?,
            fields.u16()?,
            fields.u16()?,
            fields.u16()?,
            fields.u32()?,
        );
        let (crc, compressed, size, _lengths) = (
            fields.u32()?,
            fields.u32()?,
            fields.u32()?,
            fields.bytes(6)?,
        );
        let (disk, _internal, attributes, offset) =
            (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
        let mut wide = [u64::from(size), u64::from(compressed), u64::from(offset)];
        let extra = variable.get(name..name + extra)?;
        widen(extra, &mut wide)?;
        let [size, compressed, offset] = wide;
        let name = variable.get(..name)?.to_vec();
        let entry = Entry {
            name,
            flags,
            method,
            crc,
            compressed,
            size,
            offset,
            data: 0,
            mode: None,
        };
        (disk == 0).then_some((made_by, attributes, entry))
    };
    let (made_by, attributes, mut entry) = parse().ok_or_else(damaged)?;
    // Made on Unix, or on macOS: the upper half of the attributes is a mode.
    if matches!(made_by >> 8, 3 | 19) && attributes >> 16 != 0 {
        entry.mode = Some(attributes >> 16);
    }
    if entry.flags & ENCRYPTED != 0 {
        return Err(entry.odd("it is encrypted"));
    }
    if !matches!(entry.method, 0 | 8 | 12 | 93 | 95) {
        return Err(entry.odd(format!(
            "its compression method {} is unknown",
            entry.method
        )));
    }
    if entry.method == 0 && entry.compressed != entry.size {
        return Err(entry.odd("it is stored and has two sizes"));
    }
    let extra = &variable[name..name + extra];
    if other_name(extra).is_some_and(|other| other != entry.name) {
        return Err(entry.odd("it has two names"));
    }
    Ok(entry)
}

/// The extra field of that number.
fn extra_field(extra: &[u8], number: u16) -> Option<&[u8]> {
    let mut fields = Fields(extra);
    loop {
        let (id, length) = (fields.u16()?, fields.u16()?);
        let content = fields.bytes(length.into())?;
        if id == number {
            return Some(content);
        }
    }
}

/// Puts sizes and places that did not fit in 32 bits in place, in their order. None where they are missing.
fn widen(extra: &[u8], values: &mut [u64]) -> Option<()> {
    let mut fields = Fields(extra_field(extra, 1).unwrap_or_default());
    for value in values.iter_mut().filter(|value| **value == ELSEWHERE) {
        *value = fields.u64()?;
    }
    Some(())
}

/// The Unicode name that some programs put beside the plain one.
fn other_name(extra: &[u8]) -> Option<&[u8]> {
    // After a version and a checksum.
    extra_field(extra, 0x7075)?.get(5..)
}

/// Local headers say what the directory says, and with the data they fill the file up to the directory. `entries` are
/// sorted by place.
fn check_layout(file: &mut File, entries: &mut [Entry], directory: u64) -> io::Result<Result<()>> {
    let mut position = 0;
    let ends: Vec<u64> = entries
        .iter()
        .skip(1)
        .map(|entry| entry.offset)
        .chain([directory])
        .collect();
    for (entry, end) in entries.iter_mut().zip(ends) {
        if entry.offset != position {
            return Ok(Err(
                entry.odd("it overlaps another entry, or something lies before it")
            ));
        }
        let fixed = read_at(file, position, 30)?;
        let lengths =
            [26, 28].map(|at| usize::from(u16::from_le_bytes([fixed[at], fixed[at + 1]])));
        let variable = read_at(file, position + 30, lengths[0] + lengths[1])?;
        entry.data = position + 30 + variable.len() as u64;
        if let Err(why) = check_local(
            entry,
            &fixed,
            &variable[..lengths[0]],
            &variable[lengths[0]..],
        ) {
            return Ok(Err(entry.odd(why)));
        }
        // What is between the data and the next entry can only be a descriptor.
        let after = entry
            .data
            .checked_add(entry.compressed)
            .and_then(|after| end.checked_sub(after).map(|gap| (after, gap)));
        match after {
            Some((_, 0)) if entry.flags & DESCRIPTOR == 0 || entry.compressed == 0 => {}
            Some((after, gap @ (12 | 16 | 20 | 24))) if entry.flags & DESCRIPTOR != 0 => {
                let bytes = read_at(file, after, usize::try_from(gap).unwrap_or(0))?;
                if !is_descriptor(entry, &bytes) {
                    return Ok(Err(
                        entry.odd("what follows it says otherwise than the directory")
                    ));
                }
            }
            _ => {
                return Ok(Err(
                    entry.odd("it overlaps what follows, or something lies between")
                ));
            }
        }
        position = end;
    }
    Ok(if position == directory {
        Ok(())
    } else {
        Err(damaged())
    })
}

fn check_local(entry: &Entry, fixed: &[u8], name: &[u8], extra: &[u8]) -> Result<(), &'static str> {
    const DIFFERS: &str = "its own header says otherwise than the directory";
    let parse = || -> Option<(u16, u16, u32, [u64; 2])> {
        let mut fields = Fields(fixed.strip_prefix(b"PK\x03\x04")?);
        let (_needed, flags, method, _time_and_date) =
            (fields.u16()?, fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, compressed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let mut wide = [u64::from(size), u64::from(compressed)];
        widen(extra, &mut wide)?;
        Some((flags, method, crc, wide))
    };
    let (flags, method, crc, [size, compressed]) = parse().ok_or("it has no header of its own")?;
    // How hard it was compressed is nobody's business.
    let telling = |flags: u16| flags & (ENCRYPTED | DESCRIPTOR);
    if name != entry.name || method != entry.method || telling(flags) != telling(entry.flags) {
        return Err(DIFFERS);
    }
    if other_name(extra).is_some_and(|other| other != entry.name) {
        return Err("it has two names");
    }
    // Where sizes follow the data, they may be left out here.
    let later = flags & DESCRIPTOR != 0;
    let same = |here: u64, there: u64| here == there || (later && here == 0);
    if same(crc.into(), entry.crc.into())
        && same(size, entry.size)
        && same(compressed, entry.compressed)
    {
        Ok(())
    } else {
        Err(DIFFERS)
    }
}

fn is_descriptor(entry: &Entry, bytes: &[u8]) -> bool {
    let body = match bytes.len() {
        16 | 24 if bytes.starts_with(b"PK\x07\x08") => &bytes[4..],
        12 | 20 => bytes,
        _ => return false,
    };
    let mut fields = Fields(body);
    let crc = fields.u32();
    let sizes = if body.len() == 12 {
        [fields.u32().map(u64::from), fields.u32().map(u64::from)]
    } else {
        [fields.u64(), fields.u64()]
    };
    crc == Some(entry.crc) && sizes == [Some(entry.compressed), Some(entry.size)]
}

/// Takes an entry; its content comes next in the pipe.
fn take(entry: &Entry, pipe: &mut Pipe<'_>, unpacker: &mut Unpacker<'_>) -> Result<()> {
    let path = names::clean(&entry.name).map_err(|why| entry.odd(why))?;
    let kind = entry.mode.map_or(0, |mode| mode & 0o170_000);
    let named_dir = entry.name.ends_with(b"/");
    match (kind, named_dir) {
        (0 | 0o040_000, true) => {
            if entry.size != 0 {
                return Err(entry.odd("it is a folder and has content"));
            }
            unpacker.other(&path, Node::Dir)
        }
        (0 | 0o100_000, false) => {
            let meta = match entry.mode {
                Some(mode) if mode & 0o6000 != 0 => {
                    return Err(entry.odd("it has setuid or setgid permissions"));
                }
                Some(mode) if mode & 0o111 != 0 => Meta::Executable,
                Some(_) => Meta::Plain,
                None => Meta::Unknown,
            };
            unpacker.file(&path, meta, entry.size, pipe)
        }
        (0o120_000, false) => {
            let target = pipe.small(entry.size, names::MAX_PATH as u64)?;
            let target = String::from_utf8(target)
                .map_err(|_| entry.odd("it is a link to a name that is not UTF-8"))?;
            unpacker.other(&path, Node::Symlink(target))
        }
        (0o040_000 | 0o100_000 | 0o120_000, _) => {
            Err(entry.odd("its name and its type contradict each other"))
        }
        (0o020_000 | 0o060_000, _) => Err(entry.odd("it is a device")),
        (0o010_000, _) => Err(entry.odd("it is a FIFO")),
        _ => Err(entry.odd("its type is none that an archive of files has")),
    }
}

/// The contents of all entries one after the other, each checked at its end.
struct Contents<'a> {
    file: &'a File,
    entries: std::slice::Iter<'a, Entry>,
    current: Option<Current<'a>>,
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
                let Some(entry) = self.entries.next() else {
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
                .map_err(|e| io::Error::other(current.entry.odd("it is damaged").cause(e)))?;
            current.size += n as u64;
            // A byte too many would be taken for the next entry's.
            if current.size > current.entry.size {
                return Err(io::Error::other(
                    current.entry.odd("it is larger than stated"),
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
            "something follows its compressed data"
        } else {
            return Ok(());
        };
        Err(io::Error::other(entry.odd(why)))
    }
}
