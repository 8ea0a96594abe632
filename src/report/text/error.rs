//! Renders an error for people: the message, its causes as an indented chain, and its hints as
//! `help: …`. Problems in files are shown with their line and a caret.

use std::fmt::Write as _;

use super::paint::{Paint, Tone};
use super::redact::Redactor;
use super::snippet;
use larder_core::error::{Error, Kind};

/// Renders an error on several lines, without a final newline.
pub fn render_error(error: &Error, color: bool, redactor: &Redactor) -> String {
    render(
        error,
        None,
        Paint {
            color,
            unicode: false,
        },
        redactor,
    )
}

/// The same, with the step's name in front of the message.
pub(super) fn render(
    error: &Error,
    subject: Option<&str>,
    paint: Paint,
    redactor: &Redactor,
) -> String {
    let mut text = String::new();
    for problem in error.file_problems() {
        text.push_str(&snippet::render(problem, paint.color));
        text.push_str("\n\n");
    }
    let (tone, word) = match error.kind() {
        Kind::Interrupted(_) => (Tone::Warn, "interrupted"),
        _ => (Tone::Bad, "error"),
    };
    text.push_str(&paint.tone(tone, &format!("{word}:")));
    text.push(' ');
    if let Some(subject) = subject {
        text.push_str(&paint.tone(Tone::Strong, subject));
        text.push_str(": ");
    }
    text.push_str(&indented(&redactor.clean(error.message()), 2));
    for (depth, cause) in error.causes().iter().enumerate() {
        // Each cause is indented further, up to a limit that keeps it readable.
        let indent = 2 + 2 * depth.min(4);
        let cause = indented(&redactor.clean(cause), indent + 2);
        let _ = write!(
            text,
            "\n{:indent$}{} {cause}",
            "",
            paint.tone(Tone::Dim, "caused by:")
        );
    }
    for hint in error.hints() {
        let hint = indented(&redactor.clean(hint), 8);
        let _ = write!(text, "\n  {} {hint}", paint.tone(Tone::Help, "help:"));
    }
    text
}

/// Indents all lines but the first.
pub(super) fn indented(text: &str, by: usize) -> String {
    text.trim_end().replace('\n', &format!("\n{:by$}", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_chain_and_what_to_do() {
        let error = Error::failed("`go build` failed with exit status 2")
            .cause("main.go:3: undefined: x\nmain.go:4: undefined: y")
            .cause("of https://me:secret@host.example/x")
            .hint("look at the log")
            .context("cannot build arc");
        insta::assert_snapshot!(render_error(&error, false, &Redactor::default()), @r"
        error: cannot build arc
          caused by: `go build` failed with exit status 2
            caused by: main.go:3: undefined: x
              main.go:4: undefined: y
              caused by: of https://***@host.example/x
          help: look at the log
        ");
        assert!(
            render_error(&error, true, &Redactor::default())
                .starts_with("\x1b[31m\x1b[1merror:\x1b[0m cannot")
        );
    }
}
