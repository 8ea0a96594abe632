//! The command line. Each command has one file with its arguments and a function; the doc comments
//! of the arguments are the help texts. The logic is in the engine, and no module outside `cli`
//! uses clap.

mod add;
#[cfg(feature = "serve")]
mod agent;
mod bump;
mod bundle;
mod cache;
mod changelog;
pub mod channels_reference;
mod check;
mod ci;
mod clean;
mod collect;
mod complete;
mod counts;
mod doctor;
mod down;
mod ensure;
mod env;
mod exec;
pub mod files_reference;
mod fleet;
mod generate;
mod global;
mod graph;
mod hub;
mod init;
mod init_from;
mod install;
mod key;
mod line;
mod list;
mod lock;
mod logs;
mod outdated;
mod package;
mod plan;
mod probe;
mod publish;
mod quick;
pub mod reference;
mod release;
mod remote;
mod remove;
mod rollback;
mod run;
pub mod schemas;
mod search;
#[cfg(feature = "serve")]
mod serve;
mod session;
mod settings;
mod status;
mod suggestions;
mod task_host;
mod timings;
mod unpublish;
mod up;
mod values;
mod verify;
mod why;
mod yank;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::settings::Startup;
use crate::report::{self, Printer};
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};

pub use global::Global;

/// Installs every pinned binary of a repository and verifies it
///
/// `versions.yml` pins a version for each subsystem, and each subsystem has a recipe that says how
/// to obtain it. `larder ensure all` installs every binary: from the local cache, from the team's
/// own releases, from the original publisher, or by building it.
#[derive(Debug, Parser)]
#[command(
    name = "larder",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    infer_long_args = false
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Ensure(ensure::Args),
    Status(status::Args),
    Why(why::Args),
    Plan(plan::Args),
    Install(install::Args),
    Collect(collect::Args),
    Lock(lock::Args),
    Add(add::Args),
    Search(search::Args),
    Hub(hub::Args),
    #[command(visible_alias = "rm")]
    Remove(remove::Args),
    Outdated(outdated::Args),
    #[command(visible_alias = "upgrade")]
    Bump(bump::Args),
    Verify(verify::Args),
    Rollback(rollback::Args),
    Clean(clean::Args),
    Package(package::Args),
    Bundle(bundle::Args),
    Release(release::Args),
    Changelog(changelog::Args),
    Publish(publish::Args),
    Unpublish(unpublish::Args),
    Yank(yank::Args),
    Key(key::Args),
    Run(run::Args),
    Up(up::Args),
    Down(down::Args),
    Logs(logs::Args),
    Ci(ci::Args),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Args>),
    Fleet(fleet::Args),
    #[cfg(feature = "serve")]
    Agent(agent::Args),
    Graph(graph::Args),
    Check(check::Args),
    Doctor(doctor::Args),
    #[command(visible_alias = "ls")]
    List(list::Args),
    Exec(exec::Args),
    Env(env::Args),
    Cache(cache::Args),
    Init(init::Args),
    Completions(generate::Completions),
    Man(generate::Man),
    Schema(generate::Schema),
}

/// The definition of all commands, for help, completions, man pages and the reference.
pub fn command() -> clap::Command {
    Cli::command()
}

/// The same for parsing. An environment variable that is set to an empty value counts as unset.
fn parser(environment: &Environment) -> clap::Command {
    fn ignore_empty(command: clap::Command, environment: &Environment) -> clap::Command {
        let ignore_one = |arg: clap::Arg| {
            let is_empty = arg
                .get_env()
                .is_some_and(|name| environment.is_set_but_empty(name));
            if is_empty { arg.env(None::<&str>) } else { arg }
        };
        command
            .mut_args(ignore_one)
            .mut_subcommands(|command| ignore_empty(command, environment))
    }
    if larder_core::variables::ALL
        .iter()
        .any(|(name, _)| environment.is_set_but_empty(name))
    {
        ignore_empty(command(), environment)
    } else {
        command()
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let startup = Startup::read();
    if startup.environment.has_secrets() {
        larder_process::forbid_inspection();
    }
    if let Some(code) = complete::answer(&startup) {
        return code;
    }
    if let Some(code) = quick::answer(&startup) {
        return code;
    }
    let mut parser = parser(&startup.environment);
    let parsed = parser.try_get_matches_from_mut(settings::arguments());
    // The definitions are never freed: freeing them would take a sixth of the time of a run that
    // has nothing to do.
    std::mem::forget(parser);
    let matches = match parsed {
        Ok(matches) => matches,
        Err(mut error) => {
            suggestions::add_tip(&mut error, &startup);
            let printed = error.print();
            if error.use_stderr() {
                return ExitCode::from(2);
            }
            // Help and version go to stdout and are not failures, unless they can't be written.
            return match report::written(printed).and_then(|()| report::print_data("")) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    let redactor = report::Redactor::new(&startup.environment);
                    Printer::new(startup.in_github_actions())
                        .message(&report::render_error(&error, false, &redactor));
                    ExitCode::from(error.kind().exit_code())
                }
            };
        }
    };
    let mut cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(2);
        }
    };
    cli.global.startup = Startup {
        command: matches.subcommand_name().unwrap_or_default().into(),
        ..startup
    };
    finish(&cli.command, &cli.global)
}

/// Runs a command, and shows the error if it fails.
fn finish(command: &Command, global: &Global) -> ExitCode {
    ended(run(command, global), global)
}

/// The exit code for a result. Shows the error if there is one.
fn ended(result: Result<ExitCode>, global: &Global) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => {
            show(&error, global);
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(command: &Command, global: &Global) -> Result<ExitCode> {
    match command {
        Command::Ensure(args) => ensure::run(args, global),
        Command::Status(args) => status::run(args, global),
        Command::Why(args) => why::run(args, global),
        Command::Plan(args) => plan::run(args, global),
        Command::Install(args) => install::run(args, global),
        Command::Collect(args) => collect::run(args, global),
        Command::Lock(args) => lock::run(args, global),
        Command::Add(args) => add::run(args, global),
        Command::Search(args) => search::run(args, global),
        Command::Hub(args) => hub::run(args, global),
        Command::Remove(args) => remove::run(args, global),
        Command::Outdated(args) => outdated::run(args, global),
        Command::Bump(args) => bump::run(args, global),
        Command::Verify(args) => verify::run(args, global),
        Command::Rollback(args) => rollback::run(args, global),
        Command::Clean(args) => clean::run(args, global),
        Command::Package(args) => package::run(args, global),
        Command::Bundle(args) => bundle::run(args, global),
        Command::Release(args) => release::run(args, global),
        Command::Changelog(args) => changelog::run(args, global),
        Command::Publish(args) => publish::run(args, global),
        Command::Unpublish(args) => unpublish::run(args, global),
        Command::Yank(args) => yank::run(args, global),
        Command::Key(args) => key::run(args, global),
        Command::Run(args) => run::run(args, global),
        Command::Up(args) => up::run(args, global),
        Command::Down(args) => down::run(args, global),
        Command::Logs(args) => logs::run(args, global),
        Command::Ci(args) => ci::run(args, global),
        #[cfg(feature = "serve")]
        Command::Serve(args) => serve::run(args, global),
        Command::Fleet(args) => fleet::run(args, global),
        #[cfg(feature = "serve")]
        Command::Agent(args) => agent::run(args, global),
        Command::Graph(args) => graph::run(args, global),
        Command::Doctor(args) => doctor::run(args, global),
        Command::Check(args) => check::run(args, global),
        Command::List(args) => list::run(args, global),
        Command::Init(args) => init::run(args, global),
        Command::Exec(args) => exec::run(args, global),
        Command::Env(args) => env::run(*args, global),
        Command::Cache(args) => cache::run(args, global),
        Command::Completions(args) => generate::completions(*args),
        Command::Man(args) => generate::man(args, global),
        Command::Schema(args) => generate::schema(args, global),
    }
}

/// Shows an error that ended the command before its steps or outside of them.
fn show(error: &Error, global: &Global) {
    show_message(error, global);
    match &global.parent_counts {
        Some(counts) => counts.keep(error),
        None if global.json => {
            // Ignore a closed stdout: its reader has ended.
            let _ = report::print_data(&(report::failure_line(error, &global.redactor()) + "\n"));
        }
        None => {}
    }
}

/// Writes an error to stderr, in GitHub Actions also as annotations.
fn show_message(error: &Error, global: &Global) {
    global.show_error(error);
    if global.startup.in_github_actions() {
        for line in report::annotations(error, &global.redactor()) {
            global.printer().command(&line);
        }
    }
}
