//! Where a link in a source leads.

use std::collections::VecDeque;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::fs;

/// How many links the system follows on the way to a file.
const MOST_LINKS: usize = 40;

/// Whether a link leads out of a folder, itself or through other links in the folder. `from` is the
/// folder of the link, in `folder`. An absolute link leads out even if its target is in the folder,
/// because in a copy of the folder it leads to the original.
pub(super) fn leads_out(folder: &Utf8Path, from: &Utf8Path, target: &Utf8Path) -> bool {
    let mut place: Vec<String> = match from.strip_prefix(folder) {
        Ok(relative) => relative.components().map(|c| c.to_string()).collect(),
        Err(_) => return true,
    };
    let mut rest: VecDeque<String> = VecDeque::new();
    let mut followed = 0;
    let mut link = Some(target.to_owned());
    loop {
        if let Some(target) = link.take() {
            followed += 1;
            if followed > MOST_LINKS {
                // The links lead to each other, and not out.
                return false;
            }
            for component in target.components().rev() {
                match component {
                    Utf8Component::Prefix(_) | Utf8Component::RootDir => return true,
                    Utf8Component::CurDir => {}
                    name => rest.push_front(name.to_string()),
                }
            }
        }
        let Some(name) = rest.pop_front() else {
            return false;
        };
        if name == ".." {
            if place.pop().is_none() {
                return true;
            }
            continue;
        }
        place.push(name);
        let path = place
            .iter()
            .fold(folder.to_owned(), |path, name| path.join(name));
        if let Some(target) = fs::read_link(&path) {
            let Ok(target) = Utf8PathBuf::from_path_buf(target) else {
                return true;
            };
            place.pop();
            link = Some(target);
        }
    }
}
