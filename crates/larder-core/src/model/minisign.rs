//! Public keys and signatures in the format of minisign.
//!
//! A signature has four lines: an untrusted comment, the signature of the signed bytes, a trusted
//! comment, and the signature of both. Both of minisign's algorithms are read: `ED`, which signs the
//! BLAKE2b-512 digest of the bytes, and the older `Ed`, which signs the bytes themselves.
//!
//! This module compares bytes with signatures. Which keys a project accepts, and for what, is
//! decided elsewhere.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify as minisign;
use serde::{Deserialize, Serialize};

use super::{AssetName, Invalid, Tag};

/// More bytes than any signature has: its comments are one line each.
const MAX_SIGNATURE: usize = 16 * 1024;
/// What the third line starts with.
const TRUSTED: &str = "trusted comment: ";

/// The name of a key as minisign prints it: 16 hex digits. It finds a key and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

impl KeyId {
    /// The id in the first bytes of a key or a signature, after the two of the algorithm.
    fn of(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.get(2..10)?.try_into().ok()?))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

/// A public key of minisign. Its text is the second line of a `.pub` file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    key: minisign::PublicKey,
    bytes: [u8; 42],
}

impl PublicKey {
    /// Its id.
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.bytes).unwrap_or(KeyId([0; 8]))
    }
}

impl FromStr for PublicKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| {
            Invalid::new(format!("`{text}` is not a public key of minisign: {why}")).hint(
                "the second line of a .pub file, 56 characters that start with RW; `larder key new` makes one",
            )
        };
        if text.contains('\n') {
            return Err(invalid("it has several lines"));
        }
        let bytes = STANDARD
            .decode(text)
            .map_err(|_| invalid("it is not base64"))?;
        let bytes: [u8; 42] = bytes
            .try_into()
            .map_err(|_| invalid("it has another length"))?;
        let key = minisign::PublicKey::from_base64(text)
            .map_err(|_| invalid("its algorithm is not Ed25519"))?;
        Ok(Self { key, bytes })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.bytes))
    }
}

impl Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A signature. Nothing about it is known to be true until [`Signature::verify`] says so.
#[derive(Clone)]
pub struct Signature {
    parsed: minisign::Signature,
    id: KeyId,
    prehashed: bool,
}

/// Why a signature does not show what it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// It was made with another key.
    #[error("it was made with another key")]
    OtherKey,
    /// The bytes, or the trusted comment, are not those that were signed.
    #[error("the signed bytes or the trusted comment were changed, or the key is another one")]
    Changed,
}

impl Signature {
    /// The id of the key that it says it was made with.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// The trusted comment: true only once the signature is verified.
    pub fn trusted_comment(&self) -> &str {
        self.parsed.trusted_comment()
    }

    /// Whether it is over the digest of the bytes, and not over the bytes themselves.
    pub fn is_prehashed(&self) -> bool {
        self.prehashed
    }

    /// Checks that a key made this signature for these bytes and for its trusted comment.
    pub fn verify(&self, key: &PublicKey, bytes: &[u8]) -> Result<(), Unverified> {
        if self.id != key.id() {
            return Err(Unverified::OtherKey);
        }
        key.key
            .verify(bytes, &self.parsed, true)
            .map_err(|_| Unverified::Changed)
    }

    /// The same for bytes that are read one part after the other: only for a signature over their
    /// digest ([`Signature::is_prehashed`]), because the other kind needs all bytes at once.
    pub fn stream<'a>(&'a self, key: &'a PublicKey) -> Result<Stream<'a>, Unverified> {
        let verifier = key.key.verify_stream(&self.parsed);
        verifier.map(Stream).map_err(|_| Unverified::OtherKey)
    }
}

/// Checks a signature of bytes that are read one part after the other.
pub struct Stream<'a>(minisign::StreamVerifier<'a>);

impl Stream<'_> {
    /// Takes the next part.
    pub fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    /// Checks what was read.
    pub fn finish(mut self) -> Result<(), Unverified> {
        self.0.finalize().map_err(|_| Unverified::Changed)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}, {:?})", self.id, self.trusted_comment())
    }
}

impl FromStr for Signature {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |why: &str| Invalid::new(format!("it is not a signature of minisign: {why}"));
        if text.len() > MAX_SIGNATURE {
            return Err(invalid("it is too large"));
        }
        let mut lines = text.lines();
        let line = lines
            .nth(1)
            .ok_or_else(|| invalid("it has no second line"))?;
        let comment = lines.next().unwrap_or_default();
        if !comment.starts_with(TRUSTED) {
            return Err(invalid("it has no trusted comment"));
        }
        // minisign itself puts a tab into it.
        if comment.contains(|c: char| c.is_control() && c != '\t') {
            return Err(invalid("its trusted comment has control characters"));
        }
        let bytes = STANDARD
            .decode(line)
            .map_err(|_| invalid("its second line is not base64"))?;
        let parsed = minisign::Signature::decode(text)
            .map_err(|_| invalid("its lines are not as they must be"))?;
        let id = KeyId::of(&bytes).ok_or_else(|| invalid("its second line is too short"))?;
        Ok(Self {
            parsed,
            id,
            prehashed: bytes.starts_with(b"ED"),
        })
    }
}

/// What a release states about an asset, with the signature of it: the exact text of the sidecar,
/// and where it was found. It travels with the artifact, so that its signature can be checked again
/// wherever the artifact is. Whether it proves anything is decided by the keys that a project
/// accepts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The tag of the release.
    pub tag: Tag,
    /// The asset.
    pub asset: AssetName,
    /// The bytes of the sidecar.
    pub sidecar: String,
    /// The bytes of the signature.
    pub signature: String,
}

impl Proof {
    /// The trusted comment that a signature of this asset has, so that it can't be moved to another.
    pub fn comment(tag: &Tag, asset: &AssetName) -> String {
        format!("{tag} {asset}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made by minisign 0.11 for the bytes `test`, the first with `-l` (legacy).
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const PREHASHED: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1556193335\tfile:test
y/rUw2y8/hOUYjZU71eHp/Wo1KZ40fGy2VJEDl34XMJM+TX48Ss/17u3IvIfbVR1FkZZSNCisQbuQY+bHwhEBg==
";
    const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==
";

    #[test]
    fn signatures_of_minisign_are_checked_with_their_comments() {
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
        for (text, prehashed) in [(PREHASHED, true), (LEGACY, false)] {
            let signature: Signature = text.parse().unwrap();
            assert_eq!(signature.is_prehashed(), prehashed);
            assert_eq!(signature.key_id(), key.id());
            assert_eq!(signature.verify(&key, b"test"), Ok(()));
            assert_eq!(signature.verify(&key, b"Test"), Err(Unverified::Changed));
            let moved: Signature = text.replace("file:test", "file:rest").parse().unwrap();
            assert_eq!(moved.verify(&key, b"test"), Err(Unverified::Changed));
            if prehashed {
                for (parts, expected) in [
                    ([&b"te"[..], b"st"], Ok(())),
                    ([b"test", b"!"], Err(Unverified::Changed)),
                ] {
                    let mut stream = signature.stream(&key).unwrap();
                    for part in parts {
                        stream.update(part);
                    }
                    assert_eq!(stream.finish(), expected);
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_or_signature_is_refused() {
        let file = format!("untrusted comment: x\n{KEY}\n");
        let short = &KEY[..52];
        let other = KEY.replace("RWQ", "RXQ");
        for bad in ["", "x", "RWQ", &file, short, &other, &format!(" {KEY}")] {
            assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
        }
        let lines: Vec<&str> = PREHASHED.lines().collect();
        for cut in 0..lines.len() {
            assert!(
                lines[..cut].join("\n").parse::<Signature>().is_err(),
                "{cut}"
            );
        }
        for (old, new) in [
            ("trusted comment: t", "comment: t"),
            ("RUQf", "RUXf"),
            ("RUQf", "R"),
            ("y/rUw2y8", "y/rUw2"),
            ("file:test", "file:\u{1b}[1m"),
        ] {
            assert!(
                PREHASHED
                    .replacen(old, new, 1)
                    .parse::<Signature>()
                    .is_err(),
                "{new}"
            );
        }
        let long = PREHASHED.replace("untrusted", &"x".repeat(MAX_SIGNATURE));
        assert!(long.parse::<Signature>().is_err());
    }
}
