//! `check`: validates the project's files.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::lock;
use larder_core::cancel::Cancel;
use larder_core::environment::Environment;
use larder_core::error::{Error, Problem, Result};
use larder_core::formats::Lock;
use larder_core::formats::documents::{CheckDocument, ProblemEntry};
use larder_core::fs;
use larder_core::human;
use larder_core::keys::tree;
use larder_core::model::Platform;
use larder_core::project::{Project, RenderedBuild, RenderedSource};
use larder_remote::git::Git;

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

/// Warnings about sources whose line ends git changed: their bytes, and so their keys, are others
/// than on machines where it did not.
pub fn changed_lines(project: &Project, environment: &Environment) -> Result<Vec<String>> {
    let mut folders = BTreeSet::new();
    for subsystem in project.subsystems.values() {
        let rendered = subsystem.rendered_build(&Platform::host(), "<out>", "<src>")?;
        if let Some(RenderedBuild {
            source: RenderedSource::Dir(folder),
            ..
        }) = rendered
        {
            folders.insert(folder);
        }
    }
    let cancel = Cancel::new();
    let git = Git::new(environment, true, &cancel);
    let projects = tree::Projects::with(&project.root)?;
    let mut warnings = Vec::new();
    for source in folders {
        // A source that can't be listed is an error of the run that needs it.
        let listing = tree::list(&source, &projects);
        let sources = listing.map_or_else(|_| Vec::new(), |listing| listing.entries);
        let folder = source.path;
        if !sources
            .iter()
            .any(|entry| has_carriage_returns(&folder.join(&entry.path)))
        {
            continue;
        }
        let mut changed = git.with_changed_lines(&folder);
        changed.retain(|path| sources.iter().any(|entry| entry.path == *path));
        if let Some(first) = changed.first() {
            let name = folder.strip_prefix(&project.root).unwrap_or(&folder);
            let name = name.as_str().replace('\\', "/");
            warnings.push(format!(
                "warning: git changed the line ends of {} in {name} (such as {first}) to CR LF, so \
                 its key differs from that of other machines\n  hint: add `{name}/** -text` to \
                 .gitattributes, remove these files and run `git checkout -- {name}`",
                human::count(changed.len(), "file")
            ));
        }
    }
    Ok(warnings)
}

/// Whether a file has a line that ends in CR LF. What can't be read has none.
fn has_carriage_returns(file: &Utf8Path) -> bool {
    let bytes = fs::read_bounded(file, LONGEST_TEXT).ok().flatten();
    bytes.is_some_and(|bytes| bytes.windows(2).any(|two| two == b"\r\n"))
}

/// How long a text is at most whose lines are looked at.
const LONGEST_TEXT: u64 = 1024 * 1024;

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

/// Problems of the lines of `ci:` and of `needs:` of tasks and services that are not command lines of larder.
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
        .chain(project.services.values().flat_map(|service| &service.needs))
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
