//! Tips for a command line that cannot be parsed, which clap cannot give because they depend on the
//! project.

use camino::Utf8PathBuf;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Global;
use super::settings::Startup;
use larder_core::environment::Environment;
use larder_core::model::Name;
use larder_core::project::Project;
use larder_core::suggestions;

/// Words that other programs use for what larder does, with larder's own.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("version", "--version"),
    ("build", "ensure"),
    ("get", "ensure"),
    ("sync", "ensure"),
    ("fetch", "ensure"),
    ("download", "ensure"),
    ("update", "bump"),
    ("tree", "graph --format tree"),
    ("delete", "remove"),
    ("rm", "remove"),
    ("uninstall", "clean"),
    ("upload", "release"),
    ("push", "release"),
    ("info", "status"),
    ("show", "status"),
    ("find", "search"),
    ("lint", "check"),
    ("validate", "check"),
    ("which", "exec"),
    ("shell", "exec"),
    ("test", "run"),
    ("log", "changelog"),
    ("changes", "changelog"),
    ("notes", "changelog"),
];

/// If an invalid value came from an environment variable, the error names the variable; clap would
/// name the flag.
pub fn name_variable(error: &mut clap::Error, environment: &Environment) {
    let (Some(ContextValue::String(arg)), Some(ContextValue::String(value))) = (
        error.get(ContextKind::InvalidArg),
        error.get(ContextKind::InvalidValue),
    ) else {
        return;
    };
    let flag = arg
        .split_whitespace()
        .next()
        .and_then(|arg| arg.strip_prefix("--"));
    let command = super::command();
    let arguments = command.get_arguments().chain(
        command
            .get_subcommands()
            .flat_map(clap::Command::get_arguments),
    );
    let variable = arguments
        .filter(|argument| argument.get_long().is_some() && argument.get_long() == flag)
        .find_map(clap::Arg::get_env)
        .filter(|name| environment.text(name) == Some(value.as_str()))
        .map(|name| name.to_string_lossy().into_owned());
    if let Some(variable) = variable {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
}

/// Removes tips of clap that lead nobody to what was meant: an unknown flag as a value after `--`, and
/// a value that is "similar" only because it is the only one.
fn remove_misleading(error: &mut clap::Error) {
    if let Some(ContextValue::StyledStrs(tips)) = error.remove(ContextKind::Suggested) {
        let kept: Vec<_> = tips
            .into_iter()
            .filter(|tip| !tip.to_string().contains(" as a value, use "))
            .collect();
        if !kept.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(kept));
        }
    }
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue)
        && valid.len() == 1
    {
        error.remove(ContextKind::SuggestedValue);
    }
}

/// Whether the error shows the usage of this command.
fn usage_of(error: &clap::Error, command: &str) -> bool {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => {
            usage.to_string().contains(&format!("larder {command} "))
        }
        _ => false,
    }
}

/// Adds a tip to an error, if there is one.
pub fn add_tip(error: &mut clap::Error, startup: &Startup) {
    name_variable(error, &startup.environment);
    remove_misleading(error);
    let tip = match (
        error.kind(),
        error.get(ContextKind::InvalidSubcommand),
        error.get(ContextKind::InvalidArg),
    ) {
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(arg))) if arg == "--all" => {
            "write `all` in place of the names: `larder ensure all`".to_owned()
        }
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(arg)))
            if !arg.starts_with('-') && usage_of(error, "run") =>
        {
            "arguments of a task come after `--`: `larder run TASK -- ARGUMENTS`".to_owned()
        }
        (ErrorKind::UnknownArgument, _, Some(ContextValue::String(arg))) if arg == "--hub" => {
            "only `larder install` has `--hub`; for other commands set `hub:` in versions.yml, or \
             LARDER_HUB"
                .to_owned()
        }
        (ErrorKind::InvalidSubcommand, Some(ContextValue::String(word)), _) => {
            let found = project(startup).and_then(|project| in_project(&project, word));
            let other = OTHER_WORDS
                .iter()
                .find(|(other, _)| other == word)
                .map(|(_, line)| ((*line).to_owned(), true));
            let Some((line, exact)) = found
                .filter(|(_, exact)| *exact || other.is_none())
                .or(other)
            else {
                return;
            };
            if exact {
                error.remove(ContextKind::SuggestedSubcommand);
            }
            format!("did you mean `larder {line}`?")
        }
        (ErrorKind::MissingRequiredArgument, _, Some(ContextValue::Strings(missing)))
            if missing == &["<NAME>..."] =>
        {
            "`all` means every subsystem of the project".to_owned()
        }
        _ => return,
    };
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![tip.into()]),
    );
}

/// The project that this process's command line refers to. `None` if it cannot be found or loaded.
fn project(startup: &Startup) -> Option<Project> {
    let lenient = super::parser(&startup.environment)
        .ignore_errors(true)
        .try_get_matches()
        .ok()?;
    let directory = lenient.try_get_one::<Utf8PathBuf>("directory").ok()?;
    let root = Global::start_at(directory.map(Utf8PathBuf::as_path))
        .and_then(|start| Project::find(&start))
        .ok()?;
    startup.load(&root).ok()
}

/// The command line for a word that names a subsystem or a task, and whether the word matches the
/// name exactly.
fn in_project(project: &Project, word: &str) -> Option<(String, bool)> {
    let ensure = |name: &str| (format!("ensure {name}"), name == word);
    let run = |name: &str| (format!("run {name}"), name == word);
    let subsystem =
        suggestions::nearest(word, project.subsystems.keys().map(Name::as_str)).map(ensure);
    let task = suggestions::nearest(word, project.tasks.keys().map(String::as_str)).map(run);
    match (subsystem, task) {
        (Some((_, false)), Some((line, true))) => Some((line, true)),
        (subsystem, task) => subsystem.or(task),
    }
}
