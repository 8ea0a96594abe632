//! The keys about trust as they are written: `trust:` of versions.yml, and `upstream.signature` of
//! recipes.

use std::fmt;

use schemars::{JsonSchema, Schema, json_schema};

use super::words::LockWord;
use crate::model::{Invalid, PublicKey, Version};
use crate::project::syntax::decode::{At, Decode, NonEmpty, Pairs, Reader, Spot, Word};
use crate::project::syntax::keys::{keys, words};
use crate::project::syntax::yaml::{Kind, Node};

keys! {
    /// What is required before an artifact is trusted.
    pub struct RawTrust, required [] {
        /// The public keys of minisign that the project knows, by name.
        /// A value is the key, the second line of a `.pub` file;
        /// or `{key: KEY, until: VERSION}` for a key that is no longer used:
        /// it is accepted for versions up to that one.
        /// `larder key new` makes a key.
        /// A project with keys also asks its hub whether a version was yanked.
        "keys" keys: Pairs<KeyName, RawTrustKey>,
            since "0.1.0",
            example {"release": "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"};
        /// The names of the keys that sign the team's releases.
        /// An asset of the hub then needs a good signature by one of them, wherever it comes from;
        /// without one the run ends with exit code 4.
        /// What this machine built itself is used here without one.
        /// The default is that no signature is needed.
        "managed" managed: NonEmpty<At<KeyName>>,
            since "0.1.0", default "no signature is needed", example ["release"];
        /// With `required`, `--locked` also requires a line in versions.lock for an asset of the
        /// hub: without one the run ends with exit code 3.
        /// Otherwise such an asset is accepted as its sidecar describes it, with a warning.
        /// Originals always need a line.
        "lock" lock: At<LockWord>,
            since "0.1.0", default "a warning", example "required";
        /// The least that must be known about an original before it is used.
        /// `lock`: what was downloaded first is pinned in versions.lock, and that is said.
        /// `checksum`: its publisher states its digest, or the recipe does.
        /// `signature`: its publisher signed it, as `upstream.signature` of the recipe says.
        /// The default is `lock`.
        "original" original: At<OriginalWord>,
            since "0.1.0", default "`lock`", example "checksum";
    }
}

/// A public key: the key alone, or with the last version that it is accepted for.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RawTrustKey {
    /// The key.
    Key(At<PublicKey>),
    /// A key that is accepted for versions up to one.
    Until(RawKeyUntil),
}

keys! {
    /// A public key with the last version that it is accepted for.
    pub struct RawKeyUntil, required ["key", "until"] {
        /// The key: the second line of a `.pub` file.
        "key" key: At<PublicKey>,
            since "0.1.0",
            example "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        /// The last version that the key is accepted for, by the order of versions.
        "until" until: At<Version>,
            since "0.1.0", example "v1.4.0";
    }
}

impl Decode for RawTrustKey {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Map(_) => RawKeyUntil::decode(node, spot, reader).map(Self::Until),
            _ => At::decode(node, spot, reader).map(Self::Key),
        }
    }
}

keys! {
    /// The publisher's signature of the original, in the format of minisign.
    pub struct RawSignature, required ["minisign", "file"] {
        /// The publisher's public key of minisign, as its documentation states it:
        /// the second line of a `.pub` file.
        "minisign" minisign: At<PublicKey>,
            since "0.1.0",
            example "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
        /// Where the signature is (template): a url or, with `github`,
        /// the name of an asset of the same release.
        /// `{{ asset }}` is the name of the original's file, `{{ tag }}` the tag of its release.
        "file" file: At<String>,
            since "0.1.0", example "{{ asset }}.minisig";
        /// What is signed: `asset`, the original itself; or `checksums`, the checksums file.
        "of" of: At<SignatureOf>,
            since "0.1.0", default "`asset`", example "checksums";
    }
}

words! {
    /// A value of `trust: {original: …}`.
    pub enum OriginalWord("`trust.original` value") {
        /// What was downloaded first is pinned.
        Lock = "lock",
        /// Its publisher, or the recipe, states a digest.
        Checksum = "checksum",
        /// Its publisher signed it.
        Signature = "signature",
    }
}

words! {
    /// A value of `upstream: {signature: {of: …}}`.
    pub enum SignatureOf("`signature.of` value") {
        /// The original itself.
        Asset = "asset",
        /// The checksums file.
        Checksums = "checksums",
    }
}

words! {
    /// A value of `require:` in the user's configuration.
    pub enum RequireWord("`require` value") {
        /// What comes from elsewhere must be signed.
        Signature = "signature",
    }
}

impl Word for PublicKey {
    fn word(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "public key of minisign", "type": "string", "pattern": "^RW[A-Za-z0-9+/]{54}$" })
    }
}

/// The name of a key in `trust.keys`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyName(pub String);

impl Word for KeyName {
    fn word(text: &str) -> Result<Self, Invalid> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err(Invalid::new(format!("`{text}` can't name a key"))
                .hint("at most 64 letters, digits, `-`, `_` and `.`, such as `release`"));
        }
        Ok(Self(text.to_owned()))
    }
    fn schema() -> Schema {
        json_schema!({ "x-type": "key name", "type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": 64 })
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
