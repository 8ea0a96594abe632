//! A file reader with a limit on the bytes that it reads, because a header can claim any offset and
//! any size.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;

use object::{ReadCache, ReadRef};

/// Most bytes that are read from one file, in total.
const MAX_BYTES: u64 = 8 << 20;
/// Most bytes that are searched for the end of one text.
const MAX_TEXT: u64 = 4096;

/// A file from which at most [`MAX_BYTES`] bytes are read, whatever its headers claim.
pub(super) struct CappedFile {
    cache: ReadCache<File>,
    left: Cell<u64>,
}

impl CappedFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            cache: ReadCache::new(file),
            left: Cell::new(MAX_BYTES),
        }
    }

    fn spend(&self, bytes: u64) -> Result<(), ()> {
        self.left.set(self.left.get().checked_sub(bytes).ok_or(())?);
        Ok(())
    }
}

impl<'a> ReadRef<'a> for &'a CappedFile {
    fn len(self) -> Result<u64, ()> {
        self.cache.len()
    }
    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        self.spend(size)?;
        self.cache.read_bytes_at(offset, size)
    }
    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        self.spend(MAX_TEXT)?;
        let end = range.end.min(range.start.saturating_add(MAX_TEXT));
        self.cache.read_bytes_at_until(range.start..end, delimiter)
    }
}
