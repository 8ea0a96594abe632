//! Answers `larder ensure …` when nothing is to do, before the command line is described to clap:
//! that description takes longer than the answer. Only the usual command lines are understood here.
//! All others, and all mistakes, are left to clap, and so is every run that has something to do.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

use super::settings::{self, Startup};
use super::{Global, ensure};
use crate::report::ColorChoice;
use larder_core::variables;

/// The variables that change what `ensure` does.
const VARIABLES: [&str; 4] = [
    variables::COLOR,
    variables::JOBS,
    variables::LOCKED,
    variables::OFFLINE,
];

/// Answers the command line of this process, if that is possible.
pub fn answer(startup: &Startup) -> Option<ExitCode> {
    let started = Instant::now();
    if VARIABLES.iter().any(|name| startup.value(name).is_some()) {
        return None;
    }
    let (mut global, names) = parse(settings::arguments().skip(1))?;
    global.startup = Startup {
        command: "ensure".into(),
        ..startup.clone()
    };
    let root = global.root().ok()?;
    ensure::answer_up_to_date(&root, &names, &global, started, false).map(|(code, _)| code)
}

/// The global options and the names of an `ensure` without options that change what it does.
fn parse(words: impl Iterator<Item = OsString>) -> Option<(Global, Vec<String>)> {
    let mut words = words.map(|word| word.into_string().ok());
    let mut global = Global {
        directory: None,
        json: false,
        quiet: 0,
        verbose: 0,
        color: ColorChoice::Auto,
        parent_counts: None,
        in_group: false,
        startup: Startup::default(),
    };
    let (mut is_ensure, mut is_offline) = (false, false);
    let mut names = Vec::new();
    while let Some(word) = words.next() {
        match word?.as_str() {
            "-C" | "--directory" if global.directory.is_none() => {
                let directory = words.next()??;
                let is_plain = !directory.is_empty() && !directory.starts_with('-');
                global.directory = Some(is_plain.then_some(directory)?.into());
            }
            "--json" if !global.json => global.json = true,
            // It changes nothing where nothing is to do.
            "--offline" if is_ensure && !is_offline => is_offline = true,
            "-q" | "--quiet" if global.quiet == 0 => global.quiet = 1,
            "-v" | "--verbose" if global.verbose == 0 => global.verbose = 1,
            option if option.starts_with('-') => return None,
            "ensure" if !is_ensure => is_ensure = true,
            name if is_ensure => names.push(name.to_owned()),
            _ => return None,
        }
    }
    (!names.is_empty()).then_some((global, names))
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};
    use super::*;
    use clap::Parser as _;

    const WORDS: &[&str] = &[
        "ensure",
        "all",
        "nats",
        "status",
        "-C",
        "dir",
        "--directory",
        "--json",
        "-q",
        "-v",
        "--quiet",
        "--verbose",
        "--offline",
        "-qv",
        "--",
        "-",
        "",
        "--locked",
        "-n",
        "--help",
        "--directory=dir",
        "-j",
        "2",
        "help",
    ];

    /// What clap makes of it, as text; `None` for another command or a mistake.
    fn by_clap(words: &[&str]) -> Option<String> {
        let cli = Cli::try_parse_from(std::iter::once("larder").chain(words.iter().copied()));
        match cli.ok()? {
            Cli {
                global,
                command: Command::Ensure(args),
            } => Some(format!("{global:?} {args:?}")),
            _ => None,
        }
    }

    fn here(words: &[&str]) -> Option<String> {
        let words_of = words.iter().map(OsString::from);
        let (global, names) = parse(words_of)?;
        let offline = words.contains(&"--offline");
        Some(format!(
            "{global:?} {:?}",
            ensure::Args::plain(names, offline)
        ))
    }

    #[test]
    fn usual_lines_are_understood() {
        for line in [
            "ensure all",
            "-C dir ensure nats all",
            "ensure all -q --json --offline",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(here(&words).is_some(), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_understood_means_what_clap_says(
            before in proptest::collection::vec(proptest::sample::select(WORDS), 0..3),
            after in proptest::collection::vec(proptest::sample::select(WORDS), 0..5),
        ) {
            let words = [before, vec!["ensure"], after].concat();
            if let Some(here) = here(&words) {
                proptest::prop_assert_eq!(Some(here), by_clap(&words), "{:?}", words);
            }
        }
    }
}
