//! The document of `changelog`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{Name, Version};

/// What `changelog` prints: what has changed in a subsystem since its last released version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub struct ChangelogDocument {
    /// The subsystem.
    pub name: Name,
    /// The version that the changes lead to: the pinned one at the end of the range.
    pub version: Version,
    /// The version before it, if it is known.
    pub previous: Option<Version>,
    /// What the beginning of the range was found by.
    pub basis: ChangelogBasis,
    /// The tag or the commit after which the range begins; null for the whole history.
    pub from: Option<String>,
    /// The id of the commit that the range ends with; null if no commits were read.
    pub to: Option<String>,
    /// Whether the history is incomplete because the clone is shallow.
    pub shallow: bool,
    /// Whether older commits of the range were left out because there are too many.
    pub truncated: bool,
    /// Pages of the publisher about the new version, for a subsystem that has one on GitHub.
    pub upstream: Option<UpstreamPages>,
    /// The changes, in groups. A repository without conventional commits has one group, after
    /// one for breaking changes if there are any.
    pub groups: Vec<ChangeGroup>,
    /// The same as Markdown, without a heading for the version.
    pub markdown: String,
}

/// What the beginning of a changelog's range was found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangelogBasis {
    /// `--from`.
    Given,
    /// The tag of an older version.
    Tag,
    /// The commit that pinned the version before in `versions.yml`.
    Pin,
    /// Neither was found, so the range is the whole history.
    History,
    /// The changelog is a file.
    File,
    /// The recipe wants no changelog.
    None,
}

/// Pages of a publisher on GitHub.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct UpstreamPages {
    /// The page of the release.
    pub release: String,
    /// The page that compares it with the version before, if that is known.
    pub compare: Option<String>,
}

/// Changes of one kind.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ChangeGroup {
    /// Their kind.
    pub kind: ChangeKind,
    /// The title of the group.
    pub title: &'static str,
    /// The changes, the newest one first.
    pub changes: Vec<ChangeEntry>,
}

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Users have to change something.
    Breaking,
    /// Something new.
    Feature,
    /// A mistake is corrected.
    Fix,
    /// Something is faster or smaller.
    Performance,
    /// Documentation.
    Documentation,
    /// A change of an earlier version is taken back.
    Revert,
    /// Any other change, or a change in a repository without conventional commits.
    Other,
}

impl ChangeKind {
    /// The title of its group.
    pub fn title(self) -> &'static str {
        match self {
            Self::Breaking => "Breaking changes",
            Self::Feature => "Features",
            Self::Fix => "Fixes",
            Self::Performance => "Performance",
            Self::Documentation => "Documentation",
            Self::Revert => "Reverts",
            Self::Other => "Other changes",
        }
    }
}

/// A change: one commit, or several with the same subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeEntry {
    /// The part of the program, as conventional commits name it.
    pub scope: Option<String>,
    /// What has changed: the subject of the commit without its type, its scope and the number of
    /// its pull request.
    pub summary: String,
    /// What users have to know about a breaking change.
    pub breaking: Option<String>,
    /// The numbers of its pull requests.
    pub pull_requests: Vec<u64>,
    /// The ids of its commits.
    pub commits: Vec<String>,
    /// The names of its authors, each one once.
    pub authors: Vec<String>,
}
