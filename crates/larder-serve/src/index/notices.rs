//! Notices of changes in the folder: inotify on Linux. Elsewhere, and where a file system tells
//! nothing (such as a network share that other machines write to), the folder is walked again.
//!
//! inotify is used directly, because only so the events can be chosen: each download opens a file,
//! and events for these would cost more than all others.

/// What happened.
#[derive(Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, reason = "only inotify tells them")
)]
pub enum Notice {
    /// A file was created or written to, and it may be written to further.
    Written(String),
    /// A file is complete: it was closed after it had been written, or was renamed into the folder.
    Complete(String),
    /// A file was removed or renamed, or its metadata has changed.
    Changed(String),
    /// Notices were lost.
    Lost,
    /// The folder itself is gone or was replaced.
    Gone,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;

    use camino::Utf8Path;
    use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};

    use super::Notice;

    /// Starts a thread that calls `tell` for each notice, as long as it returns true. An error if
    /// the folder can't be watched.
    pub fn watch(
        folder: &Utf8Path,
        mut tell: impl FnMut(Notice) -> bool + Send + 'static,
    ) -> std::io::Result<()> {
        let inotify = init(CreateFlags::CLOEXEC)?;
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        add_watch(&inotify, folder.as_std_path(), flags)?;
        let run = move || {
            let mut buffer = [const { MaybeUninit::uninit() }; 16 * 1024];
            let mut reader = Reader::new(inotify, &mut buffer);
            loop {
                let notice = match reader.next() {
                    Ok(event) => notice(event.events(), event.file_name()),
                    Err(rustix::io::Errno::INTR) => None,
                    Err(_) => Some(Notice::Gone),
                };
                let Some(notice) = notice else { continue };
                let is_last = notice == Notice::Gone;
                if !tell(notice) || is_last {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("larder-watch".into())
            .spawn(run)?;
        Ok(())
    }

    fn notice(events: ReadFlags, name: Option<&std::ffi::CStr>) -> Option<Notice> {
        if events.contains(ReadFlags::QUEUE_OVERFLOW) {
            return Some(Notice::Lost);
        }
        if events.intersects(
            ReadFlags::DELETE_SELF | ReadFlags::MOVE_SELF | ReadFlags::IGNORED | ReadFlags::UNMOUNT,
        ) {
            return Some(Notice::Gone);
        }
        let name = name?.to_str().ok()?.to_owned();
        if name.starts_with('.') {
            return None;
        }
        Some(
            if events.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) {
                Notice::Complete(name)
            } else if events.intersects(ReadFlags::CREATE | ReadFlags::MODIFY) {
                Notice::Written(name)
            } else {
                Notice::Changed(name)
            },
        )
    }
}

#[cfg(target_os = "linux")]
pub use linux::watch;

/// There are no notices on this system.
#[cfg(not(target_os = "linux"))]
pub fn watch(
    _folder: &camino::Utf8Path,
    _tell: impl FnMut(Notice) -> bool + Send + 'static,
) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Whether changes that other machines make are told by no notice.
pub fn is_remote(folder: &camino::Utf8Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // NFS, SMB (three numbers), FUSE, 9P, AFS, Ceph, GFS2, OCFS2, Lustre, VirtualBox.
        const REMOTE: [u32; 12] = [
            0x6969,
            0x517b,
            0xff53_4d42,
            0xfe53_4d42,
            0x6573_5546,
            0x0102_1997,
            0x5346_414f,
            0x00c3_6400,
            0x0116_1970,
            0x7461_636f,
            0x0bd0_0bd0,
            0x786f_4256,
        ];
        // The type of the field differs between processors; the number has 32 bits.
        rustix::fs::statfs(folder.as_std_path()).is_ok_and(|found| {
            let kind = u32::try_from(found.f_type & 0xffff_ffff);
            kind.is_ok_and(|kind| REMOTE.contains(&kind))
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        true
    }
}
