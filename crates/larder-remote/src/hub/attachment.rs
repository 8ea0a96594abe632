//! Files that join a release on request: packages of other package managers, and the scripts that
//! install. They are what people download from the release's page.
//!
//! Like a signature, an attachment has no sidecar, so it is no asset that larder installs, and
//! neither `manifest.json` nor `checksums.txt` names it. Those two are derived from what the release
//! has, by whoever writes last: a job that never saw a package could not list it, and a list that
//! leaves out what another job attached would be wrong. Unlike the files of
//! [`attached`](super::attached) it can't be made anew from what the release has, so no writer may
//! delete it as redundant.

use larder_core::error::{Error, Result};
use larder_core::model::{AssetName, Digest, Tag};

use super::PlainFile;
use super::attached::is_attached;
use super::derived::{CHECKSUMS, MANIFEST};
use super::reader::NOTES;

/// What became of a file that was to join a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// It was added.
    Added,
    /// It was there with the same bytes; nothing was written.
    Present,
    /// It is not there, and the release is immutable.
    Immutable,
}

/// A file of a release, as its hub knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HubFile {
    /// Its size in bytes.
    pub size: u64,
    /// The digest of its bytes; `None` if the hub states none and does not give the bytes.
    pub sha256: Option<Digest>,
}

/// Some files of a release, as the hub lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubFiles {
    /// Whether the release is a draft, which readers can't see yet.
    pub draft: bool,
    /// Whether nothing can be added to it any more.
    pub immutable: bool,
    /// For each name that was asked for, the file; `None` if it is not there.
    pub files: Vec<Option<HubFile>>,
}

/// Refuses a name that means something else in a release: readers would take the file for a
/// sidecar, a signature or a derived file.
pub(super) fn check_name(name: &AssetName) -> Result<()> {
    let text = name.as_str();
    let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
    let has_meaning = [MANIFEST, CHECKSUMS, NOTES].contains(&text)
        || is_attached(text)
        || ["json", "minisig", "new"].contains(&ending);
    if has_meaning {
        return Err(Error::failed(format!(
            "`{name}` can't join a release: files of this name have a meaning there"
        )));
    }
    Ok(())
}

/// Adds the files that are not there. All are compared with what is there before the first one is
/// written.
pub(super) fn attach_missing(
    files: &[PlainFile<'_>],
    is_present: impl Fn(&PlainFile<'_>) -> Result<bool>,
    add: impl Fn(&PlainFile<'_>) -> Result<()>,
) -> Result<Vec<Attachment>> {
    let mut attached = Vec::new();
    for file in files {
        check_name(&file.name)?;
        attached.push(if is_present(file)? {
            Attachment::Present
        } else {
            Attachment::Added
        });
    }
    let missing = files.iter().zip(&attached);
    for (file, _) in missing.filter(|(_, outcome)| **outcome == Attachment::Added) {
        add(file)?;
    }
    Ok(attached)
}

/// The error that there is no release to join.
pub(super) fn no_release(tag: &Tag, hub: &str) -> Error {
    Error::failed(format!("{hub} has no release {tag} that files could join"))
        .hint("run `larder release` first")
}

/// The error that the release has other bytes under the name of a file.
pub(super) fn differs(tag: &Tag, name: &AssetName, ours: &Digest, theirs: &str) -> Error {
    Error::integrity(format!("the release {tag} already has a different {name}"))
        .cause(format!("the release has {theirs}, this run made {ours}"))
        .hint("what is published is never overwritten: bump the version")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_meaning_are_refused() {
        for good in ["arc_1.2_amd64.deb", "arc-1.2-1.x86_64.rpm", "install.sh"] {
            assert!(check_name(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in [
            "manifest.json",
            "checksums.txt",
            "notes.md",
            "sbom.cdx.json",
            "provenance.intoto.jsonl",
            "arc.tar.gz.json",
            "arc.tar.gz.json.minisig",
            "install.sh.0123456789ab.new",
        ] {
            assert!(check_name(&bad.parse().unwrap()).is_err(), "{bad}");
        }
    }
}
