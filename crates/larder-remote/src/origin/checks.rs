//! Stated digests and signatures, and checking a file against them.

use std::fmt::{self, Write as _};
use std::io::{self, Read};

use base64::Engine as _;
use sha2::Digest as _;

use larder_core::error::{Error, Result};
use larder_core::model::{Digest, Hasher, PublicKey, Signature, Stream, Unverified, is_hex};

/// Digest algorithms that are strong enough to verify a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// A stated digest of a file, and who stated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The algorithm of the digest.
    pub algorithm: Algorithm,
    /// The bytes of the digest.
    pub digest: Vec<u8>,
    /// Who stated it, for messages: `versions.lock`, `the recipe`, the url of a checksums file,
    /// `npm`.
    pub by: String,
}

impl Algorithm {
    /// The usual name: `sha256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
    /// The size of a digest in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl Stated {
    /// A stated SHA-256.
    pub fn sha256(digest: Digest, by: impl Into<String>) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            digest: digest.as_bytes().to_vec(),
            by: by.into(),
        }
    }

    /// Parses hex digits; `None` if they are not valid for the algorithm.
    pub fn from_hex(algorithm: Algorithm, hex: &str, by: &str) -> Option<Self> {
        if hex.len() != 2 * algorithm.size() || !is_hex(hex) {
            return None;
        }
        let digest = (0..hex.len())
            .step_by(2)
            .map(|i| u8::from_str_radix(&hex[i..i + 2], 16))
            .collect::<Result<_, _>>()
            .ok()?;
        Some(Self {
            algorithm,
            digest,
            by: by.to_owned(),
        })
    }

    /// Parses subresource integrity: `sha512-<base64>`, several separated by spaces. Weak and
    /// unknown algorithms are ignored.
    pub fn from_integrity(text: &str, by: &str) -> Vec<Self> {
        let one = |word: &str| {
            let (name, value) = word.split_once('-')?;
            let algorithm = match name {
                "sha256" => Algorithm::Sha256,
                "sha384" => Algorithm::Sha384,
                "sha512" => Algorithm::Sha512,
                _ => return None,
            };
            let value = value.split('?').next().unwrap_or_default();
            let digest = base64::engine::general_purpose::STANDARD
                .decode(value)
                .ok()?;
            (digest.len() == algorithm.size()).then(|| Self {
                algorithm,
                digest,
                by: by.to_owned(),
            })
        };
        text.split_ascii_whitespace().filter_map(one).collect()
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, hex(&self.digest))
    }
}

/// A publisher's signature of a file, and the key that must have made it.
#[derive(Clone, Debug)]
pub struct SignedBy {
    /// The key that the recipe names.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
    /// Where it was found, for messages.
    pub by: String,
}

/// The size of the largest file whose own bytes are signed, as old versions of minisign do it: it
/// has to be kept in memory. Otherwise its digest is signed.
const MAX_LEGACY: usize = 64 << 20;

/// What a signature is checked with while the file is read.
enum SignedBytes<'a> {
    Digest(Box<Stream<'a>>),
    /// The bytes; `None` if there are too many.
    All(Option<Vec<u8>>),
}

/// Checks a file against stated digests, and against a signature, while it is read.
pub struct Checks<'a> {
    stated: &'a [Stated],
    sha256: Hasher,
    sha384: Option<sha2::Sha384>,
    sha512: Option<sha2::Sha512>,
    signed: Option<(&'a SignedBy, SignedBytes<'a>)>,
}

impl<'a> Checks<'a> {
    /// Checks against these digests.
    pub fn new(stated: &'a [Stated]) -> Self {
        let asked = |algorithm| stated.iter().any(|s| s.algorithm == algorithm);
        Self {
            stated,
            sha256: Hasher::new(),
            sha384: asked(Algorithm::Sha384).then(sha2::Sha384::new),
            sha512: asked(Algorithm::Sha512).then(sha2::Sha512::new),
            signed: None,
        }
    }

    /// Checks against a signature, too.
    #[must_use]
    pub fn signed(mut self, by: Option<&'a SignedBy>) -> Self {
        self.signed = by.map(|by| {
            let bytes = match by.signature.stream(&by.key) {
                Ok(stream) => SignedBytes::Digest(Box::new(stream)),
                Err(_) => SignedBytes::All(Some(Vec::new())),
            };
            (by, bytes)
        });
        self
    }

    /// A reader that hashes what is read from `inner`.
    pub fn reader<R: Read>(&mut self, inner: R) -> CheckedReader<'_, 'a, R> {
        CheckedReader {
            checks: self,
            inner,
        }
    }

    /// Call this after everything was read. Returns the SHA-256, or an integrity error if any
    /// stated digest differs. The error contains both digests and who stated the expected one.
    pub fn verify(self, place: &str) -> Result<Digest> {
        let own = self.sha256.finish();
        let sha256 = own.as_bytes().to_vec();
        let sha384 = self.sha384.map(|hash| hash.finalize().to_vec());
        let sha512 = self.sha512.map(|hash| hash.finalize().to_vec());
        for Stated {
            algorithm,
            digest,
            by,
        } in self.stated
        {
            let found = match algorithm {
                Algorithm::Sha256 => Some(&sha256),
                Algorithm::Sha384 => sha384.as_ref(),
                Algorithm::Sha512 => sha512.as_ref(),
            };
            if found != Some(digest) {
                let found = found.map(|bytes| hex(bytes)).unwrap_or_default();
                return Err(Error::integrity(format!("{place} is not what {by} says"))
                    .cause(format!("it has {algorithm} {found}, {by} says {}", hex(digest)))
                    .hint("nothing was installed; find out who changed the file before you change a digest: see \"Exit 4\" in the guide"));
            }
        }
        if let Some((by, bytes)) = self.signed {
            by.check(bytes, place)?;
        }
        Ok(own)
    }
}

impl SignedBy {
    fn check(&self, bytes: SignedBytes<'_>, place: &str) -> Result<()> {
        let verified = match bytes {
            SignedBytes::Digest(stream) => stream.finish(),
            SignedBytes::All(Some(bytes)) => self.signature.verify(&self.key, &bytes),
            SignedBytes::All(None) => {
                return Err(Error::failed(format!("the signature of {place} can't be checked"))
                    .cause(format!(
                        "{} signs the bytes themselves and not their digest, and the file is larger than {} MiB",
                        self.by,
                        MAX_LEGACY >> 20
                    ))
                    .hint("ask the publisher to sign with a version of minisign from this decade, or leave out `upstream.signature`"));
            }
        };
        verified.map_err(|why| self.refused(place, why))
    }

    /// Checks a file that was read as a whole.
    pub(super) fn verify(&self, bytes: &[u8], place: &str) -> Result<()> {
        let verified = self.signature.verify(&self.key, bytes);
        verified.map_err(|why| self.refused(place, why))
    }

    fn refused(&self, place: &str, why: Unverified) -> Error {
        Error::integrity(format!("{place} has no good signature"))
            .cause(format!(
                "{} (key {}) does not fit the key {} that the recipe names: {why}",
                self.by,
                self.signature.key_id(),
                self.key.id()
            ))
            .hint("nothing was installed; find out from the publisher whether the key changed, or who changed the file")
    }
}

/// A reader that hashes what is read through it.
pub struct CheckedReader<'c, 'a, R> {
    checks: &'c mut Checks<'a>,
    inner: R,
}

impl<R: Read> Read for CheckedReader<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.checks.sha256.update(&buffer[..n]);
        if let Some(sha384) = &mut self.checks.sha384 {
            sha384.update(&buffer[..n]);
        }
        if let Some(sha512) = &mut self.checks.sha512 {
            sha512.update(&buffer[..n]);
        }
        match &mut self.checks.signed {
            None => {}
            Some((_, SignedBytes::Digest(stream))) => stream.update(&buffer[..n]),
            Some((_, SignedBytes::All(all))) => match all {
                Some(bytes) if bytes.len() + n <= MAX_LEGACY => {
                    bytes.extend_from_slice(&buffer[..n]);
                }
                _ => *all = None,
            },
        }
        Ok(n)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::Kind;

    const ABC256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const ABC512: &str = "sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw==";

    fn verify(stated: &[Stated]) -> Result<Digest> {
        let mut checks = Checks::new(stated);
        checks
            .reader(&b"abc"[..])
            .read_to_end(&mut Vec::new())
            .unwrap();
        checks.verify("x.tgz")
    }

    #[test]
    fn bytes_are_held_to_every_statement() {
        let right = Stated::from_hex(Algorithm::Sha256, ABC256, "SHA256SUMS").unwrap();
        let also = Stated::from_integrity(ABC512, "npm").remove(0);
        assert_eq!(verify(&[]).unwrap().to_string(), ABC256);
        assert_eq!(
            verify(&[right.clone(), also.clone()]).unwrap().to_string(),
            ABC256
        );
        let wrong = Stated::sha256(Digest::of(b"abd"), "the lock");
        for stated in [vec![wrong.clone()], vec![right, wrong, also]] {
            let error = verify(&stated).unwrap_err();
            assert_eq!(error.kind(), Kind::Integrity);
            let text = error.to_string();
            assert!(
                text.contains(ABC256) && text.contains(&Digest::of(b"abd").to_string()),
                "{text}"
            );
            assert!(text.contains("the lock says"), "{text}");
        }
    }

    #[test]
    fn weak_and_broken_statements_are_none() {
        assert!(
            Stated::from_integrity(
                "sha1-qZk+NkcGgWq6PiVxeFDCbJzQ2J0= md5-x sha512-AAAA nonsense",
                "npm"
            )
            .is_empty()
        );
        assert!(Stated::from_hex(Algorithm::Sha256, &ABC256[1..], "x").is_none());
        assert!(Stated::from_hex(Algorithm::Sha256, &format!("+{}", &ABC256[1..]), "x").is_none());
    }
}
