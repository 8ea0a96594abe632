//! Flags that every command accepts, and what commands derive from them.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::mpsc::Receiver;

use camino::{Utf8Path, Utf8PathBuf};

use super::counts::Counts;
use super::settings::{Startup, current_dir};
use crate::report::{
    self, ColorChoice, Mode, Paint, Printer, Redactor, Reporter, ReporterHandle, Verbosity,
};
use larder_core::cancel::Cancel;
use larder_core::error::{Error, Kind, Problem, Result};
use larder_core::model::Action;
use larder_core::project::{HubConfig, Project, TrustConfig};
use larder_engine::events::{Did, Event};
use larder_engine::services::Supervision;

/// Flags that every command accepts.
#[derive(Clone, Debug, clap::Args)]
pub struct Global {
    /// Look for the project in this folder and above it, instead of the current folder.
    #[arg(
        short = 'C',
        long = "directory",
        value_name = "DIR",
        global = true,
        help_heading = "Global options"
    )]
    pub directory: Option<Utf8PathBuf>,
    /// Print JSON on stdout, one object per line.
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Show only failures.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub quiet: u8,
    /// Also show what was left unchanged, and details of each step; twice (`-vv`), also what builds
    /// print.
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// When to use colour: auto, always or never.
    #[arg(long, value_name = "WHEN", default_value = "auto", env = larder_core::variables::COLOR, global = true, help_heading = "Global options",
          value_parser = super::values::word::<ColorChoice>)]
    pub color: ColorChoice,
    /// The counts of the outer command, if this command is a line of `ci:` or a need of a task.
    #[arg(skip)]
    pub parent_counts: Option<Counts>,
    /// Whether this command is a line of `ci:`, whose output is a group in GitHub Actions.
    #[arg(skip)]
    pub in_group: bool,
    /// The process's environment and the user's configuration.
    #[arg(skip)]
    pub startup: Startup,
}

impl Global {
    /// The folder in which the search for the project starts.
    pub fn start(&self) -> Result<Utf8PathBuf> {
        Self::start_at(self.directory.as_deref())
    }

    /// The same for a given value of `-C`.
    pub fn start_at(directory: Option<&Utf8Path>) -> Result<Utf8PathBuf> {
        let current = current_dir()?;
        let Some(directory) = directory else {
            return Ok(current);
        };
        let start = current.join(directory);
        match larder_core::fs::stat(&start)? {
            Some(meta) if meta.is_dir() => Ok(start),
            Some(_) => Err(Error::usage(format!("{directory} is not a folder"))
                .hint("-C takes the folder of a project")),
            None => Err(Error::usage(format!("there is no folder {directory}"))
                .hint("-C takes the folder of a project")),
        }
    }

    /// The folder that holds `versions.yml`.
    pub fn root(&self) -> Result<Utf8PathBuf> {
        Project::find(&self.start()?)
    }

    /// Loads the project of a folder. `LARDER_HUB` replaces its hub.
    pub fn load(&self, root: &Utf8Path) -> Result<Project> {
        let project = self.startup.load(root)?;
        if let Some(text) = self.startup.value(larder_core::variables::HUB) {
            self.check_hub(larder_core::variables::HUB, text, &project.hub);
        }
        Ok(project)
    }

    /// Whose signatures are demanded of a hub that a command names itself: as the project says that
    /// this folder is in, if it is in one, and as the user demands in any case.
    pub fn trust(&self) -> Result<TrustConfig> {
        if let Ok(root) = self.root() {
            return Ok(self.load(&root)?.trust);
        }
        let mut trust = TrustConfig::default();
        if self.startup.user.get()?.require_signature {
            trust.require_signatures();
        }
        Ok(trust)
    }

    /// Warns about a hub that was written like a repository of GitHub and is a folder that does not
    /// exist.
    pub fn check_hub(&self, by: &str, text: &str, hub: &HubConfig) {
        let HubConfig::Dir { path, .. } = hub else {
            return;
        };
        // Names of a GitHub repository; a folder that is meant as one can be written `./owner/name`.
        let is_like_a_repository = text.split('/').count() == 2
            && !text.starts_with(['.', '/', '~'])
            && !text.starts_with("dir:");
        if is_like_a_repository && matches!(larder_core::fs::stat(path), Ok(None)) {
            self.message(&format!(
                "warning: {by} is `{text}`, which is a folder that does not exist; for GitHub write \
                 `github:{text}`"
            ));
        }
    }

    /// What is needed to supervise services.
    pub fn supervision(&self, cancel: &Cancel) -> Result<Supervision> {
        let printer = self.printer();
        let quiet = self.verbosity() == Verbosity::Quiet;
        self.startup.supervision(cancel, move |text| {
            if !quiet {
                printer.message(&text);
            }
        })
    }

    /// The output mode.
    pub fn mode(&self) -> Mode {
        match Mode::choose(
            self.json,
            self.color,
            &self.startup.environment,
            std::io::stderr().is_terminal(),
        ) {
            Mode::Json { in_actions, .. } => Mode::Json {
                summary: self.parent_counts.is_none(),
                in_actions,
            },
            Mode::GitHubActions { summary, .. } => Mode::GitHubActions {
                summary,
                inner: self.parent_counts.is_some(),
                in_group: self.in_group,
            },
            mode => mode,
        }
    }

    /// Adds the tasks, or the lines, of this command to the step summary of GitHub Actions. Those of
    /// a line of `ci:` are in the summary of `ci`.
    pub fn summarise(&self, action: Action, done: Vec<Did>) {
        if let Mode::GitHubActions {
            summary: Some(path),
            in_group: false,
            ..
        } = self.mode()
            && let Err(warning) = report::summarise(&path, action, done, &self.redactor())
        {
            self.printer().command(&warning);
        }
    }

    /// Prints a document to stdout. If this command is a line of an outer command with `--json`,
    /// stdout is reserved for the outer command's JSON lines, and the document goes to stderr.
    pub fn print_json(&self, document: &impl serde::Serialize) -> Result<()> {
        let json = report::to_json(document)?;
        if self.parent_counts.is_some() && self.json {
            self.message(&json);
            return Ok(());
        }
        report::print_data(&(json + "\n"))
    }

    /// Prints a table or another text for people to stdout.
    pub fn print(&self, text: &str) -> Result<()> {
        self.printer().print(text)
    }

    /// Prints a message to stderr.
    pub fn message(&self, text: &str) {
        self.printer().message(text);
    }

    /// Prints what does not belong to the events of a run.
    pub fn printer(&self) -> Printer {
        Printer::new(self.startup.in_github_actions())
    }

    /// Colours and symbols for stderr.
    pub fn paint(&self) -> Paint {
        Paint::choose(
            self.color,
            &self.startup.environment,
            std::io::stderr().is_terminal(),
        )
    }

    /// Colours and symbols for stderr.
    pub fn stderr_paint(&self) -> Paint {
        Paint::choose(
            self.color,
            &self.startup.environment,
            std::io::stderr().is_terminal(),
        )
    }

    /// Colours and symbols for stdout.
    pub fn stdout_paint(&self) -> Paint {
        Paint::choose(
            self.color,
            &self.startup.environment,
            std::io::stdout().is_terminal(),
        )
    }

    /// Removes secrets and control characters from everything that is shown.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(&self.startup.environment)
    }

    /// Writes an error to stderr.
    pub fn show_error(&self, error: &Error) {
        let color = self.paint().color;
        self.message(&report::render_error(error, color, &self.redactor()));
    }

    /// Writes a warning about a place in a file to stderr.
    pub fn show_warning(&self, warning: &Problem) {
        if self.verbosity() == Verbosity::Quiet {
            return;
        }
        self.message(&report::snippet::render_warning(
            warning,
            self.paint().color,
        ));
        if self.startup.in_github_actions() {
            let line = report::warning_annotation(warning, &self.redactor());
            self.printer().command(&line);
        }
    }

    /// Starts the thread that shows the events of a run.
    pub fn reporter(&self, receiver: Receiver<Event>) -> ReporterHandle {
        Reporter::spawn(self.mode(), self.verbosity(), self.redactor(), receiver)
    }

    /// Shows a step of the whole project immediately.
    pub fn show_step(&self, did: &Did) -> Result<()> {
        report::show_step(did, &self.mode(), self.verbosity(), &self.redactor())
    }

    /// Shows the errors that occurred while a document was made, and returns the exit code.
    pub fn failures(&self, errors: &[Error]) -> ExitCode {
        for error in errors {
            self.show_error(error);
        }
        let worst = Kind::worst(errors.iter().map(Error::kind));
        ExitCode::from(worst.map_or(0, Kind::exit_code))
    }

    /// How much is shown.
    pub fn verbosity(&self) -> Verbosity {
        Verbosity::choose(self.quiet, self.verbose)
    }
}
