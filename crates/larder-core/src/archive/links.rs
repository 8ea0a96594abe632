//! Makes the links of an archive of source code, after all of its files are written.
//!
//! Nothing is written through them: no path of an archive may go through a link, and links are made
//! last.

use std::io::ErrorKind;

use camino::Utf8Path;

use super::names::{Node, Tree, odd_link};
use crate::error::Result;
use crate::fs::{self, IoContext};

/// Makes the links that stay inside the archive in the folder with its files. `skipped` is called for
/// each other link that has not been noted yet.
pub(super) fn make(
    tree: &Tree,
    into: &Utf8Path,
    mut skipped: impl FnMut(&str, &str),
) -> Result<()> {
    for (path, target, is_hard) in tree.links() {
        let node = if is_hard {
            Node::Hardlink(target.to_owned())
        } else {
            Node::Symlink(target.to_owned())
        };
        if odd_link(path, &node).is_some() {
            continue;
        }
        let place = into.join(path);
        let made = if is_hard {
            match tree.follow(path) {
                Ok(file) => fs::try_hard_link(into.join(file), prepared(&place)?),
                Err(why) => {
                    skipped(path, &why);
                    continue;
                }
            }
        } else if let Err(why) = tree.resolve(path) {
            skipped(path, &why);
            continue;
        } else {
            fs::try_symlink(target, prepared(&place)?)
        };
        match made {
            // Some file systems, and Windows without a permission, have no links.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::Unsupported
                ) =>
            {
                skipped(path, "links can't be made in this folder");
            }
            made => made.at("link", &place)?,
        }
    }
    Ok(())
}

/// Makes the folder of a link.
fn prepared(place: &Utf8Path) -> Result<&Utf8Path> {
    fs::create_dir_all(fs::parent(place.as_std_path()))?;
    Ok(place)
}
