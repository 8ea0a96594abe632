//! Checks that the local header of each entry agrees with the directory, and that there is no other
//! data before, between or after the entries.

use std::fs::File;
use std::io;

use super::directory::{DESCRIPTOR, ENCRYPTED, Entry};
use super::fields::{Fields, damaged, other_name, read_at, widen};
use crate::error::Result;

/// Checks that the local headers agree with the directory, and that headers and data together fill
/// the file up to the directory. `entries` must be sorted by offset. Sets [`Entry::data`].
pub(super) fn check(
    file: &mut File,
    entries: &mut [Entry],
    directory: u64,
) -> io::Result<Result<()>> {
    let mut position = 0;
    let ends: Vec<u64> = entries
        .iter()
        .skip(1)
        .map(|entry| entry.offset)
        .chain([directory])
        .collect();
    for (entry, end) in entries.iter_mut().zip(ends) {
        if entry.offset != position {
            return Ok(Err(entry.refuse(
                "it overlaps another entry, or there is extra data before it",
            )));
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
            return Ok(Err(entry.refuse(why)));
        }
        // Only a data descriptor is allowed between the data and the next entry.
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
                        entry.refuse("its data descriptor differs from the directory")
                    ));
                }
            }
            _ => {
                return Ok(Err(entry.refuse(
                    "it overlaps the next entry, or there is extra data after it",
                )));
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
    const DIFFERS: &str = "its local header differs from the directory";
    let parse = || -> Option<(u16, u16, u32, [u64; 2])> {
        let mut fields = Fields(fixed.strip_prefix(b"PK\x03\x04")?);
        let (_needed, flags, method, _time_and_date) =
            (fields.u16()?, fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, compressed, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let mut wide = [u64::from(size), u64::from(compressed)];
        widen(extra, &mut wide)?;
        Some((flags, method, crc, wide))
    };
    let (flags, method, crc, [size, compressed]) = parse().ok_or("its local header is missing")?;
    // The other flags, such as the compression level, do not change how an entry is read.
    let relevant = |flags: u16| flags & (ENCRYPTED | DESCRIPTOR);
    if name != entry.name || method != entry.method || relevant(flags) != relevant(entry.flags) {
        return Err(DIFFERS);
    }
    if other_name(extra).is_some_and(|other| other != entry.name) {
        return Err("it has two names");
    }
    // If the sizes follow the data, they can be 0 here.
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
