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

use camino::Utf8PathBuf;

use super::context::Context;
use super::exclusive::{Exclusive, exclusive};
use crate::archive::{self, ArchiveKind, Budget, Select};
use crate::cache::Entry;
use crate::error::{Error, Kind, Result};
use crate::hub::Body;
use crate::installed::{Staging, Watched};
use crate::integrity::{Sidecar, Wanted};
use crate::model::{Artifact, AssetName, Cell, Digest, Level, Origin, Outcome, Phase, Tag, Via};
use crate::project::{BuildPlatforms, RenderedSource};
use crate::upstream;

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
    let _held = hold(ctx, cell)?;
    let reason = match installed(ctx, cell, &wanted)? {
        Ok(done) => return Ok(Obtained::Done(Box::new(done))),
        Err(reason) => reason,
    };
    let obtain = Obtain { ctx, cell, wanted: &wanted, reason };
    obtain.run()
}

/// What a cell's state is and what [`obtain`] would do, found by looking only. Asks the hub unless `local`.
#[derive(Clone, Debug)]
pub struct Look {
    /// The keys wanted.
    pub wanted: Wanted,
    /// What is installed, by its stamp.
    pub found: Option<Artifact>,
    /// Why it has to be obtained; `None` when it is up to date.
    pub stale: Option<String>,
    /// The sources in the order they would be asked, and their answers, up to the one that has it.
    pub attempts: Vec<Attempt>,
    /// The source that would be used.
    pub choice: Option<Via>,
    /// An artifact of other inputs that was found where one was looked for, with what it was made of where that is known:
    /// installed, else on the hub.
    pub other: Option<Other>,
}

/// An artifact of other inputs than those wanted.
#[derive(Clone, Debug)]
pub struct Other {
    /// The artifact.
    pub artifact: Artifact,
    /// What its inputs were made of, where that is known.
    pub explanation: Option<Vec<(String, String)>>,
}

/// Looks at a cell; changes nothing.
pub fn look(ctx: &Context, cell: &Cell, local: bool) -> Result<Look> {
    let wanted = ctx.wanted(cell)?;
    let bin = ctx.bin(cell);
    let found = bin.stamped()?;
    let mut look = Look { wanted, found: found.clone(), stale: None, attempts: Vec::new(), choice: None, other: None };
    if recorded(ctx, cell, &look.wanted)?.is_some() {
        return Ok(look);
    }
    look.stale = match found {
        None => Some("not installed".into()),
        Some(artifact) if !look.wanted.accepts(artifact.origin, &artifact.inputs) => {
            let explanation = ctx.cache.explanation(&artifact.inputs);
            let version = &ctx.subsystem(cell)?.version;
            let stale = if artifact.version == *version {
                format!("`{}` changed but is still {version}", cell.name)
            } else {
                format!("{} → {version}", artifact.version)
            };
            look.other = Some(Other { artifact, explanation });
            Some(stale)
        }
        Some(_) if ctx.options.reinstall || ctx.options.rebuild => Some("asked for again".into()),
        Some(artifact) => bin.damage(&artifact)?.map(|damage| format!("damaged: {damage}")),
    };
    if look.stale.is_none() || local {
        return Ok(look);
    }
    let wanted = look.wanted.clone();
    let obtain = Obtain { ctx, cell, wanted: &wanted, reason: String::new() };
    obtain.foresee(&mut look)?;
    Ok(look)
}

/// `--dry-run`: the same search, by looking only.
fn foreseen(ctx: &Context, cell: &Cell) -> Result<Obtained> {
    let look = look(ctx, cell, false)?;
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
        None => Err(Obtain { ctx, cell, wanted: &look.wanted, reason: stale }.nowhere(&look.attempts)),
    }
}

/// Holds the cell's lock in this project.
pub(super) fn hold(ctx: &Context, cell: &Cell) -> Result<Exclusive> {
    let path = ctx.project.root.join(".larder/locks").join(format!("{}-{}", cell.name, cell.platform));
    exclusive(&path, &ctx.cancel, |text| ctx.events.note(Some(cell), Level::Info, text))
}

/// Up to date by the state's record alone: no hashing, no opening of binaries.
fn recorded(ctx: &Context, cell: &Cell, wanted: &Wanted) -> Result<Option<Done>> {
    if ctx.options.reinstall || ctx.options.rebuild {
        return Ok(None);
    }
    let Some(record) = ctx.state.cell(cell.name.as_str(), &cell.platform.to_string()) else { return Ok(None) };
    if !record.watched.iter().all(Watched::holds) {
        return Ok(None);
    }
    let Some(artifact) = ctx.bin(cell).stamped()? else { return Ok(None) };
    let accepted = wanted.accepts(artifact.origin, &artifact.inputs) && artifact.digest() == record.artifact;
    Ok(accepted.then(|| up_to_date(artifact, record.watched.clone())))
}

fn up_to_date(artifact: Artifact, watched: Vec<Watched>) -> Done {
    Done { outcome: Outcome::UpToDate, via: None, bytes: 0, place: None, reason: None, artifact, watched, log: None }
}

/// Up to date by reading and hashing; else the reason why not.
fn installed(ctx: &Context, cell: &Cell, wanted: &Wanted) -> Result<Result<Done, String>> {
    let bin = ctx.bin(cell);
    if ctx.options.rebuild {
        return Ok(Err("--rebuild".into()));
    }
    let Some(artifact) = bin.stamped()? else {
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
struct Obtain<'a> {
    ctx: &'a Context,
    cell: &'a Cell,
    wanted: &'a Wanted,
    reason: String,
}

impl Obtain<'_> {
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

    /// What [`Self::run`] would come to, by looking only. Keep the two in step.
    fn foresee(&self, look: &mut Look) -> Result<()> {
        let options = &self.ctx.options;
        let forced = if options.rebuild { Some(Via::Build) } else { options.source };
        if forced.is_none_or(|via| via == Via::Cache) {
            for origin in self.origins() {
                let Some(inputs) = self.wanted.of(origin) else { continue };
                let entry = self.ctx.cache.lookup(origin, &inputs.digest)?.filter(|entry| self.trusted(entry));
                if entry.is_some_and(|entry| self.ctx.cache.holds(&entry.artifact).unwrap_or(false)) {
                    look.attempts.push(Attempt { via: Via::Cache, answer: format!("has it ({origin})") });
                    look.choice = Some(Via::Cache);
                    return Ok(());
                }
            }
            look.attempts.push(Attempt { via: Via::Cache, answer: "nothing for these inputs".into() });
        }
        let sources = match forced {
            Some(Via::Cache) => Vec::new(),
            Some(via) => vec![via],
            None => self.ctx.project.sources.clone(),
        };
        for via in sources {
            let answer = match via {
                Via::Cache => continue,
                Via::Managed => match self.find_managed() {
                    Ok(Ok((tag, asset, _))) => Ok(format!("{} has {tag}/{asset}", self.ctx.hub()?.describe())),
                    Ok(Err(absent)) => Err(absent),
                    Err(error) if error.kind() == Kind::Unavailable => Err(format!("silent: {error}")),
                    Err(error) => return Err(error),
                },
                Via::Original => match self.ctx.subsystem(self.cell)?.original(&self.cell.platform)? {
                    Some(original) => Ok(format!("{} (not asked)", upstream::describe(&original.coordinate))),
                    None => Err("the recipe has no upstream".into()),
                },
                Via::Build => self.can_build().map(|()| "this machine can build it".into()),
            };
            match answer {
                Ok(answer) => {
                    look.attempts.push(Attempt { via, answer });
                    look.choice = Some(via);
                    return Ok(());
                }
                Err(answer) => look.attempts.push(Attempt { via, answer }),
            }
        }
        Ok(())
    }

    /// Origins in the order in which the project searches them.
    fn origins(&self) -> Vec<Origin> {
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
    fn pinned(&self, via: Via) -> Result<(), String> {
        let subsystem = self.ctx.subsystem(self.cell).map_err(|e| e.to_string())?;
        let no = |what: &str| Err(format!("the next source, {via}, is not asked: {what}, and the one before it is silent"));
        match via {
            Via::Cache | Via::Managed => Ok(()),
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
                    RenderedSource::Git { rev, .. } if is_commit(&rev) => Ok(()),
                    RenderedSource::Git { .. } => no("its git revision is not locked to a commit"),
                },
                _ => Ok(()),
            },
        }
    }

    /// Whether this machine can build the cell.
    fn can_build(&self) -> Result<(), String> {
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
            if let Some(done) = restore(self.ctx, self.cell, &entry, &self.reason)? {
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

    /// A managed entry serves only the same hub or a lock match.
    fn trusted(&self, entry: &Entry) -> bool {
        match &entry.hub {
            None => true,
            Some(hub) => self.ctx.hub().is_ok_and(|ours| ours.id() == *hub),
        }
    }

    fn try_managed(&self) -> Result<Result<Done, String>> {
        let (tag, asset, sidecar) = match self.find_managed()? {
            Ok(found) => found,
            Err(absent) => return Ok(Err(absent)),
        };
        match self.ctx.hub()?.fetch(&tag, &asset)? {
            Some(body) => self.install_asset(&asset, &sidecar, body).map(Ok),
            None => Ok(Err(format!("{} has a sidecar of {tag}/{asset} but not the asset", self.ctx.hub()?.describe()))),
        }
    }

    /// The hub's asset of accepted inputs: under its plain name, else under those that other inputs get beside it.
    fn find_managed(&self) -> Result<Result<(Tag, AssetName, Sidecar), String>> {
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
        for (i, (tag, asset)) in candidates.into_iter().enumerate() {
            let Some(sidecar) = hub.sidecar(&tag, &asset)? else {
                // Suffixed names only exist beside a plain one.
                if i == 0 {
                    break;
                }
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

    /// Takes an asset in: hashed and unpacked while it arrives, compared with its sidecar, then installed and cached.
    fn install_asset(&self, asset: &AssetName, sidecar: &Sidecar, body: Body) -> Result<Done> {
        let ctx = self.ctx;
        let place = body.place.clone();
        ctx.events.phase(self.cell, Phase::Downloading, Some(sidecar.size));
        let bin = ctx.bin(self.cell);
        let staging = bin.stage()?;
        let budget = Budget::from(ctx.subsystem(self.cell)?.limits);
        let mut reader = HashingReader::new(ctx, self.cell, body);
        let unpacked = archive::unpack(
            ArchiveKind::of_name(asset.as_str()),
            None,
            &mut reader,
            &Select::Flat,
            staging.path(),
            &budget,
            Some(sidecar.size),
            &ctx.cancel,
        );
        let (digest, size) = reader.finish();
        // A wrong digest explains a failed unpacking better than the unpacking does.
        let whole = unpacked.is_ok() || unpacked.as_ref().is_err_and(|e| e.kind() == Kind::Integrity && size >= sidecar.size);
        if whole && digest != sidecar.sha256 {
            return Err(Error::integrity(format!("{place} is not what its sidecar says"))
                .cause(format!("sha256 {digest}, {place}.json says {}", sidecar.sha256))
                .hint("no weaker source is tried; whoever may write to the hub can repair it with `larder release --replace`"));
        }
        let unpacked = unpacked?;
        for file in &sidecar.content.files {
            let right = unpacked.iter().any(|got| got.name == file.name.as_str() && got.sha256 == file.sha256);
            if !right {
                return Err(Error::integrity(format!("{place} does not hold the {} that its sidecar names", file.name)));
            }
        }
        let entry = Entry {
            artifact: sidecar.content.clone(),
            via: Via::Managed,
            hub: Some(ctx.hub()?.id()),
            observed: sidecar.observed.clone(),
        };
        remember(ctx, self.cell, &staging, &entry);
        let watched = bin.install(staging, &entry.artifact)?;
        Ok(Done {
            outcome: Outcome::Downloaded,
            via: Some(Via::Managed),
            bytes: size,
            place: Some(place),
            reason: Some(self.reason.clone()),
            artifact: entry.artifact,
            watched,
            log: None,
        })
    }

    fn try_original(&self) -> Result<Result<Done, String>> {
        let subsystem = self.ctx.subsystem(self.cell)?;
        let Some(_original) = subsystem.original(&self.cell.platform)? else {
            return Ok(Err("the recipe has no upstream".into()));
        };
        Ok(Err("not yet".into()))
    }
}

/// Puts a published artifact in the place of an own build of the same inputs.
pub(super) fn adopt(ctx: &Context, cell: &Cell, tag: &Tag, asset: &AssetName, sidecar: &Sidecar) -> Result<()> {
    let _held = hold(ctx, cell)?;
    let wanted = ctx.wanted(cell)?;
    let Some(body) = ctx.hub()?.fetch(tag, asset)? else { return Ok(()) };
    let obtain = Obtain { ctx, cell, wanted: &wanted, reason: "published first".into() };
    obtain.install_asset(asset, sidecar, body).map(drop)
}

/// Whether a rev text is a full commit id, and so pins its bytes by itself.
pub(super) fn is_commit(rev: &str) -> bool {
    matches!(rev.len(), 40 | 64) && rev.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Restores a cached artifact; `None` where the cache lost or damaged a file of it.
pub(super) fn restore(ctx: &Context, cell: &Cell, entry: &Entry, reason: &str) -> Result<Option<Done>> {
    let bin = ctx.bin(cell);
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

/// Hashes what passes through and tells progress.
struct HashingReader<'a> {
    ctx: &'a Context,
    cell: &'a Cell,
    body: Body,
    hasher: crate::model::Hasher,
    size: u64,
}

impl<'a> HashingReader<'a> {
    fn new(ctx: &'a Context, cell: &'a Cell, body: Body) -> Self {
        Self { ctx, cell, body, hasher: crate::model::Hasher::new(), size: 0 }
    }
    fn finish(self) -> (Digest, u64) {
        (self.hasher.finish(), self.size)
    }
}

impl std::io::Read for HashingReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.body.reader.read(buffer)?;
        self.hasher.update(&buffer[..n]);
        self.size += n as u64;
        self.ctx.events.progress(self.cell, self.size);
        Ok(n)
    }
}
