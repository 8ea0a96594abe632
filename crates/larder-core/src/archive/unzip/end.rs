//! The record at the end of a zip archive, which has the position of the directory. In large
//! archives, a zip64 record before it has the position.

use std::fs::File;
use std::io;

use super::super::refused;
use super::fields::{ELSEWHERE, Fields, damaged, read_at};
use crate::error::Result;

/// Size of the end record in bytes, without its comment.
const END: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;

/// Position and size of the directory, and its number of entries.
pub(super) struct End {
    pub(super) directory: u64,
    pub(super) size: u64,
    pub(super) entries: u64,
}

pub(super) fn find(file: &mut File, size: u64) -> io::Result<Result<End>> {
    let length = usize::try_from(size)
        .unwrap_or(usize::MAX)
        .min(END + LONGEST_COMMENT);
    let start = size - length as u64;
    let tail = read_at(file, start, length)?;
    // The comment must end exactly at the end of the file.
    let states_end = |at: usize| {
        tail[at..].starts_with(b"PK\x05\x06")
            && usize::from(u16::from_le_bytes([tail[at + 20], tail[at + 21]])) == length - at - END
    };
    let mut places = (0..=length.saturating_sub(END)).filter(|at| length >= END && states_end(*at));
    let Some(at) = places.next() else {
        return Ok(Err(refused(
            "it is not a complete zip archive: its end record is missing, or there is data after it",
        )));
    };
    if places.next().is_some() {
        return Ok(Err(refused("it has two end records")));
    }
    let position = start + at as u64;
    let mut end = parse_end(&tail[at..]);
    let mut before = position;
    // If there is a zip64 end record, a locator directly before the end record points to it.
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
            "there is extra data before, between or after the parts of this zip archive",
        )),
        None => Err(refused(
            "it is one part of a split zip archive, or it is damaged",
        )),
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
    // The 32-bit record must have the same values, except where it refers to the zip64 record.
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
