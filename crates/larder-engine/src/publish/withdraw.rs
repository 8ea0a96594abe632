//! `unpublish`: takes a version back from the channels that can do that.

use std::time::Instant;

use super::channels::{ChosenChannels, did_at};
use super::push::{Attempt, Places, Publisher, Withdrawn, attachments, places};
use super::run::{Tries, record::Record};
use crate::context::Context;
use crate::events::{Event, Level};
use larder_channels::render::channel_version;
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Version};
use larder_core::project::Subsystem;
use larder_core::project::publish::ChannelConfig;

/// What is withdrawn, and from where.
#[derive(Clone, Debug)]
pub struct Withdrawal {
    /// The subsystem.
    pub name: Name,
    /// The version, which need not be the pinned one.
    pub version: Version,
    /// Which channels.
    pub channels: ChosenChannels,
}

/// Withdraws a version from the channels of its subsystem, one after the other. Returns every
/// failure.
pub fn withdraw(ctx: &Context, withdrawal: &Withdrawal) -> Vec<Error> {
    let Withdrawal {
        name,
        version,
        channels,
    } = withdrawal;
    let Some(subsystem) = ctx.project.subsystems.get(name) else {
        return vec![
            Error::usage(format!("there is no subsystem {name}"))
                .hint("`larder list` shows the subsystems"),
        ];
    };
    let configs = channels.of(ctx, subsystem);
    ctx.events.started(Action::Unpublish, configs.len(), []);
    let mut errors = Vec::new();
    for config in configs {
        if let Err(error) = ctx.cancel.check() {
            errors.push(error);
            break;
        }
        let start = Instant::now();
        let kind = config.channel.kind();
        let mut event = did_at(subsystem, version, Some(kind), Outcome::Skipped);
        event.action = Action::Unpublish;
        match channel(ctx, subsystem, version, config) {
            Ok((outcome, reason)) => (event.outcome, event.reason) = (outcome, Some(reason)),
            Err(error) => {
                event.outcome = Outcome::Failed;
                event.error = Some(error.clone());
                errors.push(error);
            }
        }
        event.seconds = start.elapsed().as_secs_f64();
        let detail = match &event.error {
            Some(error) => Some(error.to_string()),
            None => event.reason.clone(),
        };
        let (outcome, failed) = (event.outcome, event.error.is_some());
        ctx.events.send(Event::Did(event));
        let changed = failed || outcome == Outcome::Withdrawn;
        if changed
            && !ctx.options.dry_run
            && let Err(error) = Record::add(ctx, (name, version), kind, outcome, detail.as_deref())
        {
            let text = format!("the result could not be recorded: {error}");
            ctx.events.note(None, Level::Warning, text);
        }
    }
    errors
}

/// Withdraws a version from each place of a channel.
fn channel(
    ctx: &Context,
    subsystem: &Subsystem,
    version: &Version,
    config: &ChannelConfig,
) -> Result<(Outcome, String)> {
    let kind = config.channel.kind();
    if let Err(why) = channel_version(kind, version) {
        let reason = format!("it can't express {version}, so it never had it: {why}");
        return Ok((Outcome::Skipped, reason));
    }
    let attachments = attachments(ctx, subsystem, version, config)?;
    let places = match places(ctx, subsystem, version, config)? {
        Places::At(places) => places,
        Places::NotConfigured(key) => {
            return Ok((
                Outcome::Skipped,
                format!("not configured: there is no `{key}`"),
            ));
        }
    };
    let mut words = Vec::new();
    let (mut done, mut impossible) = (false, false);
    // The places first: what leads people to the release goes before its files.
    for place in places.into_iter().chain(attachments) {
        let mut tries = Tries::new(ctx, format!("{} {kind}", subsystem.name), config);
        match tries.each(|attempt| one(&*place, attempt))? {
            Withdrawn::Done(what) => {
                done = true;
                words.push(format!("users get {what} now"));
            }
            Withdrawn::Absent => {}
            Withdrawn::Impossible(why) => {
                impossible = true;
                words.push(format!("{}: {why}", place.target()));
            }
        }
    }
    Ok(match (done, impossible) {
        (true, _) => (Outcome::Withdrawn, words.join("; ")),
        (false, true) => (Outcome::Skipped, words.join("; ")),
        (false, false) => (Outcome::UpToDate, format!("{version} is not there")),
    })
}

fn one(place: &dyn Publisher, attempt: &Attempt<'_>) -> Result<Withdrawn> {
    if !attempt.dry_run {
        return place.withdraw(attempt);
    }
    let there = place.there(attempt)?;
    Ok(if there.wanted {
        Withdrawn::Impossible("would be withdrawn as far as it can".into())
    } else {
        Withdrawn::Absent
    })
}
