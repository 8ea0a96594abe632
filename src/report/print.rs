//! Writes to stdout and stderr. No other module does, except the views of a run, which use
//! [`printable`], too; a test looks for others.
//!
//! Nothing that is printed for people controls their terminal, or gives commands to the runner of
//! GitHub Actions: whatever a text from outside holds, only larder's own colours remain. Texts are
//! also cleaned where they are known to be from outside (see [`super::text::Redactor`]); this is the
//! net below that.
//!
//! It is not an error if the reader of stdout closes the pipe (`larder list | head -1`), but a full
//! disk is one.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::text::is_harmful;
use larder_core::error::{Error, Result};
use larder_core::redact;

/// Prints what does not belong to the events of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Printer {
    /// Whether GitHub's runner reads what is printed, and takes some lines for commands.
    in_actions: bool,
}

impl Printer {
    /// A printer for a step of GitHub Actions, or for other places.
    pub fn new(in_actions: bool) -> Self {
        Self { in_actions }
    }

    /// Writes a table or another text for people to stdout.
    pub fn print(self, text: &str) -> Result<()> {
        print_bytes(printable(&redact::mask(text), self.in_actions).as_bytes())
    }

    /// Writes a text to stdout in place of what is on the screen. Where stdout is no terminal, it is
    /// [`print`](Self::print).
    pub fn redraw(self, text: &str) -> Result<()> {
        if io::stdout().is_terminal() {
            print_data("\u{1b}[H\u{1b}[2J")?;
        }
        self.print(text)
    }

    /// Writes an error or another message to stderr. A closed stderr is ignored.
    pub fn message(self, text: &str) {
        let text = redact::mask(text);
        let _ = writeln!(io::stderr(), "{}", printable(&text, self.in_actions));
    }

    /// Writes a command to GitHub's runner, made by larder. It is on one line.
    pub fn command(self, line: &str) {
        let line = printable(line, false).replace('\n', " ");
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// Writes data for other programs to stdout unchanged.
pub fn print_data(text: &str) -> Result<()> {
    print_bytes(text.as_bytes())
}

/// Writes bytes to stdout unchanged.
pub fn print_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// The result of writing to stdout as a result of the command. Everything that writes there goes
/// through this function.
pub fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Error::failed("cannot write to standard output").cause(e))
        }
        _ => Ok(()),
    }
}

/// A document as one JSON object on one line, without the secrets of urls.
pub fn to_json(document: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(document)
        .map(|json| printable_json(&redact::mask(&json)).into_owned())
        .map_err(|e| Error::failed("cannot write a document as JSON").cause(e))
}

/// JSON that means the same, and that controls neither a terminal nor GitHub's runner. JSON escapes
/// the control characters of ASCII, and no others.
pub(super) fn printable_json(json: &str) -> Cow<'_, str> {
    // These characters can only be inside strings.
    if !json.contains(is_harmful) && !json.contains("##[") {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len());
    for c in json.replace("##[", "##\\u005b").chars() {
        if is_harmful(c) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// The text as a terminal may show it: without control characters, except for newlines, tabs and
/// larder's own colours. With `in_actions`, lines that GitHub's runner would take for commands are
/// changed.
pub(super) fn printable(text: &str, in_actions: bool) -> Cow<'_, str> {
    let text = if text.contains(is_harmful) {
        Cow::Owned(without_controls(text))
    } else {
        Cow::Borrowed(text)
    };
    if in_actions && (text.contains("::") || text.contains("##[")) {
        let lines: Vec<String> = text.split('\n').map(without_command).collect();
        return Cow::Owned(lines.join("\n"));
    }
    text
}

fn without_controls(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = color_at(rest) {
            clean.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        clean.push(if c != '\t' && is_harmful(c) {
            '\u{fffd}'
        } else {
            c
        });
    }
    clean
}

/// The length of the sequence at the start of a text, if it selects a colour or a weight as larder's
/// own do. Sequences that hide text or change its background are not among them.
fn color_at(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let is_own = match &parameters[..end] {
        "" | "0" | "1" | "2" => true,
        other => {
            other
                .strip_prefix("38;5;")
                .is_some_and(|color| !color.contains(';'))
                || matches!(other.parse::<u8>(), Ok(30..=39 | 90..=97))
        }
    };
    (is_own && parameters[end..].starts_with('m')).then_some("\u{1b}[m".len() + end)
}

/// Changes a line that GitHub's runner would take for a command: one that starts with `::` after
/// white space, or that contains `##[`.
fn without_command(line: &str) -> String {
    let is_command = line.trim_start().starts_with("::");
    line.replace("##[", "## [")
        .replacen("::", ": :", usize::from(is_command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_larders_own_colours_reach_the_terminal() {
        let own = "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m x\ty \u{1b}[38;5;12mz\u{1b}[0m\n";
        assert_eq!(printable(own, false), own);
        assert_eq!(
            printable(
                "a\u{1b}[8mb\u{1b}[2Jc\u{1b}]0;t\u{7}\rd\u{9b}31m\u{202e}e",
                false
            ),
            "a\u{fffd}[8mb\u{fffd}[2Jc\u{fffd}]0;t\u{fffd}\u{fffd}d\u{fffd}31m\u{fffd}e"
        );
    }

    #[test]
    fn githubs_runner_gets_no_commands() {
        let text = "a::b\n  ::add-mask::x\nsay ##[error]x";
        assert_eq!(printable(text, false), text);
        assert_eq!(
            printable(text, true),
            "a::b\n  : :add-mask::x\nsay ## [error]x"
        );
    }

    #[test]
    fn json_means_the_same() {
        let value = serde_json::json!({"a": "\u{9b}x\u{202e}\u{1b}##[y]\u{7f}"});
        let json = to_json(&value).unwrap();
        assert!(json.is_ascii() && !json.contains("##["), "{json}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            value
        );
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_printable(text in "(\u{1b}\\[[0-9;]{0,4}m|.){0,20}") {
            let text = printable(&text, true).replace("\u{1b}[", "");
            proptest::prop_assert!(!text.chars().any(|c| c != '\t' && is_harmful(c)), "{text:?}");
        }
    }
}
