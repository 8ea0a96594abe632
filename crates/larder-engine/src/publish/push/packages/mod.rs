//! Repositories of packages that larder renders: for apt and for dnf, in a folder, in a git
//! repository, or attached to a release of the hub.
//!
//! What is there is read from the index of the repository. A push adds the packages of a version and
//! writes the index anew; every earlier version stays. Packages come first, the file at the top of
//! the index last, so that a killed push leaves a whole repository and the next one completes it.

mod branch;
mod folder;
mod release;
mod sign;
#[cfg(all(test, unix))]
mod tests;

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use larder_channels::apt_repository::{AptRepository, Layout};
use larder_channels::package_index::{
    IndexFiles, Listed, PackageIndex, is_hashed, newest, package, signatures,
};
use larder_channels::yum_repository::YumRepository;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{ChannelKind, Digest, Version};
use larder_core::project::Subsystem;
use larder_core::project::publish::PackageRepository;

use super::{Attempt, Files, Found, Places, Publisher, There, Withdrawn};
use crate::context::Context;
use sign::Signer;

/// A repository, and the package of this version.
pub(super) struct Packages {
    format: Format,
    /// The name of the package.
    package: String,
    /// Its version, as the repository writes it.
    version: String,
    place: Box<dyn Place>,
    /// The key that signs the index.
    key: Option<String>,
}

/// The form of a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Apt(Layout),
    Yum,
}

/// Where a repository is.
trait Place: Send + Sync {
    /// The place in messages.
    fn target(&self) -> String;

    /// Lets someone read the repository as it is now.
    fn read(
        &self,
        attempt: &Attempt<'_>,
        with: &mut dyn FnMut(&dyn Stored) -> Result<()>,
    ) -> Result<()>;

    /// Makes a change. `make` computes it from what is there, and is called again if that changes
    /// meanwhile; with `None` nothing is written.
    fn change(
        &self,
        attempt: &Attempt<'_>,
        make: &dyn Fn(&dyn Stored) -> Result<Option<Change>>,
    ) -> Result<()>;

    /// Whether the credentials suffice to change it.
    fn rights(&self, _attempt: &Attempt<'_>) -> Result<()> {
        Ok(())
    }
}

/// What a repository has.
trait Stored {
    /// The bytes of a file of the index.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// Whether a file is there.
    fn has(&self, path: &str) -> Result<bool>;

    /// The digest of a file; `None` if it is not known without much work, or nothing is there.
    fn digest(&self, path: &str) -> Result<Option<Digest>>;

    /// The names of the files in a folder.
    fn list(&self, folder: &str) -> Result<Vec<String>>;

    /// Why nothing can be added.
    fn closed(&self) -> Option<String> {
        None
    }
}

/// A change of a repository, in the order in which it is made.
#[derive(Debug)]
struct Change {
    /// What it does, in a few words.
    message: String,
    /// New packages: their paths in the repository, and the files on this machine.
    packages: Vec<(String, Utf8PathBuf)>,
    /// Files of the index that are new or change; the one at the top is the last.
    files: Vec<(String, Vec<u8>)>,
    /// Files that are removed.
    removed: Vec<String>,
}

/// A change whose files are not signed yet.
struct Draft {
    change: Change,
    /// The path and the bytes of the file at the top, if it is to be signed.
    to_sign: Option<(String, Vec<u8>)>,
}

/// The repository that packages of a channel are added to.
pub(super) fn places(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    (kind, repository): (ChannelKind, Option<&PackageRepository>),
) -> Result<Places> {
    let Some(repository) = repository else {
        return Ok(Places::At(Vec::new()));
    };
    // A version that the channel can't express is skipped.
    let Ok((package, version)) = package(kind, &subsystem.name, version) else {
        return Ok(Places::At(Vec::new()));
    };
    let in_release = *repository == PackageRepository::Hub;
    let format = match kind {
        ChannelKind::Deb if in_release => Format::Apt(Layout::Flat),
        ChannelKind::Deb => Format::Apt(Layout::Pool),
        // Its index is in a folder, and a release has none.
        _ if in_release => {
            return Err(Error::usage(format!(
                "{}: a repository for dnf can't be in a release",
                subsystem.name
            ))
            .cause("its index has to be in a folder `repodata`, and a release has no folders")
            .hint("write `rpm: {repository: {dir: PATH}}` or `{git: URL}`; the packages themselves join the release anyway"));
        }
        _ => Format::Yum,
    };
    let place: Box<dyn Place> = match repository {
        PackageRepository::Dir(path) => Box::new(folder::Folder::new(&ctx.project.root, path)),
        PackageRepository::Git(url) => Box::new(branch::Branch::new(ctx, url)),
        PackageRepository::Hub => Box::new(release::Rolling::new(ctx, subsystem)?),
    };
    Ok(Places::At(vec![Box::new(Packages {
        format,
        package,
        version,
        place,
        key: ctx.settings.gpg_key.clone(),
    })]))
}

impl Packages {
    /// The index as the repository has it.
    fn index(&self, stored: &dyn Stored) -> Result<Box<dyn PackageIndex>> {
        let read = |path: &str| stored.read(path);
        Ok(match self.format {
            Format::Apt(layout) => Box::new(AptRepository::read(layout, &read)?),
            Format::Yum => Box::new(YumRepository::read(&read)?),
        })
    }

    /// What is there of the packages of a version, and what adds the rest.
    fn compare(&self, stored: &dyn Stored, files: &Files<'_>) -> Result<(Found, Option<Draft>)> {
        let mut index = self.index(stored)?;
        let before = index.listed();
        let mut packages = Vec::new();
        for name in fs::list(files.folder)? {
            let file = files.folder.join(name);
            let ours = index.add(&file)?;
            let is_same = |other: &&Listed| {
                (&other.name, &other.version, &other.arch)
                    == (&ours.name, &ours.version, &ours.arch)
            };
            let listed = before.iter().find(is_same);
            let theirs = match listed {
                Some(listed) => Some(listed.sha256.clone()),
                // A push that was killed left it, or it is somebody else's.
                None => stored.digest(&ours.path)?.map(|digest| digest.to_string()),
            };
            match theirs {
                Some(theirs) if theirs != ours.sha256 => {
                    let other = Found::Other {
                        what: ours.path,
                        ours: ours.sha256,
                        theirs,
                    };
                    return Ok((other, None));
                }
                _ => {}
            }
            if !stored.has(&ours.path)? {
                packages.push((ours.path, file));
            }
        }
        let draft = self.draft(stored, index.render()?, packages, Vec::new())?;
        Ok(match (&draft, stored.closed()) {
            (None, _) => (Found::Same, None),
            (Some(_), Some(why)) => (Found::Closed(why), None),
            (Some(_), None) => (Found::Missing, draft),
        })
    }

    /// The change that makes the repository have this index; `None` if it has.
    fn draft(
        &self,
        stored: &dyn Stored,
        index: IndexFiles,
        packages: Vec<(String, Utf8PathBuf)>,
        mut removed: Vec<String>,
    ) -> Result<Option<Draft>> {
        let IndexFiles {
            files,
            top,
            folders,
            used,
        } = index;
        let is_new = stored.read(&top.0)?.as_ref() != Some(&top.1);
        let mut changed = Vec::new();
        for (path, bytes) in files {
            if stored.read(&path)?.as_ref() != Some(&bytes) {
                changed.push((path, bytes));
            }
        }
        let mut signed = Vec::new();
        for (path, _) in signatures(&top.0) {
            signed.push(stored.has(&path)?);
        }
        let is_signed = signed.contains(&true);
        if self.key.is_none() && is_signed && is_new {
            return Err(Error::failed(format!(
                "the index of {} is signed, and there is no key to sign it anew",
                self.place.target()
            ))
            .hint("set LARDER_GPG_KEY to the key, or remove the signatures from the repository"));
        }
        let to_sign = self.key.is_some() && (is_new || signed.contains(&false));
        let is_nothing = packages.is_empty() && changed.is_empty() && removed.is_empty();
        if is_nothing && !is_new && !to_sign {
            return Ok(None);
        }
        if is_new {
            removed.extend(leftovers(stored, &folders, &used)?);
        }
        let to_sign = to_sign.then(|| top.clone());
        if is_new {
            changed.push(top);
        }
        Ok(Some(Draft {
            change: Change {
                message: format!("{} {}", self.package, self.version),
                packages,
                files: changed,
                removed,
            },
            to_sign,
        }))
    }

    /// The change with its signatures, which come before the file that they are of.
    fn finish(&self, attempt: &Attempt<'_>, draft: Draft) -> Result<Change> {
        let Draft {
            mut change,
            to_sign,
        } = draft;
        if let (Some((path, bytes)), Some(key)) = (to_sign, &self.key) {
            let signer = Signer { attempt, key };
            let last = change.files.len()
                - usize::from(change.files.last().is_some_and(|it| it.0 == path));
            for (of, kind) in signatures(&path).into_iter().rev() {
                let signature = signer.sign(&bytes, kind)?;
                change.files.insert(last, (of, signature));
            }
        }
        Ok(change)
    }
}

/// The files of earlier indexes that nothing names any more.
fn leftovers(
    stored: &dyn Stored,
    folders: &BTreeSet<String>,
    used: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut left = Vec::new();
    for folder in folders {
        for name in stored.list(folder)? {
            let path = format!("{folder}/{name}");
            if is_hashed(&name) && !used.contains(&path) {
                left.push(path);
            }
        }
    }
    Ok(left)
}

impl Publisher for Packages {
    fn target(&self) -> String {
        self.place.target()
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let mut there = There::default();
        self.place.read(attempt, &mut |stored| {
            let index = self.index(stored)?;
            there = There {
                current: newest(&*index, &self.package),
                wanted: index
                    .listed()
                    .iter()
                    .any(|it| it.name == self.package && it.version == self.version),
            };
            Ok(())
        })?;
        Ok(there)
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let mut found = Found::Missing;
        self.place.read(attempt, &mut |stored| {
            found = self.compare(stored, files)?.0;
            Ok(())
        })?;
        Ok(found)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        self.place
            .change(attempt, &|stored| match self.compare(stored, files)? {
                (Found::Other { what, ours, theirs }, _) => Err(Error::integrity(format!(
                    "{} has a different {what}",
                    self.place.target()
                ))
                .cause(format!("there {theirs}, here {ours}"))
                .hint("nothing that is published is overwritten; a change needs a new version")),
                (Found::Closed(why), _) => Err(Error::failed(why)),
                (_, Some(draft)) => self.finish(attempt, draft).map(Some),
                (_, None) => Ok(None),
            })
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        if let Some(key) = &self.key {
            Signer { attempt, key }.check()?;
        }
        self.place.rights(attempt)
    }

    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        let there = self.there(attempt)?;
        if !there.wanted {
            return Ok(Withdrawn::Absent);
        }
        self.place.change(attempt, &|stored| {
            let mut index = self.index(stored)?;
            let gone = index.remove(&self.package, &self.version);
            let mut removed = Vec::new();
            for listed in gone {
                if stored.has(&listed.path)? {
                    removed.push(listed.path);
                }
            }
            let draft = self.draft(stored, index.render()?, Vec::new(), removed)?;
            let change = draft.map(|draft| self.finish(attempt, draft)).transpose()?;
            Ok(change.map(|change| Change {
                message: format!("{} {} is withdrawn", self.package, self.version),
                ..change
            }))
        })?;
        let now = self.there(attempt)?.current;
        Ok(Withdrawn::Done(match now {
            Some(version) => format!("new installations get {version}"),
            None => "the repository has no other version".to_owned(),
        }))
    }

    fn how_to_check(&self) -> String {
        match self.format {
            Format::Apt(_) => format!("`apt-cache policy {}` lists it", self.package),
            Format::Yum => format!("`dnf list --showduplicates {}` lists it", self.package),
        }
    }
}
