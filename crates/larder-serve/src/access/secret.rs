//! Making tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use larder_core::error::{Error, Result};
use larder_core::model::Digest;
use larder_core::project::tokens::{TokenName, TokenRole};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;

/// The beginning of each secret: tools that look for secrets know it, and it is no option of a
/// command line, which base64 could be.
const PREFIX: &str = "larder_";

/// A new token. Its secret is shown once, and stored nowhere.
#[derive(Debug, Serialize)]
pub struct NewToken {
    /// What the client sends.
    pub secret: String,
    /// The line for the file of tokens.
    pub line: String,
    /// Who has it.
    pub name: String,
    /// What it may do.
    pub role: &'static str,
    /// The SHA-256 of the secret's text.
    pub sha256: Digest,
    /// When it ends to be valid.
    pub expires: Option<String>,
}

impl NewToken {
    /// Makes a token with 256 random bits.
    pub fn new(name: &TokenName, role: TokenRole, expires: Option<Timestamp>) -> Result<Self> {
        let mut bits = [0; 32];
        SystemRandom::new()
            .fill(&mut bits)
            .map_err(|_| Error::failed("the system gives no random bits for a token"))?;
        let secret = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits));
        let sha256 = Digest::of(secret.as_bytes());
        let expires = expires
            .map(|time| Timestamp::from_second(time.as_second()))
            .transpose()
            .map_err(|error| Error::usage("the token would expire too late").cause(error))?;
        let name = name.as_str();
        let until = expires.map_or_else(String::new, |time| format!(", expires: {time}"));
        Ok(Self {
            line: format!(
                "- {{name: {}, role: {}, sha256: {sha256}{until}}}",
                quoted(name),
                role.as_str()
            ),
            secret,
            name: name.to_owned(),
            role: role.as_str(),
            sha256,
            expires: expires.map(|time| time.to_string()),
        })
    }
}

/// A name in YAML. What other readers may take for a number or a word of YAML is quoted.
fn quoted(name: &str) -> String {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let is_plain = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && !WORDS.contains(&name.to_ascii_lowercase().as_str());
    if is_plain {
        name.to_owned()
    } else {
        format!("\"{name}\"")
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn tokens_have_lines() {
        for (name, shown) in [("ci", "ci"), ("7", "\"7\""), ("No", "\"No\"")] {
            let name = TokenName::from_str(name).unwrap();
            let expires = Some(Timestamp::new(1_801_353_600, 5).unwrap());
            let token = NewToken::new(&name, TokenRole::Write, expires).unwrap();
            assert_eq!(token.secret.len(), 50);
            assert_eq!(token.sha256, Digest::of(token.secret.as_bytes()));
            let line = format!(
                "- {{name: {shown}, role: write, sha256: {}, expires: 2027-01-31T00:00:00Z}}",
                token.sha256
            );
            assert_eq!(token.line, line);
            let other = NewToken::new(&name, TokenRole::Write, None).unwrap();
            assert_ne!(other.secret, token.secret);
        }
    }
}
