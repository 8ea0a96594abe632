//! Trust: who vouches for an artifact. Pins say that bytes are the same; signatures say who stands
//! for them.
//!
//! [`judge`] is the only function that decides whether a signature counts, and the admission is the
//! only caller that lets an artifact pass or refuses it for that. `signing` signs what is released,
//! `yank` publishes and reads tombstones, `prove` is `verify --all`.
//!
//! This module does not know how an artifact came here.

pub mod prove;
pub mod signing;
pub mod yank;

use serde::{Deserialize, Serialize};

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{
    Artifact, AssetName, Digest, Proof, PublicKey, Signature, Tag, Target, Version,
};
use larder_core::project::{OriginalTrust, TrustConfig, TrustedKey};

/// What vouches for an artifact, as it was decided. The state remembers it, so that a later change
/// of `trust:` is applied to what is installed without reading anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Vouched {
    /// Nobody that is known: it came from a hub, and no signature was asked for or found.
    #[default]
    Nobody,
    /// This machine built it. That is enough here, and for nobody else.
    BuiltHere,
    /// A signature with this key over its sidecar.
    Signed(PublicKey),
    /// Its publisher, as far as this was shown.
    Publisher(Shown),
}

/// What was shown about a publisher's file when it was downloaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// At most the lock pinned it, or it was trusted on first use.
    #[default]
    Lock,
    /// The recipe or the publisher stated its digest.
    Checksum,
    /// Its publisher signed it, or the checksums file that lists it, with this key.
    Signature(PublicKey),
}

impl Shown {
    /// What of `trust.original` it satisfies. A signature counts only with the key that the recipe
    /// names today.
    pub fn reaches(&self, wanted: OriginalTrust, key: Option<&PublicKey>) -> bool {
        match self {
            Self::Lock => wanted == OriginalTrust::Lock,
            Self::Checksum => wanted <= OriginalTrust::Checksum,
            Self::Signature(by) => wanted <= OriginalTrust::Checksum || key == Some(by),
        }
    }
}

/// Finds the key that vouches for an artifact, by the signature of its sidecar. `archive` is the
/// digest of the file that the artifact was unpacked from, if that is known.
///
/// A signature counts if a key of `trust.managed` made it, for exactly this sidecar, for the asset
/// where it was found (its trusted comment says so); if the sidecar is of exactly this artifact; and
/// if the key is accepted for this version.
pub fn judge<'k>(
    trust: &'k TrustConfig,
    artifact: &Artifact,
    archive: Option<&Digest>,
    proof: Option<&Proof>,
) -> Result<&'k TrustedKey> {
    let refused = |why: String| {
        Error::integrity(format!(
            "{} {} for {} has no signature that this project accepts",
            artifact.name, artifact.version, artifact.platform
        ))
        .cause(why)
    };
    let sign = format!(
        "who has a key of the team can run `larder release {} --sign`",
        artifact.name
    );
    if trust.managed().next().is_none() {
        let why = "your configuration says `require: signature`, and versions.yml names no key in `trust.managed`";
        return Err(refused(why.to_owned()).hint("ask the team for its public key"));
    }
    let Some(proof) = proof else {
        return Err(refused("nobody signed it".to_owned()).hint(sign));
    };
    let Proof {
        tag,
        asset,
        sidecar,
        signature,
    } = proof;
    let place = format!("{tag}/{}", asset.signature());
    let key = verified(
        trust,
        (tag, asset),
        sidecar.as_bytes(),
        signature,
        &artifact.version,
    )
    .map_err(|why| refused(format!("{place}: {why}")).hint(&sign))?;
    let found = Sidecar::parse(sidecar.as_bytes(), &format!("{tag}/{}", asset.sidecar()))?;
    if found.content != *artifact || archive.is_some_and(|archive| *archive != found.sha256) {
        let why = format!(
            "{place} is a signature of {} {} for {} (artifact {})",
            found.content.name, found.content.version, found.content.platform, found.artifact
        );
        return Err(refused(why)
            .hint("a signature was put beside another artifact: find out who wrote to the hub or the cache"));
    }
    Ok(key)
}

/// The refusal of an asset without a sidecar: `lock --adopt` pins such an asset, and nobody can sign
/// what it states.
pub fn unsigned(target: &Target, version: &Version) -> Result<()> {
    Err(Error::integrity(format!(
        "{} {version} for {} has no signature that this project accepts",
        target.name, target.platform
    ))
    .cause("it has no sidecar that could be signed")
    .hint(format!(
        "release it again: `larder release {} --replace --sign`",
        target.name
    )))
}

/// Checks a signature of a small file of a release. The error says why it does not count.
pub fn verified<'k>(
    trust: &'k TrustConfig,
    (tag, asset): (&Tag, &AssetName),
    bytes: &[u8],
    signature: &str,
    version: &Version,
) -> Result<&'k TrustedKey, String> {
    let signature: Signature = signature
        .parse()
        .map_err(|invalid: larder_core::model::Invalid| invalid.message)?;
    let id = signature.key_id();
    let key = trust
        .managed()
        .find(|key| key.key.id() == id)
        .ok_or_else(|| match trust.keys.iter().find(|key| key.key.id() == id) {
            Some(key) => format!(
                "the key `{}` ({id}) is not listed in `trust.managed`",
                key.name
            ),
            None => format!("the key {id} is none of `trust.keys`"),
        })?;
    signature
        .verify(&key.key, bytes)
        .map_err(|why| format!("it is no signature of the key `{}`: {why}", key.name))?;
    let expected = Proof::comment(tag, asset);
    if signature.trusted_comment() != expected {
        return Err(format!(
            "it was made for `{}`, and this is `{expected}`",
            signature.trusted_comment()
        ));
    }
    match &key.until {
        Some(until) if !key.covers(version) => Err(format!(
            "the key `{}` is accepted only until {until}",
            key.name
        )),
        _ => Ok(key),
    }
}

/// Whether a key that vouched for an artifact is still accepted for its version.
pub fn still_accepted<'k>(
    trust: &'k TrustConfig,
    key: &PublicKey,
    artifact: &Artifact,
) -> Result<&'k TrustedKey> {
    let refused = |why: String| {
        Error::integrity(format!(
            "{} {} for {} has no signature that this project accepts",
            artifact.name, artifact.version, artifact.platform
        ))
        .cause(why)
    };
    match trust.managed().find(|known| known.key == *key) {
        None => Err(refused(format!(
            "the key {} that signed it is not listed in `trust.managed` any more",
            key.id()
        ))),
        Some(known) if known.covers(&artifact.version) => Ok(known),
        Some(known) => Err(refused(format!(
            "the key `{}` that signed it is accepted only until {}",
            known.name,
            known.until.as_ref().map_or("", Version::as_str)
        ))),
    }
}

/// What vouches for an artifact, in words for people: `signed by release`, `unsigned`.
pub fn describe(trust: &TrustConfig, vouched: &Vouched) -> String {
    let name = |key: &PublicKey| {
        let known = trust.keys.iter().find(|known| known.key == *key);
        known.map_or_else(|| key.id().to_string(), |known| known.name.clone())
    };
    match vouched {
        Vouched::Nobody => "unsigned".to_owned(),
        Vouched::BuiltHere => "unsigned: built by this machine".to_owned(),
        Vouched::Signed(key) => format!("signed by {}", name(key)),
        Vouched::Publisher(Shown::Lock) => "unsigned: the publisher's, as first downloaded".into(),
        Vouched::Publisher(Shown::Checksum) => "unsigned: the publisher states its digest".into(),
        Vouched::Publisher(Shown::Signature(key)) => {
            format!("signed by its publisher ({})", key.id())
        }
    }
}
