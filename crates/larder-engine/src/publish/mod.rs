//! Publishing: the files of channels, rendered from the packages of a release.
//!
//! `run` is the whole way of a release to its channels; `status` asks what they have, and `withdraw`
//! takes a version back. `push` has the places that channels are pushed to, one file per kind.
//! `gather` makes a release as channels see it, out of what is packaged and verified; `render`
//! writes the files of its channels. What a channel's files look like is known by the crate
//! `larder-channels` alone.

mod channels;
mod gather;
mod push;
mod render;
mod run;
mod status;
mod time;
mod validate;
mod withdraw;

pub use channels::ChosenChannels;
pub use render::{RenderOptions, render_all};
pub use run::{ChannelEnd, PublishEnd, PublishOptions, publish_all};
pub use status::status;
pub use validate::validate_all;
pub use withdraw::{Withdrawal, withdraw};

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
