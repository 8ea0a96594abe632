//! Selects the view once, from flags, environment and terminal, all of which are passed in.

use std::path::PathBuf;

use super::text::{ColorChoice, Paint};
use larder_core::environment::Environment;

/// How much is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Failures only.
    Quiet,
    /// What was done.
    #[default]
    Normal,
    /// Also what was left unchanged, and details of each step.
    Verbose,
    /// Also what builds print, while they print it.
    Output,
}

impl Verbosity {
    /// The verbosity for the numbers of `-q` and `-v` flags, which cancel each other out.
    pub fn choose(quiet: u8, verbose: u8) -> Self {
        match verbose.cmp(&quiet) {
            std::cmp::Ordering::Less => Self::Quiet,
            std::cmp::Ordering::Equal => Self::Normal,
            std::cmp::Ordering::Greater if verbose - quiet == 1 => Self::Verbose,
            std::cmp::Ordering::Greater => Self::Output,
        }
    }
}

/// The output mode, which selects the view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Live rows on a terminal, on stderr.
    Terminal(Paint),
    /// Plain lines on stderr.
    Plain(Paint),
    /// JSON lines on stdout.
    Json {
        /// Whether the last line is a summary.
        summary: bool,
        /// Whether GitHub's runner reads the messages on stderr.
        in_actions: bool,
    },
    /// Plain lines, groups and annotations on stderr.
    GitHubActions {
        /// The file of the step summary (`$GITHUB_STEP_SUMMARY`).
        summary: Option<PathBuf>,
        /// Whether this is a line of another command, which has a summary of its own.
        inner: bool,
        /// Whether what is shown is in a group already.
        in_group: bool,
    },
}

impl Mode {
    /// `--json` has priority, then a terminal, then GitHub Actions; otherwise plain lines.
    pub fn choose(
        json: bool,
        color: ColorChoice,
        environment: &Environment,
        stderr_is_tty: bool,
    ) -> Self {
        let in_actions = environment.text("GITHUB_ACTIONS") == Some("true");
        if json {
            return Self::Json {
                summary: true,
                in_actions,
            };
        }
        let paint = Paint::choose(color, environment, stderr_is_tty);
        let dumb = environment.text("TERM") == Some("dumb");
        if stderr_is_tty && !dumb {
            return Self::Terminal(paint);
        }
        if in_actions {
            let summary = environment.value("GITHUB_STEP_SUMMARY").map(PathBuf::from);
            return Self::GitHubActions {
                summary,
                inner: false,
                in_group: false,
            };
        }
        Self::Plain(paint)
    }

    /// Colours and symbols for stderr.
    pub fn paint(&self) -> Paint {
        match self {
            Self::Terminal(paint) | Self::Plain(paint) => *paint,
            Self::Json { .. } | Self::GitHubActions { .. } => Paint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)]) -> Environment {
        vars.iter().copied().collect()
    }
    fn mode(color: ColorChoice, vars: &'static [(&'static str, &'static str)], tty: bool) -> Mode {
        Mode::choose(false, color, &env(vars), tty)
    }
    fn paint(color: bool, unicode: bool) -> Paint {
        Paint { color, unicode }
    }

    #[test]
    fn flags_environment_and_terminal_choose() {
        use ColorChoice::{Always, Auto, Never};
        const UTF8: (&str, &str) = ("LANG", "en_GB.UTF-8");
        assert_eq!(mode(Auto, &[UTF8], true), Mode::Terminal(paint(true, true)));
        assert_eq!(
            mode(Auto, &[UTF8, ("NO_COLOR", "1")], true),
            Mode::Terminal(paint(false, true))
        );
        assert_eq!(
            mode(Auto, &[UTF8, ("NO_COLOR", "")], true),
            Mode::Terminal(paint(true, true))
        );
        assert_eq!(
            mode(Always, &[UTF8, ("NO_COLOR", "1")], true),
            Mode::Terminal(paint(true, true))
        );
        assert_eq!(
            mode(Never, &[UTF8, ("CLICOLOR_FORCE", "1")], true),
            Mode::Terminal(paint(false, true))
        );
        assert_eq!(
            mode(Auto, &[UTF8, ("TERM", "dumb")], true),
            Mode::Plain(paint(false, true))
        );
        assert_eq!(mode(Auto, &[UTF8], false), Mode::Plain(paint(false, true)));
        assert_eq!(
            mode(Auto, &[UTF8, ("CLICOLOR_FORCE", "1")], false),
            Mode::Plain(paint(true, true))
        );
        assert_eq!(
            mode(Auto, &[UTF8, ("CLICOLOR_FORCE", "0")], false),
            Mode::Plain(paint(false, true))
        );
        assert_eq!(
            mode(
                Auto,
                &[UTF8, ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")],
                false
            ),
            Mode::Plain(paint(false, true))
        );
        let ci: &[_] = &[("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "/s")];
        assert_eq!(
            mode(Auto, ci, false),
            Mode::GitHubActions {
                summary: Some("/s".into()),
                inner: false,
                in_group: false,
            }
        );
        assert_eq!(
            Mode::choose(true, Auto, &env(ci), true),
            Mode::Json {
                summary: true,
                in_actions: true
            }
        );
    }

    #[test]
    fn the_locale_decides_about_unicode() {
        assert_eq!(
            mode(ColorChoice::Auto, &[("LANG", "C")], true)
                .paint()
                .unicode,
            cfg!(not(target_os = "linux"))
        );
        assert!(
            mode(
                ColorChoice::Auto,
                &[("LC_ALL", "C.UTF-8"), ("LANG", "C")],
                true
            )
            .paint()
            .unicode
        );
    }

    #[test]
    fn quiet_and_verbose_cancel_each_other_out() {
        assert_eq!(Verbosity::choose(0, 0), Verbosity::Normal);
        assert_eq!(Verbosity::choose(1, 0), Verbosity::Quiet);
        assert_eq!(Verbosity::choose(1, 2), Verbosity::Verbose);
        assert_eq!(Verbosity::choose(0, 2), Verbosity::Output);
        assert_eq!(Verbosity::choose(0, 200), Verbosity::Output);
    }
}
