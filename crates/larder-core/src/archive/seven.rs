//! A reader of 7z archives, around a crate that parses and decompresses them. Like a zip, a 7z has
//! its directory at its end, so it is read from a file.
//!
//! The crate checks the structure and the checksums, and its memory is limited. This module counts
//! the entries, checks the budget before anything is decompressed, and treats paths and types like
//! those of other archives.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use camino::Utf8Path;
use sevenz_rust2::{Archive, ArchiveEntry, BlockDecoder, Error as SevenError, Password};

use super::decode::{LZMA_MEMORY, too_much_memory};
use super::names::{self, Node, escape_name};
use super::pipe::{Pipe, Pump, Shared, check_budget, on_two_threads};
use super::sparse::Body;
use super::unpacker::{Meta, Unpacker};
use super::{Budget, kind, refused};
use crate::error::{Error, Result};
use crate::fs::IoContext;

/// Attribute: the upper half has a Unix mode.
const UNIX: u32 = 0x8000;
/// Attribute: a link of Windows.
const REPARSE_POINT: u32 = 0x400;
const HEADER: usize = 32;

/// Reads a 7z archive of this size.
pub(super) fn read(
    shared: &Shared<'_>,
    file: &mut File,
    size: u64,
    into: &Utf8Path,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    check_end(file, size).at("read a file in", into)??;
    let memory = LZMA_MEMORY as usize;
    let password = Password::empty();
    let archive = Archive::read_with_memory_limit(file, &password, memory).map_err(explain)?;
    let files = &archive.files;
    for _ in files {
        unpacker.count()?;
    }
    let Budget {
        unpacked,
        ratio,
        entries: _,
    } = shared.budget;
    let total = files
        .iter()
        .try_fold(0, |sum: u64, entry| sum.checked_add(entry.size))
        .unwrap_or(u64::MAX);
    check_budget(total, size, unpacked, ratio)?;
    // Everything is decompressed, as entries of one block need each other; so an encrypted entry
    // can't be skipped.
    if (0..files.len()).any(|index| archive.is_file_encrypted(index)) {
        return Err(refused("it is encrypted"));
    }

    let produce = |pump: Pump| {
        if let Err(error) = send_contents(&archive, file, &password, &pump) {
            pump.fail(error);
        }
    };
    let consume = |pipe: &mut Pipe<'_>| {
        for entry in files {
            unpack_entry(entry, pipe, unpacker)?;
        }
        if pipe.peek()?.is_empty() {
            Ok(())
        } else {
            Err(refused("it has more content than entries"))
        }
    };
    on_two_threads(shared, produce, consume)?.0
}

/// Checks that the archive ends where its first header says, apart from zeros.
fn check_end(file: &mut File, size: u64) -> io::Result<Result<()>> {
    file.seek(SeekFrom::Start(0))?;
    let mut header = Vec::new();
    file.by_ref().take(HEADER as u64).read_to_end(&mut header)?;
    if header.len() < HEADER || !header.starts_with(b"7z\xbc\xaf\x27\x1c") {
        return Ok(Err(refused(format!(
            "it is not a 7z archive: {}",
            kind::begins(&header)
        ))));
    }
    let number = |at: usize| {
        header[at..at + 8]
            .iter()
            .rev()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
    };
    let end = number(12)
        .checked_add(number(20))
        .and_then(|end| end.checked_add(HEADER as u64));
    let Some(end) = end.filter(|end| *end <= size) else {
        return Ok(Err(refused("it ends early")));
    };
    file.seek(SeekFrom::Start(end))?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            return Ok(Ok(()));
        }
        if buffer[..n].iter().any(|b| *b != 0) {
            return Ok(Err(refused("there is data after its end")));
        }
    }
}

/// Sends the contents of all entries, one after the other.
fn send_contents(
    archive: &Archive,
    mut file: &File,
    password: &Password,
    pump: &Pump,
) -> io::Result<()> {
    for block in 0..archive.blocks.len() {
        let mut gone = false;
        let mut failed = None;
        let decoder = BlockDecoder::new_with_memory_limit(
            1,
            LZMA_MEMORY as usize,
            block,
            archive,
            password,
            &mut file,
        );
        let done = decoder.for_each_entries(&mut |_, content| match pump.send_all(content) {
            Ok(received) => {
                gone = !received;
                Ok(received)
            }
            Err(error) => {
                failed = Some(error);
                Ok(false)
            }
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if gone {
            return Ok(());
        }
        done.map_err(|error| io::Error::other(explain(error)))?;
    }
    Ok(())
}

/// Passes an entry to the unpacker. Its content is next in the pipe.
fn unpack_entry(
    entry: &ArchiveEntry,
    pipe: &mut Pipe<'_>,
    unpacker: &mut Unpacker<'_>,
) -> Result<()> {
    let refuse = |why: &str| refused(format!("`{}`: {why}", escape_name(entry.name.as_bytes())));
    // Windows programs may write either separator.
    let name = entry.name.replace('\\', "/");
    let clean = names::clean(name.as_bytes()).map_err(|why| refuse(&why))?;
    let size = if entry.has_stream { entry.size } else { 0 };
    let mode = (entry.has_windows_attributes && entry.windows_attributes & UNIX != 0)
        .then_some(entry.windows_attributes >> 16);
    let kind = mode.map_or(0, |mode| mode & 0o170_000);
    let body = Body::Whole(size);
    if entry.is_directory {
        return if size == 0 {
            unpacker.folder_or_link(&clean, &Node::Dir)
        } else {
            Err(refuse("it is a folder but has content"))
        };
    }
    match kind {
        _ if entry.is_anti_item => {
            unpacker.skip(&clean.path, "it stands for a file to be deleted")?;
            body.skip(pipe)
        }
        0 | 0o100_000 if entry.has_windows_attributes && is_windows_link(entry, mode) => {
            unpacker.skip(&clean.path, "it is a link of Windows")?;
            body.skip(pipe)
        }
        0 | 0o100_000 => {
            let meta = match mode {
                Some(mode) if mode & 0o111 != 0 => Meta::Executable,
                Some(_) => Meta::Plain,
                None => Meta::Unknown,
            };
            unpacker.file(&clean, meta, &body, pipe)
        }
        0o120_000 => {
            let target = pipe.read_small(size, names::MAX_PATH as u64)?;
            match String::from_utf8(target) {
                Ok(target) => unpacker.folder_or_link(&clean, &Node::Symlink(target)),
                Err(_) => unpacker.skip(&clean.path, "it is a link to a name that is not UTF-8"),
            }
        }
        0o040_000 => Err(refuse("its attributes and its type contradict each other")),
        _ => {
            unpacker.skip(&clean.path, "it is a device")?;
            body.skip(pipe)
        }
    }
}

fn is_windows_link(entry: &ArchiveEntry, mode: Option<u32>) -> bool {
    mode.is_none() && entry.windows_attributes & REPARSE_POINT != 0
}

fn explain(error: SevenError) -> Error {
    match error {
        SevenError::MaxMemLimited { .. } => too_much_memory(),
        SevenError::PasswordRequired | SevenError::MaybeBadPassword(_) => {
            refused("it is encrypted")
        }
        SevenError::UnsupportedCompressionMethod(method) => {
            refused(format!("its compression method {method} is unknown"))
        }
        error => refused("it is a damaged 7z archive").cause(error),
    }
}
