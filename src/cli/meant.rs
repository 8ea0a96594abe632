//! What was probably meant by a command line that does not parse: tips that only the project can give.

use camino::Utf8PathBuf;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Global;
use crate::model::Name;
use crate::project::{Project, suggest};

/// Adds a tip to an error where there is one to give.
pub fn advise(error: &mut clap::Error) {
    let tip = match (error.kind(), error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word)), _) => {
            let Some((line, exact)) = project().and_then(|project| in_project(&project, word)) else { return };
            if exact {
                error.remove(ContextKind::SuggestedSubcommand);
            }
            format!("did you mean `larder {line}`?")
        }
        (ErrorKind::MissingRequiredArgument, _, Some(ContextValue::Strings(missing))) if missing == &["<NAME>..."] => {
            "`all` means every subsystem of the project".to_owned()
        }
        _ => return,
    };
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
}

/// The project that the command line of this process is about, as far as it can be told.
fn project() -> Option<Project> {
    let lenient = super::parser().ignore_errors(true).try_get_matches().ok()?;
    let directory = lenient.try_get_one::<Utf8PathBuf>("directory").ok()?;
    let root = Global::start_at(directory.map(Utf8PathBuf::as_path)).and_then(|start| Project::find(&start)).ok()?;
    Global::load(&root).ok()
}

/// The command line that a word which is no command stands for, and whether it is that very word: a subsystem, or a task.
fn in_project(project: &Project, word: &str) -> Option<(String, bool)> {
    let ensure = |name: &str| (format!("ensure {name}"), name == word);
    let run = |name: &str| (format!("run {name}"), name == word);
    let subsystem = suggest::nearest(word, project.subsystems.keys().map(Name::as_str)).map(ensure);
    let task = suggest::nearest(word, project.tasks.keys().map(String::as_str)).map(run);
    match (subsystem, task) {
        (Some((_, false)), Some((line, true))) => Some((line, true)),
        (subsystem, task) => subsystem.or(task),
    }
}
