//! Little-endian fields of a zip's records, and the extra fields for values that do not fit in
//! them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use flate2::Crc;

use super::super::refused;
use crate::error::Error;

/// This value of a 32-bit field means that the real value is in the zip64 extra field.
pub(super) const ELSEWHERE: u64 = 0xffff_ffff;

/// Reads numbers (little-endian) and bytes one after the other.
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

/// The error for a record that is cut off or has impossible values.
pub(super) fn damaged() -> Error {
    refused("it is a damaged zip archive")
}

pub(super) fn read_at(mut file: &File, offset: u64, n: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; n];
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The content of the extra field with this number.
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

/// Replaces each value that is [`ELSEWHERE`] with the real value from the zip64 extra field, in
/// order. Returns `None` if a value is missing there.
pub(super) fn widen(extra: &[u8], values: &mut [u64]) -> Option<()> {
    let mut fields = Fields(extra_field(extra, 1).unwrap_or_default());
    for value in values.iter_mut().filter(|value| **value == ELSEWHERE) {
        *value = fields.u64()?;
    }
    Some(())
}

/// The Unicode name that some programs store in addition to the plain name. It only counts if it
/// was made for this plain name.
pub(super) fn unicode_name<'a>(extra: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut fields = Fields(extra_field(extra, 0x7075)?);
    let (_version, checksum) = (fields.bytes(1)?, fields.u32()?);
    let mut crc = Crc::new();
    crc.update(name);
    (crc.sum() == checksum).then_some(fields.0)
}
