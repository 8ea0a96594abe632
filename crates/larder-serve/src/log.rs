//! The server's log: lines for people, or one JSON object per line.
//!
//! The log knows no terminal: it calls the function that it was given, once per line.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// How important a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Each request, and what was left unchanged.
    Detail,
    /// What the server does.
    Info,
    /// What someone should have a look at.
    Warning,
    /// What failed.
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Detail => "detail",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A field of a line.
pub type Field<'a> = (&'a str, &'a dyn fmt::Display);

/// Writes lines; may be called from any thread.
pub type Write = Arc<dyn Fn(&str) + Send + Sync>;

/// The log. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    write: Write,
    is_json: bool,
    least: Level,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log")
            .field("least", &self.least)
            .finish_non_exhaustive()
    }
}

impl Log {
    /// A log that writes lines of at least this level.
    pub fn new(write: Write, is_json: bool, least: Level) -> Self {
        Self {
            write,
            is_json,
            least,
        }
    }

    /// Whether lines of a level are written.
    pub fn writes(&self, level: Level) -> bool {
        level >= self.least
    }

    /// Writes a line. People see the message, which says everything; programs also get the fields.
    pub fn line(&self, level: Level, message: &str, fields: &[Field<'_>]) {
        if !self.writes(level) {
            return;
        }
        if self.is_json {
            (self.write)(&object(level.word(), message, fields));
        } else if level >= Level::Warning {
            (self.write)(&format!("{}: {}", level.word(), one_line(message)));
        } else {
            (self.write)(&one_line(message));
        }
    }

    /// Writes a detail.
    pub fn detail(&self, message: &str, fields: &[Field<'_>]) {
        self.line(Level::Detail, message, fields);
    }

    /// Writes what the server does.
    pub fn info(&self, message: &str, fields: &[Field<'_>]) {
        self.line(Level::Info, message, fields);
    }

    /// Writes a warning.
    pub fn warning(&self, message: &str, fields: &[Field<'_>]) {
        self.line(Level::Warning, message, fields);
    }

    /// Writes a failure.
    pub fn error(&self, message: &str, fields: &[Field<'_>]) {
        self.line(Level::Error, message, fields);
    }

    /// Writes an audit line: JSON, whatever the level and the form of the log are.
    pub fn audit(&self, message: &str, fields: &[Field<'_>]) {
        (self.write)(&object("audit", message, fields));
    }
}

fn object(level: &str, message: &str, fields: &[Field<'_>]) -> String {
    let mut object = Map::new();
    object.insert("time".into(), jiff::Timestamp::now().to_string().into());
    object.insert("level".into(), level.into());
    object.insert("message".into(), message.into());
    for (name, value) in fields {
        object.insert((*name).into(), Value::String(value.to_string()));
    }
    Value::Object(object).to_string()
}

/// Names of files and headers come from others: they must not start a new line.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
