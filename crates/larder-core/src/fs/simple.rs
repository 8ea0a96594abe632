//! Simple file systems (FAT, NTFS, folders of a Windows host, network shares, file systems in user
//! space): what they refuse and larder can do without.
//!
//! What they keep is theirs to say: a file there has the mode that the file system gives it, and
//! survives a power failure as far as the file system goes.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Whether an operation is refused because the file system has no such thing, and not because this
/// file is somebody else's: `EPERM`, where a lack of permission is `EACCES`.
fn is_unsupported(error: &io::Error) -> bool {
    const EPERM: i32 = 1;
    matches!(error.kind(), ErrorKind::Unsupported)
        || (cfg!(unix) && error.raw_os_error() == Some(EPERM))
}

/// The result of setting a mode or time of something that larder has made. Without modes and times
/// there is nothing to set.
pub(super) fn attribute_set(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if is_unsupported(&e) => Ok(()),
        set => set,
    }
}

/// Flushes a file to disk, where the file system has such an operation.
pub fn flush(file: &File) -> io::Result<()> {
    flushed(file.sync_all())
}

/// The result of flushing a file. Some network shares and file systems in user space can't.
pub(super) fn flushed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if matches!(e.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        flushed => flushed,
    }
}

/// The result of flushing a folder. That folders are opened only for reading makes some systems
/// refuse it.
#[cfg(unix)]
pub(super) fn folder_flushed(result: io::Result<()>) -> io::Result<()> {
    const EBADF: i32 = 9;
    match flushed(result) {
        Err(e) if e.kind() == ErrorKind::PermissionDenied => Ok(()),
        Err(e) if e.raw_os_error() == Some(EBADF) => Ok(()),
        flushed => flushed,
    }
}

/// A hint if no program on the file system of a path can be run, because it is mounted with
/// `noexec`. Known on Linux only.
pub fn noexec_hint(path: impl AsRef<Path>) -> Option<String> {
    let path = path.as_ref();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let is_noexec = rustix::fs::statvfs(path)
        .is_ok_and(|stat| stat.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let is_noexec = false;
    is_noexec.then(|| {
        format!(
            "{} is on a file system that is mounted with `noexec`, so no program there can be run; \
             move the project, or mount the file system without that option",
            path.display()
        )
    })
}

/// How many bytes can still be written to the file system of a path; `None` where it does not say.
pub fn free_space(path: impl AsRef<Path>) -> Option<u64> {
    #[cfg(unix)]
    {
        let stat = rustix::fs::statvfs(path.as_ref()).ok()?;
        // Some file systems in user space tell nothing.
        (stat.f_blocks > 0).then(|| stat.f_bavail.saturating_mul(stat.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_file_system_lacks_is_done_without() {
        const EPERM: i32 = 1;
        const EIO: i32 = 5;
        const EBADF: i32 = 9;
        const EACCES: i32 = 13;
        const EINVAL: i32 = 22;
        const ENOSPC: i32 = 28;
        const EROFS: i32 = 30;
        const ENOSYS: i32 = 38;
        const EOPNOTSUPP: i32 = 95;
        // Which of setting an attribute, flushing a file, and flushing a folder may fail like that.
        for (errno, may_fail) in [
            (EPERM, [true, false, true]),
            (EIO, [false, false, false]),
            (EBADF, [false, false, true]),
            (EACCES, [false, false, true]),
            (EINVAL, [false, true, true]),
            (ENOSPC, [false, false, false]),
            (EROFS, [false, false, false]),
            (ENOSYS, [true, true, true]),
            (EOPNOTSUPP, [true, true, true]),
        ] {
            let fail = || Err(io::Error::from_raw_os_error(errno));
            let passed = [
                attribute_set(fail()).is_ok(),
                flushed(fail()).is_ok(),
                folder_flushed(fail()).is_ok(),
            ];
            assert_eq!(passed, may_fail, "{errno}");
        }
    }
}
