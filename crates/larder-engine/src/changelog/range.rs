//! Where a changelog begins: after the tag of an older version, or after the commit that pinned the
//! version before.

use larder_core::error::{Error, Result};
use larder_core::formats::documents::ChangelogBasis;
use larder_core::model::version_order::prefix;
use larder_core::model::{Name, Version};
use larder_core::project::edit::pinned_version;
use larder_remote::git::Repository;

use super::{FETCH_HINT, VERSIONS};

/// How many changes of a pin are read at most.
const MOST_PINS: usize = 200;

/// The beginning of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// How it was found.
    pub basis: ChangelogBasis,
    /// The tag or the commit after which the range begins.
    pub from: Option<String>,
    /// The id of that commit.
    pub commit: Option<String>,
    /// The version there.
    pub previous: Option<Version>,
}

/// What is searched for.
pub struct Search<'a> {
    /// The subsystem.
    pub name: &'a Name,
    /// The names of all subsystems.
    pub names: &'a [Name],
    /// The folders with its sources, relative to the repository.
    pub folders: &'a [String],
    /// The folder of the project, relative to the repository.
    pub project: &'a str,
    /// The version that the range leads to.
    pub version: Version,
    /// The id of the commit that the range ends with.
    pub to: &'a str,
}

impl Search<'_> {
    /// The range that begins after a revision that the user named.
    pub fn given(&self, repository: &Repository<'_>, from: &str) -> Result<Start> {
        let commit = known_commit(repository, from)?;
        Ok(Start {
            basis: ChangelogBasis::Given,
            from: Some(from.to_owned()),
            previous: self.pin(repository, &commit)?,
            commit: Some(commit),
        })
    }

    /// The range since the last released version.
    pub fn find(&self, repository: &Repository<'_>) -> Result<Start> {
        // Tags of other branches count only where this one has none.
        for of in [Some(self.to), None] {
            let tags = repository.tags(of)?;
            if let Some((tag, version)) = self.newest_older(&tags) {
                return Ok(Start {
                    basis: ChangelogBasis::Tag,
                    commit: Some(known_commit(repository, &format!("refs/tags/{tag}"))?),
                    from: Some(tag),
                    previous: Some(version),
                });
            }
        }
        if let Some((commit, version)) = self.pinned_before(repository)? {
            return Ok(Start {
                basis: ChangelogBasis::Pin,
                from: Some(commit.clone()),
                commit: Some(commit),
                previous: Some(version),
            });
        }
        Ok(Start {
            basis: ChangelogBasis::History,
            from: None,
            commit: None,
            previous: None,
        })
    }

    /// The newest tag of an older version. The forms `<name>-v1.2.3`, `<folder>/v1.2.3` and `v1.2.3`
    /// count in this order.
    fn newest_older(&self, tags: &[String]) -> Option<(String, Version)> {
        let own = tags.iter().filter_map(|tag| Some((tag, self.own(tag)?)));
        self.newest(own)
            .or_else(|| {
                let folders = || self.folders.iter().map(String::as_str);
                let in_folder = |tag: &str| {
                    let (folder, version) = tag.rsplit_once('/')?;
                    let is_ours = folder == self.name.as_str() || folders().any(|f| f == folder);
                    is_ours.then(|| version.parse().ok()).flatten()
                };
                self.newest(
                    tags.iter()
                        .filter_map(|tag| Some((tag, in_folder(tag.as_str())?))),
                )
            })
            .or_else(|| {
                // Where subsystems have tags of their own, such a tag is that of the project.
                let of_any = |tag: &String| {
                    let starts = |name: &Name| tag.starts_with(&format!("{name}-"));
                    tag.contains('/') || self.names.iter().any(starts)
                };
                if self.folders.is_empty() || tags.iter().any(of_any) {
                    return None;
                }
                let plain = tags.iter().filter_map(|tag| Some((tag, tag.parse().ok()?)));
                self.newest(plain)
            })
    }

    /// The version of a tag of the subsystem's own releases. The suffix of a release that came late
    /// is left out.
    fn own(&self, tag: &str) -> Option<Version> {
        let version = tag.strip_prefix(self.name.as_str())?.strip_prefix('-')?;
        // `nats-server-v1` belongs to `nats-server`.
        let is_others = |name: &&Name| {
            name.as_str().len() > self.name.as_str().len() && tag.starts_with(&format!("{name}-"))
        };
        if self.names.iter().any(|name| is_others(&name)) {
            return None;
        }
        let is_suffix = |text: &str| {
            text.len() == 12 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let version = match version.rsplit_once('-') {
            Some((version, suffix)) if is_suffix(suffix) => version,
            _ => version,
        };
        version.parse().ok()
    }

    /// The newest of some versions of the same series that are older than the pinned one.
    fn newest<'t>(
        &self,
        tags: impl Iterator<Item = (&'t String, Version)>,
    ) -> Option<(String, Version)> {
        let is_same_series = |version: &Version| {
            let series = |version: &Version| prefix(version.as_str()).replacen('v', "", 1);
            series(version) == series(&self.version)
                && version.as_str().contains(|c: char| c.is_ascii_digit())
        };
        // A release follows a release: its pre-releases are part of what is new.
        let counts = |version: &Version| self.version.is_prerelease() || !version.is_prerelease();
        let is_older = |version: &Version| version.is_older_than(&self.version);
        tags.filter(|(_, version)| is_same_series(version) && is_older(version))
            .max_by(|(tag, a), (other, b)| {
                (counts(a), a.sort_key())
                    .cmp(&(counts(b), b.sort_key()))
                    // Of a release and its suffixed one the first.
                    .then_with(|| other.len().cmp(&tag.len()))
                    .then_with(|| other.cmp(tag))
            })
            .map(|(tag, version)| (tag.clone(), version))
    }

    /// The commit that pinned the version before this one, and that version.
    fn pinned_before(&self, repository: &Repository<'_>) -> Result<Option<(String, Version)>> {
        let name: String = self
            .name
            .as_str()
            .chars()
            .map(|c| match c {
                c if c.is_ascii_alphanumeric() || c == '-' || c == '_' => c.to_string(),
                c => format!("[{c}]"),
            })
            .collect();
        let line = format!("(^|[^A-Za-z0-9_.-]){name}[\"']?[[:space:]]*:");
        let path = self.versions_file();
        let commits = repository.changes_of_line(self.to, &path, &line, MOST_PINS)?;
        let mut found: Option<(String, Version)> = None;
        for commit in commits {
            let pin = self.pin(repository, &commit)?;
            match (&mut found, pin) {
                (None, Some(version)) if version != self.version => {
                    found = Some((commit, version));
                }
                (None, Some(_)) => {}
                (Some((oldest, version)), Some(pin)) if *version == pin => *oldest = commit,
                (_, None) | (Some(_), Some(_)) => break,
            }
        }
        Ok(found)
    }

    /// The version that a commit pins.
    pub fn pin(&self, repository: &Repository<'_>, commit: &str) -> Result<Option<Version>> {
        let text = repository.text_at(commit, &self.versions_file())?;
        Ok(text.and_then(|text| pinned_version(&text, self.name)))
    }

    fn versions_file(&self) -> String {
        match self.project {
            "" => VERSIONS.to_owned(),
            folder => format!("{folder}/{VERSIONS}"),
        }
    }
}

/// The commit that a revision is; an error if there is none.
pub fn known_commit(repository: &Repository<'_>, revision: &str) -> Result<String> {
    let found = repository.commit(revision)?;
    found.ok_or_else(|| {
        let error = Error::usage(format!(
            "`{revision}` is no tag, branch or commit of {}",
            repository.top()
        ));
        if repository.is_shallow() {
            error
                .cause("the clone is shallow: its history is incomplete")
                .hint(FETCH_HINT)
        } else {
            error.hint(
                "`git tag` lists the tags, and `git fetch --tags` fetches those of the remote",
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newest(name: &str, version: &str, tags: &str, folders: &[&str]) -> Option<String> {
        let names: Vec<Name> = ["arc", "arc-server", "r"]
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        let folders: Vec<String> = folders.iter().map(|&f| f.to_owned()).collect();
        let search = Search {
            name: &name.parse().unwrap(),
            names: &names,
            folders: &folders,
            project: "",
            version: version.parse().unwrap(),
            to: "HEAD",
        };
        let tags: Vec<String> = tags.split(' ').map(str::to_owned).collect();
        search.newest_older(&tags).map(|(tag, _)| tag)
    }

    #[test]
    fn the_newest_tag_of_an_older_version_is_found() {
        for (version, tags, expected) in [
            (
                "v1.1.0",
                "arc-v1.0.0 arc-v0.9.0 arc-v1.1.0",
                Some("arc-v1.0.0"),
            ),
            ("v1.10.0", "arc-v1.9.0 arc-v1.2.0", Some("arc-v1.9.0")),
            ("v1.1.0", "arc-server-v1.0.0", None),
            ("v1.1.0", "arc-v2.0.0", None),
            (
                "v1.1.0",
                "arc-v1.1.0-0123456789ab arc-v1.0.0",
                Some("arc-v1.0.0"),
            ),
            (
                "v1.1.0",
                "arc-v1.0.0-0123456789ab arc-v1.0.0",
                Some("arc-v1.0.0"),
            ),
            (
                "v1.1.0",
                "arc-v1.0.0-0123456789ab",
                Some("arc-v1.0.0-0123456789ab"),
            ),
            ("v1.1.0", "arc-v1.1.0-rc.1 arc-v1.0.0", Some("arc-v1.0.0")),
            (
                "v1.1.0-rc.2",
                "arc-v1.1.0-rc.1 arc-v1.0.0",
                Some("arc-v1.1.0-rc.1"),
            ),
            (
                "v1.1.0",
                "arc-v1.1.0-rc.1 arc-v1.1.0-rc.2",
                Some("arc-v1.1.0-rc.2"),
            ),
            ("1.1.0", "arc-v1.0.0", Some("arc-v1.0.0")),
            ("v1.1.0", "arc-release-1 arc-old", None),
            ("r12", "arc-r9 arc-r11", Some("arc-r11")),
        ] {
            let found = newest("arc", version, tags, &["src"]);
            assert_eq!(found.as_deref(), expected, "{version}: {tags}");
        }
    }

    #[test]
    fn other_forms_count_where_they_are_in_use() {
        for (tags, folders, expected) in [
            (
                "tools/arc/v1.0.0",
                &["tools/arc"][..],
                Some("tools/arc/v1.0.0"),
            ),
            ("arc/v1.0.0", &[], Some("arc/v1.0.0")),
            ("other/v1.0.0", &["tools/arc"], None),
            ("v1.0.0 v0.9.0", &["src"], Some("v1.0.0")),
            ("v1.0.0 arc-v0.9.0", &["src"], Some("arc-v0.9.0")),
            // The project's own releases, beside those of subsystems.
            ("v1.0.0 arc-server-v0.9.0", &["src"], None),
            // It is not built from this repository.
            ("v1.0.0", &[], None),
            ("latest stable", &["src"], None),
        ] {
            let found = newest("arc", "v1.1.0", tags, folders);
            assert_eq!(found.as_deref(), expected, "{tags}");
        }
    }
}
