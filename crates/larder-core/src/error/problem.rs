//! A problem in a file that the user wrote: its place, what is wrong, and what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use camino::Utf8PathBuf;

/// A problem at a place in a file. `report` renders it with the line and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file; relative to the project if it is inside the project's folder.
    pub file: Utf8PathBuf,
    /// The whole text of the file.
    pub text: Arc<str>,
    /// Byte range of the place in `text`.
    pub span: Range<usize>,
    /// What is wrong, one sentence, no full stop.
    pub message: String,
    /// What to do, if known ("did you mean `binaries`?").
    pub hint: Option<String>,
}

impl Problem {
    /// Line and column, both from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let start = self.text.floor_char_boundary(self.span.start);
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |last| last.chars().count())
            + 1;
        (line, column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.line_column();
        write!(f, "{}:{line}:{column}: {}", self.file, self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}
