//! Publishes assets, in this order:
//! 1. Look at each asset's tag. What is there stands, unless it is to be replaced or incomplete.
//! 2. Upload package and sidecar as blobs, then the manifest of both by its digest. Nothing of that
//!    is visible yet.
//! 3. [`elect`](super::elect): the tag, which makes both visible at once, goes to one writer. The
//!    winner writes its signature before.
//! 4. Sign what stands, unless it has a good signature.
//! 5. Write the attached files until they agree with the assets that are there now.
//!
//! If a call is killed at any point, the next call continues from the existing state.

use larder_core::error::{Error, Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Digest, Tag};

use super::artifact::{self, Content, EMPTY_CONFIG, FILE, SBOM, SIGNATURE, Stored};
use super::elect::Candidate;
use super::names;
use super::store::Store;
use crate::hub::attached::{self, Attest, Attested};
use crate::hub::{Progress, PublishOptions, Published, Receipt, Signing, Upload};
use crate::oci::{Blob, Manifest};

/// How many times the attached files are written before giving up.
const ROUNDS: usize = 16;

/// What is to be done for one upload.
enum Step {
    /// Nothing: this is its outcome.
    Done(Published),
    /// The manifest replaces what the tag leads to. If that was this manifest, it must still be.
    Replace(String, Manifest, Option<Digest>),
    /// The manifest is a candidate for the tag.
    Elect(String, Manifest),
}

impl Store {
    /// Publishes uploads to a release.
    pub(super) fn publish(
        &self,
        tag: &Tag,
        uploads: &[Upload<'_>],
        options: PublishOptions,
        attest: Option<&dyn Attest>,
        progress: Progress<'_>,
    ) -> Result<Receipt> {
        let mut steps = Vec::new();
        for upload in uploads {
            steps.push(self.prepare(tag, upload, options.replace, progress)?);
        }
        let mut published: Vec<Option<Published>> = Vec::new();
        let mut candidates = Vec::new();
        for (upload, step) in uploads.iter().zip(&steps) {
            published.push(match step {
                Step::Done(outcome) => Some(outcome.clone()),
                Step::Replace(at, manifest, seen) => {
                    if let Some(seen) = seen
                        && self.repository.digest_of(at)? != Some(*seen)
                    {
                        let name = self.repository.name();
                        let what = format!("{name}:{at} changed while it was published");
                        return Err(Error::unavailable(what).hint("run again"));
                    }
                    self.sign(tag, upload, manifest, &upload.sidecar_text())?;
                    self.repository.put_manifest(at, manifest)?;
                    Some(Published::Replaced)
                }
                Step::Elect(at, manifest) => {
                    candidates.push(Candidate {
                        tag: at.clone(),
                        manifest: manifest.clone(),
                        prepare: Box::new(move || {
                            self.sign(tag, upload, manifest, &upload.sidecar_text())
                                .map(drop)
                        }),
                    });
                    None
                }
            });
        }
        let mut elected = self.elect(&candidates)?.into_iter().zip(&candidates);
        let mut outcomes = Vec::new();
        let mut signatures = Vec::new();
        for (upload, outcome) in uploads.iter().zip(published) {
            let outcome = match outcome {
                Some(outcome) => outcome,
                None => match elected.next() {
                    Some((there, ours)) => self.elected(tag, upload, &there, ours)?,
                    None => return Err(Error::failed("an election has no result")),
                },
            };
            signatures.push(match outcome {
                Published::Added | Published::Replaced | Published::Present => {
                    self.sign_elected(tag, upload)?
                }
                Published::AlreadyPublished(_) | Published::NameTaken(_) => Signing::NotAsked,
            });
            outcomes.push(outcome);
        }
        let attested = match attest {
            Some(attest) => self.attest(tag, attest)?,
            None => None,
        };
        Ok(Receipt {
            signatures,
            attested,
            ..Receipt::plain(tag, outcomes)
        })
    }

    /// Decides what is to be done for an upload, and uploads what that takes.
    fn prepare(
        &self,
        tag: &Tag,
        upload: &Upload<'_>,
        replace: bool,
        progress: Progress<'_>,
    ) -> Result<Step> {
        let Some(there) = self.asset(tag, &upload.name)? else {
            let at = self.place_for(tag, &upload.name)?;
            return Ok(Step::Elect(at, self.upload(tag, upload, progress)?));
        };
        let replaces = |progress| -> Result<Step> {
            Ok(Step::Replace(
                there.at.clone(),
                self.upload(tag, upload, progress)?,
                (!replace).then_some(there.manifest.digest),
            ))
        };
        let theirs = match self.sidecar(&there, &upload.name) {
            Err(error) if replace && error.kind() == Kind::Integrity => return replaces(progress),
            other => other?,
        };
        let ours = &upload.sidecar;
        let same_inputs = theirs.content.inputs == ours.content.inputs;
        let same = same_inputs && theirs.artifact == ours.artifact;
        let blobs = there.files.iter().chain([&there.config]);
        let mut is_whole = true;
        for part in blobs {
            is_whole &= self.repository.has_blob(&part.blob.digest)?;
        }
        Ok(match (same, is_whole, replace) {
            (true, true, _) => Step::Done(Published::Present),
            // A blob is gone: the same artifact, or a new build, takes its place.
            (true, false, _) | (false, _, true) | (false, false, false) => replaces(progress)?,
            (false, true, false) if same_inputs => {
                Step::Done(Published::AlreadyPublished(Box::new(theirs)))
            }
            (false, true, false) => Step::Done(Published::NameTaken(Some(Box::new(theirs)))),
        })
    }

    /// What became of an upload whose tag was free before.
    fn elected(
        &self,
        tag: &Tag,
        upload: &Upload<'_>,
        there: &Manifest,
        ours: &Candidate<'_>,
    ) -> Result<Published> {
        if there.digest == ours.manifest.digest {
            return Ok(Published::Added);
        }
        let found = Stored::parse(&ours.tag, there.clone())
            .filter(|found| found.is_asset(tag, &upload.name));
        let Some(found) = found else {
            // An asset with the same platform and another name.
            return Ok(Published::NameTaken(None));
        };
        let theirs = self.sidecar(&found, &upload.name)?;
        let same_inputs = theirs.content.inputs == upload.sidecar.content.inputs;
        Ok(
            if same_inputs && theirs.artifact == upload.sidecar.artifact {
                Published::Present
            } else if same_inputs {
                Published::AlreadyPublished(Box::new(theirs))
            } else {
                Published::NameTaken(Some(Box::new(theirs)))
            },
        )
    }

    /// Uploads package, sidecar and manifest. Nothing of it is visible yet.
    fn upload(&self, tag: &Tag, upload: &Upload<'_>, progress: Progress<'_>) -> Result<Manifest> {
        let sidecar = &upload.sidecar;
        let blob = Blob {
            digest: sidecar.sha256,
            size: sidecar.size,
        };
        self.repository.upload_blob(&blob, upload.file, progress)?;
        let text = upload.sidecar_text();
        self.repository.upload_bytes(text.as_bytes())?;
        let content = Content {
            name: &upload.name,
            sha256: sidecar.sha256,
            size: sidecar.size,
            data: None,
        };
        let manifest = artifact::asset(tag, content, &text, &sidecar.content.inputs);
        let reference = format!("sha256:{}", manifest.digest);
        self.repository.put_manifest(&reference, &manifest)?;
        Ok(manifest)
    }

    fn sidecar(&self, there: &Stored, name: &AssetName) -> Result<Sidecar> {
        let bytes = self.bytes(&there.config)?;
        Sidecar::parse(
            &bytes,
            &format!("{}:{}, {name}", self.repository.name(), there.at),
        )
    }

    /// Signs the sidecar that is there now, unless it has a good signature.
    fn sign_elected(&self, tag: &Tag, upload: &Upload<'_>) -> Result<Signing> {
        let Some(signer) = upload.signer else {
            return Ok(Signing::NotAsked);
        };
        let Some(there) = self.asset(tag, &upload.name)? else {
            return Ok(Signing::NotAsked);
        };
        let bytes = self.bytes(&there.config)?;
        let text = String::from_utf8_lossy(&bytes);
        if let Some(signature) = self.signature(&there, &upload.name)?
            && let Some(part) = signature.files.first()
            && signer.is_good(tag, &upload.name, &text, &self.bytes(part)?)
        {
            // It was written before its asset became visible.
            return Ok(Signing::Present);
        }
        self.sign(tag, upload, &there.manifest, &text)
    }

    /// Signs a sidecar, which is that of this manifest.
    fn sign(
        &self,
        tag: &Tag,
        upload: &Upload<'_>,
        asset: &Manifest,
        text: &str,
    ) -> Result<Signing> {
        let Some(signer) = upload.signer else {
            return Ok(Signing::NotAsked);
        };
        let at = names::signature_tag(tag, &upload.name, &asset.digest);
        let name = upload.name.signature();
        let signature = signer.sign(tag, &upload.name, text, &upload.sidecar)?;
        self.put_file(
            &at,
            SIGNATURE,
            (tag, &name),
            signature.as_bytes(),
            Some(asset),
        )?;
        Ok(Signing::Added)
    }

    /// Writes the attached files until they agree with what the release has.
    fn attest(&self, tag: &Tag, attest: &dyn Attest) -> Result<Option<Attested>> {
        let mut attested = Attested::Present;
        let mut written = None;
        for _ in 0..ROUNDS {
            let found = self.sidecars(tag)?;
            if found.is_empty() {
                return Ok(None);
            }
            let sidecars = found
                .iter()
                .map(|(asset, (_, sidecar))| (asset.clone(), sidecar))
                .collect();
            let wanted = attached::files(attest, &sidecars, |name| {
                self.small_file(tag, &name.parse()?)
            })?;
            if written.as_ref() == Some(&wanted) {
                break;
            }
            for (name, bytes) in &wanted {
                let name: AssetName = name.parse()?;
                if self.small_file(tag, &name)?.as_deref() == Some(bytes.as_slice()) {
                    continue;
                }
                let about = found
                    .iter()
                    .find(|(asset, _)| attached::sbom_of(asset) == name.as_str())
                    .map(|(_, (stored, _))| &stored.manifest);
                let kind = if about.is_some() { SBOM } else { FILE };
                let at = names::file_tag(tag, &name);
                self.put_file(&at, kind, (tag, &name), bytes, about)?;
                attested = Attested::Written;
            }
            written = Some(wanted);
        }
        Ok(Some(attested))
    }

    /// Uploads what a manifest without a config names besides its files.
    pub(super) fn upload_empty_config(&self) -> Result<()> {
        self.repository.upload_bytes(EMPTY_CONFIG).map(drop)
    }
}
