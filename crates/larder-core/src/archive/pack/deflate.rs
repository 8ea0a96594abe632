//! A deflate stream of blocks that stand alone, so that they can be compressed and unpacked on
//! several threads.
//!
//! libdeflate compresses each block into a stream of its own. All but the last one lose the mark of
//! their end and end with [`DEFLATE_MARKER`] instead, so that together they are one ordinary stream.
//! Every inflater reads it; larder's (`decode`) looks for the markers and unpacks the blocks in
//! parallel. One stream, and not a gzip member for each block, because many programs read only the first
//! member of a file.

use std::cell::RefCell;

use libdeflater::{CompressionLvl, Compressor};

use super::blocks::Method;
use super::deflate_end;
use crate::archive::DEFLATE_MARKER;
use crate::error::{Error, Result};

/// Uncompressed bytes of a block. This number is part of the format: another one gives other
/// archive bytes. Standing alone costs a block 0.3 % of its size, because it cannot refer to the 32
/// KiB before it.
const BLOCK: usize = 512 << 10;
/// libdeflate's level that gives a little less than `gzip -6`.
const LEVEL: i32 = 6;

/// Deflate, in a stream that larder's reader can split.
pub(super) const METHOD: Method = Method {
    block: BLOCK,
    // Incompressible data grows by five bytes per 5,000.
    bound: BLOCK + BLOCK / 512 + 1024,
    compress,
    in_flight: |threads| threads + threads.div_ceil(4),
};

thread_local! {
    /// The compressor of this thread. Its output does not depend on what it compressed before.
    static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
}

fn compress(block: &[u8], output: &mut Vec<u8>, last: bool) -> Result<()> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            None => compressor.insert(Compressor::new(
                CompressionLvl::new(LEVEL).map_err(|_| failed("the level is wrong"))?,
            )),
        };
        output.resize(compressor.deflate_compress_bound(block.len()), 0);
        let size = compressor.deflate_compress(block, output).map_err(failed)?;
        output.truncate(size);
        if last {
            return Ok(());
        }
        continue_after(output).ok_or_else(|| failed("the compressor's output is not valid"))
    })
}

/// Makes a stream one that another one can follow: the last block is no longer the end, and empty
/// stored blocks fill the last byte and mark the place.
fn continue_after(stream: &mut Vec<u8>) -> Option<()> {
    let last = deflate_end::find(stream)?;
    *stream.get_mut(last.header / 8)? &= !(1 << (last.header % 8));
    // The three zero bits of the next block's header fit into the last byte, or need another one.
    stream.truncate(last.end.div_ceil(8));
    if (last.end + 3).div_ceil(8) > stream.len() {
        stream.push(0);
    }
    stream.extend_from_slice(DEFLATE_MARKER);
    Some(())
}

fn failed(why: impl std::fmt::Display) -> Error {
    Error::failed("cannot compress").cause(why)
}
