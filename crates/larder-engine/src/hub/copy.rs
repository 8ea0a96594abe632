//! `hub copy`: mirrors releases. For each release, what the other hub lacks is downloaded and
//! checked against the sidecars, then published there in one call, so that a hub whose releases
//! become immutable gets it whole. What is there with the same artifact is left alone, so a copy that was
//! interrupted goes on, and a second one writes nothing.
//!
//! Sidecars, signatures and attached files are copied byte for byte. `manifest.json` and
//! `checksums.txt` of a subsystem's release are derived, so the other hub makes its own.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::time::Instant;

use camino::Utf8Path;

use super::plain;
use super::transfer::{CopiedSignature, Fetched, Transfer};
use crate::context::Context;
use crate::events::{Did, Event, Finished, Phase};
use crate::runner::each::{at_once, parallel};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Action, AssetName, Outcome, Tag, Target};
use larder_remote::hub::{
    Described, Hub, HubPublisher, HubReader, PublishOptions, Published, Release, ReleaseKind,
    SidecarSigner, Upload,
};

/// What is to be copied.
pub struct Copy<'a> {
    /// The hub that is read.
    pub from: &'a Hub,
    /// The hub that is written.
    pub to: &'a Hub,
    /// Only these releases; empty means all.
    pub tags: &'a [Tag],
    /// How many releases are copied at once.
    pub jobs: Option<NonZeroUsize>,
}

/// Copies releases and reports each asset. Returns every failure; the other releases are copied all
/// the same.
pub fn copy(ctx: &Context, what: &Copy<'_>) -> Result<Vec<Error>> {
    let (from, to) = (what.from.reader(), what.to.reader());
    if from.id() == to.id() {
        return Err(
            Error::usage(format!("{} can't be copied to itself", from.describe()))
                .hint("name two hubs: `larder hub copy FROM TO`"),
        );
    }
    let publisher = if ctx.options.dry_run {
        None
    } else {
        let publisher = what.to.publisher()?;
        publisher.copies_from(&from.id());
        Some(publisher)
    };
    let releases = chosen(from, what.tags)?;
    ctx.events.started(Action::Copy, releases.len(), []);
    let results = parallel(&releases, at_once(Action::Copy, what.jobs), |release| {
        let copying = Copying {
            ctx,
            from,
            to,
            publisher,
            release,
        };
        copying.run()
    });
    Ok(results.into_iter().flatten().collect())
}

fn chosen(from: &dyn HubReader, tags: &[Tag]) -> Result<Vec<Release>> {
    if tags.is_empty() {
        return from.releases();
    }
    let find = |tag: &Tag| {
        from.release(tag)?
            .ok_or_else(|| Error::usage(format!("{} has no release {tag}", from.describe())))
    };
    let unique: BTreeSet<&Tag> = tags.iter().collect();
    unique.into_iter().map(find).collect()
}

/// One release on its way.
pub(super) struct Copying<'a> {
    pub(super) ctx: &'a Context,
    pub(super) from: &'a dyn HubReader,
    pub(super) to: &'a dyn HubReader,
    /// `None` if nothing is written.
    pub(super) publisher: Option<&'a dyn HubPublisher>,
    pub(super) release: &'a Release,
}

/// An asset of the release, and what the other hub has of it.
pub(super) struct Asset {
    pub(super) name: AssetName,
    described: Described,
    target: Target,
    has: Has,
}

/// What the other hub has of an asset.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Has {
    /// Everything.
    All,
    /// The asset and its sidecar, but not the signature of it.
    NoSignature,
    /// Not the asset as its sidecar states it.
    Nothing,
}

impl Copying<'_> {
    pub(super) fn transfer(&self) -> Transfer<'_> {
        Transfer {
            from: self.from,
            cancel: &self.ctx.cancel,
            events: &self.ctx.events,
        }
    }

    fn run(&self) -> Vec<Error> {
        let start = Instant::now();
        let tag = &self.release.tag;
        let skipped = |reason: &str| {
            let mut did = Did::new(Action::Copy, tag.as_str(), Outcome::Skipped);
            did.reason = Some(reason.to_owned());
            self.ctx.events.send(Event::Did(did));
        };
        if self.release.draft {
            skipped("a draft is not copied");
            return Vec::new();
        }
        let copied = self
            .ctx
            .cancel
            .check()
            .and_then(|()| match self.release.kind() {
                ReleaseKind::Unfinished => {
                    skipped("it has no asset with a sidecar");
                    Ok(Vec::new())
                }
                ReleaseKind::Plain => plain::copy(self).map(|mut did| {
                    did.seconds = start.elapsed().as_secs_f64();
                    self.ctx.events.send(Event::Did(did));
                    Vec::new()
                }),
                ReleaseKind::Subsystem => self.subsystem(),
            });
        copied.unwrap_or_else(|error| {
            let mut did = Did::new(Action::Copy, tag.as_str(), Outcome::Failed);
            did.error = Some(error.clone());
            self.ctx.events.send(Event::Did(did));
            vec![error]
        })
    }

    /// Copies a release of a subsystem. Returns what failed for single assets, which is reported.
    fn subsystem(&self) -> Result<Vec<Error>> {
        let start = Instant::now();
        let tag = &self.release.tag;
        let there = self.to.release(tag)?;
        let mut errors = Vec::new();
        let mut assets = Vec::new();
        for listed in self.release.described() {
            self.ctx.cancel.check()?;
            let described = self.transfer().described(tag, &listed.name)?;
            let content = &described.sidecar.content;
            let target = Target {
                name: content.name.clone(),
                platform: content.platform,
            };
            match self.compare(&listed.name, &described, there.as_ref()) {
                Ok(has) => assets.push(Asset {
                    name: listed.name.clone(),
                    described,
                    target,
                    has,
                }),
                Err(error) => {
                    self.finished(&described, &target, start, Err(&error));
                    errors.push(error);
                }
            }
        }
        let scratch = fs::Scratch::new(&self.ctx.settings.remote.temp, "copy")?;
        let fetched = self.fetch(&mut assets, scratch.path(), start, &mut errors)?;
        if self.publisher.is_some() {
            self.publish(&assets, &fetched, there.as_ref(), scratch.path(), &errors)?;
        }
        for asset in &assets {
            let outcome = match (asset.has, self.publisher) {
                (Has::All, _) => Outcome::UpToDate,
                (_, None) => Outcome::Skipped,
                (_, Some(_)) => Outcome::Released,
            };
            self.finished(
                &asset.described,
                &asset.target,
                start,
                Ok((outcome, &asset.name)),
            );
        }
        Ok(errors)
    }

    /// What the other hub has of an asset. It is an error if it has another artifact under its name.
    fn compare(&self, name: &AssetName, ours: &Described, there: Option<&Release>) -> Result<Has> {
        let tag = &self.release.tag;
        let content = &ours.sidecar.content;
        let mut theirs = match there {
            Some(_) => self
                .to
                .described(tag, name)?
                .map(|found| (tag.clone(), found)),
            None => None,
        };
        let late = tag.suffixed(&content.inputs);
        if theirs.is_none() && there.is_some() && self.to.suffixes_tags() {
            theirs = self.to.described(&late, name)?.map(|found| (late, found));
        }
        let Some((at, theirs)) = theirs else {
            return Ok(Has::Nothing);
        };
        if theirs.sidecar.artifact != ours.sidecar.artifact
            || theirs.sidecar.content.inputs != content.inputs
        {
            return Err(Error::failed(format!(
                "{} is another artifact than {}: it is not copied",
                self.to.place(&at, name),
                self.from.place(tag, name)
            ))
            .cause("what is published first stands")
            .hint(format!(
                "`larder why {}` shows what this project accepts",
                content.name
            )));
        }
        let is_whole = there
            .filter(|release| release.tag == at)
            .and_then(|release| release.listed(name))
            .is_none_or(|listed| listed.size == theirs.sidecar.size);
        if !is_whole || there.is_some_and(|r| r.tag == at && r.listed(name).is_none()) {
            return Ok(Has::Nothing);
        }
        let is_signed = |release: &Release| release.listed(&name.signature()).is_some();
        let same_text = theirs.text == ours.text;
        let lacks = same_text && is_signed(self.release) && !there.is_some_and(is_signed);
        Ok(if lacks && at == *tag {
            Has::NoSignature
        } else {
            Has::All
        })
    }

    /// Downloads what the other hub lacks. What fails is taken off the list and reported.
    fn fetch(
        &self,
        assets: &mut Vec<Asset>,
        into: &Utf8Path,
        start: Instant,
        errors: &mut Vec<Error>,
    ) -> Result<Vec<Fetched>> {
        let mut fetched = Vec::new();
        let mut kept = Vec::new();
        for asset in std::mem::take(assets) {
            self.ctx.cancel.check()?;
            if self.publisher.is_none() || asset.has != Has::Nothing {
                kept.push(asset);
                continue;
            }
            let got = self
                .transfer()
                .asset(&asset.target, &self.release.tag, &asset.name, into);
            match got {
                Ok(got) => {
                    fetched.push(got);
                    kept.push(asset);
                }
                Err(error) => {
                    self.ctx.cancel.check()?;
                    self.finished(&asset.described, &asset.target, start, Err(&error));
                    errors.push(error);
                }
            }
        }
        *assets = kept;
        Ok(fetched)
    }

    fn publish(
        &self,
        assets: &[Asset],
        fetched: &[Fetched],
        there: Option<&Release>,
        scratch: &Utf8Path,
        errors: &[Error],
    ) -> Result<()> {
        let (tag, Some(publisher)) = (&self.release.tag, self.publisher) else {
            return Ok(());
        };
        let signature = |asset: &AssetName| self.from.small_file(tag, &asset.signature());
        // The text of a sidecar, its signature, and what else is published with it.
        let mut texts = Vec::new();
        for asset in assets {
            let got = fetched.iter().find(|got| got.asset == asset.name);
            let signed = match (got, asset.has) {
                (Some(got), _) => got.signature.clone(),
                (None, Has::NoSignature) => signature(&asset.name)?,
                (None, Has::All | Has::Nothing) => continue,
            };
            let described = got.map_or(&asset.described, |got| &got.described);
            let signed = signed.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            // The file of an asset that is there is not read.
            let file =
                got.map_or_else(|| scratch.join(asset.name.as_str()), |got| got.file.clone());
            texts.push((asset, file, described, signed));
        }
        let signers: Vec<Option<CopiedSignature<'_>>> = texts
            .iter()
            .map(|(_, _, described, signed)| {
                signed.as_deref().map(|signature| CopiedSignature {
                    sidecar: &described.text,
                    signature,
                })
            })
            .collect();
        let uploads: Vec<Upload<'_>> = texts
            .iter()
            .zip(&signers)
            .map(|((asset, file, described, _), signer)| Upload {
                name: asset.name.clone(),
                file,
                sidecar: described.sidecar.clone(),
                text: Some(&described.text),
                signer: signer.as_ref().map(|signer| signer as &dyn SidecarSigner),
            })
            .collect();
        let attest = if errors.is_empty() {
            self.attached(assets, there)?
        } else {
            None
        };
        let mut is_staged = false;
        if !uploads.is_empty() || attest.is_some() || self.lacks_derived(assets, there)? {
            for (asset, ..) in &texts {
                self.ctx.events.send(Event::Phase {
                    target: asset.target.clone(),
                    phase: Phase::Uploading,
                    total: Some(asset.described.sidecar.size),
                });
            }
            let attest = attest
                .as_ref()
                .map(|attest| attest as &dyn larder_remote::hub::Attest);
            let options = PublishOptions::default();
            let receipt = publisher.publish(tag, &uploads, options, &|| None, attest, &|_| {})?;
            is_staged = receipt.staged;
            for ((_, published), upload) in receipt.assets.iter().zip(&uploads) {
                if matches!(
                    published,
                    Published::NameTaken(_) | Published::AlreadyPublished(_)
                ) {
                    return Err(Error::failed(format!(
                        "{} was published meanwhile as another artifact",
                        self.to.place(tag, &upload.name)
                    ))
                    .hint("run again"));
                }
            }
        }
        self.attachments(publisher, there, scratch)?;
        if is_staged {
            publisher.finalize(tag)?;
        }
        Ok(())
    }

    fn finished(
        &self,
        described: &Described,
        target: &Target,
        start: Instant,
        result: Result<(Outcome, &AssetName), &Error>,
    ) {
        let version = described.sidecar.content.version.clone();
        let mut finished = Finished::new(Action::Copy, target.clone(), version, Outcome::Failed);
        finished.seconds = start.elapsed().as_secs_f64();
        match result {
            Ok((outcome, asset)) => {
                finished.outcome = outcome;
                finished.place = Some(self.to.place(&self.release.tag, asset));
                if outcome != Outcome::UpToDate {
                    finished.bytes = described.sidecar.size;
                }
                if outcome == Outcome::Skipped {
                    finished.dry_run = true;
                    finished.reason = Some(format!("would be copied to {}", self.to.describe()));
                }
            }
            Err(error) => finished.error = Some(error.clone()),
        }
        self.ctx.events.send(Event::Finished(finished));
    }
}
