//! Writes zip: deflate, UTF-8 names, Unix modes and a fixed time. The sizes are in data descriptors
//! after the data, so that the output needs no seeking.

use std::io::Write;

use super::super::{Content, PackEntry};
use super::blocks::{Blocks, Totals};
use super::deflate;
use super::stream::{ArchiveWriter, ContentCopier, cannot_write};
use crate::error::{Error, Result};

/// Flags: the sizes follow the data; names are UTF-8.
const FLAGS: u16 = 1 << 3 | 1 << 11;
const DEFLATE: u16 = 8;
/// 1980-01-01.
const DOS_DATE: u16 = 1 << 5 | 1;
/// Version needed to extract: 2.0.
const NEEDED: u16 = 20;
/// Made by: Unix, version 2.0.
const MADE_BY: u16 = 3 << 8 | NEEDED;

pub(super) fn write(
    entries: &[&PackEntry<'_>],
    copier: &mut ContentCopier<'_>,
    out: &mut ArchiveWriter<'_>,
    threads: usize,
) -> Result<()> {
    let mut directory = Vec::new();
    for entry in entries {
        let offset = to_u32(out.position())?;
        let name_length = u16::try_from(entry.name.len()).map_err(|_| too_large())?;
        let mut local = b"PK\x03\x04".to_vec();
        for field in [NEEDED, FLAGS, DEFLATE, 0, DOS_DATE] {
            local.extend_from_slice(&field.to_le_bytes());
        }
        local.extend_from_slice(&[0; 12]);
        local.extend_from_slice(&name_length.to_le_bytes());
        local.extend_from_slice(&[0; 2]);
        local.extend_from_slice(entry.name.as_bytes());
        out.put(&local)?;

        let mut deflater = Blocks::new(out, deflate::METHOD, threads);
        let mode = if let Content::Link(target) = entry.content {
            deflater
                .write_all(target.as_bytes())
                .map_err(|e| cannot_write(&e))?;
            0o120_777
        } else {
            copier.content(entry, &mut deflater)?;
            0o100_000 | entry.mode
        };
        let Totals {
            crc,
            size,
            compressed,
        } = deflater.finish()?;
        let (size, compressed) = (to_u32(size)?, to_u32(compressed)?);
        let mut descriptor = b"PK\x07\x08".to_vec();
        for field in [crc, compressed, size] {
            descriptor.extend_from_slice(&field.to_le_bytes());
        }
        out.put(&descriptor)?;

        directory.extend_from_slice(b"PK\x01\x02");
        for field in [MADE_BY, NEEDED, FLAGS, DEFLATE, 0, DOS_DATE] {
            directory.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc, compressed, size] {
            directory.extend_from_slice(&field.to_le_bytes());
        }
        directory.extend_from_slice(&name_length.to_le_bytes());
        // Lengths of extra field and comment, disk number, internal attributes.
        directory.extend_from_slice(&[0; 8]);
        directory.extend_from_slice(&(mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(entry.name.as_bytes());
    }
    let offset = to_u32(out.position())?;
    let count = u16::try_from(entries.len())
        .ok()
        .filter(|n| *n < u16::MAX)
        .ok_or_else(too_large)?;
    out.put(&directory)?;
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    for field in [count, count] {
        end.extend_from_slice(&field.to_le_bytes());
    }
    for field in [to_u32(directory.len() as u64)?, offset] {
        end.extend_from_slice(&field.to_le_bytes());
    }
    end.extend_from_slice(&[0; 2]);
    out.put(&end)?;
    out.flush().map_err(|e| cannot_write(&e))
}

fn to_u32(n: u64) -> Result<u32> {
    u32::try_from(n)
        .ok()
        .filter(|n| *n < u32::MAX)
        .ok_or_else(too_large)
}

fn too_large() -> Error {
    Error::failed("the files are too large for a zip archive")
        .hint("choose `package: {format: tar.zst}` or tar.gz in the recipe")
}
