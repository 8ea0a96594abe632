//! Removes control characters from texts of servers, builds and the environment, and the secrets in
//! them. Everything that the reporter prints goes through here, including JSON.

use std::borrow::Cow;

use larder_core::environment::Environment;
use larder_core::redact;

/// Cleans texts: removes control characters, and the secrets that [`redact::Redactor`] finds.
#[derive(Clone, Debug, Default)]
pub struct Redactor(redact::Redactor);

impl Redactor {
    /// Knows the secrets of this environment.
    pub fn new(environment: &Environment) -> Self {
        Self(redact::Redactor::new(environment))
    }

    /// The text without secrets and control characters. Newlines stay, and tabs become spaces.
    pub fn clean(&self, text: &str) -> String {
        self.0.mask(&without_controls(text)).into_owned()
    }

    /// The same on one line.
    pub fn clean_line(&self, text: &str) -> String {
        let clean = self.clean(text);
        if clean.contains('\n') {
            clean.lines().map(str::trim).collect::<Vec<_>>().join("; ")
        } else {
            clean
        }
    }
}

/// Whether a character could control the terminal, or change how a text is read.
pub(in crate::report) fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n')
        // Bidirectional marks and overrides change the order in which the rest is shown, and
        // separators end a line for some readers.
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Removes terminal sequences and control characters, because a build's log or a server's text must
/// not control the terminal.
fn without_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    for (number, line) in console::strip_ansi_codes(text).split('\n').enumerate() {
        if number > 0 {
            clean.push('\n');
        }
        // A progress bar overwrites its own line, so only the last version of the line is kept.
        let line = line
            .trim_end_matches('\r')
            .rsplit('\r')
            .next()
            .unwrap_or_default();
        for c in line.chars() {
            match c {
                '\t' => clean.push_str("    "),
                c if is_harmful(c) => clean.push('\u{fffd}'),
                c => clean.push(c),
            }
        }
    }
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        Redactor::default().clean(text)
    }

    #[test]
    fn texts_do_not_drive_the_terminal() {
        assert_eq!(clean("\x1b[31mred\x1b[0m\x07\ttab"), "red\u{fffd}    tab");
        assert_eq!(clean(" 10%\r 50%\r100%\r\ndone\r\n"), "100%\ndone\n");
        assert_eq!(Redactor::default().clean_line("a\n  b"), "a; b");
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_printable(text in ".*") {
            let clean = clean(&text);
            proptest::prop_assert!(!clean.chars().any(|c| c.is_control() && c != '\n'), "{clean:?}");
        }
    }
}
