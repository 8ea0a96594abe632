//! The errors of the program and their exit codes.

use std::fmt;
use std::path::Path;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// The command line is wrong.
    Usage(String),
    /// An operation of the operating system failed.
    Io {
        what: String,
        source: std::io::Error,
    },
    /// arc is missing, or it failed.
    Arc(String),
}

impl Error {
    pub fn io(verb: &str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            what: format!("cannot {verb} {}", path.as_ref().display()),
            source,
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } | Self::Arc(_) => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Arc(text) => f.write_str(text),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
        }
    }
}

impl std::error::Error for Error {}
