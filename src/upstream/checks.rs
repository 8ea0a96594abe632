//! What is stated of a file's digest, and whether the file agrees.

use std::fmt::{self, Write as _};
use std::io::{self, Read};

use sha2::Digest as _;

use crate::error::{Error, Result};
use crate::model::Digest;

/// Algorithms that are strong enough to vouch for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A digest that someone states of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Which kind of digest.
    pub algorithm: Algorithm,
    /// Its bytes.
    pub digest: Vec<u8>,
    /// Who says so, for messages: `versions.lock`, `the recipe`, a checksums file's url, `npm`.
    pub by: String,
}

impl Stated {
    /// A SHA-256.
    pub fn sha256(digest: Digest, by: impl Into<String>) -> Self {
        Self { algorithm: Algorithm::Sha256, digest: digest.as_bytes().to_vec(), by: by.into() }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        })
    }
}

/// Holds statements against a file while it passes.
pub struct Checks<'a> {
    stated: &'a [Stated],
    sha256: sha2::Sha256,
    sha512: Option<sha2::Sha512>,
}

impl<'a> Checks<'a> {
    /// Against these statements.
    pub fn new(stated: &'a [Stated]) -> Self {
        let sha512 = stated.iter().any(|s| s.algorithm == Algorithm::Sha512).then(sha2::Sha512::new);
        Self { stated, sha256: sha2::Sha256::new(), sha512 }
    }

    /// The reader that is to be read in place of `inner`.
    pub fn reader<R: Read>(&mut self, inner: R) -> CheckedReader<'_, 'a, R> {
        CheckedReader { checks: self, inner }
    }

    /// After all was read: the SHA-256; or, if any statement differs, an integrity error that names both digests and who
    /// says so.
    pub fn verify(self, place: &str) -> Result<Digest> {
        let own: [u8; 32] = self.sha256.finalize().into();
        let sha256 = own.to_vec();
        let sha512 = self.sha512.map(|hash| hash.finalize().to_vec());
        for Stated { algorithm, digest, by } in self.stated {
            let found = match algorithm {
                Algorithm::Sha256 => Some(&sha256),
                Algorithm::Sha512 => sha512.as_ref(),
            };
            if found != Some(digest) {
                let found = found.map(|bytes| hex(bytes)).unwrap_or_default();
                return Err(Error::integrity(format!("{place} is not what {by} says"))
                    .cause(format!("it has {algorithm} {found}, {by} says {}", hex(digest)))
                    .hint("no weaker source is tried: find out which of the two is right before you change either"));
            }
        }
        Ok(Digest::from_bytes(own))
    }
}

/// Hashes what passes.
pub struct CheckedReader<'c, 'a, R> {
    checks: &'c mut Checks<'a>,
    inner: R,
}

impl<R: Read> Read for CheckedReader<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.checks.sha256.update(&buffer[..n]);
        if let Some(sha512) = &mut self.checks.sha512 {
            sha512.update(&buffer[..n]);
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
