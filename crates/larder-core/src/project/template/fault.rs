//! Faults in templates and their places.

use std::ops::Range;

use super::variables::{ASSET, FOLDERS, Scope};
use crate::suggestions;

/// A fault in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The byte range in the template's text, if it is known.
    pub range: Option<Range<usize>>,
}

/// The fault that a template uses a variable that is not available in its scope.
pub(super) fn unknown(text: &str, name: &str, scope: Scope) -> Fault {
    let (message, hint) = if FOLDERS.contains(&name) {
        let hint = format!(
            "`{name}` is a folder of the build: it is available only in `build.env` and `build.commands`"
        );
        (format!("the variable `{name}` is not known here"), hint)
    } else if ASSET.contains(&name) {
        let hint = format!("`{name}` is available only in `publish.url`");
        (format!("the variable `{name}` is not known here"), hint)
    } else {
        (
            format!("unknown variable `{name}` in a template"),
            suggestions::hint(name, scope.names()),
        )
    };
    Fault {
        message,
        hint: Some(hint),
        range: identifier(text, name),
    }
}

/// The byte range of an identifier in a template, outside of plain text.
fn identifier(text: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut from = 0;
    while let Some(found) = text[from..].find(name) {
        let range = from + found..from + found + name.len();
        let before = &text[..range.start];
        let in_template = [("{{", "}}"), ("{%", "%}")].iter().any(|(open, close)| {
            before
                .rfind(open)
                .is_some_and(|o| before.rfind(close).is_none_or(|c| c < o))
        });
        let whole = !before.ends_with(|c| word(c) || c == '.' || c == '\'' || c == '"')
            && !text[range.end..].starts_with(word);
        if in_template && whole {
            return Some(range);
        }
        from = range.end;
    }
    None
}
