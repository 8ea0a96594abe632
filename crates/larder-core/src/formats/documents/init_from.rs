//! `init --from`: what was taken over from the files of other tools, and what is left for a person.

use schemars::JsonSchema;
use serde::Serialize;

/// `init --from`: what was taken over, and what is left. Paths in the project are relative to it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromDocument {
    /// The files that were read.
    pub from: Vec<InitFromSource>,
    /// The tools that they pin.
    pub tools: Vec<InitFromTool>,
    /// The tasks that are in versions.yml now.
    pub tasks: Vec<InitFromTask>,
    /// What larder's own commands do.
    pub replaced: Vec<InitFromReplaced>,
    /// What a person has to look at. It is also at the end of versions.yml.
    pub left: Vec<InitFromLeft>,
    /// The texts of the files, with `--dry-run`.
    pub files: Vec<InitFromFile>,
    /// Files that were created.
    pub written: Vec<String>,
    /// Files that existed, to which missing lines were added.
    pub extended: Vec<String>,
    /// Files that existed and were not changed.
    pub kept: Vec<String>,
}

/// A file that was read.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromSource {
    /// The file, as it was named.
    pub file: String,
    /// Its kind: `taskfile`, `mise`, `tool-versions`, `aqua`, `dotslash` or `goreleaser`.
    pub kind: String,
}

/// A tool that a file pins.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromTool {
    /// The name of the subsystem.
    pub name: String,
    /// The version: the pinned one, or the one that the file asks for if the tool was not moved.
    pub version: String,
    /// The file that pins it.
    pub file: String,
    /// The line there; the first one is 1.
    pub line: usize,
    /// Where its releases are, as `larder add` takes it; null if the recipe is what the file itself says.
    pub source: Option<String>,
    /// Whether it has a recipe now.
    pub state: InitFromToolState,
    /// What a person should know about it.
    pub note: Option<String>,
    /// Why it was not moved.
    pub error: Option<String>,
    /// The command that adds it later.
    pub next: Option<String>,
}

/// What became of a tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InitFromToolState {
    /// It has a recipe and a version.
    Moved,
    /// It was looked up, and that failed.
    Failed,
    /// It is left for a person.
    Left,
}

/// A task that was moved.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromTask {
    /// Its name.
    pub name: String,
    /// The file that had it.
    pub file: String,
    /// The line there; the first one is 1.
    pub line: usize,
}

/// Something that a command of larder does.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromReplaced {
    /// The file.
    pub file: String,
    /// The line; the first one is 1.
    pub line: usize,
    /// What it is.
    pub what: String,
    /// The command.
    pub by: String,
}

/// Something that a person has to look at.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromLeft {
    /// The file.
    pub file: String,
    /// The line; the first one is 1.
    pub line: usize,
    /// The column in characters; the first one is 1.
    pub column: usize,
    /// What it is.
    pub what: String,
    /// Why it was not moved, or what differs.
    pub why: String,
    /// The usual answer.
    pub next: Option<String>,
}

/// A file that would be written.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitFromFile {
    /// Its path.
    pub path: String,
    /// Its text.
    pub text: String,
}
