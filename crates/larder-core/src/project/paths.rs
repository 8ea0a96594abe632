//! Resolves paths that people write in files.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// Joins `text` to a folder and resolves `.` and `..` by name, without reading the disk, so that
/// two spellings of a path are shown and hashed alike.
pub fn join(base: &Utf8Path, text: &str) -> Utf8PathBuf {
    let mut path = Utf8PathBuf::new();
    for component in base.join(text).components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
}
