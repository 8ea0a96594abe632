//! Command lines in the project's files: the lines of `ci:` and the `needs` of tasks. They are
//! parsed with the same definitions as larder's own command line, and run in this process.

use std::process::ExitCode;

use clap::FromArgMatches;

use super::settings::Startup;
use super::{Cli, Command, Global, exec};
use crate::report::ColorChoice;
use larder_core::error::{Error, Result};
use larder_core::project::command_line::split;
use larder_engine::tasks::ci::CommandLine;

/// A parsed command line.
pub struct Line {
    text: String,
    cli: Cli,
}

impl Line {
    /// Parses a line, which is written without the leading `larder`.
    pub fn parse(text: &str, startup: &Startup) -> Result<Self> {
        let invalid =
            |why: String| Error::usage(format!("`{text}` is not a larder command")).cause(why);
        let words = split(text).map_err(invalid)?;
        let words = std::iter::once("larder").chain(words.iter().map(String::as_str));
        let parsed = super::parser(&startup.environment)
            .try_get_matches_from(words)
            .and_then(|matches| Cli::from_arg_matches(&matches));
        let cli = parsed.map_err(|mut error| {
            super::suggestions::name_variable(&mut error, &startup.environment);
            let hint =
                "write the line without the leading `larder`; `larder help` shows the commands";
            if !error.use_stderr() {
                return invalid("it only shows help".into()).hint(hint);
            }
            let rendered = error.render().to_string();
            let lines = rendered
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty());
            // clap's usage lines are for people at a terminal; they do not help with a line of a
            // file.
            let ends = |line: &&str| {
                line.starts_with("Usage:") || line.starts_with("For more information")
            };
            let (tips, why): (Vec<&str>, Vec<&str>) = lines
                .take_while(|line| !ends(line))
                .partition(|line| line.starts_with("tip: "));
            let why = why.join(" ").trim_start_matches("error: ").to_owned();
            tips.iter()
                .map(|tip| tip.trim_start_matches("tip: "))
                .fold(invalid(why), Error::hint)
                .hint(hint)
        })?;
        if matches!(cli.command, Command::Ci(_)) {
            return Err(invalid("`ci` can't be one of its own steps".into())
                .hint("list the commands themselves"));
        }
        Ok(Self {
            text: text.to_owned(),
            cli,
        })
    }

    /// Runs the line in the project's folder with the output options of the outer command. Shows
    /// the error if it fails.
    pub fn run(&self, outer: &Global) -> ExitCode {
        let mut global = self.cli.global.clone();
        let root = outer.directory.clone().unwrap_or_else(|| ".".into());
        global.directory = Some(match &global.directory {
            Some(directory) => root.join(directory),
            None => root,
        });
        global.json |= outer.json;
        global.parent_counts.clone_from(&outer.parent_counts);
        global.in_group = outer.in_group;
        global.startup = outer.startup.clone();
        global.quiet = global.quiet.saturating_add(outer.quiet);
        global.verbose = global.verbose.saturating_add(outer.verbose);
        if global.color == ColorChoice::Auto {
            global.color = outer.color;
        }
        match &self.cli.command {
            // Other lines follow, so this process must not be replaced.
            Command::Exec(args) => super::ended(exec::run_as_child(args, &global), &global),
            command => super::finish(command, &global),
        }
    }
}

impl CommandLine for Line {
    fn text(&self) -> &str {
        &self.text
    }

    fn releases(&self) -> bool {
        matches!(&self.cli.command, Command::Release(args) if args.writes())
    }

    fn without_upload(mut self) -> Self {
        match &mut self.cli.command {
            Command::Ensure(args) => args.how.upload = false,
            Command::Bundle(args) => args.how.upload = false,
            _ => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_may_begin_a_line() {
        for command in crate::cli::command().get_subcommands() {
            assert!(
                larder_core::model::COMMAND_WORDS.contains(&command.get_name()),
                "{}",
                command.get_name()
            );
        }
    }

    #[test]
    fn lines_are_understood_or_say_why_not() {
        let parse = |text| Line::parse(text, &Startup::default());
        assert!(parse("ensure all --platform linux-arm64 -k").is_ok());
        for (bad, why) in [
            ("ensure", "required arguments were not provided"),
            ("ensure all --platfrom x", "unexpected argument"),
            ("esnure all", "unrecognized subcommand"),
            ("ensure --help", "only shows help"),
            ("ci", "own steps"),
            ("ensure 'all", "quote"),
            ("status --platform", "none was supplied"),
        ] {
            let error = parse(bad)
                .err()
                .unwrap_or_else(|| panic!("{bad} is understood"));
            assert_eq!(error.kind(), larder_core::Kind::Usage);
            assert!(error.to_string().contains(why), "{error}");
            assert!(
                !error.to_string().contains("For more information"),
                "{error}"
            );
        }
        let error = parse("ensure all --platfrom x")
            .err()
            .map(|error| error.hints().join(" "));
        assert!(error.is_some_and(|hints| hints.contains("--platform")));
    }
}
