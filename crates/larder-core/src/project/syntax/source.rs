//! The text of a file that people write, and problems at places in it.

use std::fs::Metadata;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::{Error, Problem, Result};
use crate::fs::{self, IoContext};

/// The size of the largest file that is read, in bytes.
const MAX_BYTES: usize = 1024 * 1024;
/// The number of problems that are shown for one file.
pub const TOO_MANY: usize = 100;

/// A file that was read: its path and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The path as it is shown to the user.
    pub file: Utf8PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// Makes a source of the bytes of a file. Bytes that are not UTF-8, or a file that is too
    /// large, are a problem.
    pub fn new(file: Utf8PathBuf, bytes: Vec<u8>) -> (Self, Option<Problem>) {
        if bytes.len() > MAX_BYTES {
            let source = Self {
                file,
                text: Arc::from(""),
            };
            let problem = source.problem(
                0..0,
                "the file is larger than 1 MiB",
                Some("files of this kind are written by hand; is this the right one?".into()),
            );
            return (source, Some(problem));
        }
        match String::from_utf8(bytes) {
            Ok(text) => (
                Self {
                    file,
                    text: text.into(),
                },
                None,
            ),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Self {
                    file,
                    text: text.into(),
                };
                let place = valid..valid + char::REPLACEMENT_CHARACTER.len_utf8();
                let problem = source.problem(
                    place,
                    "the file is not UTF-8 text",
                    Some("save it as UTF-8".into()),
                );
                (source, Some(problem))
            }
        }
    }

    /// Makes a problem at a place in this file.
    pub fn problem(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Problem {
        Problem {
            file: self.file.clone(),
            text: Arc::clone(&self.text),
            span,
            message: message.into(),
            hint,
        }
    }

    /// The number of the line of an offset, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.text[..offset.min(self.text.len())]
            .matches('\n')
            .count()
            + 1
    }
}

/// Sorts the problems of a file by their place and cuts them off after [`TOO_MANY`].
pub fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort_by_key(|problem| problem.span.start);
    if let Some(next) = problems.get_mut(TOO_MANY) {
        "too many problems in this file; the rest is not shown".clone_into(&mut next.message);
        next.hint = None;
        problems.truncate(TOO_MANY + 1);
    }
    problems
}

/// Reads a regular file and returns its bytes and the metadata that it had before. Reads at most
/// one byte more than the limit, which shows that the file is too large. `None` if there is no
/// file.
pub fn read_limited(path: &Utf8Path) -> Result<Option<(Vec<u8>, Metadata)>> {
    let file = match fs::open_opt(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(_) if fs::stat(path)?.is_some_and(|meta| !meta.is_file()) => {
            return Err(Error::usage(format!("{path} is not a file")));
        }
        Err(error) => return Err(error),
    };
    let meta = file.metadata().at("read the metadata of", path)?;
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0).min(MAX_BYTES) + 1);
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .at("read", path)?;
    Ok(Some((bytes, meta)))
}
