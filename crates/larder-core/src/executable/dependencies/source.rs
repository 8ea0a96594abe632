//! Reads parts of a file that its headers name, up to fixed limits.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::layout::{Area, Layout};

/// A file and the layout that its headers claim.
pub(super) struct Source {
    pub(super) file: File,
    pub(super) layout: Layout,
}

impl Source {
    /// At most `limit` bytes from an offset; fewer if the file ends before. `None` if reading fails.
    pub(super) fn read(&mut self, offset: u64, limit: u64) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(offset)).ok()?;
        (&mut self.file).take(limit).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }

    /// The bytes at an address of the running program.
    pub(super) fn read_address(&mut self, address: u64, size: u64) -> Option<Vec<u8>> {
        let contains = |area: &&Area| {
            let from = address.checked_sub(area.address);
            from.is_some_and(|from| from.checked_add(size).is_some_and(|end| end <= area.size))
        };
        let area = self.layout.loaded.iter().find(contains)?;
        let offset = area.offset.checked_add(address - area.address)?;
        self.read(offset, size)
            .filter(|bytes| bytes.len() as u64 == size)
    }
}
