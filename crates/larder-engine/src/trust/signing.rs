//! `release --sign`: signs the sidecars of what is released.
//!
//! The key comes from the user's environment; no file of a project names it, and no child process
//! gets it. A sidecar that the hub has already is signed only if it says of the archive and its
//! content what this machine would say; only what was observed at the build may differ.

use std::fmt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::fs;
use larder_core::model::{AssetName, Proof, Signature, Tag, Version};
use larder_core::project::TrustConfig;
use larder_core::variables;
use larder_remote::http::Secret;
use larder_remote::hub::SidecarSigner;
use larder_remote::signing::{KeySource, SigningKey};

use super::verified;
use crate::context::Context;

/// More bytes than a key file has.
const MAX_KEY: u64 = 16 * 1024;

/// Where the signing key is, as the environment says it.
#[derive(Clone, Debug, Default)]
pub struct SigningSettings {
    /// The whole text of the key's file.
    pub key: Option<Secret>,
    /// The key's file.
    pub file: Option<Utf8PathBuf>,
    /// The password that opens an encrypted key.
    pub password: Option<Secret>,
}

impl SigningSettings {
    /// Whether there is a key.
    pub fn has_key(&self) -> bool {
        self.key.is_some() || self.file.is_some()
    }

    /// Reads the key.
    pub fn read(&self) -> Result<SigningKey> {
        let password = self.password.as_ref().map(Secret::expose);
        let parse = |text: &str, by: &str| {
            let source = KeySource {
                by,
                password_by: variables::SIGNING_KEY_PASSWORD,
            };
            SigningKey::parse(text, password, source)
        };
        match (&self.key, &self.file) {
            (Some(key), _) => parse(key.expose(), variables::SIGNING_KEY),
            (None, Some(file)) => parse(&read_key(file)?, file.as_str()),
            (None, None) => Err(Error::usage("there is no key to sign with").hint(format!(
                "set {} to the text of a key's file, or {} to its path; `larder key new` makes a key",
                variables::SIGNING_KEY,
                variables::SIGNING_KEY_FILE
            ))),
        }
    }
}

fn read_key(file: &Utf8Path) -> Result<String> {
    let missing = || {
        Error::usage(format!("there is no {file}"))
            .hint(format!("{} names it", variables::SIGNING_KEY_FILE))
    };
    let bytes = fs::read_bounded(file, MAX_KEY)?.ok_or_else(missing)?;
    String::from_utf8(bytes).map_err(|_| Error::usage(format!("{file} is not a key's file")))
}

/// Signs the sidecars of one run.
pub struct Signer<'a> {
    key: Arc<SigningKey>,
    trust: &'a TrustConfig,
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key.public().id())
    }
}

impl<'a> Signer<'a> {
    /// A signer with the key of the user.
    pub fn new(ctx: &'a Context) -> Result<Self> {
        Ok(Self {
            key: ctx.signing_key()?,
            trust: &ctx.project.trust,
        })
    }

    /// The signer of a release of a version: with `--sign`, and where the project needs signatures
    /// and there is a key. `None` if nothing is signed.
    pub fn for_release(ctx: &'a Context, version: &Version) -> Result<Option<Self>> {
        let signs = ctx.options.sign
            || (ctx.project.trust.needs_signature && ctx.settings.signing.has_key());
        if !signs {
            return Ok(None);
        }
        let signer = Self::new(ctx)?;
        signer.check(version)?;
        Ok(Some(signer))
    }

    /// Refuses to sign a version where nobody would accept the signature.
    pub fn check(&self, version: &Version) -> Result<()> {
        if !self.trust.needs_signature {
            return Ok(());
        }
        let id = self.key.public().id();
        let known = self
            .trust
            .managed()
            .find(|key| key.key == *self.key.public());
        match known {
            None => Err(Error::usage(format!(
                "the signing key {id} is not listed in `trust.managed`, so nobody would accept what it signs"
            ))
            .hint(format!(
                "add it to versions.yml: `trust: {{keys: {{NAME: {}}}, managed: [NAME]}}`, or sign with another key",
                self.key.public()
            ))),
            Some(key) if key.covers(version) => Ok(()),
            Some(key) => Err(Error::usage(format!(
                "the key `{}` is accepted only until {}, and this is {version}",
                key.name,
                key.until.as_ref().map_or("", Version::as_str)
            ))
            .hint("sign with a newer key")),
        }
    }

    /// Signs any small file of a release.
    pub fn sign_file(&self, tag: &Tag, name: &AssetName, bytes: &[u8]) -> Result<String> {
        self.key.sign(bytes, &Proof::comment(tag, name))
    }
}

/// A signature that was handed over with a package: it is published as it is.
#[derive(Debug)]
pub struct HandedOver<'a> {
    /// The signature, with the sidecar that it is of.
    pub proof: Proof,
    /// The keys of the project.
    pub trust: &'a TrustConfig,
    /// The version that it is of.
    pub version: Version,
}

impl SidecarSigner for HandedOver<'_> {
    fn sign(&self, tag: &Tag, asset: &AssetName, sidecar: &str, _ours: &Sidecar) -> Result<String> {
        let Proof {
            tag: its_tag,
            asset: its_asset,
            sidecar: its_sidecar,
            signature,
        } = &self.proof;
        if (its_tag, its_asset, its_sidecar.as_str()) == (tag, asset, sidecar) {
            return Ok(signature.clone());
        }
        Err(Error::integrity(format!(
            "the signature that was handed over is not of {tag}/{}",
            asset.sidecar()
        ))
        .cause(format!("it was made for {its_tag}/{}", its_asset.sidecar()))
        .hint("sign here, with `--sign`"))
    }

    fn is_good(&self, tag: &Tag, asset: &AssetName, sidecar: &str, signature: &[u8]) -> bool {
        let text = String::from_utf8_lossy(signature);
        let at = (tag, asset);
        verified(self.trust, at, sidecar.as_bytes(), &text, &self.version).is_ok()
    }
}

impl SidecarSigner for Signer<'_> {
    fn sign(&self, tag: &Tag, asset: &AssetName, sidecar: &str, ours: &Sidecar) -> Result<String> {
        let theirs = Sidecar::parse(sidecar.as_bytes(), asset.sidecar().as_str())?;
        let Sidecar {
            schema: _,
            content,
            artifact: _,
            sha256,
            size,
            // What was observed differs with the time of the build. It decides nothing.
            observed: _,
            explanation,
        } = &theirs;
        if *content != ours.content
            || (*sha256, *size) != (ours.sha256, ours.size)
            || *explanation != ours.explanation
        {
            return Err(Error::integrity(format!(
                "{tag}/{} says something else than this machine would sign",
                asset.sidecar()
            ))
            .hint(format!(
                "compare it with the one in .dist; `larder release {} --replace --sign` publishes this package",
                ours.content.name
            )));
        }
        self.check(&ours.content.version)?;
        self.key
            .sign(sidecar.as_bytes(), &Proof::comment(tag, asset))
    }

    fn is_good(&self, tag: &Tag, asset: &AssetName, sidecar: &str, signature: &[u8]) -> bool {
        let text = String::from_utf8_lossy(signature);
        if self.trust.needs_signature {
            let Ok(found) = Sidecar::parse(sidecar.as_bytes(), "") else {
                return false;
            };
            let version = &found.content.version;
            return verified(self.trust, (tag, asset), sidecar.as_bytes(), &text, version).is_ok();
        }
        text.parse::<Signature>().is_ok_and(|signature| {
            signature
                .verify(self.key.public(), sidecar.as_bytes())
                .is_ok()
                && signature.trusted_comment() == Proof::comment(tag, asset)
        })
    }
}
