//! The documents that commands print under `--json`: one object each on stdout, their schemas committed under `schema/`.
//!
//! Only their shapes, in the domain's words; what fills them is the business of who knows. A field is never removed and
//! never changes its meaning; new ones may come.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Problem;
use crate::model::{AssetName, Digest, Name, Origin, Platform, SourceKind, Tag, Version};

/// `status`: what is wanted and what is installed.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusDocument {
    /// The project's name.
    pub project: String,
    /// The folder that holds versions.yml.
    pub root: String,
    /// Everything that was asked for is installed and fresh.
    pub fresh: bool,
    /// Each subsystem on each platform asked for, by name.
    pub subsystems: Vec<StatusEntry>,
}

/// A subsystem on a platform: what is wanted, what is there.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StatusEntry {
    /// The subsystem.
    pub name: Name,
    /// The platform.
    pub platform: Platform,
    /// The version that versions.yml pins.
    pub wanted: Version,
    /// The version that is installed; null where none is.
    pub installed: Option<Version>,
    /// How it came here; null where that was not recorded.
    pub via: Option<SourceKind>,
    /// How it was made; null where nothing is installed.
    pub origin: Option<Origin>,
    /// Nothing would be done by `ensure`.
    pub fresh: bool,
    /// Why it is not fresh; null where it is.
    pub reason: Option<String>,
    /// Digest of the installed artifact.
    pub artifact: Option<Digest>,
    /// Fingerprint of what decided the installed artifact.
    pub inputs: Option<Digest>,
    /// Commit of the git source it was built from.
    pub commit: Option<String>,
}

/// `list`: the subsystems of a project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListDocument {
    /// The project's name.
    pub project: String,
    /// The project's platforms.
    pub platforms: Vec<Platform>,
    /// Each subsystem, by name.
    pub subsystems: Vec<ListEntry>,
}

/// A subsystem as its recipe describes it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListEntry {
    /// Its name.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// What it is.
    pub description: Option<String>,
    /// Its home on the web.
    pub homepage: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Its binaries, without `.exe`.
    pub binaries: Vec<String>,
    /// Where it exists.
    pub platforms: Vec<Platform>,
    /// What is ensured along with it.
    pub needs: Vec<Name>,
    /// What is ensured before it is built.
    pub build_needs: Vec<Name>,
    /// How it can be made: `original`, `build`.
    pub origins: Vec<Origin>,
}

/// `check`: whether the project's files are right.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckDocument {
    /// They are.
    pub ok: bool,
    /// How many subsystems there are; null where the files are not right.
    pub subsystems: Option<usize>,
    /// How many tasks there are; null where the files are not right.
    pub tasks: Option<usize>,
    /// What is wrong, in the order of files and lines.
    pub problems: Vec<ProblemEntry>,
}

/// Something wrong in a file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProblemEntry {
    /// The file, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl ProblemEntry {
    /// Of a problem.
    pub fn new(problem: &Problem) -> Self {
        let (line, column) = problem.line_column();
        let Problem {
            file,
            text: _,
            span: _,
            message,
            hint,
        } = problem;
        Self {
            file: file.to_string(),
            line,
            column,
            message: message.clone(),
            hint: hint.clone(),
        }
    }
}

/// `why`: the decision about one subsystem on one platform, and what it rests on.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct WhyDocument {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// What `ensure` would do.
    pub decision: Decision,
    /// Why; null where it is up to date.
    pub reason: Option<String>,
    /// What is installed.
    pub installed: Option<InstalledEntry>,
    /// The fingerprints that are wanted: one for each way in which it can be made.
    pub wanted: Vec<InputsEntry>,
    /// The sources in the order in which they are asked, up to the one that has it, and what each answered.
    pub sources: Vec<SourceEntry>,
    /// What the differences below were found in: what is installed, or an asset of the hub; null where nothing of
    /// other inputs was found.
    pub compared: Option<ComparedEntry>,
}

/// What `ensure` would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Nothing.
    UpToDate,
    /// Restore it from the local cache.
    Restore,
    /// Download it, from the hub or the publisher.
    Download,
    /// Build it.
    Build,
    /// Fail: no source has it.
    Fail,
    /// Leave it out: it does not exist on this platform.
    Skip,
}

impl Decision {
    /// What a chosen source means.
    pub fn of(via: SourceKind) -> Self {
        match via {
            SourceKind::Cache => Self::Restore,
            SourceKind::Managed | SourceKind::Original => Self::Download,
            SourceKind::Build => Self::Build,
        }
    }

    /// The word, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UpToDate => "up to date",
            Self::Restore => "restore",
            Self::Download => "download",
            Self::Build => "build",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// An installed artifact.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InstalledEntry {
    /// Its version.
    pub version: Version,
    /// How it was made.
    pub origin: Origin,
    /// Fingerprint of what decided it.
    pub inputs: Digest,
    /// Its digest.
    pub artifact: Digest,
    /// Its inputs are those wanted.
    pub accepted: bool,
}

/// A fingerprint and what it is made of.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InputsEntry {
    /// The way in which it would be made.
    pub origin: Origin,
    /// The fingerprint.
    pub inputs: Digest,
    /// What it is made of, in the order in which it is hashed.
    pub fields: Vec<FieldEntry>,
}

/// A field of a fingerprint.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FieldEntry {
    /// Its path, such as `commands.0`.
    pub field: String,
    /// Its value.
    pub value: String,
}

/// A source and its answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SourceEntry {
    /// The source.
    pub source: SourceKind,
    /// This one would be used.
    pub chosen: bool,
    /// What it answered.
    pub answer: String,
}

/// An artifact of other inputs than those wanted, and what differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ComparedEntry {
    /// Where it was found.
    pub place: String,
    /// How it was made.
    pub origin: Origin,
    /// Its fingerprint.
    pub inputs: Digest,
    /// What its inputs were made of is known, so that the differences are all there are.
    pub known: bool,
    /// What differs.
    pub differences: Vec<DifferenceEntry>,
}

/// A field that differs.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DifferenceEntry {
    /// Its path, such as `commands.0`.
    pub field: String,
    /// What was found; null where there was no such field.
    pub found: Option<String>,
    /// What is wanted; null where there is no such field any more.
    pub wanted: Option<String>,
}

/// `plan`: what `ensure` would do now.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanDocument {
    /// Nothing would be done.
    pub up_to_date: bool,
    /// Each subsystem on each platform, needs included, by name.
    pub steps: Vec<PlanStep>,
}

/// What would be done to a subsystem on a platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanStep {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// What would be done.
    pub decision: Decision,
    /// The source that would be used; null where none is needed or none has it.
    pub source: Option<SourceKind>,
    /// Why anything would be done; null where nothing would.
    pub reason: Option<String>,
    /// What that source answered.
    pub answer: Option<String>,
    /// The builds it is needed for, where it was not asked for.
    pub needed_by: Vec<Name>,
}

/// `release status`: what the hub has of each subsystem on each platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReleaseStatusDocument {
    /// The project's name.
    pub project: String,
    /// The hub, in words.
    pub hub: String,
    /// All of it is released.
    pub complete: bool,
    /// Each subsystem on each platform.
    pub subsystems: Vec<ReleaseStatusEntry>,
}

/// What the hub has of a subsystem on a platform.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ReleaseStatusEntry {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// `released`, in a `draft`, there from `other-inputs` only, or `missing`.
    #[schemars(extend("enum" = ["released", "draft", "other-inputs", "missing"]))]
    pub state: &'static str,
    /// The release; null where it is missing.
    pub tag: Option<Tag>,
    /// The asset; null where it is missing.
    pub asset: Option<AssetName>,
}

/// `run` without a task: what tasks there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TasksDocument {
    /// Each task, by name.
    pub tasks: Vec<TaskEntry>,
}

/// A task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TaskEntry {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Tasks, or larder's command lines, that are run before it.
    pub needs: Vec<String>,
    /// Its commands.
    pub commands: Vec<String>,
}

/// `env`: what puts the installed binaries on PATH.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct EnvDocument {
    /// Folders, in the order in which they belong on PATH.
    pub path: Vec<String>,
}

/// `init`: what became of each file, relative to the project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitDocument {
    /// New.
    pub written: Vec<String>,
    /// Was there and got lines that it lacked.
    pub extended: Vec<String>,
    /// Was there and is as it was.
    pub kept: Vec<String>,
}

/// `add`: what was found, and what was written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AddDocument {
    /// The subsystem.
    pub name: Name,
    /// The version that is pinned.
    pub version: Version,
    /// Where it is released: `github:owner/name`, or a url.
    pub source: String,
    /// The release's tag; null for a url.
    pub tag: Option<String>,
    /// Its binaries, the main one first.
    pub binaries: Vec<String>,
    /// The asset, or the url, for each platform.
    pub assets: BTreeMap<String, String>,
    /// Usual platforms, and those of the project, that no asset is for.
    pub missing: Vec<Platform>,
    /// The file that states digests, `<asset>` standing for each asset's name; null where nobody states any.
    pub checksums: Option<String>,
    /// The platform whose asset was looked into.
    pub seen: Platform,
    /// Text of the recipe.
    pub recipe: String,
    /// Files that were written; none with `--dry-run`.
    pub written: Vec<String>,
}

/// `schema` without a name: what schemas there are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemasDocument {
    /// Each schema.
    pub schemas: Vec<SchemaEntry>,
}

/// A JSON Schema.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SchemaEntry {
    /// Its name, for `larder schema <name>`.
    pub name: &'static str,
    /// What it describes: a file, or what a command prints.
    pub describes: &'static str,
}

/// `outdated`: which versions are not the newest.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedDocument {
    /// The project's name.
    pub project: String,
    /// How many are outdated.
    pub outdated: usize,
    /// Each subsystem asked about, by name.
    pub subsystems: Vec<OutdatedEntry>,
}

/// A subsystem's version, and the newest there is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct OutdatedEntry {
    /// The subsystem.
    pub name: Name,
    /// The version that versions.yml pins.
    pub current: Version,
    /// The newest version; null where it is not known.
    pub newest: Option<Version>,
    /// What the two make of it.
    pub state: Age,
    /// Who was asked: a repository's url, or a registry and a package; null where nobody answered.
    pub asked: Option<String>,
    /// Why nothing is known, or what else there is to say.
    pub note: Option<String>,
}

/// Whether a version is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Age {
    /// None is newer.
    Newest,
    /// One is.
    Outdated,
    /// Nobody announces versions of it.
    Unknown,
    /// Whoever knows could not be asked.
    Unavailable,
}

impl Age {
    /// The word, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Outdated => "outdated",
            Self::Unknown => "unknown",
            Self::Unavailable => "unavailable",
        }
    }
}

/// `cache dir`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CacheDirDocument {
    /// The cache's folder.
    pub dir: String,
}
