//! larder's error type: a kind that decides the exit code, a message, its causes, and hints on what
//! to do next.
//!
//! This module does not depend on terminals; `report` renders errors.

use std::fmt;
use std::io;

use crate::model::Invalid;

mod problem;

pub use problem::Problem;

/// `Result` with larder's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of a failure. It decides the exit code and, when a source fails, whether the next
/// source is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A step failed (exit 1).
    Failed,
    /// The command line or the files are wrong (exit 2).
    Usage,
    /// The lock would have to change, but `--locked` is set (exit 3).
    Locked,
    /// Bytes differ from what is pinned or stated (exit 4): class *wrong*.
    Integrity,
    /// A service could not be reached; trying again later can help (exit 5): class *unavailable*.
    Unavailable,
    /// A server refused the request: 401, 403 in spite of a token, or TLS failed (exit 1): class
    /// *refused*.
    Refused,
    /// Ended by a signal (exit 128 + its number).
    Interrupted(i32),
}

impl Kind {
    /// The process exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed | Self::Refused => 1,
            Self::Usage => 2,
            Self::Locked => 3,
            Self::Integrity => 4,
            Self::Unavailable => 5,
            Self::Interrupted(signal) => 128u8.saturating_add(u8::try_from(signal).unwrap_or(0)),
        }
    }

    /// The word that stands for it in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Locked => "locked",
            Self::Integrity => "integrity",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// Orders kinds: of several failures, the one with the lowest rank decides the exit code. The
    /// order is: interrupted, then exit codes 4, 2, 3, 5, 1.
    pub fn rank(self) -> u8 {
        match self {
            Self::Interrupted(_) => 0,
            Self::Integrity => 1,
            Self::Usage => 2,
            Self::Locked => 3,
            Self::Unavailable => 4,
            Self::Failed | Self::Refused => 5,
        }
    }

    /// The kind that decides the exit code of several failures.
    pub fn worst(kinds: impl IntoIterator<Item = Self>) -> Option<Self> {
        kinds.into_iter().min_by_key(|kind| kind.rank())
    }
}

/// What failed, on what, why, and what to do next.
#[derive(Clone, Debug)]
pub struct Error {
    inner: Box<Inner>,
}

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    hints: Vec<String>,
    problems: Vec<Problem>,
}

impl Error {
    /// An error of the given kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            inner: Box::new(Inner {
                kind,
                message: message.into(),
                causes: Vec::new(),
                hints: Vec::new(),
                problems: Vec::new(),
            }),
        }
    }
    /// An error of kind [`Kind::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }
    /// An error of kind [`Kind::Usage`].
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }
    /// An error of kind [`Kind::Integrity`].
    pub fn integrity(message: impl Into<String>) -> Self {
        Self::new(Kind::Integrity, message)
    }
    /// An error of kind [`Kind::Unavailable`].
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, message)
    }
    /// An error of kind [`Kind::Refused`].
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }
    /// An error with all problems that were found in the project's files.
    pub fn problems(problems: Vec<Problem>) -> Self {
        Self::problems_in("the project's files", problems)
    }
    /// Like [`Self::problems`], for other files; `files` describes them in the message.
    pub fn problems_in(files: &str, problems: Vec<Problem>) -> Self {
        let mut error = Self::usage(match problems.len() {
            1 => format!("1 problem in {files}"),
            n => format!("{n} problems in {files}"),
        });
        error.inner.problems = problems;
        error
    }
    /// Adds a hint on what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.inner.hints.push(hint.into());
        self
    }
    /// Adds a cause after (deeper than) those that were added before.
    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.inner.causes.push(cause.to_string());
        self
    }
    /// Wraps the error: the given message becomes the headline, and the old headline becomes its
    /// first cause.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let old = std::mem::replace(&mut self.inner.message, message.into());
        self.inner.causes.insert(0, old);
        self
    }
    /// The same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.inner.kind = kind;
        self
    }
    /// The class of the failure.
    pub fn kind(&self) -> Kind {
        self.inner.kind
    }
    /// The headline, without causes.
    pub fn message(&self) -> &str {
        &self.inner.message
    }
    /// The causes, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.inner.causes
    }
    /// Hints on what to do next.
    pub fn hints(&self) -> &[String] {
        &self.inner.hints
    }
    /// Problems in the user's files; empty for other errors.
    pub fn file_problems(&self) -> &[Problem] {
        &self.inner.problems
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)?;
        for cause in &self.inner.causes {
            write!(f, ": {cause}")?;
        }
        for problem in &self.inner.problems {
            write!(f, "\n{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// A text from the command line or a file that is not a valid value of its type.
impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        let Invalid { message, hint } = invalid;
        let error = Self::usage(message);
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Finds the first error of a type in a chain of sources. It also looks inside io errors, because
/// their `source` skips the error that they wrap.
pub fn find<'a, T: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
