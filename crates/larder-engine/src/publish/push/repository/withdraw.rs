//! Takes a version back: the files become what they were before it came.

use std::cell::RefCell;

use larder_channels::repository::{CurrentFiles, Layout};
use larder_core::error::Result;
use larder_core::model::ChannelKind;
use larder_core::model::version_order::compare;
use larder_remote::git::{Before, Change, Content, DefaultBranch};

use super::{Repository, current_paths, version_in};
use crate::publish::push::Withdrawn;

/// What takes a version back.
enum Reversal {
    /// This change, after which users get `now`.
    Change {
        files: Vec<(String, Content)>,
        now: String,
    },
    /// Nothing.
    None(Withdrawn),
}

impl Repository {
    pub(super) fn withdraw_from(&self, branch: &mut DefaultBranch<'_>) -> Result<Withdrawn> {
        let result = RefCell::new(Withdrawn::Absent);
        let make = |branch: &DefaultBranch<'_>| {
            let reversal = match &self.layout {
                Layout::Current(files) => self.earlier_files(branch, files)?,
                Layout::Versions { folder, .. } => self.without_folder(branch, folder)?,
            };
            match reversal {
                Reversal::Change { files, now } => {
                    result.replace(Withdrawn::Done(format!("its users get {now} now")));
                    let message = format!("Withdraw {}", self.subject());
                    Ok(Some(Change { message, files }))
                }
                Reversal::None(withdrawn) => {
                    result.replace(withdrawn);
                    Ok(None)
                }
            }
        };
        branch.push(&self.author, &make)?;
        Ok(result.into_inner())
    }

    /// The files of the version that was there before this one. Nothing changes if another version is there.
    fn earlier_files(&self, branch: &DefaultBranch<'_>, files: &CurrentFiles) -> Result<Reversal> {
        if self.current(branch)?.as_deref() != Some(&self.written) {
            return Ok(Reversal::None(Withdrawn::Absent));
        }
        let paths = current_paths(branch, files)?;
        // A newer version in the history was itself withdrawn.
        let is_too_new = |text: &[u8]| {
            let version = version_in(files, text);
            version.is_some_and(|version| compare(&version, &self.written).is_ge())
        };
        match branch.before(&paths, &is_too_new)? {
            Before::Files(old) => {
                let now = old[0].as_deref().and_then(|text| version_in(files, text));
                let content = |text: Option<Vec<u8>>| text.map_or(Content::Removed, Content::Bytes);
                Ok(Reversal::Change {
                    files: paths
                        .into_iter()
                        .zip(old.into_iter().map(content))
                        .collect(),
                    now: now.unwrap_or_else(|| "the files before it".to_owned()),
                })
            }
            Before::Nothing if self.kind == ChannelKind::Aur => {
                let why = "it is the first version there, and a repository of the AUR can't be emptied: submit a deletion request on the page of the package";
                Ok(Reversal::None(Withdrawn::Impossible(why.to_owned())))
            }
            Before::Nothing => Ok(Reversal::Change {
                files: paths
                    .into_iter()
                    .map(|path| (path, Content::Removed))
                    .collect(),
                now: "no version".to_owned(),
            }),
        }
    }

    /// The package without the folder of this version.
    fn without_folder(&self, branch: &DefaultBranch<'_>, folder: &str) -> Result<Reversal> {
        let items = branch.list(&format!("{folder}/{}", self.written), true)?;
        if items.is_empty() {
            return Ok(Reversal::None(Withdrawn::Absent));
        }
        let versions = self.versions(branch)?.into_iter();
        let now = versions
            .filter(|version| *version != self.written)
            .max_by(|a, b| compare(a, b));
        Ok(Reversal::Change {
            files: items
                .into_iter()
                .map(|item| (item.path, Content::Removed))
                .collect(),
            now: now.unwrap_or_else(|| "no version".to_owned()),
        })
    }
}
