//! Large files: copies that share their blocks on disk with the original, and flushing that starts
//! while a file is still being written.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::simple;

/// Makes an empty file a copy of another file that shares its blocks on disk (a reflink: btrfs, XFS).
/// A later change of one of them does not reach the other. `false` if this can't be done here; the
/// file is then still empty.
pub fn share_blocks(from: &File, to: &File) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        rustix::fs::ioctl_ficlone(to, from).is_ok()
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (from, to);
        false
    }
}

/// Makes an empty file a copy of another one. It shares the blocks of the other one if possible;
/// otherwise the kernel copies the bytes.
pub fn copy_content(from: &mut File, to: &mut File) -> io::Result<()> {
    if share_blocks(from, to) {
        return Ok(());
    }
    io::copy(from, to).map(drop)
}

/// Flushes a large file while it is still being written, on a thread of its own. So the disk works
/// while the file is unpacked or hashed, and flushing the whole file at its end takes little time.
/// This does not replace that last flush.
#[derive(Debug, Default)]
pub struct EarlyFlush {
    unflushed: usize,
    thread: Option<Flushing>,
}

#[derive(Debug)]
struct Flushing {
    ask: SyncSender<()>,
    result: JoinHandle<io::Result<()>>,
}

impl EarlyFlush {
    /// After how many more bytes a flush starts. Smaller files get no thread.
    const STEP: usize = 32 << 20;

    /// Call this after bytes were written to the file.
    pub fn wrote(&mut self, file: &File, bytes: usize) {
        self.unflushed += bytes;
        if self.unflushed < Self::STEP {
            return;
        }
        self.unflushed = 0;
        if self.thread.is_none() {
            self.thread = Flushing::start(file).ok();
        }
        if let Some(Flushing { ask, .. }) = &self.thread {
            // If one is waiting already, it will include these bytes.
            let _ = ask.try_send(());
        }
    }

    /// Waits for the flush that runs. An error is one of the file: it must not be used.
    pub fn finish(self) -> io::Result<()> {
        let Some(Flushing { ask, result }) = self.thread else {
            return Ok(());
        };
        drop(ask);
        result
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("flushing it failed")))
    }
}

impl Flushing {
    fn start(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let (ask, asked) = sync_channel(1);
        let flush = move || {
            while asked.recv().is_ok() {
                simple::flushed(file.sync_data())?;
            }
            Ok(())
        };
        let result = std::thread::Builder::new()
            .name("larder-flush".into())
            .spawn(flush)?;
        Ok(Self { ask, result })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Seek as _, Write as _};

    use super::*;

    fn filled(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn a_copy_has_the_bytes_and_is_independent() {
        for bytes in [vec![], b"x".to_vec(), vec![7; 3 << 20]] {
            let (mut from, mut to) = (filled(&bytes), tempfile::tempfile().unwrap());
            copy_content(&mut from, &mut to).unwrap();
            from.rewind().unwrap();
            from.write_all(b"changed").unwrap();
            to.rewind().unwrap();
            let mut copied = Vec::new();
            to.read_to_end(&mut copied).unwrap();
            assert_eq!(copied, bytes);
        }
    }

    /// `/dev/shm` is another file system, and one that can't share blocks.
    #[cfg(target_os = "linux")]
    #[test]
    fn what_cannot_share_blocks_is_copied() {
        let Ok(mut to) = tempfile::tempfile_in("/dev/shm") else {
            eprintln!("skipped: no /dev/shm");
            return;
        };
        let mut from = filled(&vec![5; 300_000]);
        assert!(!share_blocks(&from, &to));
        assert_eq!(to.metadata().unwrap().len(), 0);
        copy_content(&mut from, &mut to).unwrap();
        assert_eq!(to.metadata().unwrap().len(), 300_000);
    }

    #[test]
    fn flushing_early_ends_with_the_file_and_reports_its_failure() {
        let file = tempfile::tempfile().unwrap();
        let mut flush = EarlyFlush::default();
        flush.wrote(&file, EarlyFlush::STEP - 1);
        assert!(flush.thread.is_none());
        for _ in 0..5 {
            flush.wrote(&file, EarlyFlush::STEP);
        }
        assert!(flush.thread.is_some());
        flush.finish().unwrap();
        let flush = EarlyFlush {
            unflushed: 0,
            thread: Some(Flushing {
                ask: sync_channel(1).0,
                result: std::thread::spawn(|| Err(io::Error::other("no space"))),
            }),
        };
        assert!(flush.finish().is_err());
    }
}
