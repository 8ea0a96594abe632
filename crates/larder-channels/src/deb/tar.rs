//! The tars of a Debian package, and the digests of its files.

use std::fmt::Write as _;
use std::io::{self, Write};

use larder_core::error::{Error, Result};
use md5::{Digest, Md5};
use tar::{EntryType, Header};

use crate::linux::files::{Entry, Tree};
use crate::output::Output;

/// Writes a tar with a folder `./`, then everything in the order of the paths. dpkg reads GNU
/// headers; it refuses those of pax.
pub(super) fn write(files: &Tree, time: i64, to: &mut dyn Write, out: &Output<'_>) -> Result<()> {
    let failed = |error: io::Error| out.cannot_write("data.tar", &error);
    to.write_all(&headers("", &Entry::folder(), time)?)
        .map_err(failed)?;
    for (path, entry) in files {
        to.write_all(&headers(path, entry, time)?).map_err(failed)?;
        entry.copy(out, to)?;
        to.write_all(&[0; 512][..padding(entry.size())])
            .map_err(failed)?;
    }
    to.write_all(&[0; 1024]).map_err(failed)
}

/// The file `md5sums`, which `dpkg --verify` compares files with.
pub(super) fn md5sums(files: &Tree, out: &Output<'_>) -> Result<String> {
    let mut sums = String::new();
    for (path, entry) in files.iter().filter(|(_, entry)| !entry.is_folder()) {
        let mut md5 = Hashing(Md5::new());
        entry.copy(out, &mut md5)?;
        let sum = md5.0.finalize();
        for byte in sum {
            let _ = write!(sums, "{byte:02x}");
        }
        let _ = writeln!(sums, "  {path}");
    }
    Ok(sums)
}

struct Hashing(Md5);

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The header block of an entry. If its path is longer than 100 bytes, an entry with the path comes
/// first.
fn headers(path: &str, entry: &Entry, time: i64) -> Result<Vec<u8>> {
    let (kind, end) = if entry.is_folder() && !path.is_empty() {
        (EntryType::Directory, "/")
    } else if entry.is_folder() {
        (EntryType::Directory, "")
    } else {
        (EntryType::Regular, "")
    };
    let path = format!("./{path}{end}");
    let mut bytes = Vec::with_capacity(512);
    if path.len() > 100 {
        let size = path.len() as u64 + 1;
        let long = header("././@LongLink", 0o644, size, EntryType::GNULongName, 0)?;
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(path.as_bytes());
        bytes.resize(bytes.len() + 1 + padding(size), 0);
    }
    let header = header(&path, entry.mode, entry.size(), kind, time)?;
    bytes.extend_from_slice(header.as_bytes());
    Ok(bytes)
}

fn header(path: &str, mode: u32, size: u64, kind: EntryType, time: i64) -> Result<Header> {
    let mut header = Header::new_gnu();
    let name = &path.as_bytes()[..path.len().min(100)];
    // The crate's own function would leave out the `./`.
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(u64::try_from(time).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    for set in [Header::set_username, Header::set_groupname] {
        set(&mut header, "root")
            .map_err(|error| Error::failed("can't write the header of a file").cause(error))?;
    }
    header.set_cksum();
    Ok(header)
}

fn padding(size: u64) -> usize {
    // The value is less than 512, so the cast loses nothing.
    ((512 - size % 512) % 512) as usize
}
