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
    /// A file can't be packed because of its name, kind or size.
    Unpackable { name: String, why: &'static str },
    /// The archive differs from what was written.
    Damaged { archive: String, why: String },
}

impl Error {
    pub fn io(verb: &str, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            what: format!("cannot {verb} {}", path.as_ref().display()),
            source,
        }
    }

    pub fn damaged(archive: &Path, why: impl Into<String>) -> Self {
        Self::Damaged {
            archive: archive.display().to_string(),
            why: why.into(),
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Io { .. } | Self::Unpackable { .. } => 1,
            Self::Damaged { .. } => 4,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) => f.write_str(text),
            Self::Io { what, source } => write!(f, "{what}: {source}"),
            Self::Unpackable { name, why } => write!(f, "cannot pack {name}: {why}"),
            Self::Damaged { archive, why } => write!(f, "{archive} is damaged: {why}"),
        }
    }
}

impl std::error::Error for Error {}
