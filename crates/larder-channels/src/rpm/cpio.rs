//! The cpio of an RPM package, in the format "newc".

use std::io::{self, Write};

use larder_core::error::Result;

use super::{mode, too_large};
use crate::linux::files::Tree;
use crate::output::Output;

/// Writes the files and folders in the order of their paths.
pub(super) fn write(files: &Tree, time: i64, to: &mut dyn Write, out: &Output<'_>) -> Result<()> {
    let failed = |error: io::Error| out.cannot_write("", &error);
    for (n, (path, entry)) in files.iter().enumerate() {
        let size = u32::try_from(entry.size()).map_err(|_| too_large())?;
        let time = u32::try_from(time).unwrap_or(u32::MAX);
        let start = header(&format!("./{path}"), n + 1, mode(entry), time, size);
        to.write_all(&start).map_err(failed)?;
        entry.copy(out, to)?;
        to.write_all(padding(size as usize)).map_err(failed)?;
    }
    to.write_all(&header("TRAILER!!!", 0, 0, 0, 0))
        .map_err(failed)
}

fn header(name: &str, inode: usize, mode: u32, time: u32, size: u32) -> Vec<u8> {
    let (user, group, links) = (0, 0, 1);
    let devices = "0".repeat(32);
    let checksum = 0;
    let name_size = name.len() + 1;
    let mut bytes = format!(
        "070701{inode:08x}{mode:08x}{user:08x}{group:08x}{links:08x}{time:08x}{size:08x}{devices}{name_size:08x}{checksum:08x}{name}\0"
    )
    .into_bytes();
    let end = padding(bytes.len());
    bytes.extend_from_slice(end);
    bytes
}

/// Names and contents end at multiples of four bytes.
fn padding(size: usize) -> &'static [u8] {
    &[0; 3][..size.next_multiple_of(4) - size]
}
