//! The types of the domain. Their parsers check every value, so an invalid value can't exist. Every
//! other module uses these types; they use no other module.

mod artifact;
mod asset;
mod channel;
mod digest;
mod minisign;
mod name;
mod origin;
mod outcome;
mod package;
mod platform;
mod schema;
pub mod version_order;
mod version_range;

pub use artifact::{Artifact, ArtifactFile, Target, artifact_digest};
pub use asset::{AssetCandidate, AssetCoordinates, AssetPlace};
pub use channel::{ChannelKind, RequiredText};
pub use digest::{Digest, Hasher, is_commit, is_hex, is_short_hex};
pub use minisign::{KeyId, Proof, PublicKey, Signature, Stream, Unverified};
pub use name::{AssetName, COMMAND_WORDS, FileName, Name, Tag, Version};
pub use origin::{Origin, SourceKind};
pub use outcome::{Action, Outcome};
pub use package::{FileFormat, Limits, PackageFormat};
pub use platform::{Arch, Libc, Os, Platform, WINDOWS_SCRIPTS};
pub use version_range::VersionRange;

/// The error that a text is not a valid value of a type. The message has the form "`x` is not a …:
/// …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Invalid {
    /// Makes the error with a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }
    /// Adds a hint: what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
