//! Paths as people write them in files.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// `text` seen from a folder, `.` and `..` resolved by name: what is told and hashed has no
/// detours.
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
