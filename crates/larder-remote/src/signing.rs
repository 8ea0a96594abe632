//! Signing keys in the format of minisign: making them, reading them, and signing with them.
//!
//! The secret stays in memory; it is in no message and in no debug output. Where a key comes from
//! is decided by the command line, and what is signed by the engine. Checking a signature needs no
//! secret and is in [`larder_core::model::Signature`].

use std::fmt;

use minisign::{KeyPair, SecretKey, SecretKeyBox};

use larder_core::error::{Error, Result};
use larder_core::model::{PublicKey, Signature};

/// The comment in the signatures that larder makes. Nobody needs to believe it.
const COMMENT: &str = "signature by larder";

/// A key that can sign.
pub struct SigningKey {
    secret: SecretKey,
    public: PublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public)
    }
}

/// Where a signing key comes from, for messages, and the password that opens it.
#[derive(Clone, Copy, Debug)]
pub struct KeySource<'a> {
    /// The variable or the file that holds it.
    pub by: &'a str,
    /// The variable that names the password.
    pub password_by: &'a str,
}

impl SigningKey {
    /// Reads the text of a `.key` file.
    pub fn parse(text: &str, password: Option<&str>, source: KeySource<'_>) -> Result<Self> {
        let KeySource { by, password_by } = source;
        let wrong = |why: &str| {
            Error::usage(format!("{by} holds no signing key that can be used"))
                .cause(why)
                .hint("it is the whole text of the .key file that `larder key new` or `minisign -G` makes, with both lines")
        };
        let line = text
            .lines()
            .nth(1)
            .ok_or_else(|| wrong("it has no second line"))?;
        let kind =
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, line.trim_end())
                .map_err(|_| wrong("its second line is not base64"))?;
        // The algorithm, and then how the key was made from a password: two zeros if it was not.
        let is_encrypted = kind.get(2..4).is_some_and(|kdf| kdf != [0, 0]);
        let secret = match (is_encrypted, password) {
            // Not every program writes the checksum of a key without a password, so it is not compared;
            // the signature below shows whether the key is whole.
            (false, _) => SecretKey::from_bytes(&kind),
            (true, Some(password)) => {
                SecretKeyBox::from(text.to_owned()).into_secret_key(Some(password.to_owned()))
            }
            (true, None) => {
                return Err(
                    Error::usage(format!("{by} holds a key that needs a password"))
                        .hint(format!("set {password_by}")),
                );
            }
        };
        // The messages of the crate hold no part of the key.
        let secret = secret.map_err(|error| wrong(&error.to_string()))?;
        let public = minisign::PublicKey::from_secret_key(&secret)
            .map_err(|error| wrong(&error.to_string()))?;
        let public = public
            .to_base64()
            .parse()
            .map_err(|_| wrong("it has no public key"))?;
        let key = Self { secret, public };
        let signed = key.sign(b"", "")?.parse::<Signature>();
        match signed.map(|signature| signature.verify(&key.public, b"")) {
            Ok(Ok(())) => Ok(key),
            _ => Err(wrong("it is damaged")),
        }
    }

    /// The key that its signatures are checked with.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs bytes together with a comment. The text is that of a `.minisig` file.
    pub fn sign(&self, bytes: &[u8], trusted_comment: &str) -> Result<String> {
        let signed = minisign::sign(
            None,
            &self.secret,
            bytes,
            Some(trusted_comment),
            Some(COMMENT),
        );
        let mut text = signed
            .map_err(|error| Error::failed("cannot sign").cause(error))?
            .into_string();
        if !text.ends_with('\n') {
            text.push('\n');
        }
        Ok(text)
    }
}

/// A new key.
pub struct NewKey {
    /// The text of the `.key` file.
    pub secret: String,
    /// The public key.
    pub key: PublicKey,
}

/// The text of the `.pub` file of a key.
pub fn public_file(key: &PublicKey) -> String {
    format!(
        "untrusted comment: minisign public key {}\n{key}\n",
        key.id()
    )
}

/// Makes a key. With a password it can only be used with it.
pub fn new_key(password: Option<&str>) -> Result<NewKey> {
    let failed = |error: minisign::PError| Error::failed("cannot make a key").cause(error);
    let KeyPair { pk, sk } = match password {
        Some(password) => KeyPair::generate_encrypted_keypair(Some(password.to_owned())),
        None => KeyPair::generate_unencrypted_keypair(),
    }
    .map_err(failed)?;
    let key = pk
        .to_base64()
        .parse::<PublicKey>()
        .map_err(|invalid| Error::failed("cannot make a key").cause(invalid.message))?;
    let kind = if password.is_some() { "encrypted " } else { "" };
    Ok(NewKey {
        secret: sk
            .to_box(Some(&format!("minisign {kind}secret key {}", key.id())))
            .map_err(failed)?
            .into_string(),
        key,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::model::Unverified;

    const SOURCE: KeySource<'_> = KeySource {
        by: "KEY",
        password_by: "PASSWORD",
    };

    #[test]
    fn what_a_new_key_signs_is_verified_by_its_public_key_only() {
        let (one, two) = (new_key(None).unwrap(), new_key(None).unwrap());
        let key = SigningKey::parse(&one.secret, None, SOURCE).unwrap();
        assert_eq!(*key.public(), one.key);
        assert!(!format!("{key:?}").contains(&one.secret[80..100]));
        let text = key.sign(b"bytes", "tag asset").unwrap();
        let signature: Signature = text.parse().unwrap();
        assert_eq!(signature.trusted_comment(), "tag asset");
        assert_eq!(signature.verify(&one.key, b"bytes"), Ok(()));
        assert_eq!(
            signature.verify(&one.key, b"other"),
            Err(Unverified::Changed)
        );
        assert_eq!(
            signature.verify(&two.key, b"bytes"),
            Err(Unverified::OtherKey)
        );
    }

    #[test]
    fn an_encrypted_key_needs_its_password() {
        let new = new_key(Some("correct horse")).unwrap();
        assert!(SigningKey::parse(&new.secret, Some("correct horse"), SOURCE).is_ok());
        for wrong in [Some("battery staple"), None] {
            let error = SigningKey::parse(&new.secret, wrong, SOURCE).unwrap_err();
            assert_eq!(error.kind(), larder_core::Kind::Usage, "{error}");
        }
        for text in ["", "one line", "two\nlines", &public_file(&new.key)] {
            assert!(SigningKey::parse(text, None, SOURCE).is_err(), "{text}");
        }
    }
}
