//! Zstandard in frames of a fixed size, which can be compressed and unpacked on several threads.
//! Several frames are an ordinary file: pzstd and `cat` make such files too.

use std::cell::RefCell;
use std::fmt::Display;

use zstd::bulk::Compressor;

use super::blocks::Method;
use crate::archive::ZSTD_FRAME;
use crate::error::{Error, Result};

const LEVEL: i32 = 3;
/// Most frames that are compressed at the same time, so that memory stays small.
const MAX_THREADS: usize = 4;

/// Zstandard, a frame for each block. The window of this level is as large as a frame, so each
/// frame is one segment and says its size.
pub(super) const METHOD: Method = Method {
    block: ZSTD_FRAME,
    // Incompressible data grows by three bytes per 128 KiB.
    bound: ZSTD_FRAME + ZSTD_FRAME / 4096 + 64,
    compress,
    in_flight: |threads| threads.min(MAX_THREADS) + 1,
};

thread_local! {
    /// The compressor of this thread. Its output does not depend on what it compressed before.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(block: &[u8], output: &mut Vec<u8>, _last: bool) -> Result<()> {
    let failed = |why: &dyn Display| Error::failed("cannot compress").cause(why);
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = if let Some(compressor) = compressor {
            compressor
        } else {
            let mut new = Compressor::new(LEVEL).map_err(|e| failed(&e))?;
            new.include_checksum(true).map_err(|e| failed(&e))?;
            compressor.insert(new)
        };
        output.reserve(zstd::zstd_safe::compress_bound(block.len()));
        compressor
            .compress_to_buffer(block, output)
            .map_err(|e| failed(&e))?;
        Ok(())
    })
}
