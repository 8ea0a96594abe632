//! Freshness by metadata: size, mtime, ctime and inode, and when they are worth nothing.
//!
//! A signature proves that a file is unchanged only if the file was last changed clearly before the signature was taken:
//! a change within the clock's tick of that moment could leave all four numbers the same. Signatures that young are
//! *in doubt* and are never recorded; whoever needs one waits out the tick ([`Watched::settle`]).

use std::fs::Metadata;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use larder_core::error::Result;
use larder_core::fs;

/// The kernel's clock for file times may lag by a tick (10 ms at 100 Hz); twice that is safe.
const TICK: i128 = 20_000_000;
/// File systems that keep whole seconds (some keep even ones only).
const COARSE_TICK: i128 = 2_000_000_000;

/// What the file system says of a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    size: u64,
    mtime: i128,
    ctime: i128,
    inode: u64,
}

impl Signature {
    /// Of metadata.
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

    /// Of metadata: no inode and no change time on this system; creation time stands in.
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

    /// Nanoseconds until this signature, taken at `now`, would be beyond doubt; 0 when it is.
    fn doubt(&self, now: i128) -> i128 {
        let coarse =
            self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0 && self.ctime != 0;
        (self.ctime + if coarse { COARSE_TICK } else { TICK } - now).max(0)
    }
}

/// A path that was looked at, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Absolute path.
    pub path: Utf8PathBuf,
    /// Whether a final link was followed.
    pub follow: bool,
    /// What was seen; `None`: nothing there.
    pub signature: Option<Signature>,
}

impl Watched {
    /// Looks at a path.
    pub fn look(path: &Utf8Path, follow: bool) -> Result<Self> {
        let meta = if follow {
            fs::stat(path)?
        } else {
            fs::lstat(path)?
        };
        Ok(Self {
            path: path.to_owned(),
            follow,
            signature: meta.as_ref().map(Signature::of),
        })
    }

    /// A look that was taken before, links followed.
    pub fn of(path: &Utf8Path, look: Option<&Metadata>) -> Self {
        Self {
            path: path.to_owned(),
            follow: true,
            signature: look.map(Signature::of),
        }
    }

    /// Whether the path still looks the same.
    pub fn holds(&self) -> bool {
        let meta = if self.follow {
            fs::stat(&self.path)
        } else {
            fs::lstat(&self.path)
        };
        meta.is_ok_and(|meta| meta.as_ref().map(Signature::of) == self.signature)
    }

    /// Waits (20 ms at most) until none of these, looked at before, is in doubt; tells whether they can be recorded:
    /// still the same and old enough.
    pub fn settle(all: &[Self]) -> bool {
        let now = since_epoch(SystemTime::now());
        let worst = all
            .iter()
            .filter_map(|w| w.signature)
            .map(|s| s.doubt(now))
            .max()
            .unwrap_or(0);
        if worst > TICK {
            return false; // a coarse clock, or times from the future: stay in doubt
        }
        if worst > 0 {
            std::thread::sleep(Duration::from_nanos(u64::try_from(worst).unwrap_or(0)));
            return all.iter().all(Self::holds);
        }
        true
    }
}

fn since_epoch(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_nanos()).unwrap_or(i128::MAX),
    }
}
