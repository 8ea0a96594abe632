//! `ensure` for one cell, up to the point where it has to be built. In this order, and the code in the same:
//!
//! 1. Up to date? The stamp is accepted and the files look as recorded, or else hash right.
//! 2. Cache: an artifact for accepted inputs.
//! 3. Managed: the hub's asset, if its sidecar's inputs are accepted.
//! 4. Original: what the upstream publisher offers, verified.
//! 5. Build: not here; the answer says that it is wanted.
//!
//! Sources 3–5 come in the project's order. What an answer means is DESIGN's table: *absent* goes on; *unavailable* goes on
//! only where the next source's bytes are pinned without the silent one; *refused* and *wrong* stop.

use std::io::Read;

use camino::{Utf8Path, Utf8PathBuf};

use super::context::Context;
use super::exclusive::{Exclusive, exclusive};
use super::look::look;
use super::{locking, original, relock};
use crate::archive::{self, ArchiveKind, Budget, HashingReader, Select};
use crate::cache::{Entry, TakenFrom};
use crate::error::{Error, Kind, Result};
use crate::hub::Body;
use crate::installed::{Bin, Staging, Watched};
use crate::integrity::{Observed, Pin, PinKind, Sidecar, Wanted, stamp};
use crate::model::{Artifact, AssetName, Cell, Digest, Level, Origin, Outcome, Phase, Tag, Via};
use crate::project::{BuildPlatforms, RenderedSource};

/// A source that was asked and what it answered, for `why` and for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which source.
    pub via: Via,
    /// In words.
    pub answer: String,
}

/// A cell that is present and right.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it ended.
    pub outcome: Outcome,
    /// How the bytes came, unless nothing moved.
    pub via: Option<Via>,
    /// Bytes moved.
    pub bytes: u64,
    /// Where from.
    pub place: Option<String>,
    /// Why anything was done at all.
    pub reason: Option<String>,
    /// What is installed.
    pub artifact: Artifact,
    /// What has to look the same for it to stay so.
    pub watched: Vec<Watched>,
    /// A build's log.
    pub log: Option<Utf8PathBuf>,
}

/// The answer of [`obtain`].
#[derive(Debug)]
pub enum Obtained {
    /// It is present and right.
    Done(Box<Done>),
    /// `--dry-run`: it would be obtained, in words.
    Foreseen(String),
    /// It has to be built; no other source has it.
    MustBuild {
        /// Why.
        reason: String,
        /// A source before it was silent, so what is built must not be uploaded.
        unavailable: Option<Error>,
    },
}

/// Makes a cell present without building it.
pub fn obtain(ctx: &Context, cell: &Cell) -> Result<Obtained> {
    ctx.cancel.check()?;
    let wanted = ctx.wanted(cell)?;
    if ctx.options.dry_run {
        return foreseen(ctx, cell);
    }
    // 1. Up to date?
    if let Some(done) = recorded(ctx, cell, &wanted)? {
        return Ok(Obtained::Done(Box::new(done)));
    }
    let held = hold(ctx, cell)?;
    let reason = match installed(ctx, cell, &held.bin, &wanted)? {
        Ok(done) => return Ok(Obtained::Done(Box::new(done))),
        Err(reason) => reason,
    };
    let obtain = Obtain { ctx, cell, bin: held.bin.clone(), wanted: &wanted, reason };
    obtain.run()
}

/// `--dry-run`: the same search, by looking only.
fn foreseen(ctx: &Context, cell: &Cell) -> Result<Obtained> {
    let look = look(ctx, cell, false)?;
    if let Some(error) = look.stopped {
        return Err(error);
    }
    let Some(stale) = look.stale else {
        return match look.found {
            Some(artifact) => Ok(Obtained::Done(Box::new(up_to_date(artifact, Vec::new())))),
            None => Err(Error::failed(format!("{cell} is not installed"))),
        };
    };
    let answer = look.attempts.last().map(|attempt| attempt.answer.clone()).unwrap_or_default();
    match look.choice {
        Some(Via::Build) => Ok(Obtained::MustBuild { reason: stale, unavailable: None }),
        Some(via) => Ok(Obtained::Foreseen(format!("would come from {via}: {answer} ({stale})"))),
        None => Err(Obtain { ctx, cell, bin: ctx.bin(cell), wanted: &look.wanted, reason: stale }.nowhere(&look.attempts)),
    }
}

/// A cell's lock in this project, and its installed set as seen by who holds it.
pub(super) struct Held {
    /// The installed set; shared where there is no lock.
    pub(super) bin: Bin,
    /// The lock.
    _lock: Exclusive,
}

/// Holds the cell's lock in this project.
pub(super) fn hold(ctx: &Context, cell: &Cell) -> Result<Held> {
    let path = ctx.project.root.join(".larder/locks").join(format!("{}-{}", cell.name, cell.platform));
    let lock = exclusive(&path, &ctx.cancel, |text| ctx.events.note(Some(cell), Level::Info, text))?;
    let bin = ctx.bin(cell);
    Ok(Held { bin: if lock.is_held() { bin } else { bin.shared() }, _lock: lock })
}

/// Up to date by the state's record alone: no hashing, no opening of binaries.
pub(super) fn recorded(ctx: &Context, cell: &Cell, wanted: &Wanted) -> Result<Option<Done>> {
    if ctx.options.reinstall || ctx.options.rebuild {
        return Ok(None);
    }
    let Some(record) = ctx.state.cell(cell.name.as_str(), &cell.platform.to_string()) else { return Ok(None) };
    if !record.watched.iter().all(Watched::holds) {
        return Ok(None);
    }
    let Some(artifact) = stamped(&ctx.bin(cell), wanted)? else { return Ok(None) };
    let accepted = wanted.accepts(artifact.origin, &artifact.inputs) && artifact.digest() == record.artifact;
    if accepted {
        check_locked(ctx, cell, wanted, &artifact)?;
    }
    Ok(accepted.then(|| up_to_date(artifact, record.watched.clone())))
}

/// `--locked`: what is installed of a publisher has its line.
fn check_locked(ctx: &Context, cell: &Cell, wanted: &Wanted, artifact: &Artifact) -> Result<()> {
    let has_line = |kind| ctx.locking.pin(ctx, cell, wanted, artifact.origin, kind).is_some();
    if !ctx.options.locked || artifact.origin == Origin::Build || has_line(PinKind::Upstream) || has_line(PinKind::Asset) {
        return Ok(());
    }
    Err(locking::unlocked(cell))
}

fn up_to_date(artifact: Artifact, watched: Vec<Watched>) -> Done {
    Done { outcome: Outcome::UpToDate, via: None, bytes: 0, place: None, reason: None, artifact, watched, log: None }
}

/// The installed artifact by its stamp. A stamp whose version is not that of its inputs is damaged.
pub(super) fn stamped(bin: &Bin, wanted: &Wanted) -> Result<Option<Artifact>> {
    let version = |artifact: &Artifact| {
        let inputs = wanted.of(artifact.origin).filter(|inputs| inputs.digest == artifact.inputs)?;
        inputs.fields.iter().find(|(field, _)| field == "version").map(|(_, version)| version == artifact.version.as_str())
    };
    Ok(bin.stamped()?.filter(|artifact| version(artifact) != Some(false)))
}

/// Up to date by reading and hashing, whatever was said of it before.
pub(super) fn present(bin: &Bin, wanted: &Wanted) -> Result<Option<Done>> {
    let Some(artifact) = stamped(bin, wanted)?.filter(|artifact| wanted.accepts(artifact.origin, &artifact.inputs)) else {
        return Ok(None);
    };
    let watched = bin.watch(&artifact)?;
    Ok(if bin.damage(&artifact)?.is_none() { Some(up_to_date(artifact, watched)) } else { None })
}

/// Up to date by reading and hashing; else the reason why not.
fn installed(ctx: &Context, cell: &Cell, bin: &Bin, wanted: &Wanted) -> Result<Result<Done, String>> {
    if ctx.options.rebuild {
        return Ok(Err("--rebuild".into()));
    }
    let Some(artifact) = stamped(bin, wanted)? else {
        return Ok(Err("not installed".into()));
    };
    if !wanted.accepts(artifact.origin, &artifact.inputs) {
        return Ok(Err(not_accepted(ctx, cell, &artifact)?));
    }
    if ctx.options.reinstall {
        return Ok(Err("--reinstall".into()));
    }
    let watched = bin.watch(&artifact)?;
    if let Some(damage) = bin.damage(&artifact)? {
        ctx.events.note(Some(cell), Level::Warning, format!("{}: {damage}; repairing", cell.name));
        return Ok(Err(format!("damaged: {damage}")));
    }
    check_locked(ctx, cell, wanted, &artifact)?;
    bin.heal(&artifact)?;
    let again = bin.watch(&artifact)?;
    // Something moved while we read: the numbers are not recorded, the next run reads again.
    let watched = if again == watched { watched } else { Vec::new() };
    Ok(Ok(up_to_date(artifact, watched)))
}

/// Why an installed artifact is not what is wanted; a changed recipe under an unchanged version is said plainly.
fn not_accepted(ctx: &Context, cell: &Cell, found: &Artifact) -> Result<String> {
    let version = &ctx.subsystem(cell)?.version;
    if found.version != *version {
        return Ok(format!("{} → {version}", found.version));
    }
    let text = format!("`{}` changed but is still {version}", cell.name);
    ctx.events.note(Some(cell), Level::Warning, text.clone());
    Ok(text)
}

/// One cell's search through the sources.
pub(super) struct Obtain<'a> {
    pub(super) ctx: &'a Context,
    pub(super) cell: &'a Cell,
    pub(super) bin: Bin,
    pub(super) wanted: &'a Wanted,
    pub(super) reason: String,
}

impl Obtain<'_> {
    /// [`look`] foresees what this comes to; keep the two in step.
    fn run(&self) -> Result<Obtained> {
        let options = &self.ctx.options;
        let forced = if options.rebuild { Some(Via::Build) } else { options.source };
        let mut attempts = Vec::new();
        // 2. The cache comes first always.
        if forced.is_none_or(|via| via == Via::Cache) {
            if let Some(done) = self.try_cache()? {
                return Ok(Obtained::Done(Box::new(done)));
            }
            attempts.push(Attempt { via: Via::Cache, answer: "nothing for these inputs".into() });
        }
        let mut silent: Option<Error> = None;
        let sources = match forced {
            Some(Via::Cache) => Vec::new(),
            Some(via) => vec![via],
            None => self.ctx.project.sources.clone(),
        };
        for via in sources {
            if let Some(error) = &silent
                && let Err(why) = self.pinned(via)
            {
                return Err(error.clone().hint(why));
            }
            let answer = match via {
                Via::Cache => continue,
                Via::Managed => self.try_managed(),
                Via::Original => self.try_original(),
                Via::Build => match self.can_build() {
                    Ok(()) => return Ok(Obtained::MustBuild { reason: self.reason.clone(), unavailable: silent }),
                    Err(why) => {
                        attempts.push(Attempt { via, answer: why });
                        continue;
                    }
                },
            };
            match answer {
                Ok(Ok(done)) => return Ok(Obtained::Done(Box::new(done))),
                Ok(Err(absent)) => attempts.push(Attempt { via, answer: absent }),
                Err(error) if error.kind() == Kind::Unavailable => {
                    attempts.push(Attempt { via, answer: error.to_string() });
                    self.ctx.events.note(Some(self.cell), Level::Warning, format!("{via}: {error}"));
                    silent.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        match silent {
            Some(error) => Err(error),
            None => Err(self.nowhere(&attempts)),
        }
    }

    /// Origins in the order in which the project searches them.
    pub(super) fn origins(&self) -> Vec<Origin> {
        let order = self.ctx.project.sources.iter().filter_map(|via| match via {
            Via::Original => Some(Origin::Original),
            Via::Build => Some(Origin::Build),
            Via::Cache | Via::Managed => None,
        });
        let mut origins: Vec<Origin> = order.collect();
        for origin in [Origin::Original, Origin::Build] {
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        origins
    }

    fn nowhere(&self, attempts: &[Attempt]) -> Error {
        let mut error = Error::failed(format!("no source has {} for {}", self.cell.name, self.cell.platform));
        for Attempt { via, answer } in attempts {
            error = error.cause(format!("{via}: {answer}"));
        }
        error.hint(format!("`larder why {}` shows what is wanted and what each source has", self.cell.name))
    }

    /// Whether a source's bytes are pinned without the source that was silent before it.
    pub(super) fn pinned(&self, via: Via) -> Result<(), String> {
        let subsystem = self.ctx.subsystem(self.cell).map_err(|e| e.to_string())?;
        let no = |what: &str| Err(format!("the next source, {via}, is not asked: {what}, and the one before it is silent"));
        match via {
            Via::Cache | Via::Managed => Ok(()),
            Via::Original if self.is_locked(PinKind::Upstream) => Ok(()),
            Via::Original => match subsystem.original(&self.cell.platform) {
                Ok(Some(original)) => match original.checksum {
                    Some(crate::project::Checksum::Pinned(_)) => Ok(()),
                    _ => no("neither lock nor recipe pins its bytes"),
                },
                _ => Ok(()),
            },
            Via::Build => match subsystem.rendered_build(&self.cell.platform, "<out>", "<src>") {
                Ok(Some(build)) => match build.source {
                    RenderedSource::Dir { .. } | RenderedSource::Url { .. } | RenderedSource::Crate { .. } => Ok(()),
                    RenderedSource::Git { url, rev }
                        if is_commit(&rev) || self.ctx.locking.commit(self.ctx, self.cell, &url, &rev).is_some() =>
                    {
                        Ok(())
                    }
                    RenderedSource::Git { .. } => no("its git revision is not locked to a commit"),
                },
                _ => Ok(()),
            },
        }
    }

    fn is_locked(&self, kind: PinKind) -> bool {
        self.ctx.locking.pin(self.ctx, self.cell, self.wanted, Origin::Original, kind).is_some()
    }

    /// Whether this machine can build the cell.
    pub(super) fn can_build(&self) -> Result<(), String> {
        let subsystem = self.ctx.subsystem(self.cell).map_err(|e| e.to_string())?;
        let Some(build) = &subsystem.build else { return Err("the recipe has no build".into()) };
        let platform = self.cell.platform;
        let able = match &build.platforms {
            BuildPlatforms::Host => platform == crate::model::Platform::host(),
            BuildPlatforms::All => true,
            BuildPlatforms::List(list) => list.contains(&platform),
        };
        if able { Ok(()) } else { Err(format!("this machine's build can't produce {platform} (see `build.platforms`)")) }
    }

    fn try_cache(&self) -> Result<Option<Done>> {
        if self.ctx.options.reinstall && self.ctx.options.source.is_some_and(|via| via != Via::Cache) {
            return Ok(None);
        }
        for origin in self.origins() {
            let Some(inputs) = self.wanted.of(origin) else { continue };
            let Some(entry) = self.ctx.cache.lookup(origin, &inputs.digest)? else { continue };
            if !self.trusted(&entry) {
                continue;
            }
            if origin == Origin::Original && entry.via == Via::Original {
                self.lock_original(&entry)?;
            }
            if let Some(done) = restore(self.ctx, self.cell, &self.bin, &entry, &self.reason)? {
                return Ok(Some(done));
            }
            self.ctx.events.note(
                Some(self.cell),
                Level::Warning,
                format!("{}: the cached copy is incomplete or damaged; it was set aside", self.cell.name),
            );
        }
        Ok(None)
    }

    /// An original from the cache is as good as its line in the lock: needed with `--locked`, else added.
    fn lock_original(&self, entry: &Entry) -> Result<()> {
        let ctx = self.ctx;
        if ctx.locking.pin(ctx, self.cell, self.wanted, Origin::Original, PinKind::Upstream).is_some() {
            return Ok(());
        }
        if ctx.options.locked {
            return Err(locking::unlocked(self.cell));
        }
        match &entry.file {
            Some(TakenFrom { sha256, size, url }) => {
                ctx.locking.record(&locking::line(&entry.artifact, PinKind::Upstream, *sha256, *size, url))
            }
            None => Ok(()),
        }
    }

    /// A managed entry serves only the same hub or a lock match; nothing serves that contradicts the lock.
    pub(super) fn trusted(&self, entry: &Entry) -> bool {
        let digest = entry.artifact.digest();
        let pin = |kind| self.ctx.locking.pin(self.ctx, self.cell, self.wanted, entry.artifact.origin, kind);
        let pinned = |kind| pin(kind).and_then(|pin| pin.artifact);
        match &entry.hub {
            Some(hub) => match pinned(PinKind::Asset) {
                Some(pinned) => pinned == digest,
                None => self.ctx.hub().is_ok_and(|ours| ours.id() == *hub),
            },
            None => pinned(PinKind::Upstream).is_none_or(|pinned| pinned == digest),
        }
    }

    fn try_managed(&self) -> Result<Result<Done, String>> {
        if let Some(done) = self.try_locked_asset()? {
            return Ok(Ok(done));
        }
        let (tag, asset, sidecar) = match self.find_managed()? {
            Ok(found) => found,
            Err(absent) => return Ok(Err(absent)),
        };
        match self.ctx.hub()?.fetch(&tag, &asset)? {
            Some(body) => self.install_asset(&tag, &asset, &sidecar, body).map(Ok),
            None => Ok(Err(format!("{} has a sidecar of {tag}/{asset} but not the asset", self.ctx.hub()?.describe()))),
        }
    }

    /// The asset that the lock names, if the hub lists it.
    pub(super) fn pinned_asset(&self) -> Option<String> {
        let pin = |origin| self.ctx.locking.pin(self.ctx, self.cell, self.wanted, origin, PinKind::Asset);
        let mut pins = self.origins().into_iter().filter_map(pin);
        let (tag, asset) = pins.find_map(|pin| tag_and_asset(&pin.url))?;
        let release = self.ctx.hub().ok()?.release(&tag).ok()??;
        release.assets.iter().any(|listed| listed.name == asset).then(|| format!("{tag}/{asset}"))
    }

    /// With a lock line one request is enough: the archive's digest is pinned, and its stamp says the rest.
    fn try_locked_asset(&self) -> Result<Option<Done>> {
        let ctx = self.ctx;
        let hub = ctx.hub()?;
        for origin in self.origins() {
            let Some(pin) = ctx.locking.pin(ctx, self.cell, self.wanted, origin, PinKind::Asset) else { continue };
            let Some((tag, asset)) = tag_and_asset(&pin.url) else { continue };
            let Some(body) = hub.fetch(&tag, &asset)? else { continue };
            match self.install_body(&tag, &asset, Expected::Pinned(&pin), body, false) {
                Err(error) if !matches!(error.kind(), Kind::Interrupted(_) | Kind::Unavailable | Kind::Refused) => {
                    // Not one of ours, then; or not what is pinned, which is then said again.
                    let Some(body) = hub.fetch(&tag, &asset)? else { return Err(error) };
                    return self.install_body(&tag, &asset, Expected::Pinned(&pin), body, true).map(Some);
                }
                done => return done.map(Some),
            }
        }
        Ok(None)
    }

    /// The hub's asset of accepted inputs: under its plain name, else under those that other inputs get beside it.
    pub(super) fn find_managed(&self) -> Result<Result<(Tag, AssetName, Sidecar), String>> {
        let ctx = self.ctx;
        let subsystem = ctx.subsystem(self.cell)?;
        let hub = ctx.hub()?;
        let tag = Tag::of(&subsystem.name, &subsystem.version);
        let extension = subsystem.format(&self.cell.platform).extension();
        let name = |suffix: Option<&Digest>| AssetName::of(&subsystem.package.name, &self.cell.platform, extension, suffix);
        let mut candidates = vec![(tag.clone(), name(None))];
        for inputs in [&self.wanted.build, &self.wanted.original].into_iter().flatten() {
            candidates.push((tag.clone(), name(Some(&inputs.digest))));
            candidates.push((tag.suffixed(&inputs.digest), name(None)));
        }
        let mut answer = format!("{} has no {}/{}", hub.describe(), candidates[0].0, candidates[0].1);
        let plain = tag;
        let mut beside = true;
        for (i, (tag, asset)) in candidates.into_iter().enumerate() {
            // Suffixed names only exist beside a plain one; suffixed tags also where it came too late for that.
            let possible = i == 0 || if tag == plain { beside } else { hub.suffixes_tags() };
            if !possible {
                continue;
            }
            let Some(sidecar) = hub.sidecar(&tag, &asset)? else {
                beside &= i > 0;
                continue;
            };
            let content = &sidecar.content;
            if content.name != self.cell.name || content.platform != self.cell.platform {
                answer = format!("{tag}/{asset} is of {} for {}", content.name, content.platform);
            } else if self.wanted.accepts(content.origin, &content.inputs) {
                return Ok(Ok((tag, asset, sidecar)));
            } else {
                answer = format!("{tag}/{asset} was made from other inputs ({})", content.origin);
            }
        }
        Ok(Err(answer))
    }

    /// Takes an asset in, compared with its sidecar and, if there is one, its lock line.
    fn install_asset(&self, tag: &Tag, asset: &AssetName, sidecar: &Sidecar, body: Body) -> Result<Done> {
        let pin = self.ctx.locking.pin(self.ctx, self.cell, self.wanted, sidecar.content.origin, PinKind::Asset);
        if let Some(pin) = pin.filter(|pin| pin.sha256 != sidecar.sha256) {
            return Err(Error::integrity(format!("{} is not what versions.lock pins", body.place))
                .cause(format!("its sidecar says sha256 {}, versions.lock says {}", sidecar.sha256, pin.sha256))
                .hint(format!("if the change is wanted: `larder lock --update {}`", self.cell.name)));
        }
        self.install_body(tag, asset, Expected::Sidecar(sidecar), body, false)
    }

    /// Hashed and unpacked while it arrives, compared, then cached and installed.
    fn install_body(&self, tag: &Tag, asset: &AssetName, expected: Expected<'_>, body: Body, loose: bool) -> Result<Done> {
        let ctx = self.ctx;
        let place = body.place.clone();
        let (sha256, archive_size) = match expected {
            Expected::Sidecar(sidecar) => (sidecar.sha256, sidecar.size),
            Expected::Pinned(pin) => (pin.sha256, pin.size),
        };
        ctx.events.phase(self.cell, Phase::Downloading, Some(archive_size));
        let staging = self.bin.stage()?;
        let budget = Budget::from(ctx.subsystem(self.cell)?.limits);
        let mut reader = HashingReader::new(Telling::new(ctx, self.cell, body.reader));
        let kind = ArchiveKind::of_name(asset.as_str());
        // An asset that `lock --adopt` pinned was made by others: its files may lie anywhere in it, and it has no stamp.
        let globs = relock::loose_globs(ctx, self.cell)?;
        let select = if loose { Select::Globs(&globs) } else { Select::Flat };
        let unpacked =
            archive::unpack(kind, None, &mut reader, &select, staging.path(), &budget, Some(archive_size), &ctx.cancel);
        let (digest, size) = reader.finish();
        // A wrong digest explains a failed unpacking better than the unpacking does.
        let whole = unpacked.is_ok() || unpacked.as_ref().is_err_and(|e| e.kind() == Kind::Integrity && size >= archive_size);
        if whole && digest != sha256 {
            return Err(Error::integrity(format!("{place} is not what {} says", expected.by(asset)))
                .cause(format!("it has sha256 {digest}, {} says {sha256}", expected.by(asset)))
                .hint("no weaker source is tried; whoever may write to the hub can repair it with `larder release --replace`"));
        }
        let unpacked = unpacked.map_err(|error| error.context(format!("{place} can't be taken in")))?;
        let (artifact, observed) = match expected {
            Expected::Sidecar(sidecar) => (sidecar.content.clone(), sidecar.observed.clone()),
            Expected::Pinned(pin) if loose => (self.adopted(&place, &unpacked, pin)?, Observed::default()),
            Expected::Pinned(pin) => (self.stamp_inside(&place, staging.path(), pin)?, Observed::default()),
        };
        let url = locking::asset_url(&ctx.project, tag, asset);
        for file in &artifact.files {
            let right = |got: &archive::Unpacked| {
                (got.name.as_str(), got.sha256, got.size) == (file.name.as_str(), file.sha256, file.size)
            };
            if !unpacked.iter().any(right) {
                return Err(Error::integrity(format!("{place} does not hold the {} that is stated", file.name)));
            }
        }
        let stated = |name: &str| name == stamp::FILE || artifact.files.iter().any(|file| file.name.as_str() == name);
        if let Some(odd) = unpacked.iter().find(|got| !stated(&got.name)) {
            return Err(Error::integrity(format!("{place} holds {}, which is not stated", odd.name)));
        }
        ctx.locking.record(&locking::line(&artifact, PinKind::Asset, sha256, size, &url))?;
        let file = Some(TakenFrom { sha256, size, url });
        let entry = Entry { artifact, via: Via::Managed, hub: Some(ctx.hub()?.id()), file, observed };
        self.take(staging, entry, size, place)
    }

    /// The artifact by the stamp inside an archive whose digest is pinned.
    fn stamp_inside(&self, place: &str, staging: &Utf8Path, pin: &Pin) -> Result<Artifact> {
        let text = crate::fs::read_text_opt(staging.join(stamp::FILE))?;
        let artifact = text.and_then(|text| stamp::parse(&self.cell.name, &text));
        let right = artifact.filter(|artifact| {
            artifact.platform == self.cell.platform
                && self.wanted.accepts(artifact.origin, &artifact.inputs)
                && pin.artifact.is_none_or(|pinned| pinned == artifact.digest())
        });
        right.ok_or_else(|| {
            Error::integrity(format!("the stamp in {place} is not of what versions.lock pins"))
                .hint(format!("`larder lock --update {}` pins what the hub has now", self.cell.name))
        })
    }

    /// The artifact in an archive of others that the lock pins.
    fn adopted(&self, place: &str, unpacked: &[archive::Unpacked], pin: &Pin) -> Result<Artifact> {
        let subsystem = self.ctx.subsystem(self.cell)?;
        let files = relock::files_of(self.ctx, self.cell, unpacked)?;
        let (origin, inputs) = self
            .origins()
            .into_iter()
            .filter_map(|origin| Some((origin, self.wanted.of(origin)?)))
            .find(|(origin, _)| {
                let found = self.ctx.locking.pin(self.ctx, self.cell, self.wanted, *origin, PinKind::Asset);
                found.is_some_and(|found| found == *pin)
            })
            .ok_or_else(|| Error::failed(format!("versions.lock pins no {place}")))?;
        let artifact = Artifact {
            name: self.cell.name.clone(),
            version: subsystem.version.clone(),
            platform: self.cell.platform,
            origin,
            inputs: inputs.digest,
            commit: None,
            files,
        };
        if pin.artifact.is_some_and(|pinned| pinned != artifact.digest()) {
            return Err(Error::integrity(format!("{place} unpacks to other files than versions.lock pins")));
        }
        Ok(artifact)
    }

    /// Caches and installs what stands, verified, in the staging folder.
    fn take(&self, staging: Staging, entry: Entry, bytes: u64, place: String) -> Result<Done> {
        remember(self.ctx, self.cell, &staging, &entry);
        let watched = self.bin.install(staging, &entry.artifact)?;
        Ok(Done {
            outcome: Outcome::Downloaded,
            via: Some(entry.via),
            bytes,
            place: Some(place),
            reason: Some(self.reason.clone()),
            artifact: entry.artifact,
            watched,
            log: None,
        })
    }

    fn try_original(&self) -> Result<Result<Done, String>> {
        let staging = self.bin.stage()?;
        match original::fetch(self.ctx, self.cell, self.wanted, staging.path(), false)? {
            Ok(original::Got { entry, line }) => {
                self.ctx.locking.record(&line)?;
                let (bytes, place) = entry.file.as_ref().map_or((0, String::new()), |file| (file.size, file.url.clone()));
                self.take(staging, entry, bytes, place).map(Ok)
            }
            Err(absent) => Ok(Err(absent)),
        }
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

/// The last two segments of an asset's url or path.
fn tag_and_asset(url: &str) -> Option<(Tag, AssetName)> {
    let mut segments = url.rsplit('/');
    let asset = segments.next()?.parse().ok()?;
    Some((segments.next()?.parse().ok()?, asset))
}

/// The hub's asset for a cell, if it has one of accepted inputs.
pub(super) fn on_hub(ctx: &Context, cell: &Cell, wanted: &Wanted) -> Result<Option<(Tag, AssetName, Sidecar)>> {
    let obtain = Obtain { ctx, cell, bin: ctx.bin(cell), wanted, reason: String::new() };
    Ok(obtain.find_managed()?.ok())
}

/// Puts a published artifact in the place of an own build of the same inputs.
pub(super) fn adopt(ctx: &Context, cell: &Cell, tag: &Tag, asset: &AssetName, sidecar: &Sidecar) -> Result<()> {
    let held = hold(ctx, cell)?;
    let wanted = ctx.wanted(cell)?;
    let Some(body) = ctx.hub()?.fetch(tag, asset)? else { return Ok(()) };
    let obtain = Obtain { ctx, cell, bin: held.bin.clone(), wanted: &wanted, reason: "published first".into() };
    obtain.install_asset(tag, asset, sidecar, body).map(drop)
}

/// Whether a rev text is a full commit id, and so pins its bytes by itself.
pub(super) fn is_commit(rev: &str) -> bool {
    matches!(rev.len(), 40 | 64) && rev.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Restores a cached artifact; `None` where the cache lost or damaged a file of it.
pub(super) fn restore(ctx: &Context, cell: &Cell, bin: &Bin, entry: &Entry, reason: &str) -> Result<Option<Done>> {
    let staging = bin.stage()?;
    ctx.events.phase(cell, Phase::Checking, Some(entry.artifact.size()));
    if !ctx.cache.restore(&entry.artifact, staging.path(), |bytes| ctx.events.progress(cell, bytes))? {
        return Ok(None);
    }
    let watched = bin.install(staging, &entry.artifact)?;
    Ok(Some(Done {
        outcome: Outcome::Restored,
        via: Some(Via::Cache),
        bytes: entry.artifact.size(),
        place: Some(ctx.cache.root().to_string()),
        reason: Some(reason.to_owned()),
        artifact: entry.artifact.clone(),
        watched,
        log: None,
    }))
}

/// Puts an artifact into the cache; a cache that can't be written costs the next download, not this run.
pub(super) fn remember(ctx: &Context, cell: &Cell, staging: &Staging, entry: &Entry) {
    if let Err(error) = ctx.cache.insert(staging.path(), entry) {
        ctx.events.note(Some(cell), Level::Warning, format!("not kept in the cache: {error}"));
    }
    if let Ok(wanted) = ctx.wanted(cell)
        && let Some(inputs) = wanted.of(entry.artifact.origin)
    {
        // Only texts for `why`: their loss is no failure.
        let _ = ctx.cache.explain(&inputs.digest, &inputs.fields);
    }
}

/// Tells progress of what passes through.
pub(super) struct Telling<'a, R> {
    ctx: &'a Context,
    cell: &'a Cell,
    reader: R,
    bytes: u64,
}

impl<'a, R: Read> Telling<'a, R> {
    pub(super) fn new(ctx: &'a Context, cell: &'a Cell, reader: R) -> Self {
        Self { ctx, cell, reader, bytes: 0 }
    }
    /// How much was read.
    pub(super) fn count(&self) -> u64 {
        self.bytes
    }
}

impl<R: Read> Read for Telling<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.bytes += n as u64;
        self.ctx.events.progress(self.cell, self.bytes);
        Ok(n)
    }
}
