//! A strict reader of zip archives. The directory of a zip is at its end, so the archive is spooled
//! to an anonymous file first; memory stays bounded.
//!
//! A zip describes each entry twice, in a local header before its data and in the directory, and
//! readers differ in which one they use. Here both must agree. Together with the data they must
//! cover the file from its first byte to its last, without gaps and without overlaps.
//!
//! The archive is read in this order: the end record with the position of the directory ([`end`]),
//! the directory ([`directory`]), the local headers and their positions ([`layout`]), and finally
//! the contents ([`contents`]).

use std::fs::File;
use std::io::{self, Read, Write};

use camino::Utf8Path;

use super::names::{self, Node};
use super::pipe::{Pipe, Shared, Source, check_budget, on_two_threads};
use super::unpacker::{Meta, Unpacker};
use super::{Budget, decode, refused};
use crate::error::Result;
use crate::fs::{self, IoContext};

mod contents;
mod directory;
mod end;
mod fields;
mod layout;

use contents::Contents;
use directory::Entry;
use fields::damaged;

/// Reads a zip archive to its end.
pub(super) fn read<R: Read + Send>(
    shared: &Shared<'_>,
    mut source: Source<'_, R>,
    into: &Utf8Path,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    let mut spool = tempfile::tempfile_in(into).at("create a file in", into)?;
    let size = match copy_to_spool(shared, &mut source, &mut spool, into) {
        Err(error) if error.kind() == crate::Kind::Integrity => {
            source.drain();
            return Err(error);
        }
        other => other?,
    };
    let broken = |e: io::Error| {
        if e.kind() == io::ErrorKind::UnexpectedEof {
            damaged()
        } else {
            fs::io_error("read", into, &e)
        }
    };
    let end = end::find(&mut spool, size).map_err(broken)??;
    let mut entries = directory::read(&mut spool, &end, unpacker).map_err(broken)??;
    entries.sort_by_key(|entry| entry.offset);
    let Budget {
        unpacked,
        ratio,
        entries: _,
    } = shared.budget;
    let total = entries
        .iter()
        .try_fold(0, |sum: u64, entry| sum.checked_add(entry.size))
        .unwrap_or(u64::MAX);
    check_budget(total, size, unpacked, ratio)?;
    layout::check(&mut spool, &mut entries, end.directory).map_err(broken)??;

    let contents = Contents::new(&spool, &entries);
    let consume = |pipe: &mut Pipe<'_>| {
        entries
            .iter()
            .try_for_each(|entry| unpack_entry(entry, pipe, unpacker))?;
        // An error in the last entry is only found by reading past its content.
        if pipe.peek()?.is_empty() {
            Ok(())
        } else {
            Err(damaged())
        }
    };
    on_two_threads(shared, |pump| pump.run(contents), consume)?.0
}

/// Copies the archive to the spool file and returns its size.
fn copy_to_spool<R: Read>(
    shared: &Shared<'_>,
    source: &mut Source<'_, R>,
    spool: &mut File,
    into: &Utf8Path,
) -> Result<u64> {
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let n = source.read(&mut buffer).map_err(|e| shared.explain(&e))?;
        if size == 0 && !buffer[..n].starts_with(b"PK") {
            return Err(refused(format!(
                "it is not a zip archive: {}",
                decode::begins(&buffer[..n])
            )));
        }
        if n == 0 {
            return Ok(size);
        }
        spool.write_all(&buffer[..n]).at("write a file in", into)?;
        size += n as u64;
    }
}

/// Passes an entry to the unpacker. Its content is next in the pipe.
fn unpack_entry(entry: &Entry, pipe: &mut Pipe<'_>, unpacker: &mut Unpacker<'_>) -> Result<()> {
    let path = names::clean(&entry.name).map_err(|why| entry.refuse(why))?;
    let kind = entry.mode.map_or(0, |mode| mode & 0o170_000);
    let named_dir = entry.name.ends_with(b"/");
    match (kind, named_dir) {
        (0 | 0o040_000, true) => {
            if entry.size != 0 {
                return Err(entry.refuse("it is a folder but has content"));
            }
            unpacker.folder_or_link(&path, Node::Dir)
        }
        (0 | 0o100_000, false) => {
            let meta = match entry.mode {
                Some(mode) if mode & 0o6000 != 0 => {
                    return Err(entry.refuse("it has setuid or setgid permissions"));
                }
                Some(mode) if mode & 0o111 != 0 => Meta::Executable,
                Some(_) => Meta::Plain,
                None => Meta::Unknown,
            };
            unpacker.file(&path, meta, entry.size, pipe)
        }
        (0o120_000, false) => {
            let target = pipe.read_small(entry.size, names::MAX_PATH as u64)?;
            let target = String::from_utf8(target)
                .map_err(|_| entry.refuse("it is a link to a name that is not UTF-8"))?;
            unpacker.folder_or_link(&path, Node::Symlink(target))
        }
        (0o040_000 | 0o100_000 | 0o120_000, _) => {
            Err(entry.refuse("its name and its type contradict each other"))
        }
        (0o020_000 | 0o060_000, _) => Err(entry.refuse("it is a device")),
        (0o010_000, _) => Err(entry.refuse("it is a FIFO")),
        _ => Err(entry.refuse("entries of its type are not supported")),
    }
}
