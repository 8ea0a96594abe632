//! Flushing a whole file system at once (`syncfs`), for which many files cost what one costs.
//!
//! It is used only where it keeps the promise of flushing each file and folder. Others may only pass
//! the data on: a file system in user space is not told to flush, and neither are some servers. Linux
//! reports failed writes to `syncfs` since 5.8; before, it would say that everything is fine.

use std::io;
use std::os::fd::OwnedFd;

/// The number of the file system of an open folder, if all of it can be flushed at once.
#[cfg(target_os = "linux")]
pub(super) fn number(folder: &OwnedFd) -> Option<u64> {
    // ext2 to ext4, XFS, Btrfs, F2FS, tmpfs, and overlays, which flush the file system below them.
    const KNOWN: [u64; 6] = [
        0xEF53,
        0x5846_5342,
        0x9123_683E,
        0xF2F5_2010,
        0x0102_1994,
        0x794C_7630,
    ];
    let kind = rustix::fs::fstatfs(folder).ok()?.f_type;
    // The type of the field depends on the architecture; the numbers have 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::cast_lossless, reason = "see above")]
    let kind = kind as u64 & 0xFFFF_FFFF;
    if !KNOWN.contains(&kind) || !reports_failures() {
        return None;
    }
    Some(rustix::fs::fstat(folder).ok()?.st_dev)
}

#[cfg(target_os = "linux")]
fn reports_failures() -> bool {
    is_since_5_8(&rustix::system::uname().release().to_string_lossy())
}

#[cfg(target_os = "linux")]
fn is_since_5_8(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (5, 8),
        _ => false,
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn number(_folder: &OwnedFd) -> Option<u64> {
    None
}

/// Flushes the file system of an open folder.
#[cfg(target_os = "linux")]
pub(super) fn flush(folder: &OwnedFd) -> io::Result<()> {
    Ok(rustix::fs::syncfs(folder)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn flush(_folder: &OwnedFd) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::is_since_5_8;

    #[test]
    fn kernels_that_hide_failed_writes_are_known() {
        for (release, expected) in [
            ("5.8.0", true),
            ("5.10.0-23-amd64", true),
            ("6.18", true),
            ("10.0-rc1", true),
            ("5.7.19", false),
            ("5.4.0-190-generic", false),
            ("4.18.0-553.el8", false),
            ("", false),
            ("6", false),
        ] {
            assert_eq!(is_since_5_8(release), expected, "{release}");
        }
    }
}
