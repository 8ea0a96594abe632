//! `ensure` for one target, up to the point where it has to be built. In this order, and the code in the same:
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

use camino::Utf8PathBuf;

use super::context::Context;
use super::look::Look;
use super::present::{hold, installed, recorded, up_to_date};
use super::{locking, original};
use crate::cache::{Entry, TakenFrom};
use crate::events::{Level, Phase};
use crate::installed::{Bin, Staging, Watched};
use larder_core::error::{Error, Kind, Result};
use larder_core::formats::PinKind;
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, Origin, Outcome, SourceKind, Target};
use larder_core::project::{BuildPlatforms, RenderedSource};

/// A source that was asked and what it answered, for `why` and for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which source.
    pub via: SourceKind,
    /// In words.
    pub answer: String,
}

/// A target that is present and right.
#[derive(Clone, Debug)]
pub struct Done {
    /// How it ended.
    pub outcome: Outcome,
    /// How the bytes came, unless nothing moved.
    pub via: Option<SourceKind>,
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
    /// It has to be built; no other source has it.
    MustBuild {
        /// Why.
        reason: String,
        /// A source before it was silent, so what is built must not be uploaded.
        unavailable: Option<Error>,
    },
}

/// Makes a target present without building it.
pub fn obtain(ctx: &Context, target: &Target) -> Result<Obtained> {
    ctx.cancel.check()?;
    let wanted = ctx.wanted(target)?;
    // 1. Up to date?
    if let Some(done) = recorded(ctx, target, &wanted)? {
        return Ok(Obtained::Done(Box::new(done)));
    }
    let held = hold(ctx, target)?;
    let reason = match installed(ctx, target, &held.bin, &wanted)? {
        Ok(done) => return Ok(Obtained::Done(Box::new(done))),
        Err(reason) => reason,
    };
    let obtain = Obtain {
        ctx,
        target,
        bin: held.bin.clone(),
        wanted: &wanted,
        reason,
    };
    obtain.run()
}

/// `--dry-run`: what a look says that [`obtain`], and a build after it, would come to: up to date, or in words what would
/// be done.
pub fn foretell(ctx: &Context, target: &Target, look: Look) -> Result<Result<Done, String>> {
    if let Some(error) = look.stopped {
        return Err(error);
    }
    let Some(stale) = look.stale else {
        return match look.found {
            Some(artifact) => Ok(Ok(up_to_date(artifact, Vec::new()))),
            None => Err(Error::failed(format!("{target} is not installed"))),
        };
    };
    let answer = look
        .attempts
        .last()
        .map(|attempt| attempt.answer.clone())
        .unwrap_or_default();
    match look.choice {
        Some(SourceKind::Build) => Ok(Err(format!("would be built: {stale}"))),
        Some(via) => Ok(Err(format!("would come from {via}: {answer} ({stale})"))),
        None => Err(Obtain {
            ctx,
            target,
            bin: ctx.bin(target),
            wanted: &look.wanted,
            reason: stale,
        }
        .nowhere(&look.attempts)),
    }
}

/// One target's search through the sources.
pub(super) struct Obtain<'a> {
    pub(super) ctx: &'a Context,
    pub(super) target: &'a Target,
    pub(super) bin: Bin,
    pub(super) wanted: &'a Wanted,
    pub(super) reason: String,
}

impl Obtain<'_> {
    /// [`look`] foresees what this comes to; keep the two in step.
    fn run(&self) -> Result<Obtained> {
        let options = &self.ctx.options;
        let forced = if options.rebuild {
            Some(SourceKind::Build)
        } else {
            options.source
        };
        let mut attempts = Vec::new();
        // 2. The cache comes first always.
        if forced.is_none_or(|via| via == SourceKind::Cache) {
            if let Some(done) = self.try_cache()? {
                return Ok(Obtained::Done(Box::new(done)));
            }
            attempts.push(Attempt {
                via: SourceKind::Cache,
                answer: "nothing for these inputs".into(),
            });
        }
        let mut silent: Option<Error> = None;
        let sources = match forced {
            Some(SourceKind::Cache) => Vec::new(),
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
                SourceKind::Cache => continue,
                SourceKind::Managed => self.try_managed(),
                SourceKind::Original => self.try_original(),
                SourceKind::Build => match self.can_build() {
                    Ok(()) => {
                        return Ok(Obtained::MustBuild {
                            reason: self.reason.clone(),
                            unavailable: silent,
                        });
                    }
                    Err(why) => {
                        attempts.push(Attempt { via, answer: why });
                        continue;
                    }
                },
            };
            match answer {
                Ok(Ok(done)) => return Ok(Obtained::Done(Box::new(done))),
                Ok(Err(absent)) => attempts.push(Attempt {
                    via,
                    answer: absent,
                }),
                Err(error) if error.kind() == Kind::Unavailable => {
                    attempts.push(Attempt {
                        via,
                        answer: error.to_string(),
                    });
                    self.ctx.events.note(
                        Some(self.target),
                        Level::Warning,
                        format!("{via}: {error}"),
                    );
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
            SourceKind::Original => Some(Origin::Original),
            SourceKind::Build => Some(Origin::Build),
            SourceKind::Cache | SourceKind::Managed => None,
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
        let answers: Vec<String> = attempts
            .iter()
            .map(|Attempt { via, answer }| format!("{via}: {answer}"))
            .collect();
        Error::failed(format!(
            "no source has {} for {}",
            self.target.name, self.target.platform
        ))
        .cause(answers.join("\n"))
        .hint(format!(
            "`larder why {}` shows what is wanted and what each source has",
            self.target.name
        ))
    }

    /// Whether a source's bytes are pinned without the source that was silent before it.
    pub(super) fn pinned(&self, via: SourceKind) -> Result<(), String> {
        let subsystem = self.ctx.subsystem(self.target).map_err(|e| e.to_string())?;
        let no = |what: &str| {
            Err(format!(
                "the next source, {via}, is not asked: {what}, and the one before it is silent"
            ))
        };
        match via {
            SourceKind::Cache | SourceKind::Managed => Ok(()),
            SourceKind::Original if self.is_locked(PinKind::Upstream) => Ok(()),
            SourceKind::Original => match subsystem.original(&self.target.platform) {
                Ok(Some(original)) => match original.checksum {
                    Some(larder_core::project::Checksum::Pinned(_)) => Ok(()),
                    _ => no("neither lock nor recipe pins its bytes"),
                },
                _ => Ok(()),
            },
            SourceKind::Build => {
                match subsystem.rendered_build(&self.target.platform, "<out>", "<src>") {
                    Ok(Some(build)) => match build.source {
                        RenderedSource::Dir { .. }
                        | RenderedSource::Url { .. }
                        | RenderedSource::Crate { .. } => Ok(()),
                        RenderedSource::Git { url, rev }
                            if is_commit(&rev)
                                || self
                                    .ctx
                                    .locking
                                    .commit(self.ctx, self.target, &url, &rev)
                                    .is_some() =>
                        {
                            Ok(())
                        }
                        RenderedSource::Git { .. } => {
                            no("its git revision is not locked to a commit")
                        }
                    },
                    _ => Ok(()),
                }
            }
        }
    }

    fn is_locked(&self, kind: PinKind) -> bool {
        self.ctx
            .locking
            .pin(self.ctx, self.target, self.wanted, Origin::Original, kind)
            .is_some()
    }

    /// Whether this machine can build the target.
    pub(super) fn can_build(&self) -> Result<(), String> {
        let subsystem = self.ctx.subsystem(self.target).map_err(|e| e.to_string())?;
        let Some(build) = &subsystem.build else {
            return Err("the recipe has no build".into());
        };
        let platform = self.target.platform;
        let able = match &build.platforms {
            BuildPlatforms::Host => platform == larder_core::model::Platform::host(),
            BuildPlatforms::All => true,
            BuildPlatforms::List(list) => list.contains(&platform),
        };
        if able {
            Ok(())
        } else {
            Err(format!(
                "this machine's build can't produce {platform} (see `build.platforms`)"
            ))
        }
    }

    fn try_cache(&self) -> Result<Option<Done>> {
        if self.ctx.options.reinstall
            && self
                .ctx
                .options
                .source
                .is_some_and(|via| via != SourceKind::Cache)
        {
            return Ok(None);
        }
        for origin in self.origins() {
            let Some(inputs) = self.wanted.of(origin) else {
                continue;
            };
            let Some(entry) = self.ctx.cache.lookup(origin, &inputs.digest)? else {
                continue;
            };
            if !self.trusted(&entry) {
                continue;
            }
            if origin == Origin::Original && entry.via == SourceKind::Original {
                self.lock_original(&entry)?;
            }
            if let Some(done) = restore(self.ctx, self.target, &self.bin, &entry, &self.reason)? {
                return Ok(Some(done));
            }
            self.ctx.events.note(
                Some(self.target),
                Level::Warning,
                "the cached copy is incomplete or damaged; it was set aside",
            );
        }
        Ok(None)
    }

    /// An original from the cache is as good as its line in the lock: needed with `--locked`, else added.
    fn lock_original(&self, entry: &Entry) -> Result<()> {
        let ctx = self.ctx;
        if ctx
            .locking
            .pin(
                ctx,
                self.target,
                self.wanted,
                Origin::Original,
                PinKind::Upstream,
            )
            .is_some()
        {
            return Ok(());
        }
        if ctx.options.locked {
            return Err(locking::unlocked(self.target));
        }
        match &entry.file {
            Some(TakenFrom { sha256, size, url }) => ctx.locking.record(&locking::line(
                &entry.artifact,
                PinKind::Upstream,
                *sha256,
                *size,
                url,
            )),
            None => Ok(()),
        }
    }

    /// A managed entry serves only the same hub or a lock match; nothing serves that contradicts the lock.
    pub(super) fn trusted(&self, entry: &Entry) -> bool {
        let digest = entry.artifact.digest();
        let pin = |kind| {
            self.ctx.locking.pin(
                self.ctx,
                self.target,
                self.wanted,
                entry.artifact.origin,
                kind,
            )
        };
        let pinned = |kind| pin(kind).and_then(|pin| pin.artifact);
        match &entry.hub {
            Some(hub) => match pinned(PinKind::Asset) {
                Some(pinned) => pinned == digest,
                None => self.ctx.hub().is_ok_and(|ours| ours.id() == *hub),
            },
            None => pinned(PinKind::Upstream).is_none_or(|pinned| pinned == digest),
        }
    }

    /// Caches and installs what stands, verified, in the staging folder.
    pub(super) fn take(
        &self,
        staging: Staging,
        entry: Entry,
        bytes: u64,
        place: String,
    ) -> Result<Done> {
        remember(self.ctx, self.target, &staging, &entry);
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
        match original::fetch(self.ctx, self.target, self.wanted, staging.path(), false)? {
            Ok(original::Got { entry, line }) => {
                self.ctx.locking.record(&line)?;
                let (bytes, place) = entry
                    .file
                    .as_ref()
                    .map_or((0, String::new()), |file| (file.size, file.url.clone()));
                self.take(staging, entry, bytes, place).map(Ok)
            }
            Err(absent) => Ok(Err(absent)),
        }
    }
}

/// Whether a rev text is a full commit id, and so pins its bytes by itself.
pub(super) fn is_commit(rev: &str) -> bool {
    matches!(rev.len(), 40 | 64) && rev.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Restores a cached artifact; `None` where the cache lost or damaged a file of it.
pub(super) fn restore(
    ctx: &Context,
    target: &Target,
    bin: &Bin,
    entry: &Entry,
    reason: &str,
) -> Result<Option<Done>> {
    let staging = bin.stage()?;
    ctx.events
        .phase(target, Phase::Checking, Some(entry.artifact.size()));
    if !ctx
        .cache
        .restore(&entry.artifact, staging.path(), |bytes| {
            ctx.events.progress(target, bytes);
        })?
    {
        return Ok(None);
    }
    let watched = bin.install(staging, &entry.artifact)?;
    Ok(Some(Done {
        outcome: Outcome::Restored,
        via: Some(SourceKind::Cache),
        bytes: entry.artifact.size(),
        place: Some(ctx.cache.root().to_string()),
        reason: Some(reason.to_owned()),
        artifact: entry.artifact.clone(),
        watched,
        log: None,
    }))
}

/// Puts an artifact into the cache; a cache that can't be written costs the next download, not this run.
pub(super) fn remember(ctx: &Context, target: &Target, staging: &Staging, entry: &Entry) {
    if let Err(error) = ctx.cache.insert(staging.path(), entry) {
        ctx.events.note(
            Some(target),
            Level::Warning,
            format!("not kept in the cache: {error}"),
        );
    }
    if let Ok(wanted) = ctx.wanted(target)
        && let Some(inputs) = wanted.of(entry.artifact.origin)
    {
        // Only texts for `why`: their loss is no failure.
        let _ = ctx.cache.explain(&inputs.digest, &inputs.fields);
    }
}

/// Tells progress of what passes through.
pub(super) struct Telling<'a, R> {
    ctx: &'a Context,
    target: &'a Target,
    reader: R,
    bytes: u64,
}

impl<'a, R: Read> Telling<'a, R> {
    pub(super) fn new(ctx: &'a Context, target: &'a Target, reader: R) -> Self {
        Self {
            ctx,
            target,
            reader,
            bytes: 0,
        }
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
        self.ctx.events.progress(self.target, self.bytes);
        Ok(n)
    }
}
