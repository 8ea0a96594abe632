//! Files that another program has open. On Windows a virus scanner or an indexer opens a new file
//! for a moment, and meanwhile it can't be renamed or replaced; a program that runs can be renamed,
//! but never replaced or removed. Other systems have neither problem.

use std::io;
use std::path::Path;
use std::time::Duration;

/// The pauses between tries, in milliseconds: two seconds together.
const PAUSES: [u64; 9] = [5, 10, 25, 60, 100, 200, 400, 500, 700];

/// Whether an error says that somebody has the file open: access denied, a sharing violation, a
/// lock violation.
fn is_busy(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

/// Tries something again for a while, as long as another program has the file open.
pub(crate) fn patiently<T>(mut action: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for pause in PAUSES {
        match action() {
            Err(error) if is_busy(&error) => std::thread::sleep(Duration::from_millis(pause)),
            done => return done,
        }
    }
    action()
}

/// Makes way for a new file: a program that runs is renamed to a name of staged files, which a later
/// sweep removes. Returns whether it was.
pub(crate) fn move_aside(path: &Path, error: &io::Error) -> bool {
    let Some(name) = path.file_name().filter(|_| is_busy(error)) else {
        return false;
    };
    let prefix = crate::staging::prefix(&name.to_string_lossy());
    let aside = super::own::unused(&prefix, |name| {
        let aside = super::parent(path).join(name);
        match aside.symlink_metadata() {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(_) => rename(path, &aside),
        }
    });
    aside.is_ok()
}

#[expect(clippy::disallowed_methods, reason = "this is the wrapper")]
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)
}
