//! `ci`: runs the lines of `ci:` one after the other until one fails.

use std::time::Instant;

use crate::events::Did;
use crate::release::upload::reason_not_to_release;
use crate::settings::CiContext;
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome};
use larder_core::project::Project;

/// One of larder's own command lines, parsed.
pub trait CommandLine: Sized {
    /// The line as it was written.
    fn text(&self) -> &str;

    /// Whether its only effect is a change of the hub.
    fn releases(&self) -> bool;

    /// The same line, but what it builds is not uploaded.
    #[must_use]
    fn without_upload(self) -> Self;
}

/// The lines of a project's `ci:`.
#[derive(Debug)]
pub struct Ci<L> {
    lines: Vec<L>,
    /// The reason why nothing may be written to the hub, if there is one.
    no_release: Option<String>,
}

impl<L: CommandLine> Ci<L> {
    /// Parses every line before the first one runs; the error has the problems of all lines.
    pub fn parse(
        project: &Project,
        context: &CiContext,
        parse: impl Fn(&str) -> Result<L>,
    ) -> Result<Self> {
        if project.ci.is_empty() {
            return Err(Error::usage("versions.yml has no `ci:`")
                .hint("list the commands to run, e.g. `ci: [ensure all, verify, package all]`"));
        }
        let mut lines = Vec::new();
        let mut wrong = Vec::new();
        for line in &project.ci {
            match parse(line) {
                Ok(line) => lines.push(line),
                Err(error) => wrong.push((line, error)),
            }
        }
        if !wrong.is_empty() {
            return Err(all_wrong(&wrong));
        }
        let no_release = reason_not_to_release(project, context);
        if no_release.is_some() {
            lines = lines.into_iter().map(L::without_upload).collect();
        }
        Ok(Self { lines, no_release })
    }

    /// Runs the lines; returns how each ended. If a line fails, `run` returns the error, or `None` if its steps have reported
    /// theirs already.
    pub fn run(
        &self,
        cancel: &Cancel,
        mut run: impl FnMut(&L) -> Result<(), Option<Error>>,
    ) -> Vec<Did> {
        let mut failed = false;
        let mut one = |line: &L| {
            let mut did = Did::new(Action::Ci, line.text(), Outcome::Skipped);
            if failed || cancel.signal().is_some() {
                did.reason = Some("not run".into());
                return did;
            }
            if let Some(why) = self.no_release.as_ref().filter(|_| line.releases()) {
                did.reason = Some(why.clone());
                return did;
            }
            let start = Instant::now();
            match run(line) {
                Ok(()) => did.outcome = Outcome::Ran,
                Err(error) => {
                    failed = true;
                    (did.outcome, did.error) = (Outcome::Failed, error);
                }
            }
            did.seconds = start.elapsed().as_secs_f64();
            did
        };
        self.lines.iter().map(&mut one).collect()
    }
}

fn all_wrong(wrong: &[(&String, Error)]) -> Error {
    let causes: Vec<String> = wrong
        .iter()
        .map(|(line, error)| format!("`{line}`: {}", error.causes().join(": ")))
        .collect();
    let error =
        Error::usage("`ci:` in versions.yml is wrong; nothing was run").cause(causes.join("\n"));
    let mut hints: Vec<&String> = wrong.iter().flat_map(|(_, error)| error.hints()).collect();
    hints.sort_unstable();
    hints.dedup();
    hints.into_iter().fold(error, Error::hint)
}
