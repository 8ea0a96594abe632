//! The ignore files of source folders.

use camino::{Utf8Path, Utf8PathBuf};
use larder_core::keys::tree::{Projects, digest, list};
use larder_core::project::{Links, SourceFolder};

use crate::{Scratch, write};

/// The files of the source.
const FILES: [&str; 9] = [
    "Makefile",
    "a.log",
    "a b",
    "build/out.o",
    "deep/er/a.log",
    "deep/er/keep.log",
    "deep/file",
    "é.txt",
    ".git/config",
];

/// What is listed is there, is listed twice the same, and is never git's own.
pub fn ignore_files(bytes: &[u8], scratch: &Scratch<'_>) {
    let half = bytes.iter().position(|byte| *byte == 0);
    let (outer, inner) = bytes.split_at(half.unwrap_or(bytes.len()));
    scratch.with_folder(|place| {
        for (n, name) in FILES.iter().enumerate() {
            write(place, name, format!("{n}").as_bytes());
        }
        write(place, ".gitignore", outer);
        if !inner.is_empty() {
            write(place, "deep/.larderignore", &inner[1..]);
        }
        let source = SourceFolder {
            path: place.to_owned(),
            links: Links::default(),
        };
        let Ok(listing) = list(&source, &Projects::default()) else {
            return;
        };
        let again = list(&source, &Projects::default()).expect("it is listed again");
        assert_eq!(listing, again);
        let paths: Vec<&Utf8PathBuf> = listing.entries.iter().map(|entry| &entry.path).collect();
        assert!(paths.is_sorted(), "{paths:?}");
        for path in paths {
            let is_known = FILES.contains(&path.as_str()) || path.ends_with(".gitignore");
            assert!(is_known || path.ends_with(".larderignore"), "{path}");
            assert!(!path.starts_with(".git/"), "{path} is git's own");
            assert_ne!(path.parent(), Some(Utf8Path::new(".git")));
        }
        digest(place, &listing).expect("a digest");
    });
}
