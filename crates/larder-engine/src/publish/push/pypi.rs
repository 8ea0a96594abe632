//! pypi: a wheel for each platform, uploaded by twine and read back from the index.

use std::cmp::Ordering;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Kind, Result};
use larder_core::fs::{self, IoContext};
use larder_core::model::Digest;
use larder_core::project::publish::Pypi;
use larder_remote::registry::pypi::{Index, IndexFile, Uploaded, check_twine, upload};

use super::conflict::refuse_other;
use super::{Attempt, Files, Found, Publisher, There, Withdrawn};

/// The wheels of a version of a package.
pub(super) struct Wheels {
    package: String,
    /// The version as PEP 440 writes it.
    version: String,
    repository: Option<String>,
    index: Option<String>,
}

impl Wheels {
    pub(super) fn new(config: &Pypi, package: &str, as_pypi: String) -> Self {
        Self {
            package: package.to_owned(),
            version: as_pypi,
            repository: config.repository.clone(),
            index: config.index.clone(),
        }
    }

    fn index(&self, attempt: &Attempt<'_>) -> Result<Index> {
        let (index, repository) = (self.index.as_deref(), self.repository.as_deref());
        Index::find(
            index,
            repository,
            &self.package,
            attempt.remote,
            &attempt.cancel,
        )
    }

    /// Compares each wheel with what the index has, and returns those that are missing.
    fn compare(
        &self,
        attempt: &Attempt<'_>,
        folder: &Utf8Path,
    ) -> Result<(Found, Vec<Utf8PathBuf>)> {
        let wheels = wheels(folder)?;
        let index = self.index(attempt)?;
        let files = index.files(&self.package, &attempt.client)?;
        let files = files.unwrap_or_default();
        let mut missing = Vec::new();
        for wheel in wheels {
            let name = wheel.file_name().unwrap_or_default();
            let Some(file) = files.iter().find(|file| file.name == name) else {
                missing.push(wheel);
                continue;
            };
            let (ours, _) = Digest::of_reader(fs::open(&wheel)?).at("read", &wheel)?;
            let theirs = index.digest(file, &attempt.client)?;
            if ours != theirs {
                let other = Found::Other {
                    what: name.to_owned(),
                    ours: ours.to_string(),
                    theirs: theirs.to_string(),
                };
                return Ok((other, Vec::new()));
            }
        }
        let found = if missing.is_empty() {
            Found::Same
        } else {
            Found::Missing
        };
        Ok((found, missing))
    }
}

impl Publisher for Wheels {
    fn target(&self) -> String {
        format!("pypi:{}", self.package)
    }

    fn there(&self, attempt: &Attempt<'_>) -> Result<There> {
        let files = self.index(attempt)?.files(&self.package, &attempt.client)?;
        let files = files.unwrap_or_default();
        let versions: Vec<&str> = files.iter().filter_map(version_of).collect();
        Ok(There {
            current: newest(&files),
            wanted: versions.contains(&self.version.as_str()),
        })
    }

    fn inspect(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<Found> {
        self.compare(attempt, files.folder).map(|(found, _)| found)
    }

    fn push(&self, attempt: &Attempt<'_>, files: &Files<'_>) -> Result<()> {
        let (_, missing) = self.compare(attempt, files.folder)?;
        if missing.is_empty() {
            return Ok(());
        }
        let repository = self.repository.as_deref();
        match upload(&missing, repository, attempt.remote, &attempt.cancel)? {
            Uploaded::Done => Ok(()),
            Uploaded::Conflict(error) => {
                let (found, _) = self.compare(attempt, files.folder)?;
                match refuse_other(found)? {
                    // The index lags, or the wheels after that one were not uploaded.
                    Found::Missing => Err(error.with_kind(Kind::Unavailable)),
                    _ => Ok(()),
                }
            }
        }
    }

    fn rights(&self, attempt: &Attempt<'_>) -> Result<()> {
        check_twine(attempt.remote, &attempt.cancel)
    }

    fn withdraw(&self, _: &Attempt<'_>) -> Result<Withdrawn> {
        let Self {
            package, version, ..
        } = self;
        Ok(Withdrawn::Impossible(format!(
            "an index of Python packages has no interface for that: yank {version} on the page of \
             {package} at the index, under its releases; pip then installs it only if asked for \
             exactly this version"
        )))
    }

    fn how_to_check(&self) -> String {
        let Self {
            package, version, ..
        } = self;
        format!("`pip download --no-deps {package}=={version}` finds it")
    }
}

/// The wheels of a folder.
fn wheels(folder: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let names = fs::list(folder)?.into_iter();
    let wheels: Vec<Utf8PathBuf> = names
        .map(|name| folder.join(name))
        .filter(|path| path.extension() == Some("whl"))
        .collect();
    if wheels.is_empty() {
        return Err(Error::failed(format!("{folder} has no wheel")));
    }
    Ok(wheels)
}

/// The version in the name of a wheel: `<name>-<version>-…`.
fn version_of(file: &IndexFile) -> Option<&str> {
    let stem = file.name.strip_suffix(".whl")?;
    stem.split('-').nth(1)
}

/// The newest version that pip installs by default.
fn newest(files: &[IndexFile]) -> Option<String> {
    let files = files.iter().filter(|file| !file.yanked);
    let versions = files.filter_map(version_of);
    let newest = versions.max_by(|a, b| order(a, b))?;
    Some(newest.to_owned())
}

/// Orders versions as PEP 440 does, pre-releases before everything else.
fn order(a: &str, b: &str) -> Ordering {
    let key = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
        let (numbers, rest) = text.split_at(end.unwrap_or(text.len()));
        let mut numbers: Vec<u64> = numbers
            .split('.')
            .filter_map(|number| number.parse().ok())
            .collect();
        while numbers.last() == Some(&0) {
            numbers.pop();
        }
        let word: String = rest.chars().filter(char::is_ascii_alphabetic).collect();
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        let rank = match word.as_str() {
            "dev" => 0,
            "a" => 1,
            "b" => 2,
            "rc" => 3,
            "" => 4,
            _ => 5,
        };
        let number: u64 = digits.parse().unwrap_or(0);
        (rank >= 4, numbers, rank, number)
    };
    key(a).cmp(&key(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_version_is_the_newest_that_pip_installs() {
        for (versions, expected) in [
            (&["1.2.0", "1.10.0", "1.9"][..], "1.10.0"),
            (&["1.2.0", "2.0.0rc1"], "1.2.0"),
            (&["1.2.0rc1", "1.2.0b3", "1.2.0.dev9"], "1.2.0rc1"),
            (&["1.2.0", "1.2.0.post1"], "1.2.0.post1"),
            (&["0.9", "yanked-1.0"], "0.9"),
        ] {
            let files = versions.iter().map(|version| {
                let (yanked, version) = match version.strip_prefix("yanked-") {
                    Some(version) => (true, version),
                    None => (false, *version),
                };
                IndexFile {
                    name: format!("acme_arc-{version}-py3-none-win_amd64.whl"),
                    url: "https://index.example/f".parse().unwrap(),
                    sha256: None,
                    yanked,
                }
            });
            let files: Vec<_> = files.collect();
            assert_eq!(newest(&files).as_deref(), Some(expected));
        }
    }
}
