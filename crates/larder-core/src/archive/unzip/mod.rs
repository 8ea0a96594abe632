//! A strict reader of zip archives. The directory of a zip is at its end, so the archive is read from
//! a file; memory stays bounded.
//!
//! A zip describes each entry twice, in a local header before its data and in the directory, and
//! readers differ in which one they use. Here both must agree. Together with the data they must
//! cover the file from its first entry to its last byte, without overlaps and with nothing but zeros
//! in between. Before the first entry there may be a program that unpacks the archive.
//!
//! The archive is read in this order: the end record with the position of the directory ([`end`]),
//! the directory ([`directory`]), the local headers and their positions ([`layout`]), and finally
//! the contents ([`contents`]).

use std::fs::File;
use std::io;

use camino::Utf8Path;

use super::Budget;
use super::names::{self, Node};
use super::pipe::{Pipe, Shared, check_budget, on_two_threads};
use super::sparse::Body;
use super::unpacker::{Meta, Unpacker};
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

/// Whether a file of this size ends like a zip archive.
pub(super) fn is_zip(file: &mut File, size: u64, into: &Utf8Path) -> Result<bool> {
    end::find(file, size)
        .map(|found| found.is_ok())
        .at("read a file in", into)
}

/// Reads a zip archive of this size.
pub(super) fn read(
    shared: &Shared<'_>,
    file: &mut File,
    size: u64,
    into: &Utf8Path,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    let broken = |e: io::Error| {
        if e.kind() == io::ErrorKind::UnexpectedEof {
            damaged()
        } else {
            fs::io_error("read", into, &e)
        }
    };
    let end = end::find(file, size).map_err(broken)??;
    let mut entries = directory::read(file, &end, unpacker).map_err(broken)??;
    entries.sort_by_key(|entry| entry.offset);
    let Budget {
        unpacked,
        ratio,
        entries: _,
    } = shared.budget;
    let total = entries
        .iter()
        .filter(|entry| entry.closed.is_none())
        .try_fold(0, |sum: u64, entry| sum.checked_add(entry.size))
        .unwrap_or(u64::MAX);
    check_budget(total, size, unpacked, ratio)?;
    layout::check(file, &mut entries, end.directory).map_err(broken)??;

    let contents = Contents::new(file, &entries);
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

/// Passes an entry to the unpacker. Its content is next in the pipe.
fn unpack_entry(entry: &Entry, pipe: &mut Pipe<'_>, unpacker: &mut Unpacker<'_>) -> Result<()> {
    let clean = names::clean(entry.path.as_bytes()).map_err(|why| entry.refuse(why))?;
    if let Some(why) = &entry.closed {
        return unpacker.skip(&clean.path, why);
    }
    let kind = entry.mode.map_or(0, |mode| mode & 0o170_000);
    let named_dir = entry.path.ends_with('/');
    let body = Body::Whole(entry.size);
    match (kind, named_dir) {
        (0 | 0o040_000, true) => {
            if entry.size != 0 {
                return Err(entry.refuse("it is a folder but has content"));
            }
            unpacker.folder_or_link(&clean, &Node::Dir)
        }
        (0 | 0o100_000, false) => {
            let meta = match entry.mode {
                Some(mode) => {
                    if mode & 0o6000 != 0 {
                        unpacker.note(
                            &clean.path,
                            "it has setuid or setgid permissions, which are dropped",
                        )?;
                    }
                    if mode & 0o111 != 0 {
                        Meta::Executable
                    } else {
                        Meta::Plain
                    }
                }
                None => Meta::Unknown,
            };
            unpacker.file(&clean, meta, &body, pipe)
        }
        (0o120_000, false) => {
            let target = pipe.read_small(entry.size, names::MAX_PATH as u64)?;
            match String::from_utf8(target) {
                Ok(target) => unpacker.folder_or_link(&clean, &Node::Symlink(target)),
                Err(_) => unpacker.skip(&clean.path, "it is a link to a name that is not UTF-8"),
            }
        }
        (0o040_000 | 0o100_000 | 0o120_000, _) => {
            Err(entry.refuse("its name and its type contradict each other"))
        }
        (kind, _) => {
            let why = match kind {
                0o020_000 | 0o060_000 => "it is a device",
                0o010_000 => "it is a FIFO",
                _ => "entries of its type are not supported",
            };
            unpacker.skip(&clean.path, why)?;
            body.skip(pipe)
        }
    }
}
