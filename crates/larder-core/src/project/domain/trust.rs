//! `trust:`: who may vouch for what, and what is required before an artifact is used.

use std::cmp::Ordering;

use crate::model::{PublicKey, Version, version_order};

/// `trust:`: what is required before an artifact is trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustConfig {
    /// With `--locked`, an asset of the hub needs a line in the lock.
    pub lock_required: bool,
    /// The keys that the project knows, in the file's order.
    pub keys: Vec<TrustedKey>,
    /// Whether an asset of the hub needs a signature.
    pub needs_signature: bool,
    /// The least that must be known about an original.
    pub original: OriginalTrust,
    /// Whether it is the user's configuration that requires signatures, for messages.
    pub by_user: bool,
}

/// A public key that the project knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// Its name.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// The last version that it is accepted for; `None` for every version.
    pub until: Option<Version>,
    /// Whether it signs the team's releases: it is listed in `managed`.
    pub managed: bool,
}

/// The least that must be known about an original before it is used. A later one includes those
/// before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OriginalTrust {
    /// What was downloaded first is pinned in the lock.
    #[default]
    Lock,
    /// Its publisher, or the recipe, states its digest.
    Checksum,
    /// Its publisher signed it.
    Signature,
}

impl TrustConfig {
    /// Tightens it as the user's configuration demands. Nothing in a project loosens that again.
    pub fn require_signatures(&mut self) {
        (self.needs_signature, self.by_user) = (true, true);
        self.original = OriginalTrust::Signature;
    }

    /// Whether the project knows keys, so that it asks for tombstones.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Whether the project or the user says anything about who vouches for artifacts.
    pub fn is_used(&self) -> bool {
        self.has_keys() || self.needs_signature || self.original != OriginalTrust::Lock
    }

    /// The keys that may sign the team's releases.
    pub fn managed(&self) -> impl Iterator<Item = &TrustedKey> {
        self.keys.iter().filter(|key| key.managed)
    }
}

impl TrustedKey {
    /// Whether it is accepted for a version.
    pub fn covers(&self, version: &Version) -> bool {
        self.until.as_ref().is_none_or(|until| {
            version_order::compare(version.as_str(), until.as_str()) != Ordering::Greater
        })
    }
}
