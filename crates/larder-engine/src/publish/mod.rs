//! Publishing: the files of channels, rendered from the packages of a release.
//!
//! `gather` makes a release as channels see it, out of what is packaged and verified; `render`
//! writes the files of its channels. What a channel's files look like is known by the crate
//! `larder-channels` alone.

mod gather;
mod push;
mod render;
mod time;
mod validate;

pub use render::{RenderOptions, render_all};
pub use validate::validate_all;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

/// A path without its `.` and `..`, as git and messages name files. It is for people only: where a
/// folder is a link, `..` leads elsewhere.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut plain = Utf8PathBuf::new();
    for part in path.components() {
        match part {
            Utf8Component::ParentDir => drop(plain.pop()),
            Utf8Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn paths_are_shown_without_dots() {
        for (path, shown) in [
            ("/p/subsystems/arc/./go.mod", "/p/subsystems/arc/go.mod"),
            ("/p/subsystems/arc/../../go/go.mod", "/p/go/go.mod"),
            ("/p/go.mod", "/p/go.mod"),
        ] {
            assert_eq!(plain(path.into()), shown, "{path}");
        }
    }
}
