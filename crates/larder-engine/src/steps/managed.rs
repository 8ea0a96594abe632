//! The hub as a source: finding the asset of accepted inputs, and taking it in, hashed and unpacked while it arrives.

use camino::Utf8Path;

use super::context::Context;
use super::obtain::{Done, Obtain, Telling};
use super::present::hold;
use super::{locking, relock};
use crate::cache::{Entry, TakenFrom};
use crate::events::Phase;
use larder_core::archive::{self, ArchiveKind, Budget, HashingReader, Select};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::{Observed, Pin, PinKind, Sidecar, stamp};
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, AssetName, Digest, SourceKind, Tag, Target};
use larder_remote::hub::Body;

impl Obtain<'_> {
    pub(super) fn try_managed(&self) -> Result<Result<Done, String>> {
        if let Some(done) = self.try_locked_asset()? {
            return Ok(Ok(done));
        }
        match self.try_asset() {
            // It may have been replaced between the two requests, or a proxy kept something old: once more, afresh.
            Err(error) if error.kind() == Kind::Integrity => {
                self.ctx.cancel.check()?;
                self.try_asset()
            }
            answer => answer,
        }
    }

    /// The sidecar first, then the asset that it is the truth about.
    fn try_asset(&self) -> Result<Result<Done, String>> {
        let (tag, asset, sidecar) = match self.find_managed()? {
            Ok(found) => found,
            Err(absent) => return Ok(Err(absent)),
        };
        match self.ctx.hub()?.fetch(&tag, &asset)? {
            Some(body) => self.install_asset(&tag, &asset, &sidecar, body).map(Ok),
            None => Ok(Err(format!(
                "{} has a sidecar of {tag}/{asset} but not the asset",
                self.ctx.hub()?.describe()
            ))),
        }
    }

    /// The asset that the lock names, if the hub lists it.
    pub(super) fn pinned_asset(&self) -> Option<String> {
        let pin = |origin| {
            self.ctx
                .locking
                .pin(self.ctx, self.target, self.wanted, origin, PinKind::Asset)
        };
        let mut pins = self.origins().into_iter().filter_map(pin);
        let (tag, asset) = pins.find_map(|pin| locking::tag_and_asset(&pin.url))?;
        let release = self.ctx.hub().ok()?.release(&tag).ok()??;
        release
            .assets
            .iter()
            .any(|listed| listed.name == asset)
            .then(|| format!("{tag}/{asset}"))
    }

    /// With a lock line one request is enough: the archive's digest is pinned, and its stamp says the rest.
    fn try_locked_asset(&self) -> Result<Option<Done>> {
        let ctx = self.ctx;
        let hub = ctx.hub()?;
        for origin in self.origins() {
            let Some(pin) = ctx
                .locking
                .pin(ctx, self.target, self.wanted, origin, PinKind::Asset)
            else {
                continue;
            };
            let Some((tag, asset)) = locking::tag_and_asset(&pin.url) else {
                continue;
            };
            let Some(body) = hub.fetch(&tag, &asset)? else {
                continue;
            };
            match self.install_body(&tag, &asset, Expected::Pinned(&pin), body, false) {
                Err(error)
                    if !matches!(
                        error.kind(),
                        Kind::Interrupted(_) | Kind::Unavailable | Kind::Refused
                    ) =>
                {
                    // Not one of ours, then; or not what is pinned, which is then said again.
                    let Some(body) = hub.fetch(&tag, &asset)? else {
                        return Err(error);
                    };
                    return self
                        .install_body(&tag, &asset, Expected::Pinned(&pin), body, true)
                        .map(Some);
                }
                done => return done.map(Some),
            }
        }
        Ok(None)
    }

    /// The hub's asset of accepted inputs: under its plain name, else under those that other inputs get beside it.
    pub(super) fn find_managed(&self) -> Result<Result<(Tag, AssetName, Sidecar), String>> {
        let ctx = self.ctx;
        let subsystem = ctx.subsystem(self.target)?;
        let hub = ctx.hub()?;
        let tag = Tag::of(&subsystem.name, &subsystem.version);
        let extension = subsystem.format(&self.target.platform).extension();
        let name = |suffix: Option<&Digest>| {
            AssetName::of(
                &subsystem.package.name,
                &self.target.platform,
                extension,
                suffix,
            )
        };
        let mut candidates = vec![(tag.clone(), name(None))];
        for inputs in [&self.wanted.build, &self.wanted.original]
            .into_iter()
            .flatten()
        {
            candidates.push((tag.clone(), name(Some(&inputs.digest))));
            candidates.push((tag.suffixed(&inputs.digest), name(None)));
        }
        let mut answer = format!(
            "{} has no {}/{}",
            hub.describe(),
            candidates[0].0,
            candidates[0].1
        );
        let plain = tag;
        let mut beside = true;
        for (i, (tag, asset)) in candidates.into_iter().enumerate() {
            // Suffixed names only exist beside a plain one; suffixed tags also where it came too late for that.
            let possible = i == 0
                || if tag == plain {
                    beside
                } else {
                    hub.suffixes_tags()
                };
            if !possible {
                continue;
            }
            let Some(sidecar) = hub.sidecar(&tag, &asset)? else {
                beside &= i > 0;
                continue;
            };
            let content = &sidecar.content;
            if content.name != self.target.name || content.platform != self.target.platform {
                answer = format!(
                    "{tag}/{asset} is of {} for {}",
                    content.name, content.platform
                );
            } else if self.wanted.accepts(content.origin, &content.inputs) {
                return Ok(Ok((tag, asset, sidecar)));
            } else {
                answer = format!(
                    "{tag}/{asset} was made from other inputs ({})",
                    content.origin
                );
            }
        }
        Ok(Err(answer))
    }

    /// Takes an asset in, compared with its sidecar and, if there is one, its lock line.
    fn install_asset(
        &self,
        tag: &Tag,
        asset: &AssetName,
        sidecar: &Sidecar,
        body: Body,
    ) -> Result<Done> {
        let pin = self.ctx.locking.pin(
            self.ctx,
            self.target,
            self.wanted,
            sidecar.content.origin,
            PinKind::Asset,
        );
        if let Some(pin) = pin.filter(|pin| pin.sha256 != sidecar.sha256) {
            return Err(
                Error::integrity(format!("{} is not what versions.lock pins", body.place))
                    .cause(format!(
                        "its sidecar says sha256 {}, versions.lock says {}",
                        sidecar.sha256, pin.sha256
                    ))
                    .hint(format!(
                        "if the change is wanted: `larder lock --update {}`",
                        self.target.name
                    )),
            );
        }
        self.install_body(tag, asset, Expected::Sidecar(sidecar), body, false)
    }

    /// Hashed and unpacked while it arrives, compared, then cached and installed.
    fn install_body(
        &self,
        tag: &Tag,
        asset: &AssetName,
        expected: Expected<'_>,
        body: Body,
        loose: bool,
    ) -> Result<Done> {
        let ctx = self.ctx;
        let place = body.place.clone();
        let (sha256, archive_size) = match expected {
            Expected::Sidecar(sidecar) => (sidecar.sha256, sidecar.size),
            Expected::Pinned(pin) => (pin.sha256, pin.size),
        };
        ctx.events
            .phase(self.target, Phase::Downloading, Some(archive_size));
        let staging = self.bin.stage()?;
        let budget = Budget::from(ctx.subsystem(self.target)?.limits);
        let mut reader = HashingReader::new(Telling::new(ctx, self.target, body.reader));
        let kind = ArchiveKind::of_name(asset.as_str());
        // An asset that `lock --adopt` pinned was made by others: its files may lie anywhere in it, and it has no stamp.
        let globs = relock::loose_globs(ctx, self.target)?;
        let select = if loose {
            Select::Globs(&globs)
        } else {
            Select::Flat
        };
        let unpacked = archive::unpack(
            kind,
            None,
            &mut reader,
            &select,
            staging.path(),
            &budget,
            Some(archive_size),
            &ctx.cancel,
        );
        let (digest, size) = reader.finish();
        // A wrong digest explains a failed unpacking better than the unpacking does.
        let whole = unpacked.is_ok()
            || unpacked
                .as_ref()
                .is_err_and(|e| e.kind() == Kind::Integrity && size >= archive_size);
        if whole && digest != sha256 {
            return Err(Error::integrity(format!("{place} is not what {} says", expected.by(asset)))
                .cause(format!("it has sha256 {digest}, {} says {sha256}", expected.by(asset)))
                .hint("no weaker source is tried; whoever may write to the hub can repair it with `larder release --replace`"));
        }
        let unpacked =
            unpacked.map_err(|error| error.context(format!("{place} can't be taken in")))?;
        let (artifact, observed) = match expected {
            Expected::Sidecar(sidecar) => (sidecar.content.clone(), sidecar.observed.clone()),
            Expected::Pinned(pin) if loose => {
                (self.adopted(&place, &unpacked, pin)?, Observed::default())
            }
            Expected::Pinned(pin) => (
                self.stamp_inside(&place, staging.path(), pin)?,
                Observed::default(),
            ),
        };
        let url = locking::asset_url(ctx, tag, asset)?;
        for file in &artifact.files {
            let right = |got: &archive::Unpacked| {
                (got.name.as_str(), got.sha256, got.size)
                    == (file.name.as_str(), file.sha256, file.size)
            };
            if !unpacked.iter().any(right) {
                return Err(Error::integrity(format!(
                    "{place} does not hold the {} that is stated",
                    file.name
                )));
            }
        }
        let stated = |name: &str| {
            name == stamp::FILE || artifact.files.iter().any(|file| file.name.as_str() == name)
        };
        if let Some(odd) = unpacked.iter().find(|got| !stated(&got.name)) {
            return Err(Error::integrity(format!(
                "{place} holds {}, which is not stated",
                odd.name
            )));
        }
        ctx.locking.record(&locking::line(
            &artifact,
            PinKind::Asset,
            sha256,
            size,
            &url,
        ))?;
        let file = Some(TakenFrom { sha256, size, url });
        let entry = Entry {
            artifact,
            via: SourceKind::Managed,
            hub: Some(ctx.hub()?.id()),
            file,
            observed,
        };
        self.take(staging, entry, size, place)
    }

    /// The artifact by the stamp inside an archive whose digest is pinned.
    fn stamp_inside(&self, place: &str, staging: &Utf8Path, pin: &Pin) -> Result<Artifact> {
        let text = larder_core::fs::read_text_opt(staging.join(stamp::FILE))?;
        let artifact = text.and_then(|text| stamp::parse(&self.target.name, &text));
        let right = artifact.filter(|artifact| {
            artifact.platform == self.target.platform
                && self.wanted.accepts(artifact.origin, &artifact.inputs)
                && pin
                    .artifact
                    .is_none_or(|pinned| pinned == artifact.digest())
        });
        right.ok_or_else(|| {
            Error::integrity(format!(
                "the stamp in {place} is not of what versions.lock pins"
            ))
            .hint(format!(
                "`larder lock --update {}` pins what the hub has now",
                self.target.name
            ))
        })
    }

    /// The artifact in an archive of others that the lock pins.
    fn adopted(&self, place: &str, unpacked: &[archive::Unpacked], pin: &Pin) -> Result<Artifact> {
        let subsystem = self.ctx.subsystem(self.target)?;
        let files = relock::files_of(self.ctx, self.target, unpacked)?;
        let (origin, inputs) = self
            .origins()
            .into_iter()
            .filter_map(|origin| Some((origin, self.wanted.of(origin)?)))
            .find(|(origin, _)| {
                let found = self.ctx.locking.pin(
                    self.ctx,
                    self.target,
                    self.wanted,
                    *origin,
                    PinKind::Asset,
                );
                found.is_some_and(|found| found == *pin)
            })
            .ok_or_else(|| Error::failed(format!("versions.lock pins no {place}")))?;
        let artifact = Artifact {
            name: self.target.name.clone(),
            version: subsystem.version.clone(),
            platform: self.target.platform,
            origin,
            inputs: inputs.digest,
            commit: None,
            files,
        };
        if pin
            .artifact
            .is_some_and(|pinned| pinned != artifact.digest())
        {
            return Err(Error::integrity(format!(
                "{place} unpacks to other files than versions.lock pins"
            )));
        }
        Ok(artifact)
    }
}

/// What an asset is compared with.
#[derive(Clone, Copy)]
enum Expected<'a> {
    Sidecar(&'a Sidecar),
    Pinned(&'a Pin),
}

impl Expected<'_> {
    fn by(self, asset: &AssetName) -> String {
        match self {
            Self::Sidecar(_) => format!("its sidecar {}", asset.sidecar()),
            Self::Pinned(_) => "versions.lock".into(),
        }
    }
}

/// The hub's asset for a target, if it has one of accepted inputs.
pub(super) fn on_hub(
    ctx: &Context,
    target: &Target,
    wanted: &Wanted,
) -> Result<Option<(Tag, AssetName, Sidecar)>> {
    let obtain = Obtain {
        ctx,
        target,
        bin: ctx.bin(target),
        wanted,
        reason: String::new(),
    };
    Ok(obtain.find_managed()?.ok())
}

/// Puts a published artifact in the place of an own build of the same inputs.
pub(super) fn adopt(
    ctx: &Context,
    target: &Target,
    tag: &Tag,
    asset: &AssetName,
    sidecar: &Sidecar,
) -> Result<()> {
    let held = hold(ctx, target)?;
    let wanted = ctx.wanted(target)?;
    let Some(body) = ctx.hub()?.fetch(tag, asset)? else {
        return Err(Error::unavailable(format!(
            "{asset} of {tag}, which was published first, is not there"
        ))
        .hint("run again"));
    };
    let obtain = Obtain {
        ctx,
        target,
        bin: held.bin.clone(),
        wanted: &wanted,
        reason: "published first".into(),
    };
    obtain.install_asset(tag, asset, sidecar, body).map(drop)
}
