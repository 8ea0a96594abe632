//! Files without sidecars: whole releases of them, and files that join a release.
//!
//! A release of plain files is one manifest whose layers are the files, so one write of its tag makes
//! all of them visible.

use larder_core::error::{Error, Result};
use larder_core::model::Tag;

use super::artifact::{self, Content, FILE, Stored};
use super::elect::Candidate;
use super::names;
use super::store::Store;
use crate::hub::attachment::{Attachment, check_name, differs};
use crate::hub::publisher::same_notes;
use crate::hub::{PlainFile, Progress, PublishOptions, Published};
use crate::oci::{Blob, Manifest};

/// How often a release is compared with what it was before it is written.
const ROUNDS: usize = 8;

impl Store {
    /// The notes of a release of plain files.
    pub(super) fn notes(&self, tag: &Tag) -> Result<Option<String>> {
        let Some(there) = self.release(tag)? else {
            return Ok(None);
        };
        let text = self.bytes(&there.config)?;
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    /// Publishes a release of plain files: all or nothing becomes visible.
    pub(super) fn publish_plain(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        notes: &str,
        options: PublishOptions,
        progress: Progress<'_>,
    ) -> Result<Vec<Published>> {
        let at = names::release_tag(tag);
        let mut there = self.release(tag)?;
        // Another writer may publish the same release at once.
        for _ in 0..ROUNDS {
            let published = self.compare(tag, files, there.as_ref(), options.replace)?;
            let before = match &there {
                Some(there) => self.bytes(&there.config)?,
                None => Vec::new(),
            };
            let same_notes =
                there.is_some() && same_notes(&String::from_utf8_lossy(&before), notes);
            if same_notes && published.iter().all(|one| *one == Published::Present) {
                return Ok(published);
            }
            let text = if same_notes {
                String::from_utf8_lossy(&before)
            } else {
                notes.into()
            };
            let manifest = self.upload_plain(tag, files, there.as_ref(), &text, progress)?;
            if let Some(before) = &there {
                if self.repository.digest_of(&at)? != Some(before.manifest.digest) {
                    there = self.release(tag)?;
                    continue;
                }
                self.repository.put_manifest(&at, &manifest)?;
                return Ok(published);
            }
            let reference = format!("sha256:{}", manifest.digest);
            self.repository.put_manifest(&reference, &manifest)?;
            let elected = self.elect(&[Candidate {
                tag: at.clone(),
                manifest: manifest.clone(),
                prepare: Box::new(|| Ok(())),
            }])?;
            if elected
                .iter()
                .all(|elected| elected.digest == manifest.digest)
            {
                return Ok(published);
            }
            there = self.release(tag)?;
            if there.is_none() {
                return Err(Error::failed(format!(
                    "{}:{at} is something else than a release of files",
                    self.repository.name()
                ))
                .hint("use another tag"));
            }
        }
        Err(Error::unavailable(format!("too many writers publish {tag} at once")).hint("run again"))
    }

    /// What becomes of each file of a release.
    fn compare(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        there: Option<&Stored>,
        replace: bool,
    ) -> Result<Vec<Published>> {
        let mut published = Vec::new();
        let mut differ = Vec::new();
        for file in files {
            let found = there.and_then(|there| there.file(&file.name));
            published.push(match found {
                None => Published::Added,
                Some(part)
                    if part.blob.digest == file.sha256
                        && self.repository.has_blob(&part.blob.digest)? =>
                {
                    Published::Present
                }
                Some(part) => {
                    if part.blob.digest != file.sha256 {
                        differ.push(file.name.as_str());
                    }
                    Published::Replaced
                }
            });
        }
        if !differ.is_empty() && !replace {
            return Err(Error::failed(format!(
                "the release {tag} in {} already has different bytes for {}",
                self.repository.name(),
                differ.join(", ")
            ))
            .hint("published bytes are never overwritten: use another tag, or `--replace`"));
        }
        Ok(published)
    }

    /// Uploads files, and gives the manifest of the release that has them and what it had before.
    fn upload_plain(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        there: Option<&Stored>,
        notes: &str,
        progress: Progress<'_>,
    ) -> Result<Manifest> {
        for file in files {
            self.upload_file(file, progress)?;
        }
        self.repository.upload_bytes(notes.as_bytes())?;
        let kept = there.into_iter().flat_map(|there| &there.files);
        let kept = kept.filter_map(|part| Some((part.name.as_ref()?, part)));
        let mut contents: Vec<Content<'_>> = kept
            .filter(|(name, _)| files.iter().all(|file| file.name != **name))
            .map(|(name, part)| Content {
                name,
                sha256: part.blob.digest,
                size: part.blob.size,
                data: part.data.as_deref(),
            })
            .collect();
        let mut small = Vec::new();
        for file in files {
            small.push(small_data(file)?);
        }
        contents.extend(files.iter().zip(&small).map(|(file, data)| Content {
            name: &file.name,
            sha256: file.sha256,
            size: file.size,
            data: data.as_deref(),
        }));
        contents.sort_by_key(|content| content.name);
        Ok(artifact::release(tag, &contents, notes))
    }

    fn upload_file(&self, file: &PlainFile<'_>, progress: Progress<'_>) -> Result<()> {
        let blob = Blob {
            digest: file.sha256,
            size: file.size,
        };
        self.repository.upload_blob(&blob, file.file, progress)
    }

    /// Adds files to a release. All are compared with what is there before the first one is written.
    pub(super) fn attach(
        &self,
        tag: &Tag,
        files: &[PlainFile<'_>],
        progress: Progress<'_>,
    ) -> Result<Vec<Attachment>> {
        let mut attached = Vec::new();
        for file in files {
            check_name(&file.name)?;
            attached.push(match self.joined(tag, &file.name)? {
                None => Attachment::Added,
                Some(there) => same(tag, file, &there)?,
            });
        }
        let missing = files.iter().zip(&attached);
        let missing = missing.filter(|(_, outcome)| **outcome == Attachment::Added);
        let mut candidates = Vec::new();
        let mut added = Vec::new();
        for (file, _) in missing {
            self.upload_file(file, progress)?;
            self.upload_empty_config()?;
            let data = small_data(file)?;
            let content = Content {
                name: &file.name,
                sha256: file.sha256,
                size: file.size,
                data: data.as_deref(),
            };
            let manifest = artifact::file(FILE, tag, content, None);
            let reference = format!("sha256:{}", manifest.digest);
            self.repository.put_manifest(&reference, &manifest)?;
            candidates.push(Candidate {
                tag: names::file_tag(tag, &file.name),
                manifest,
                prepare: Box::new(|| Ok(())),
            });
            added.push(file);
        }
        for ((elected, ours), file) in self
            .elect(&candidates)?
            .into_iter()
            .zip(&candidates)
            .zip(added)
        {
            if elected.digest != ours.manifest.digest
                && let Some(there) = Stored::parse(&ours.tag, elected)
            {
                same(tag, file, &there)?;
            }
        }
        Ok(attached)
    }
}

/// Checks that a file that is there has the same bytes.
fn same(tag: &Tag, file: &PlainFile<'_>, there: &Stored) -> Result<Attachment> {
    let theirs = there.file(&file.name).map(|part| part.blob.digest);
    match theirs {
        Some(theirs) if theirs == file.sha256 => Ok(Attachment::Present),
        Some(theirs) => Err(differs(tag, &file.name, &file.sha256, &theirs.to_string())),
        None => Err(differs(
            tag,
            &file.name,
            &file.sha256,
            "another kind of artifact",
        )),
    }
}

/// The bytes of a small file, which are written into its manifest.
fn small_data(file: &PlainFile<'_>) -> Result<Option<Vec<u8>>> {
    if file.size > artifact::MAX_DATA as u64 {
        return Ok(None);
    }
    let bytes = larder_core::fs::read(file.file)?;
    if larder_core::model::Digest::of(&bytes) == file.sha256 {
        return Ok(Some(bytes));
    }
    Err(Error::integrity(format!("{} changed after it was made", file.file)).hint("make it again"))
}
