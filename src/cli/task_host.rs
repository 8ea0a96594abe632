//! What `run` and `up` provide for the tasks and services that they run: the needs that are larder
//! commands, and lines about what ended.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::Global;
use super::counts::Counts;
use super::line::Line;
use crate::report::Verbosity;
use larder_core::error::Result;
use larder_core::model::Action;
use larder_core::project::Project;
use larder_engine::events::Did;
use larder_engine::tasks::{Reach, Stop, TaskHost};

/// Runs the needs that are larder commands, and shows how tasks and services end.
pub struct Host {
    lines: BTreeMap<String, Line>,
    global: Global,
    /// Whether all data of the tasks could be written.
    shown: Result<()>,
    /// The tasks and services that ended.
    done: Vec<Did>,
}

impl Host {
    /// Parses all needs that are larder commands.
    pub fn new(project: &Project, reach: &Reach, counts: &Counts, global: &Global) -> Result<Self> {
        let mut lines = BTreeMap::new();
        reach.parse_needs(project, &mut |need| {
            if !lines.contains_key(need) {
                lines.insert(need.to_owned(), Line::parse(need, &global.startup)?);
            }
            Ok(())
        })?;
        Ok(Self {
            lines,
            global: Global {
                directory: Some(project.root.clone()),
                parent_counts: Some(counts.clone()),
                ..global.clone()
            },
            shown: Ok(()),
            done: Vec::new(),
        })
    }

    /// What ended, for the step summary.
    pub fn done(&mut self) -> Vec<Did> {
        std::mem::take(&mut self.done)
    }

    /// The exit code of a run.
    pub fn code(self, ended: Result<(), Stop<ExitCode>>) -> Result<ExitCode> {
        match ended {
            Ok(()) => self.shown.map(|()| ExitCode::SUCCESS),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Line(code)) => Ok(code),
        }
    }

    fn talks(&self) -> bool {
        !self.global.json && self.global.verbosity() > Verbosity::Quiet
    }
}

impl TaskHost for Host {
    type Failure = ExitCode;

    fn line(&mut self, need: &str) -> Result<(), ExitCode> {
        match self.lines.get(need).map(|line| line.run(&self.global)) {
            None | Some(ExitCode::SUCCESS) => Ok(()),
            Some(code) => Err(code),
        }
    }

    fn command(&mut self, line: &str) {
        if self.talks() {
            self.global
                .message(&format!("$ {}", self.global.redactor().clean(line)));
        }
    }

    fn starting(&mut self, service: &str) {
        if self.talks() {
            self.global.message(&format!("{service}: starting"));
        }
    }

    fn ended(&mut self, mut did: Did) {
        self.done.push(did.clone());
        if !self.global.json {
            // This error ends the whole run and is shown there.
            if did.error.is_some() {
                return;
            }
            let what = match did.action {
                Action::Up | Action::Down => "service",
                _ => "task",
            };
            did.subject = format!("{what} {}", did.subject);
        }
        if let Some(counts) = &self.global.parent_counts {
            counts.count(did.outcome);
        }
        let shown = self.global.show_step(&did);
        self.shown = std::mem::replace(&mut self.shown, Ok(())).and(shown);
    }
}
