//! One channel of one subsystem: its files, each place that they are pushed to, and what became of
//! it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use camino::Utf8Path;

use super::Prepared;
use super::attempt::Tries;
use super::base::with_base;
use super::gate::Guarded;
use super::pool::Pooled;
use super::record::Record;
use crate::context::Context;
use crate::events::{Event, Level};
use crate::publish::channels::did;
use crate::publish::gather::public_url;
use crate::publish::push::{Attempt, Files, Found, Publisher, attachments};
use crate::publish::render::{reason, render_channel};
use larder_channels::release::Release;
use larder_channels::render::{Rendered, skip};
use larder_core::error::{Error, Kind, Result};
use larder_core::model::{ChannelKind, Outcome};
use larder_core::project::Subsystem;
use larder_core::project::publish::ChannelConfig;

/// A channel that is to be fed.
pub(super) struct Job<'a> {
    subsystem: &'a Subsystem,
    config: &'a ChannelConfig,
    /// What puts its files into the release on the hub.
    attachments: Option<Box<dyn Publisher>>,
    /// The places that it is pushed to, or the key that would name one.
    places: Result<Vec<Box<dyn Publisher>>, &'static str>,
    targets: Vec<String>,
    /// What became of the files in the release.
    attached: Option<Result<AtPlace, Option<Error>>>,
}

/// What became of a channel at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AtPlace {
    /// It was pushed, and read back.
    Published,
    /// It was there.
    UpToDate,
    /// It would be pushed.
    Would,
    /// Nothing was pushed; why.
    Skipped(String),
}

/// How a channel ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) reason: Option<String>,
    pub(super) error: Option<Error>,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        subsystem: &'a Subsystem,
        config: &'a ChannelConfig,
        attachments: Option<Box<dyn Publisher>>,
        places: Result<Vec<Box<dyn Publisher>>, &'static str>,
    ) -> Self {
        let targets = places.as_ref().map_or(Vec::new(), |places| {
            places.iter().map(|place| place.target()).collect()
        });
        Self {
            subsystem,
            config,
            attachments,
            places,
            targets,
            attached: None,
        }
    }

    fn kind(&self) -> ChannelKind {
        self.config.channel.kind()
    }

    fn subject(&self) -> String {
        format!("{} {}", self.subsystem.name, self.kind())
    }

    /// Renders what joins the release on the hub and puts it there; returns what must be public
    /// before anything is pushed. A failure is the channel's, unless the run was interrupted.
    pub(super) fn attach(
        &mut self,
        ctx: &Context,
        release: &Release,
        folder: &Utf8Path,
    ) -> Result<Vec<Guarded>> {
        let Some(publisher) = &self.attachments else {
            return Ok(Vec::new());
        };
        if skip(release, self.config).is_some() {
            return Ok(Vec::new());
        }
        let mut tries = Tries::new(ctx, self.subject(), self.config);
        let channel = folder.join(self.kind().as_str());
        let files = Files {
            release,
            folder: &channel,
        };
        let attached = self
            .rendered(ctx, release, folder)
            .and_then(|()| push(ctx, &mut tries, &**publisher, &files, || Ok(())));
        if let Err(Some(error)) = &attached
            && matches!(error.kind(), Kind::Interrupted(_))
        {
            return Err(error.clone());
        }
        let is_there = matches!(attached, Ok(AtPlace::Published | AtPlace::UpToDate));
        self.attached = Some(attached);
        if is_there {
            self.guarded(ctx, &files)
        } else {
            Ok(Vec::new())
        }
    }

    /// What the channel has in the release.
    fn guarded(&self, ctx: &Context, files: &Files<'_>) -> Result<Vec<Guarded>> {
        let tag = attachments::tag(files.release)?;
        let Some(first) = files.release.platforms.first() else {
            return Ok(Vec::new());
        };
        attachments::rendered(files)?
            .into_iter()
            .map(|file| {
                let url = public_url(ctx, self.subsystem, &first.platform(), tag, &file.name)?;
                Ok(Guarded {
                    tag: tag.clone(),
                    asset: file.name,
                    url,
                    sha256: file.sha256,
                    size: file.size,
                })
            })
            .collect()
    }

    /// Renders the channel's files.
    fn rendered(
        &self,
        ctx: &Context,
        release: &Release,
        folder: &Utf8Path,
    ) -> Result<(), Option<Error>> {
        let on_base = with_base(ctx, self.subject(), release, self.config).map_err(Some)?;
        let config = on_base.as_ref().unwrap_or(self.config);
        match render_channel(ctx, release, config, folder) {
            Ok(Rendered::Files | Rendered::Skipped(_)) => Ok(()),
            Err(error) => Err(Some(error)),
        }
    }
}

/// A channel whose release is on the hub.
pub(super) struct Ready<'a> {
    job: &'a Job<'a>,
    prepared: &'a Prepared<'a>,
}

impl Pooled for Ready<'_> {
    fn priority(&self) -> i64 {
        self.job.config.priority
    }

    fn places(&self) -> &[String] {
        &self.job.targets
    }
}

impl<'a> Ready<'a> {
    pub(super) fn new(job: &'a Job<'a>, prepared: &'a Prepared<'a>) -> Self {
        Self { job, prepared }
    }

    pub(super) fn subsystem(&self) -> &Subsystem {
        self.job.subsystem
    }

    pub(super) fn kind(&self) -> ChannelKind {
        self.job.kind()
    }

    /// Pushes the channel to each of its places.
    pub(super) fn feed(&self, ctx: &Context) -> Ended {
        let Prepared {
            gathered, folder, ..
        } = self.prepared;
        let release = &gathered.release;
        if let Some(why) = skip(release, self.job.config) {
            return Ended::skipped(reason(self.kind(), release, &why));
        }
        let mut results: Vec<Result<AtPlace, Option<Error>>> = Vec::new();
        let is_rendered = match &self.job.attached {
            Some(attached) => {
                let rendered = attached.is_ok();
                results.push(attached.clone());
                rendered
            }
            None => false,
        };
        match &self.job.places {
            Ok(places) if places.is_empty() => {}
            Ok(places) => {
                let rendered = if is_rendered {
                    Ok(())
                } else {
                    self.job.rendered(ctx, release, folder)
                };
                match rendered {
                    Ok(()) => results.extend(self.push_to(ctx, places, release, folder)),
                    Err(error) => results.push(Err(error)),
                }
            }
            Err(key) => {
                let why = format!("not configured: `{key}` of its recipe says where it goes");
                results.push(Ok(AtPlace::Skipped(why)));
            }
        }
        Ended::of(results)
    }

    fn push_to(
        &self,
        ctx: &Context,
        places: &[Box<dyn Publisher>],
        release: &Release,
        folder: &Utf8Path,
    ) -> Vec<Result<AtPlace, Option<Error>>> {
        let channel = folder.join(self.kind().as_str());
        let files = Files {
            release,
            folder: &channel,
        };
        let mut tries = Tries::new(ctx, self.job.subject(), self.job.config);
        places
            .iter()
            .map(|place| {
                push(ctx, &mut tries, &**place, &files, || {
                    self.prepared.pass_gate(ctx)
                })
            })
            .collect()
    }

    /// Reports how the channel ended, and records it.
    pub(super) fn tell(&self, ctx: &Context, ended: &Ended, took: Duration) {
        let mut event = did(self.subsystem(), Some(self.kind()), ended.outcome);
        event.seconds = took.as_secs_f64();
        event.error.clone_from(&ended.error);
        event.reason.clone_from(&ended.reason);
        event.dry_run = ctx.options.dry_run && ended.error.is_none();
        if matches!(ended.outcome, Outcome::Published | Outcome::UpToDate) && !event.dry_run {
            let attachments = self.job.attachments.iter().map(|place| place.target());
            let places: Vec<String> = attachments.chain(self.job.targets.clone()).collect();
            event.place = Some(places.join(", ")).filter(|places| !places.is_empty());
        }
        ctx.events.send(Event::Did(event));
        let is_over = ended
            .error
            .as_ref()
            .is_some_and(|error| matches!(error.kind(), Kind::Interrupted(_)));
        if ctx.options.dry_run || is_over {
            return;
        }
        let error = ended.error.as_ref().map(ToString::to_string);
        let detail = error.as_deref().or(ended.reason.as_deref());
        let Subsystem { name, version, .. } = self.subsystem();
        if let Err(error) = Record::add(ctx, (name, version), self.kind(), ended.outcome, detail) {
            // The record is for people: the remotes are asked every time.
            let text = format!("the result could not be recorded: {error}");
            ctx.events.note(None, Level::Warning, text);
        }
    }
}

/// Looks at a place, pushes what is missing there, and reads it back. `Err(None)` is a failure that
/// was reported already.
fn push(
    ctx: &Context,
    tries: &mut Tries<'_>,
    place: &dyn Publisher,
    files: &Files<'_>,
    gate: impl FnOnce() -> Result<(), Option<Error>>,
) -> Result<AtPlace, Option<Error>> {
    let inspect = |attempt: &Attempt<'_>| place.inspect(attempt, files);
    match tries.each(inspect)? {
        Found::Same => return Ok(AtPlace::UpToDate),
        Found::Newer(version) => {
            let why = format!("{} has {version}, which is newer", place.target());
            return Ok(AtPlace::Skipped(why));
        }
        Found::Closed(why) => return Ok(AtPlace::Skipped(why)),
        other @ Found::Other { .. } => return Err(Some(differs(place, files, other))),
        Found::Missing => {}
    }
    if ctx.options.dry_run {
        tries.each(|attempt| place.rights(attempt))?;
        return Ok(AtPlace::Would);
    }
    gate()?;
    let is_first = AtomicBool::new(true);
    tries.each(|attempt| {
        // What an attempt without an answer has written is found first.
        if !is_first.swap(false, Ordering::Relaxed) {
            match place.inspect(attempt, files)? {
                Found::Same | Found::Newer(_) | Found::Closed(_) => return Ok(()),
                other @ Found::Other { .. } => return Err(differs(place, files, other)),
                Found::Missing => {}
            }
        }
        place.push(attempt, files)
    })?;
    let arrived = tries.until(|attempt| match place.inspect(attempt, files)? {
        Found::Same | Found::Newer(_) | Found::Closed(_) => Ok(true),
        Found::Missing => Ok(false),
        other @ Found::Other { .. } => Err(differs(place, files, other)),
    })?;
    if arrived {
        return Ok(AtPlace::Published);
    }
    Err(Some(
        Error::unavailable(format!(
            "{} took {} and does not show it yet",
            place.target(),
            files.release.version
        ))
        .hint(format!(
            "it may lag: {}; the next run checks it again",
            place.how_to_check()
        )),
    ))
}

/// The error for a place that has other bytes under the same version.
fn differs(place: &dyn Publisher, files: &Files<'_>, found: Found) -> Error {
    let Found::Other { what, ours, theirs } = found else {
        return Error::failed(format!("{} differs", place.target()));
    };
    Error::integrity(format!(
        "{} has other bytes under {} than this release",
        place.target(),
        files.release.version
    ))
    .cause(format!("{what}: there {theirs}, here {ours}"))
    .hint("nothing that is published is overwritten; a change needs a new version")
}

impl Ended {
    fn skipped(reason: String) -> Self {
        Self {
            outcome: Outcome::Skipped,
            reason: Some(reason),
            error: None,
        }
    }

    /// The end of a channel from what happened at its places: the worst of them decides.
    fn of(results: Vec<Result<AtPlace, Option<Error>>>) -> Self {
        let mut errors = Vec::new();
        let mut reasons = Vec::new();
        let (mut published, mut would, mut up_to_date, mut gated) = (false, false, false, false);
        for result in results {
            match result {
                Ok(AtPlace::Published) => published = true,
                Ok(AtPlace::Would) => would = true,
                Ok(AtPlace::UpToDate) => up_to_date = true,
                Ok(AtPlace::Skipped(why)) => reasons.push(why),
                Err(Some(error)) => errors.push(error),
                Err(None) => gated = true,
            }
        }
        let reason = (!reasons.is_empty()).then(|| reasons.join("; "));
        if let Some(error) = merged(errors) {
            return Self {
                outcome: Outcome::Failed,
                reason,
                error: Some(error),
            };
        }
        if gated {
            return Self::skipped(
                "the release did not pass the gate, so nothing was pushed".into(),
            );
        }
        let (outcome, reason) = if would {
            (Outcome::Skipped, Some("would be pushed".to_owned()))
        } else if published {
            (Outcome::Published, reason)
        } else if up_to_date {
            (Outcome::UpToDate, reason.or(Some("already there".into())))
        } else if reason.is_some() {
            (Outcome::Skipped, reason)
        } else {
            (Outcome::UpToDate, Some("there is nothing to push".into()))
        };
        Self {
            outcome,
            reason,
            error: None,
        }
    }
}

/// Several errors as one: the first one of the worst kind, with the messages of the others.
fn merged(mut errors: Vec<Error>) -> Option<Error> {
    errors.sort_by_key(|error| error.kind().rank());
    let mut errors = errors.into_iter();
    let first = errors.next()?;
    Some(errors.fold(first, |first, other| first.cause(other.message())))
}
