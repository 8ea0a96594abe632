//! chocolatey: one package, pushed to a feed.

use camino::Utf8PathBuf;

use larder_core::error::{Error, Result};
use larder_remote::registry::nuget::{Feed, Pushed};

use super::conflict::refuse_other;
use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

/// The variable that has the key.
const KEY: &str = "CHOCOLATEY_API_KEY";

/// A version of a package, and the feed that it is pushed to.
pub(super) struct ChocolateyPackage {
    name: String,
    /// The version as `NuGet` normalises it.
    version: String,
    push: String,
}

impl ChocolateyPackage {
    pub(super) fn new(push: &str, name: &str, as_nuget: String) -> Self {
        Self {
            name: name.to_owned(),
            version: as_nuget,
            push: push.to_owned(),
        }
    }

    fn feed<'a>(&self, attempt: &'a Attempt<'_>) -> Result<Feed<'a>> {
        let key = attempt.remote.environment.value(KEY);
        Feed::new(&self.push, key, &attempt.client)
    }

    fn file(&self, files: &Files<'_>) -> Utf8PathBuf {
        let Self { name, version, .. } = self;
        files.folder.join(format!("{name}.{version}.nupkg"))
    }

    /// An error if there is no key to push with.
    fn check_key(&self, attempt: &Attempt<'_>) -> Result<()> {
        match attempt.remote.environment.value(KEY) {
            Some(_) => Ok(()),
            None => Err(
                Error::refused(format!("there is no key to push to {}", self.target())).hint(
                    format!("set {KEY} to a key of the feed that may push this package"),
                ),
            ),
        }
    }
}

impl Publisher for ChocolateyPackage {
    fn target(&self) -> String {
        larder_remote::http::redact(&self.push)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let feed = self.feed(attempt)?;
        let current = feed.newest(&self.name)?;
        let is_current = current.as_ref() == Some(&self.version);
        Ok(There {
            wanted: is_current || feed.has(&self.name, &self.version)?,
            current,
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        let feed = self.feed(attempt)?;
        let file = self.file(files);
        match feed.compare(&self.name, &self.version, &file)? {
            None => Ok(Found::Missing),
            Some((true, ..)) => Ok(Found::Same),
            Some((false, ours, theirs)) => Ok(Found::Other {
                what: file.file_name().unwrap_or_default().to_owned(),
                ours,
                theirs,
            }),
        }
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        self.check_key(attempt)?;
        let feed = self.feed(attempt)?;
        if let Pushed::Conflict(_) = feed.push(&self.file(files))? {
            // A feed with moderation has it, but does not show it yet.
            refuse_other(self.inspect(attempt, files)?)?;
        }
        Ok(())
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        self.check_key(attempt)
    }

    fn withdraw(&self, attempt: &Attempt<'_>) -> Result<Withdrawn> {
        self.check_key(attempt)?;
        let feed = self.feed(attempt)?;
        let Self { name, version, .. } = self;
        if !feed.has(name, version)? {
            return Ok(Withdrawn::Absent);
        }
        if !feed.unlist(name, version)? {
            return Ok(Withdrawn::Impossible(format!(
                "the feed takes no version out of its lists: unlist {version} on the page of {name} at the feed"
            )));
        }
        Ok(Withdrawn::Done(match feed.newest(name)? {
            Some(newest) if newest != *version => {
                format!("{version} is unlisted; users get {newest}")
            }
            _ => format!("{version} is unlisted"),
        }))
    }

    fn how_to_check(&self) -> String {
        let Self { name, version, .. } = self;
        format!(
            "`choco search {name} --exact --all-versions` lists {version}, after the feed's moderation if it has one"
        )
    }
}
