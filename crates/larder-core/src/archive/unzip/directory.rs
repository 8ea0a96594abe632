//! Reads the directory of a zip archive, which describes each entry.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use super::super::names::{self, escape_name};
use super::super::unpacker::Unpacker;
use super::super::{cp437, refused};
use super::end::End;
use super::fields::{Fields, damaged, unicode_name, widen};
use crate::error::{Error, Result};

/// Flag: a data descriptor with the sizes follows the data.
pub(super) const DESCRIPTOR: u16 = 1 << 3;
/// Flags: traditional encryption, strong encryption, or masked headers.
pub(super) const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;

/// An entry, as the directory describes it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    /// Its name as text, with `/` between folders.
    pub(super) path: String,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) compressed: u64,
    pub(super) size: u64,
    /// Position of its local header in the file.
    pub(super) offset: u64,
    /// Position of its data in the file; set once the local header was read.
    pub(super) data: u64,
    /// Type and permission bits, if the archive was made on Unix.
    pub(super) mode: Option<u32>,
    /// Why its content can't be read, if that is so.
    pub(super) closed: Option<String>,
}

impl Entry {
    pub(super) fn refuse(&self, why: impl std::fmt::Display) -> Error {
        refused(format!("`{}`: {why}", escape_name(&self.name)))
    }
}

/// Reads the directory, entry by entry.
pub(super) fn read(
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
            return Ok(Err(refused("the names in its directory are too long")));
        }
        match central(&fixed, &variable, lengths, end.shift) {
            Ok(entry) => entries.push(entry),
            Err(error) => return Ok(Err(error)),
        }
    }
    // Bytes that remain after the last entry do not belong to any entry.
    Ok(if reader.bytes().next().is_none() {
        Ok(entries)
    } else {
        Err(damaged())
    })
}

fn central(
    fixed: &[u8],
    variable: &[u8],
    [name, extra, _comment]: [usize; 3],
    shift: u64,
) -> Result<Entry> {
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
            path: String::new(),
            flags,
            method,
            crc,
            compressed,
            size,
            offset: offset.checked_add(shift)?,
            data: 0,
            mode: None,
            closed: None,
        };
        // 0xffff refers to the zip64 field, and there is no other disk in any case.
        matches!(disk, 0 | 0xffff).then_some((made_by, attributes, entry))
    };
    let (made_by, attributes, mut entry) = parse().ok_or_else(damaged)?;
    // If the entry was made on Unix or macOS, the upper half of the attributes is a mode.
    if matches!(made_by >> 8, 3 | 19) && attributes >> 16 != 0 {
        entry.mode = Some(attributes >> 16);
    }
    let extra = &variable[name..name + extra];
    entry.path = path(&entry, unicode_name(extra, &entry.name))?;
    if entry.flags & ENCRYPTED != 0 {
        entry.closed = Some("it is encrypted".to_owned());
    } else if !matches!(entry.method, 0 | 8 | 12 | 93 | 95) {
        entry.closed = Some(format!(
            "its compression method {} is unknown",
            entry.method
        ));
    } else if entry.method == 0 && entry.compressed != entry.size {
        return Err(entry.refuse("it is stored without compression, but its two sizes differ"));
    }
    Ok(entry)
}

/// The name of an entry as text. The parts of a path are separated by `/`, but some Windows programs
/// write a backslash.
fn path(entry: &Entry, unicode: Option<&[u8]>) -> Result<String> {
    let name = match unicode {
        // A program that does not know the second name reads the first one; if that is plain text,
        // the two mean different files.
        Some(other)
            if other != entry.name && entry.name.is_ascii() && !entry.name.contains(&b'?') =>
        {
            return Err(entry.refuse("it has two names"));
        }
        Some(other) => String::from_utf8_lossy(other).into_owned(),
        None => match std::str::from_utf8(&entry.name) {
            Ok(text) => text.to_owned(),
            Err(_) => cp437::decode(&entry.name),
        },
    };
    Ok(name.replace('\\', "/"))
}
