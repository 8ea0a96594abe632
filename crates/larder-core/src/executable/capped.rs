//! A file that is read in capped pieces, because a header can claim any offset and any size.

use std::cell::Cell;
use std::fs::File;
use std::ops::Range;

use object::{ReadCache, ReadRef};

/// Bytes that may be read of one file, all pieces together.
const MOST: u64 = 8 << 20;
/// Bytes that are looked through for the end of one text.
const LONGEST_TEXT: u64 = 4096;

/// A file of which no more than [`MOST`] bytes are read, whatever its headers ask for.
pub(super) struct CappedFile {
    cache: ReadCache<File>,
    left: Cell<u64>,
}

impl CappedFile {
    pub(super) fn new(file: File) -> Self {
        Self {
            cache: ReadCache::new(file),
            left: Cell::new(MOST),
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
        self.spend(LONGEST_TEXT)?;
        let end = range.end.min(range.start.saturating_add(LONGEST_TEXT));
        self.cache.read_bytes_at_until(range.start..end, delimiter)
    }
}
