//! `check`: validates the project's files.

use camino::Utf8Path;

use crate::lock;
use larder_core::error::{Error, Problem, Result};
use larder_core::formats::Lock;
use larder_core::formats::documents::{CheckDocument, ProblemEntry};
use larder_core::fs;
use larder_core::project::Project;

/// Returns the project if all of its files are valid, otherwise an error with all problems. `user` is the result of loading
/// the user's configuration. `parse_line` checks one of larder's command lines.
pub fn check(
    root: &Utf8Path,
    project: Result<Project>,
    user: Result<()>,
    parse_line: impl Fn(&str) -> Result<()>,
) -> Result<Project> {
    match (project, Lock::load(&root.join(lock::FILE))) {
        (Err(files), Err(lock)) if !files.file_problems().is_empty() => Err(Error::problems(
            [files.file_problems(), lock.file_problems()].concat(),
        )),
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(project), Ok(_)) => {
            user?;
            let problems = command_lines(&project, parse_line)?;
            if problems.is_empty() {
                Ok(project)
            } else {
                Err(Error::problems(problems))
            }
        }
    }
}

/// The document of a result of [`check`]; `None` if the error is not about a file.
pub fn document(checked: &Result<Project>) -> Option<CheckDocument> {
    match checked {
        Ok(project) => Some(CheckDocument {
            ok: true,
            subsystems: Some(project.subsystems.len()),
            tasks: Some(project.tasks.len()),
            problems: Vec::new(),
            warnings: project.warnings.iter().map(ProblemEntry::new).collect(),
        }),
        Err(error) if error.file_problems().is_empty() => None,
        Err(error) => Some(CheckDocument {
            ok: false,
            subsystems: None,
            tasks: None,
            problems: error
                .file_problems()
                .iter()
                .map(ProblemEntry::new)
                .collect(),
            warnings: Vec::new(),
        }),
    }
}

/// Problems of the lines of `ci:` and of tasks' `needs:` that are not command lines of larder.
fn command_lines(
    project: &Project,
    parse_line: impl Fn(&str) -> Result<()>,
) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut text = None;
    let needs = project
        .tasks
        .values()
        .flat_map(|task| &task.needs)
        .filter(|need| !project.tasks.contains_key(*need));
    for line in project.ci.iter().chain(needs) {
        let Err(error) = parse_line(line) else {
            continue;
        };
        let whole: &std::sync::Arc<str> = match &text {
            Some(text) => text,
            None => text.insert(fs::read_text(project.root.join("versions.yml"))?.into()),
        };
        let start = place(whole, line);
        problems.push(Problem {
            file: "versions.yml".into(),
            text: whole.clone(),
            span: start.map_or(0..0, |start| start..start + line.len()),
            message: error.to_string(),
            hint: error.hints().first().cloned(),
        });
    }
    Ok(problems)
}

/// The offset at which a text is a whole item of a list in a file.
fn place(text: &str, item: &str) -> Option<usize> {
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "[],\"'#".contains(c));
    text.match_indices(item).map(|(at, _)| at).find(|at| {
        edge(text[..*at].chars().next_back()) && edge(text[at + item.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_items_are_found() {
        let text = "versions: {verify-all: 1}\nci: [ensure all -j, 'verify', verify]\n";
        assert_eq!(
            place(text, "ensure all -j"),
            Some(text.find("ensure").unwrap())
        );
        assert_eq!(
            place(text, "verify"),
            Some(text.find("'verify'").unwrap() + 1)
        );
        assert_eq!(place(text, "nothing"), None);
    }
}
