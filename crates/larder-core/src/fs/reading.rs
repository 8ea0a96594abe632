//! Reading files whose path or content someone else may have chosen. Opening never waits (as for
//! the writer of a FIFO), only regular files are read, and what is read as a whole has a bound.

use std::ffi::OsString;
use std::fs::{File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::{IoContext, absent_is_none};
use crate::error::Result;
use crate::human;

/// The bound of files that are read as a whole, if nothing else is said. All of them are small, but
/// the lock and the documents of a big project have no obvious largest size.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Opens a regular file for reading.
pub fn open(path: impl AsRef<Path>) -> Result<File> {
    regular(path.as_ref()).at("open", &path)
}

/// Opens a regular file for reading; `None` if it does not exist.
pub fn open_opt(path: impl AsRef<Path>) -> Result<Option<File>> {
    absent_is_none(regular(path.as_ref())).at("open", &path)
}

/// Reads a whole (small) file.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    bounded(path.as_ref(), MAX_BYTES).at("read", &path)
}

/// Reads a whole (small) file; `None` if it does not exist.
pub fn read_opt(path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
    read_bounded(path, MAX_BYTES)
}

/// Reads a whole file; `None` if it does not exist, an error if it has more bytes than `max`.
pub fn read_bounded(path: impl AsRef<Path>, max: u64) -> Result<Option<Vec<u8>>> {
    absent_is_none(bounded(path.as_ref(), max)).at("read", &path)
}

/// Reads a whole (small) file that larder wrote and can write again. What is not a regular file
/// there, or too large, can't be that file, so it counts as absent.
pub fn read_or_absent(path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
    match bounded(path.as_ref(), MAX_BYTES) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::FileTooLarge
            ) =>
        {
            Ok(None)
        }
        read => absent_is_none(read).at("read", &path),
    }
}

/// Reads a whole (small) text file.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    bounded(path.as_ref(), MAX_BYTES)
        .and_then(text)
        .at("read", &path)
}

/// Reads a whole (small) text file; `None` if it does not exist.
pub fn read_text_opt(path: impl AsRef<Path>) -> Result<Option<String>> {
    absent_is_none(bounded(path.as_ref(), MAX_BYTES).and_then(text)).at("read", &path)
}

/// A name in a folder, with what it is.
pub struct FolderEntry {
    /// The name, in any encoding.
    pub name: OsString,
    /// The type, without following a link.
    pub kind: FileType,
}

/// Everything in a folder, in no particular order.
#[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
pub fn entries(path: impl AsRef<Path>) -> Result<Vec<FolderEntry>> {
    let read = || {
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            Ok(FolderEntry {
                kind: entry.file_type()?,
                name: entry.file_name(),
            })
        };
        std::fs::read_dir(&path)?
            .map(entry)
            .collect::<io::Result<Vec<_>>>()
    };
    read().at("list", &path)
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8 text"))
}

fn bounded(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let file = regular(path)?;
    let size = file.metadata()?.len();
    let mut bytes = Vec::new();
    if size <= max {
        bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
        file.take(max + 1).read_to_end(&mut bytes)?;
    }
    if size > max || bytes.len() as u64 > max {
        let text = format!("it is larger than {}", human::bytes(max));
        return Err(io::Error::new(ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

/// Opens a regular file. Its metadata is read after it was opened, so no other file can take its
/// place in between.
#[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
fn regular(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    let no_file = || io::Error::new(ErrorKind::InvalidData, "it is not a regular file");
    let file = match options.open(path) {
        // Sockets can't be opened; on some systems neither can folders.
        Err(_) if std::fs::metadata(path).is_ok_and(|meta| !meta.is_file()) => {
            return Err(no_file());
        }
        opened => opened?,
    };
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(no_file())
    }
}
