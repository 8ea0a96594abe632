//! SHA-256 digests.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

/// Whether a text consists of hex digits, of either case, and has at least one.
pub fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text is what [`Digest::short`] gives: 12 hex digits.
pub fn is_short_hex(text: &str) -> bool {
    text.len() == 12 && is_hex(text)
}

/// Whether a text is the full id of a git commit: 40 hex digits, or 64 in repositories that use
/// SHA-256. Unlike a tag or a branch it always means the same content.
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

/// A SHA-256 digest; printed and stored as 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Makes a digest of its raw bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
    /// Computes the digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(bytes);
        hasher.finish()
    }
    /// Reads to the end and returns the digest and the number of bytes.
    pub fn of_reader(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let mut hasher = Hasher::new();
        let size = io::copy(&mut reader, &mut hasher)?;
        Ok((hasher.finish(), size))
    }
    /// The first 12 hex digits, which suffixed assets and `.bin/.v` use.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Invalid;
    /// Parses 64 hex digits of either case, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hex = text.strip_prefix("sha256:").unwrap_or(text);
        let invalid = || {
            Invalid::new(format!("`{text}` is not a sha256 digest"))
                .hint("a sha256 digest has 64 hex digits")
        };
        if hex.len() != 64 || !is_hex(hex) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            std::borrow::Cow::<str>::deserialize(deserializer)?
                .parse()
                .map_err(serde::de::Error::custom)
        } else {
            <[u8; 32]>::deserialize(deserializer).map(Self)
        }
    }
}

/// Computes a [`Digest`] of the bytes that it gets. It implements [`Write`], so that bytes can be
/// hashed while they are copied.
#[derive(Clone)]
pub struct Hasher(ring::digest::Context);

impl Default for Hasher {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

impl Hasher {
    /// An empty hash.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// Adds a length-prefixed field: its length as 8 bytes, little-endian, then the bytes.
    pub fn field(&mut self, bytes: &[u8]) {
        self.update(&(bytes.len() as u64).to_le_bytes());
        self.update(bytes);
    }
    /// The digest.
    pub fn finish(self) -> Digest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.finish().as_ref());
        Digest(bytes)
    }
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_digits_are_counted() {
        assert!(is_hex("0aF") && !is_hex("") && !is_hex("0g") && !is_hex("+1") && !is_hex("é"));
        assert!(is_short_hex(&Digest::of(b"x").short()));
        assert!(!is_short_hex("0123456789a") && !is_short_hex("0123456789abc"));
        assert!(is_commit(&"a".repeat(40)) && is_commit(&"a".repeat(64)));
        assert!(!is_commit(&"a".repeat(41)) && !is_commit(&"g".repeat(40)) && !is_commit("v1.0.0"));
    }

    #[test]
    fn a_known_digest_round_trips() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), hex);
        assert_eq!(
            format!("sha256:{}", hex.to_uppercase()).parse::<Digest>(),
            Ok(Digest::of(b"abc"))
        );
        assert!("abc".parse::<Digest>().is_err());
        assert!(format!("+{}", &hex[1..]).parse::<Digest>().is_err());
    }
}
