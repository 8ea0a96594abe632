//! The record at the end of a zip archive, which has the position of the directory. In large
//! archives, a zip64 record before it has the position.

use std::fs::File;
use std::io;

use super::super::{kind, refused};
use super::fields::{ELSEWHERE, Fields, read_at};
use crate::error::Result;

/// Size of the end record in bytes, without its comment.
const END: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;
/// Size of the zip64 end record in bytes.
const END64: u64 = 56;

/// Position and size of the directory, and its number of entries.
pub(super) struct End {
    /// Its real position. If a program was put before a finished archive, the positions that the
    /// archive states are too small.
    pub(super) directory: u64,
    /// By how much they are too small.
    pub(super) shift: u64,
    pub(super) size: u64,
    pub(super) entries: u64,
}

pub(super) fn find(file: &mut File, size: u64) -> io::Result<Result<End>> {
    // Zeros fill up the last block of some media. Some of them can belong to the end record.
    let zeros = trailing_zeros(file, size)?;
    let ended = size - zeros;
    let last = size.min(ended + END as u64);
    let start = ended.saturating_sub((END + LONGEST_COMMENT) as u64);
    let tail = read_at(file, start, usize::try_from(last - start).unwrap_or(0))?;
    // The comment must end at the end of the file.
    let states_end = |at: usize| {
        let comment = u16::from_le_bytes([tail[at + 20], tail[at + 21]]);
        let stated = start + (at + END) as u64 + u64::from(comment);
        tail[at..].starts_with(b"PK\x05\x06") && (ended..=size).contains(&stated)
    };
    let mut places =
        (0..=tail.len().saturating_sub(END)).filter(|at| tail.len() >= END && states_end(*at));
    let Some(at) = places.next() else {
        let first = read_at(file, 0, usize::try_from(size.min(512)).unwrap_or(0))?;
        return Ok(Err(refused(if first.starts_with(b"PK") {
            "it is not a complete zip archive: its end record is missing, or there is data after it"
                .to_owned()
        } else {
            format!("it is not a zip archive: {}", kind::begins(&first))
        })));
    };
    if places.next().is_some() {
        return Ok(Err(refused("it has two end records")));
    }
    let position = start + at as u64;
    let mut end = parse_end(&tail[at..]);
    let mut before = position;
    let mut shift64 = None;
    // If there is a zip64 end record, a locator directly before the end record points to it.
    if position >= 20 + END64 {
        let locator = read_at(file, position - 20, 20)?;
        if locator.starts_with(b"PK\x06\x07") {
            before = position - 20 - END64;
            let stated = u64::from_le_bytes(locator[8..16].try_into().unwrap_or_default());
            shift64 = Some(before.wrapping_sub(stated));
            end = parse_end64(&read_at(file, before, 56)?, end);
        }
    }
    let Some(end) = end else {
        return Ok(Err(refused(
            "it is one part of a split zip archive, or it is damaged",
        )));
    };
    let directory = before.checked_sub(end.size);
    let shift = directory.and_then(|directory| directory.checked_sub(end.directory));
    Ok(match (directory, shift) {
        (Some(directory), Some(shift)) if shift64.is_none_or(|other| other == shift) => Ok(End {
            directory,
            shift,
            ..end
        }),
        _ => Err(refused(
            "there is extra data between or after the parts of this zip archive",
        )),
    })
}

/// How many zeros a file ends with.
fn trailing_zeros(file: &mut File, size: u64) -> io::Result<u64> {
    let mut end = size;
    while end > 0 {
        let start = end.saturating_sub(64 << 10);
        let piece = read_at(file, start, usize::try_from(end - start).unwrap_or(0))?;
        if let Some(last) = piece.iter().rposition(|b| *b != 0) {
            return Ok(size - (start + last as u64 + 1));
        }
        end = start;
    }
    Ok(size)
}

fn parse_end(record: &[u8]) -> Option<End> {
    let mut fields = Fields(&record[4..]);
    let (disk, first, here, entries) = (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
    let (size, directory) = (fields.u32()?, fields.u32()?);
    // 0xffff refers to the zip64 record.
    let only = |disk: u16| matches!(disk, 0 | 0xffff);
    (only(disk) && only(first) && here == entries).then_some(End {
        directory: directory.into(),
        shift: 0,
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
        shift: 0,
        size,
        entries,
    })
}
