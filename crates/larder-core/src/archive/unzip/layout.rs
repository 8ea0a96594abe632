//! Checks that the local header of each entry agrees with the directory, and that there is nothing but
//! zeros between and after the entries.

use std::fs::File;
use std::io;

use super::directory::{DESCRIPTOR, ENCRYPTED, Entry};
use super::fields::{Fields, damaged, read_at, unicode_name, widen};
use crate::error::Result;

/// Checks that the local headers agree with the directory, and that headers and data together fill
/// the file up to the directory. `entries` must be sorted by offset. Sets [`Entry::data`].
pub(super) fn check(
    file: &mut File,
    entries: &mut [Entry],
    directory: u64,
) -> io::Result<Result<()>> {
    const BEFORE: &str = "it overlaps another entry, or there is extra data before it";
    const AFTER: &str = "it overlaps the next entry, or there is extra data after it";
    if let Some(entry) = entries.first().filter(|entry| entry.offset > 0) {
        // A program that unpacks the archive may come first, but not another archive.
        let start = read_at(file, 0, 4)?;
        if start == *b"PK\x03\x04" {
            return Ok(Err(entry.refuse(BEFORE)));
        }
    } else if entries.is_empty() && directory > 0 {
        return Ok(Err(damaged()));
    }
    let ends: Vec<u64> = entries
        .iter()
        .skip(1)
        .map(|entry| entry.offset)
        .chain([directory])
        .collect();
    for (entry, end) in entries.iter_mut().zip(ends) {
        let position = entry.offset;
        if position >= end {
            return Ok(Err(entry.refuse(AFTER)));
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
        // Only a data descriptor and zeros are allowed between the data and the next entry.
        let after = entry
            .data
            .checked_add(entry.compressed)
            .and_then(|after| end.checked_sub(after).map(|gap| (after, gap)));
        let Some((mut after, mut gap)) = after else {
            return Ok(Err(entry.refuse(AFTER)));
        };
        if entry.flags & DESCRIPTOR != 0 {
            let head = read_at(file, after, usize::try_from(gap.min(24)).unwrap_or(0))?;
            let length = [24, 20, 16, 12].into_iter().find(|length| {
                head.get(..*length)
                    .is_some_and(|bytes| is_descriptor(entry, bytes))
            });
            match length {
                Some(length) => (after, gap) = (after + length as u64, gap - length as u64),
                None if gap == 0 && entry.compressed == 0 => {}
                None => {
                    return Ok(Err(
                        entry.refuse("its data descriptor differs from the directory")
                    ));
                }
            }
        }
        if !all_zeros(file, after, gap)? {
            return Ok(Err(entry.refuse(AFTER)));
        }
    }
    Ok(Ok(()))
}

fn all_zeros(file: &mut File, mut at: u64, mut left: u64) -> io::Result<bool> {
    while left > 0 {
        let n = left.min(64 << 10);
        let piece = read_at(file, at, usize::try_from(n).unwrap_or(0))?;
        if piece.iter().any(|b| *b != 0) {
            return Ok(false);
        }
        (at, left) = (at + n, left - n);
    }
    Ok(true)
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
    let unicode = unicode_name(extra, name).and_then(|other| std::str::from_utf8(other).ok());
    if unicode.is_some_and(|other| other.replace('\\', "/") != entry.path) {
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
