//! The keys of the server's file of tokens as they are written.

use std::str::FromStr;

use jiff::Timestamp;
use schemars::{Schema, json_schema};

use crate::model::{Digest, Invalid};
use crate::project::syntax::decode::{At, Word};
use crate::project::syntax::keys::{keys, words};

keys! {
    /// One token.
    pub struct RawToken, required ["name", "role", "sha256"] {
        /// Who has it. The name is written to the audit log.
        "name" name: At<TokenName>, since "0.1.0", example "ci";
        /// What it may do.
        "role" role: At<TokenRole>, since "0.1.0", example "write";
        /// The SHA-256 of the secret's text, in hex.
        "sha256" sha256: At<Digest>, since "0.1.0",
            example "2bd806c97f0e00af1a1fc3328fa763a9269723c8db8fac4f93af71db186d6e90";
        /// When it ends to be valid: RFC 3339, in UTC.
        "expires" expires: At<Expiry>, since "0.1.0", default "never",
            example "2027-01-31T00:00:00Z";
    }
}

words! {
    /// What a token may do.
    pub enum TokenRole("role") {
        /// Only enrol agents.
        Join = "join",
        /// Read.
        Read = "read",
        /// Read, and put binaries into the folder.
        Write = "write",
        /// Everything.
        Admin = "admin",
    }
}

impl TokenRole {
    /// The word that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for TokenRole {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::word(text)
    }
}

/// The name of a token, which is written to logs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenName(String);

impl TokenName {
    const LONGEST: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
        if text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.len() <= Self::LONGEST
            && text.chars().all(good)
        {
            return Ok(Self(text.to_owned()));
        }
        Err(
            Invalid::new(format!("`{}` can't name a token", text.escape_debug())).hint(
                "up to 64 letters, digits, `-`, `_`, `.` and `@`, starting with a letter or digit",
            ),
        )
    }
}

impl Word for TokenName {
    fn word(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._@-]*$", "maxLength": 64 })
    }
}

/// A time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry(pub Timestamp);

impl Word for Expiry {
    fn word(text: &str) -> Result<Self, Invalid> {
        let bytes = text.as_bytes();
        let is_utc = text.ends_with(['Z', 'z']) || text.ends_with("+00:00");
        let is_full = bytes.len() >= 20 && matches!(bytes[10], b'T' | b't' | b' ');
        match text.parse() {
            Ok(time) if is_utc && is_full => Ok(Self(time)),
            _ => Err(
                Invalid::new(format!("`{}` is not a time in UTC", text.escape_debug()))
                    .hint("write it as RFC 3339 says, such as 2027-01-31T00:00:00Z"),
            ),
        }
    }
    fn schema() -> Schema {
        json_schema!({ "type": "string", "format": "date-time" })
    }
}
