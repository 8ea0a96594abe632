//! Completion of command lines. The script of `larder completions SHELL` asks larder itself, so that
//! it also knows the subsystems, platforms and tasks of the project.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use camino::Utf8Path;
use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env as scripts;

use super::Global;
use super::settings::{self, Startup};
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::project::Project;

/// The variable with which the script asks; its value is the shell.
const VARIABLE: &str = "LARDER_COMPLETE";

fn shell(name: &str) -> Result<&'static dyn scripts::EnvCompleter> {
    scripts::Shells::builtins()
        .iter()
        .find(|shell| shell.name() == name)
        .map(|shell| -> &'static dyn scripts::EnvCompleter {
            match shell.name() {
                "bash" => &scripts::Bash,
                "elvish" => &scripts::Elvish,
                "fish" => &scripts::Fish,
                "powershell" => &scripts::Powershell,
                _ => &scripts::Zsh,
            }
        })
        .ok_or_else(|| Error::usage(format!("{VARIABLE} names no shell: `{name}`")))
}

/// The script for a shell.
pub fn script(shell_name: clap_complete::Shell) -> Result<Vec<u8>> {
    let mut script = Vec::new();
    shell(&shell_name.to_string())?
        .write_registration(VARIABLE, "larder", "larder", "larder", &mut script)
        .map_err(|e| Error::failed("cannot write the script").cause(e))?;
    Ok(script)
}

/// Answers the script, if it asks. A mistake gives no candidates; a message would disturb the
/// command line that is being written.
pub fn answer(startup: &Startup) -> Option<ExitCode> {
    let shell = shell(startup.value(VARIABLE)?).ok()?;
    let words: Vec<OsString> = settings::arguments()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    let mut command = known(&super::command(), &Words::of(startup, &words));
    command.build();
    let mut answer = Vec::new();
    let current = settings::current_dir().ok();
    let current = current.as_deref().map(Utf8Path::as_std_path);
    let written = shell.write_complete(&mut command, words, current, &mut answer);
    if written.is_ok() {
        let _ = report::print_bytes(&answer);
    }
    Some(ExitCode::SUCCESS)
}

/// A word, and what it means.
type Candidate = (String, Option<String>);

/// The words of the project.
#[derive(Default)]
struct Words {
    subsystems: Vec<Candidate>,
    platforms: Vec<Candidate>,
    tasks: Vec<Candidate>,
    services: Vec<Candidate>,
}

impl Words {
    /// The words of the project to which a command line refers. Empty if there is none or it can't
    /// be loaded.
    fn of(startup: &Startup, line: &[OsString]) -> Self {
        let after = |flag: &str| {
            let at = line.iter().position(|word| word == flag)?;
            Path::new(line.get(at + 1)?).to_str().map(Utf8Path::new)
        };
        let directory = after("-C").or_else(|| after("--directory"));
        let project = Global::start_at(directory)
            .and_then(|start| Project::find(&start))
            .and_then(|root| startup.load(&root));
        let Ok(project) = project else {
            return Self::default();
        };
        Self {
            subsystems: project
                .subsystems
                .values()
                .map(|s| (s.name.to_string(), s.description.clone()))
                .collect(),
            platforms: project
                .platforms
                .iter()
                .map(|platform| (platform.to_string(), None))
                .chain([("all".to_owned(), None)])
                .collect(),
            tasks: project
                .tasks
                .iter()
                .map(|(name, task)| (name.clone(), task.description.clone()))
                .collect(),
            services: project
                .services
                .iter()
                .map(|(name, service)| (name.clone(), service.description.clone()))
                .collect(),
        }
    }

    /// The candidates for an argument, if clap does not know them.
    fn candidates(&self, command: &str, arg: &Arg) -> Option<Vec<Candidate>> {
        let fixed = |words: &[&'static str]| {
            Some(
                words
                    .iter()
                    .map(|word| ((*word).to_owned(), None))
                    .collect(),
            )
        };
        let name = arg.get_value_names()?.first()?.as_str();
        match (name, arg.get_long()) {
            ("PLATFORM", _) => Some(self.platforms.clone()),
            ("SOURCE", Some("source")) => fixed(&["cache", "managed", "original", "build"]),
            ("WHEN", _) => fixed(&["auto", "always", "never"]),
            ("TASK", _) => Some(self.tasks.clone()),
            ("SERVICE", _) => Some(self.services.clone()),
            (name, None | Some("update" | "adopt")) if name.starts_with("NAME") => {
                let mut names = self.subsystems.clone();
                match command {
                    "add" | "schema" => return None,
                    "why" | "remove" | "rollback" | "install" => {}
                    _ => names.push(("all".to_owned(), None)),
                }
                Some(names)
            }
            _ => None,
        }
    }
}

/// The definitions, with the project's words as candidates.
fn known(command: &Command, words: &Words) -> Command {
    let name = command.get_name().to_owned();
    command
        .clone()
        .mut_args(|arg| match words.candidates(&name, &arg) {
            Some(candidates) => arg.add(ArgValueCandidates::new(move || {
                let candidate = |(word, help): &Candidate| {
                    let help = help.as_ref().map(|help| help.clone().into());
                    CompletionCandidate::new(word).help(help)
                };
                candidates.iter().map(candidate).collect()
            })),
            None => arg,
        })
        .mut_subcommands(|command| known(&command, words))
}
