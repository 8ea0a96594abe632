//! The domain's types, parsed at the border: a bad value can't exist behind it. Used by all, uses none.

mod artifact;
mod digest;
mod event;
mod name;
mod origin;
mod platform;
mod problem;
mod schema;

pub use artifact::{Artifact, ArtifactFile, Cell, artifact_digest};
pub use digest::{Digest, Hasher};
pub use event::{Action, Did, Event, Events, Finished, Level, Outcome, Phase, Summary};
pub use name::{AssetName, COMMAND_WORDS, FileName, Name, Tag, Version};
pub use origin::{Origin, Via};
pub use platform::{Arch, Libc, Os, Platform};
pub use problem::Problem;

/// A text that is not a valid value of its type: why, in words that finish the sentence "`x` is not a …: …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Invalid {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Invalid> for crate::Error {
    fn from(invalid: Invalid) -> Self {
        let error = crate::Error::usage(invalid.message);
        match invalid.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}
