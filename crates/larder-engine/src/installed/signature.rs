//! Detects unchanged files by their metadata: size, mtime, ctime and inode. Also decides when metadata proves nothing.
//!
//! A signature proves that a file is unchanged only if the file was last changed clearly before the signature was taken:
//! a change within one clock tick of that moment could leave all four numbers the same. Such a young signature is
//! *unreliable* and is never recorded; a caller that needs one waits for the tick to pass ([`Watched::settle`]).

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use larder_core::error::Result;
use larder_core::fs;

/// Nanoseconds. The kernel's clock for file times may lag by one tick (10 ms at 100 Hz); twice that is safe.
const TICK: i128 = 20_000_000;
/// Nanoseconds, for file systems that store whole seconds only (some store even seconds only).
const COARSE_TICK: i128 = 2_000_000_000;

/// The metadata of a file or folder that changes whenever its content changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    size: u64,
    mtime: i128,
    ctime: i128,
    inode: u64,
}

impl Signature {
    /// How many bytes [`Self::to_bytes`] makes.
    pub(super) const BYTES: usize = 4 * 8;

    /// Fills the place of a signature where there is none.
    pub(super) const NOTHING: Self = Self {
        size: 0,
        mtime: 0,
        ctime: 0,
        inode: 0,
    };

    /// The signature as bytes; `None` if a time is too far from 1970 (more than 292 years).
    pub(super) fn to_bytes(self) -> Option<[u8; Self::BYTES]> {
        let Self {
            size,
            mtime,
            ctime,
            inode,
        } = self;
        let time = |nanos: i128| i64::try_from(nanos).ok().map(i64::to_le_bytes);
        let mut bytes = [0; Self::BYTES];
        let numbers = [
            size.to_le_bytes(),
            time(mtime)?,
            time(ctime)?,
            inode.to_le_bytes(),
        ];
        for (place, number) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
            *place = number;
        }
        Some(bytes)
    }

    /// The signature that these bytes were made of.
    pub(super) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let number = |at: usize| bytes.as_chunks::<8>().0[at];
        Self {
            size: u64::from_le_bytes(number(0)),
            mtime: i64::from_le_bytes(number(1)).into(),
            ctime: i64::from_le_bytes(number(2)).into(),
            inode: u64::from_le_bytes(number(3)),
        }
    }

    /// The signature in the answer of a system call.
    #[cfg(unix)]
    #[allow(
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "the types of these numbers differ from system to system"
    )]
    pub(super) fn of_stat(stat: &rustix::fs::Stat) -> Self {
        let nanos = |s, ns| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self {
            size: stat.st_size as u64,
            mtime: nanos(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime: nanos(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino as u64,
        }
    }

    /// The signature in a file's metadata.
    #[cfg(unix)]
    pub fn of(meta: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let nanos = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self {
            size: meta.size(),
            mtime: nanos(meta.mtime(), meta.mtime_nsec()),
            ctime: nanos(meta.ctime(), meta.ctime_nsec()),
            inode: meta.ino(),
        }
    }

    /// The signature in a file's metadata. Windows shows no change time, so the creation time is used instead of it, and
    /// the number of a file is not in its metadata.
    #[cfg(not(unix))]
    pub fn of(meta: &Metadata) -> Self {
        let nanos = |time: std::io::Result<SystemTime>| time.map_or(0, since_epoch);
        Self {
            size: meta.len(),
            mtime: nanos(meta.modified()),
            ctime: nanos(meta.created()),
            inode: 0,
        }
    }

    /// The signature of what is at a path; `None` if nothing is. `follow` follows a symbolic link at its end.
    pub(super) fn read(path: &Utf8Path, follow: bool) -> Result<Option<Self>> {
        let meta = if follow {
            fs::stat(path)
        } else {
            fs::lstat(path)
        }?;
        #[allow(unused_mut, reason = "only Windows adds a number")]
        let mut signature = meta.as_ref().map(Self::of);
        #[cfg(windows)]
        if let Some(signature) = &mut signature {
            signature.inode = number(path, follow).unwrap_or(0);
        }
        Ok(signature)
    }

    /// Whether a file with this signature has not changed since `recorded`. A number that is not known is not compared.
    pub(super) fn is_still(&self, recorded: &Self) -> bool {
        let known = cfg!(unix) || (self.inode != 0 && recorded.inode != 0);
        let inode = if known { self.inode } else { recorded.inode };
        Self { inode, ..*self } == *recorded
    }

    /// When the file was last changed. A creation time says nothing about that.
    fn changed(&self) -> i128 {
        if cfg!(unix) {
            self.ctime
        } else {
            self.ctime.max(self.mtime)
        }
    }

    /// Nanoseconds until this signature, taken at `now`, is reliable; 0 if it is reliable already.
    fn unreliable_for(&self, now: i128) -> i128 {
        let coarse =
            self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0 && self.ctime != 0;
        (self.changed() + if coarse { COARSE_TICK } else { TICK } - now).max(0)
    }
}

/// A path with the signature that it had when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Absolute path.
    pub path: Utf8PathBuf,
    /// Whether a symbolic link at the end of the path was followed.
    pub follow: bool,
    /// The signature; `None` if the path did not exist.
    pub signature: Option<Signature>,
}

impl Watched {
    /// Reads the signature of a path; `follow` follows a symbolic link at its end.
    pub fn read(path: &Utf8Path, follow: bool) -> Result<Self> {
        let signature = match Signature::read(path, follow) {
            // A link that can't be followed, such as one to itself, leads to nothing.
            Err(_) if fs::read_link(path).is_some() => None,
            signature => signature?,
        };
        Ok(Self {
            path: path.to_owned(),
            follow,
            signature,
        })
    }

    /// A path whose metadata was read before, with links followed.
    pub fn of(path: &Utf8Path, metadata: Option<&Metadata>) -> Self {
        Self {
            path: path.to_owned(),
            follow: true,
            signature: metadata.map(Signature::of),
        }
    }

    /// Whether the path still has the same signature.
    pub fn is_unchanged(&self) -> bool {
        match (Signature::read(&self.path, self.follow), &self.signature) {
            (Ok(Some(now)), Some(recorded)) => now.is_still(recorded),
            (Ok(None), None) => true,
            _ => false,
        }
    }

    /// Waits (20 ms at most) until all of these signatures are reliable. Returns whether they can be recorded: they are
    /// old enough and the files are unchanged.
    pub fn settle(all: &[Self]) -> bool {
        let now = since_epoch(SystemTime::now());
        let worst = all
            .iter()
            .filter_map(|w| w.signature)
            .map(|s| s.unreliable_for(now))
            .max()
            .unwrap_or(0);
        if worst > TICK {
            return false; // a coarse clock, or times in the future: they stay unreliable
        }
        if worst > 0 {
            std::thread::sleep(Duration::from_nanos(u64::try_from(worst).unwrap_or(0)));
            return all.iter().all(Self::is_unchanged);
        }
        true
    }
}

/// Makes absolute paths of paths that are relative to a folder, all in the same memory: there may be tens of thousands.
#[derive(Clone, Debug)]
pub struct Place {
    path: String,
    folder: usize,
}

impl Place {
    /// Paths relative to this folder.
    pub fn new(folder: &Utf8Path) -> Self {
        let path = folder.as_str().to_owned();
        Self {
            folder: path.len(),
            path,
        }
    }

    /// The absolute path; a path that is absolute already stays as it is.
    pub fn path<'a>(&'a mut self, path: &'a Utf8Path) -> &'a Utf8Path {
        if path.is_absolute() {
            return path;
        }
        self.path.truncate(self.folder);
        if !path.as_str().is_empty() {
            if !self.path.ends_with(std::path::is_separator) {
                self.path.push(std::path::MAIN_SEPARATOR);
            }
            self.path.push_str(path.as_str());
        }
        Utf8Path::new(&self.path)
    }
}

/// A number that no other file of this machine has: the index of the file on its volume, with the volume.
#[cfg(windows)]
fn number(path: &Utf8Path, follow: bool) -> Option<u64> {
    use std::os::windows::fs::OpenOptionsExt;
    // FILE_FLAG_BACKUP_SEMANTICS opens folders, too; FILE_FLAG_OPEN_REPARSE_POINT does not follow a link.
    let flags = 0x0200_0000 | if follow { 0 } else { 0x0020_0000 };
    let mut options = std::fs::File::options();
    let file = options.access_mode(0).custom_flags(flags).open(path);
    let information = winapi_util::file::information(&file.ok()?).ok()?;
    let volume = information.volume_serial_number().rotate_left(32);
    Some(information.file_index() ^ volume)
}

fn since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
    }
}
