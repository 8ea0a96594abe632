//! Packing. The archive has the same bytes everywhere because entries are sorted by name, the owner
//! is 0, the time is fixed and the caller gives the modes. The stream is split into blocks of a
//! fixed size that stand alone. Any free thread compresses a block, and the blocks are joined in
//! order.

use std::io::Write;

use super::{Content, PackEntry, Packed, names};
use crate::cancel::Cancel;
use crate::error::{Error, Result};
use crate::model::PackageFormat;

mod blocks;
mod deflate;
mod deflate_end;
mod frames;
mod stream;
mod tar;
mod zip;

use blocks::{Blocks, Totals};
use stream::{ArchiveWriter, ContentCopier};
#[cfg(test)]
pub(super) use tar::pax_record;

/// Most threads. It also limits the blocks in flight, so that memory stays small on machines with
/// many cores.
const MAX_THREADS: usize = 16;

/// Packs regular files and links into an archive, on up to `threads` threads. `progress` is called with the
/// number of uncompressed bytes so far.
///
/// Compression runs on rayon's pool. If this is called from a thread of that pool, it runs on the
/// calling thread.
pub fn pack(
    format: PackageFormat,
    entries: &[PackEntry<'_>],
    out: &mut dyn Write,
    threads: usize,
    cancel: &Cancel,
    progress: &dyn Fn(u64),
) -> Result<Packed> {
    let mut entries: Vec<&PackEntry<'_>> = entries.iter().collect();
    entries.sort_by(|a, b| a.name.as_bytes().cmp(b.name.as_bytes()));
    let mut tree = names::Tree::new(u64::MAX);
    for entry in &entries {
        let name = names::clean(entry.name.as_bytes()).and_then(|clean| match clean.odd {
            Some(why) => Err(why),
            None if clean.path != entry.name => Err("it is not in normal form".into()),
            None => match tree.add(&clean.path, &node(entry))? {
                names::Placed::New => Ok(()),
                names::Placed::Again => Err("it occurs twice".into()),
                names::Placed::Clash => Err(names::CLASH.into()),
            },
        });
        name.map_err(|why| Error::failed(format!("can't pack `{}`: {why}", entry.name)))?;
    }
    let threads = threads.clamp(1, MAX_THREADS);
    let mut out = ArchiveWriter::new(out);
    let mut copier = ContentCopier::new(cancel, progress);
    match format {
        PackageFormat::TarGz => gzip_stream(&mut out, threads, |blocks| {
            tar::write(&entries, &mut copier, blocks)
        })?,
        PackageFormat::TarZst => {
            let mut frames = Blocks::new(&mut out, frames::METHOD, threads);
            tar::write(&entries, &mut copier, &mut frames)?;
            frames.finish()?;
        }
        PackageFormat::Zip => zip::write(&entries, &mut copier, &mut out, threads)?,
    }
    out.finish()
}

fn node(entry: &PackEntry<'_>) -> names::Node {
    match entry.content {
        Content::Link(target) => names::Node::Symlink(target.to_owned()),
        Content::File(_) | Content::Known(..) | Content::Bytes(_) => names::Node::File,
    }
}

/// Compresses what `write` writes into a gzip stream that has the same bytes on any machine and any
/// number of threads. Returns its digest and size.
///
/// Like [`pack`], it uses rayon's pool.
pub fn gzip(
    out: &mut dyn Write,
    threads: usize,
    write: impl FnOnce(&mut dyn Write) -> Result<()>,
) -> Result<Packed> {
    let mut out = ArchiveWriter::new(out);
    gzip_stream(&mut out, threads.clamp(1, MAX_THREADS), |blocks| {
        write(blocks)
    })?;
    out.finish()
}

fn gzip_stream(
    out: &mut ArchiveWriter<'_>,
    threads: usize,
    write: impl FnOnce(&mut Blocks<'_, '_>) -> Result<()>,
) -> Result<()> {
    // A gzip header without name and time. 255 means an unknown operating system.
    out.put(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
    let mut blocks = Blocks::new(out, deflate::METHOD, threads);
    write(&mut blocks)?;
    let Totals {
        crc,
        size,
        compressed: _,
    } = blocks.finish()?;
    let mut trailer = crc.to_le_bytes().to_vec();
    // gzip stores the length modulo 2^32.
    trailer.extend_from_slice(&size.to_le_bytes()[..4]);
    out.put(&trailer)
}
