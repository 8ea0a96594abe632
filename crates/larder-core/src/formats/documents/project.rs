//! `list`, `check`, `run` and `init`: the content of a project's files, and how they were changed.

use schemars::JsonSchema;
use serde::Serialize;

use super::ServiceEntry;
use crate::error::Problem;
use crate::model::{Name, Origin, Platform, Version};

/// `list`: the subsystems of a project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListDocument {
    /// The project's name.
    pub project: String,
    /// The project's platforms.
    pub platforms: Vec<Platform>,
    /// All subsystems, sorted by name.
    pub subsystems: Vec<ListEntry>,
}

/// A subsystem as its recipe describes it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ListEntry {
    /// Its name.
    pub name: Name,
    /// The version that versions.yml pins.
    pub version: Version,
    /// A short description of it.
    pub description: Option<String>,
    /// The url of its home page.
    pub homepage: Option<String>,
    /// Its licence, as an SPDX expression.
    pub license: Option<String>,
    /// Its binaries, without `.exe`.
    pub binaries: Vec<String>,
    /// The platforms on which it exists.
    pub platforms: Vec<Platform>,
    /// The platforms on which programs of another one are used, if its publisher has none of their
    /// own, each with the other one.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub emulate: std::collections::BTreeMap<Platform, Platform>,
    /// The subsystems that are always ensured with it.
    pub needs: Vec<Name>,
    /// The subsystems that are ensured before it is built.
    pub build_needs: Vec<Name>,
    /// The origins that its recipe declares: `original`, `build`.
    pub origins: Vec<Origin>,
}

/// `check`: whether the project's files are valid.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CheckDocument {
    /// Whether the files are valid.
    pub ok: bool,
    /// How many subsystems there are; null if the files are not valid.
    pub subsystems: Option<usize>,
    /// How many tasks there are; null if the files are not valid.
    pub tasks: Option<usize>,
    /// All problems, in the order of files and lines.
    pub problems: Vec<ProblemEntry>,
    /// What is valid and probably not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ProblemEntry>,
}

/// A problem in a file.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ProblemEntry {
    /// The file, relative to the project.
    pub file: String,
    /// The line; the first one is 1.
    pub line: usize,
    /// The column in characters; the first one is 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do about it, if known.
    pub hint: Option<String>,
}

impl ProblemEntry {
    /// Converts a problem.
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

/// `run` without a task: the list of tasks.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TasksDocument {
    /// All tasks, sorted by name.
    pub tasks: Vec<TaskEntry>,
    /// All services, sorted by name. Whether they are ready is not asked.
    pub services: Vec<ServiceEntry>,
}

/// A task.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TaskEntry {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Tasks and larder command lines that are run before it.
    pub needs: Vec<String>,
    /// The services that it uses.
    pub services: Vec<String>,
    /// Its commands.
    pub commands: Vec<String>,
}

/// `init`: what was done with each file. Paths are relative to the project.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct InitDocument {
    /// Files that were created.
    pub written: Vec<String>,
    /// Files that existed, to which missing lines were added.
    pub extended: Vec<String>,
    /// Files that existed and were not changed.
    pub kept: Vec<String>,
}
