//! How aqua checks a file: where digests are stated, and a signature of minisign.

use super::answer::{OnPlatform, SignatureFile, Sums};
use super::definition::{Checksum, Minisign};
use super::language::evaluate::{Context, evaluate};

impl OnPlatform {
    /// The values for the templates of the checksums file.
    pub(super) fn sums_context(&self, asset: &str) -> Result<Context, String> {
        let mut context = self.asset_context(asset);
        let (os, arch) = self.sums_words.clone();
        context.fields.insert("OS", os);
        context.fields.insert("Arch", arch);
        if self.keys.kind == "http" {
            context.fields.insert("AssetURL", self.url()?);
        }
        Ok(context)
    }

    /// Where digests are stated: the definition, and the template of the file.
    pub(super) fn sums_template(&self) -> Option<(&Checksum, &str)> {
        let sums = self.keys.checksum.as_ref()?;
        if sums.enabled == Some(false) {
            return None;
        }
        match sums.kind.as_str() {
            "github_release" => Some((sums, &sums.asset)),
            "http" => Some((sums, &sums.url)),
            _ => None,
        }
    }

    pub(super) fn sums(&self, asset: &str) -> Result<Option<Sums>, String> {
        let Some((sums, template)) = self.sums_template() else {
            return Ok(None);
        };
        let mut file = evaluate(template, &self.sums_context(asset)?)?;
        // A file of a release is named by its URL if the original is none of the same release.
        if sums.kind == "github_release" && self.keys.kind != "github_release" {
            file = self.release_url(&self.keys.repo(), &file);
        }
        let unusable = match (sums.algorithm.as_str(), sums.file_format.as_str()) {
            (weak @ ("md5" | "sha1"), _) => Some(format!("the publisher states only {weak}")),
            (_, "regexp") if !has_usual_pattern(sums) => {
                Some(format!("{file} has a format of its own"))
            }
            _ => None,
        };
        Ok(Some(Sums { file, unusable }))
    }

    fn release_url(&self, repo: &str, asset: &str) -> String {
        let version = self.version.replace('/', "%2F");
        format!("https://github.com/{repo}/releases/download/{version}/{asset}")
    }

    /// The signature of minisign: whether it is of the checksums file, its definition, and the template of its file.
    pub(super) fn signature_template(&self) -> Option<(bool, &Minisign, &str)> {
        let of_sums = || {
            let (sums, _) = self.sums_template()?;
            Some((true, sums.minisign.as_ref()?))
        };
        let of_asset = self
            .keys
            .minisign
            .as_ref()
            .map(|minisign| (false, minisign));
        let (of_sums, minisign) = of_asset.or_else(of_sums)?;
        if minisign.enabled == Some(false) {
            return None;
        }
        let template = match minisign.kind.as_str() {
            "http" => minisign.url.as_deref(),
            _ => minisign.asset.as_deref(),
        };
        Some((of_sums, minisign, template?))
    }

    pub(super) fn signature(&self, asset: &str) -> Result<Option<SignatureFile>, String> {
        let Some((of_sums, minisign, template)) = self.signature_template() else {
            return Ok(None);
        };
        let context = self.signature_context(asset, of_sums)?;
        let mut file = evaluate(template, &context)?;
        let repo = if minisign.repo_owner.is_empty() {
            self.keys.repo()
        } else {
            format!("{}/{}", minisign.repo_owner, minisign.repo_name)
        };
        let elsewhere = self.keys.kind != "github_release" || repo != self.keys.repo();
        if minisign.kind != "http" && elsewhere {
            file = self.release_url(&repo, &file);
        }
        Ok(Some(SignatureFile {
            key: minisign.public_key.clone(),
            file,
            of_sums,
        }))
    }

    /// The values for the template of the signature, in which `.Asset` is the name of what is signed.
    pub(super) fn signature_context(&self, asset: &str, of_sums: bool) -> Result<Context, String> {
        let signed = match self.sums_template() {
            Some((_, template)) if of_sums => evaluate(template, &self.sums_context(asset)?)?,
            _ => asset.to_owned(),
        };
        Ok(self.asset_context(&signed))
    }
}

/// Whether larder reads what the patterns describe: a digest, and perhaps a name after it.
fn has_usual_pattern(sums: &Checksum) -> bool {
    let Some(pattern) = &sums.pattern else {
        return false;
    };
    let digest = ["^(\\b[A-Fa-f0-9]{64}\\b)", "^(\\b[A-Fa-f0-9]{128}\\b)"];
    digest.contains(&pattern.checksum.as_str())
}
