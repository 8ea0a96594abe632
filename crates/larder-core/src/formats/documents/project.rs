//! `list`, `check`, `run` and `init`: what a project's files say, and what became of them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::error::Problem;
use crate::model::{Name, Origin, Platform, Version};

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
