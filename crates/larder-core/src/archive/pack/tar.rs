//! Writes tar: ustar headers, and a pax header for a name that is too long for ustar.

use std::io::Write;

use tar::{EntryType, Header};

use super::super::{Content, PackEntry};
use super::stream::{ContentCopier, cannot_write};
use crate::error::Result;
use crate::fs::IoContext;

/// 1980-01-01 00:00:00 UTC: the earliest time that a zip can store. `tar` does not warn about it.
const MTIME: u64 = 315_532_800;

pub(super) fn write(
    entries: &[&PackEntry<'_>],
    copier: &mut ContentCopier<'_>,
    out: &mut dyn Write,
) -> Result<()> {
    for entry in entries {
        out.write_all(&headers(entry)?)
            .map_err(|e| cannot_write(&e))?;
        if let Content::Link(_) = entry.content {
            continue;
        }
        copier.content(entry, out)?;
        out.write_all(&[0; 512][..padding(entry.size)])
            .map_err(|e| cannot_write(&e))?;
    }
    out.write_all(&[0; 1024]).map_err(|e| cannot_write(&e))
}

fn padding(size: u64) -> usize {
    // The value is less than 512, so the cast loses nothing.
    ((512 - size % 512) % 512) as usize
}

/// The header block of a file or link. If its name or target is too long for a ustar header, a pax
/// header with them comes first.
fn headers(entry: &PackEntry<'_>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(512);
    let mut records = String::new();
    let mut header = match entry.content {
        Content::Link(_) => new_header(0o777, 0, EntryType::Symlink),
        _ => new_header(entry.mode, entry.size, EntryType::Regular),
    };
    if header.set_path(entry.name).is_err() {
        records += &pax_record("path", entry.name);
        header.set_path("long-name").at("name", entry.name)?;
    }
    if let Content::Link(target) = entry.content
        && header.set_link_name_literal(target).is_err()
    {
        records += &pax_record("linkpath", target);
        header
            .set_link_name_literal("long-target")
            .at("name", entry.name)?;
    }
    if !records.is_empty() {
        let mut extension = new_header(0o644, records.len() as u64, EntryType::XHeader);
        extension.set_path("@PaxHeader").at("name", entry.name)?;
        extension.set_cksum();
        bytes.extend_from_slice(extension.as_bytes());
        bytes.extend_from_slice(records.as_bytes());
        bytes.resize(bytes.len() + padding(records.len() as u64), 0);
    }
    header.set_cksum();
    bytes.extend_from_slice(header.as_bytes());
    Ok(bytes)
}

fn new_header(mode: u32, size: u64, kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(MTIME);
    header.set_size(size);
    header
}

/// `<length> <key>=<value>\n`. The length includes its own digits.
pub(in crate::archive) fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}
