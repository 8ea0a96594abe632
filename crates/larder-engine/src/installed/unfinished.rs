//! What a killed change of an installed set leaves, written so that the next run can complete it:
//! the names of plain files whose stamp is gone, and an exchange of the current and the previous
//! set.

use std::io::Write;

use larder_core::error::Result;
use larder_core::formats::stamp;
use larder_core::fs::{self, Entry, IoContext};
use larder_core::model::Name;

use super::open::OpenSet;

/// The beginning of the names of stamps in `.v` that list plain files which may be in `.bin` and
/// which no stamp there describes any more.
const PLAIN: &str = "plain-";
/// The link in `.v` that keeps the current set's folder while the pivot already leads to the
/// previous one.
const SWAP: &str = "swap";

/// Whether a name in `.v` is one of this module.
pub(super) fn is_unfinished(name: &str) -> bool {
    let number = name.strip_prefix(PLAIN);
    name == SWAP || number.is_some_and(|number| number.parse::<u32>().is_ok())
}

impl OpenSet {
    /// Takes the stamp away, if it is not a link: from now on nothing counts as installed, and the
    /// names of the plain files are kept for [`Self::remove_plain`]. Links that are made then are
    /// dangling, because no set is current. That needs the file lock: without it, another process
    /// may have made a set current just now. Returns the name in `.v` that the stamp has now.
    pub(super) fn take_stamp_of_plain_files(&self, locked: bool) -> Result<Option<String>> {
        let mut taken = None;
        match self.dir.entry(stamp::FILE)? {
            Some(Entry::Link) => return Ok(None),
            Some(Entry::File(_)) => {
                let name = self.unused_list()?;
                self.dir.rename(stamp::FILE, (&self.versions, &name))?;
                taken = Some(name);
            }
            // See [`super::obstacles`].
            Some(Entry::Folder | Entry::Other) | None => {}
        }
        if locked {
            self.versions.remove("current")?;
        }
        Ok(taken)
    }

    /// Lists plain files that are about to be put into `.bin`, as their stamp will describe them.
    pub(super) fn note_plain(&self, stamp: &str) -> Result<()> {
        let versions = &self.versions;
        // A name that a repair removes.
        let staged = format!("tmp-plain-{}", std::process::id());
        let mut file = versions.create_file(&staged)?;
        file.write_all(stamp.as_bytes())
            .and_then(|()| fs::flush(&file))
            .at("write", versions.path().join(&staged))?;
        versions.rename(&staged, (versions, &self.unused_list()?))
    }

    /// Removes the plain files that were listed, except those with these names.
    pub(super) fn remove_plain(&self, name: &Name, keep: &[String]) -> Result<()> {
        for listed in self.lists()? {
            let text = fs::read_or_absent(self.versions.path().join(listed))?;
            let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
            let Some(artifact) = text.and_then(|text| stamp::parse(name, &text)) else {
                continue;
            };
            for name in super::tree::plain_names(&artifact) {
                if !keep.contains(&name) && matches!(self.dir.entry(&name)?, Some(Entry::File(_))) {
                    super::plain::remove_or_move_aside(&self.dir, &name)?;
                }
            }
        }
        Ok(())
    }

    fn lists(&self) -> Result<Vec<String>> {
        let mut names = self.versions.list()?;
        names.retain(|name| name != SWAP && is_unfinished(name));
        Ok(names)
    }

    /// A name for one more list of plain files.
    fn unused_list(&self) -> Result<String> {
        let taken = self.lists()?;
        let mut names = (1..).map(|n: u32| format!("{PLAIN}{n}"));
        Ok(names.find(|name| !taken.contains(name)).unwrap_or_default())
    }

    /// Exchanges the links `current` and `previous`, in one step where the system can. Elsewhere a
    /// third link keeps the way back, and [`Self::complete_exchange`] completes what was begun.
    pub(super) fn exchange_sets(&self) -> Result<()> {
        let versions = &self.versions;
        if versions.exchange("current", "previous")? {
            return Ok(());
        }
        let (Some(from), Some(to)) = (self.current(), self.previous()) else {
            return Ok(());
        };
        self.replace_link(SWAP, &from)?;
        self.replace_link("current", &to)?;
        versions.rename(SWAP, (versions, "previous"))
    }

    /// Completes an exchange that was killed, or forgets it if the pivot has not changed yet.
    pub(super) fn complete_exchange(&self) -> Result<()> {
        let versions = &self.versions;
        let Some(from) = versions.read_link(SWAP) else {
            return Ok(());
        };
        let current = self.current();
        if current.as_ref() != Some(&from) && current == self.previous() {
            versions.rename(SWAP, (versions, "previous"))
        } else {
            versions.remove_file(SWAP)
        }
    }
}
