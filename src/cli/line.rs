//! Command lines inside of the project's files: `ci:` and the `needs` of tasks. Parsed by the very definitions that parse
//! larder's own command line, and run in this process.

use std::process::ExitCode;

use clap::Parser;

use super::{Cli, Command, Global};
use crate::error::{Error, Result};
use crate::report::ColorChoice;

/// A line that was understood.
pub struct Line {
    /// As it was written.
    pub text: String,
    cli: Cli,
}

impl Line {
    /// Understands a line, written without the leading `larder`.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: String| Error::usage(format!("`{text}` is no larder command line")).cause(why);
        let words = words(text).map_err(wrong)?;
        let cli = Cli::try_parse_from(std::iter::once("larder").chain(words.iter().map(String::as_str))).map_err(|error| {
            let hint = "lines are written as after `larder`; `larder help` shows the commands";
            if !error.use_stderr() {
                return wrong("it only shows help".into()).hint(hint);
            }
            let told = error.render().to_string();
            let lines = told.lines().map(str::trim).filter(|line| !line.is_empty());
            let (tips, why): (Vec<&str>, Vec<&str>) =
                lines.take_while(|line| !line.starts_with("Usage:")).partition(|line| line.starts_with("tip: "));
            let why = why.join(" ").trim_start_matches("error: ").to_owned();
            tips.iter().map(|tip| tip.trim_start_matches("tip: ")).fold(wrong(why), Error::hint).hint(hint)
        })?;
        if matches!(cli.command, Command::Ci(_)) {
            return Err(wrong("`ci` can't be one of its own steps".into()).hint("name the commands themselves"));
        }
        Ok(Self { text: text.to_owned(), cli })
    }

    /// Runs it in the project's folder, shown as the outer command is. Failures are shown here.
    pub fn run(&self, outer: &Global) -> ExitCode {
        let mut global = self.cli.global.clone();
        let root = outer.directory.clone().unwrap_or_else(|| ".".into());
        global.directory = Some(match &global.directory {
            Some(directory) => root.join(directory),
            None => root,
        });
        global.json |= outer.json;
        global.quiet = global.quiet.saturating_add(outer.quiet);
        global.verbose = global.verbose.saturating_add(outer.verbose);
        if global.color == ColorChoice::Auto {
            global.color = outer.color;
        }
        super::finish(&self.cli.command, &global)
    }
}

/// Splits a line into words: blanks separate, quotes of either kind keep together; nothing is expanded.
fn words(text: &str) -> std::result::Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in text.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '"' || c == '\'' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_split_like_a_shell_would() {
        let words = |text| super::words(text).map(|words| words.join("|"));
        assert_eq!(words("ensure all").as_deref(), Ok("ensure|all"));
        assert_eq!(words("  ensure\tall ").as_deref(), Ok("ensure|all"));
        assert_eq!(words(r#"exec -- sh -c "a 'b' c" '' x"y"z"#).as_deref(), Ok("exec|--|sh|-c|a 'b' c||xyz"));
        assert_eq!(words("$HOME `id`").as_deref(), Ok("$HOME|`id`"));
        assert!(words("'a").is_err());
    }

    #[test]
    fn lines_are_understood_or_say_why_not() {
        assert!(Line::parse("ensure all --platform linux-arm64 -k").is_ok());
        for (bad, why) in [
            ("ensure", "required arguments were not provided"),
            ("ensure all --platfrom x", "unexpected argument"),
            ("esnure all", "unrecognized subcommand"),
            ("ensure --help", "only shows help"),
            ("ci", "own steps"),
            ("ensure 'all", "quote"),
        ] {
            let error = Line::parse(bad).err().unwrap_or_else(|| panic!("{bad} is understood"));
            assert_eq!(error.kind(), crate::Kind::Usage);
            assert!(error.to_string().contains(why), "{error}");
        }
        let error = Line::parse("ensure all --platfrom x").err().map(|error| error.hints().join(" "));
        assert!(error.is_some_and(|hints| hints.contains("--platform")));
    }
}
