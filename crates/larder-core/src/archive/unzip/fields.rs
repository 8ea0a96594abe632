//! Little-endian fields of a zip's records, and the extra fields that hold what did not fit.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::super::refused;
use crate::error::Error;

/// In a field of 32 bits: the value stands in a zip64 field.
pub(super) const ELSEWHERE: u64 = 0xffff_ffff;

/// Numbers and bytes one after the other, little-endian.
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(n)?;
        self.0 = tail;
        Some(head)
    }
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.bytes(2)?.try_into().ok().map(u16::from_le_bytes)
    }
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_le_bytes)
    }
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_le_bytes)
    }
}

/// The error where a record is cut, or says what can't be.
pub(super) fn damaged() -> Error {
    refused("it is a damaged zip archive")
}

pub(super) fn read_at(mut file: &File, offset: u64, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
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

/// Puts sizes and places that did not fit in 32 bits in place, in their order. None where they are
/// missing.
pub(super) fn widen(extra: &[u8], values: &mut [u64]) -> Option<()> {
    let mut fields = Fields(extra_field(extra, 1).unwrap_or_default());
    for value in values.iter_mut().filter(|value| **value == ELSEWHERE) {
        *value = fields.u64()?;
    }
    Some(())
}

/// The Unicode name that some programs put beside the plain one.
pub(super) fn other_name(extra: &[u8]) -> Option<&[u8]> {
    // After a version and a checksum.
    extra_field(extra, 0x7075)?.get(5..)
}
