//! `publish status`: what each channel has, asked from the remotes, and what the record says.

use std::num::NonZeroUsize;

use super::channels::ChosenChannels;
use super::push::{Places, There, attachments, places};
use super::run::attempt;
use super::run::record::{ChannelRecord, Record};
use crate::context::Context;
use crate::plan::Selection;
use crate::runner::each::parallel;
use larder_channels::render::{channel_version, facts};
use larder_core::error::Result;
use larder_core::formats::documents::{
    PublishResult, PublishState, PublishStatusChannel, PublishStatusDocument, PublishStatusEntry,
};
use larder_core::project::Subsystem;
use larder_core::project::publish::ChannelConfig;

/// Asks the channels of some subsystems, several at once.
pub fn status(ctx: &Context, selection: &Selection) -> Result<PublishStatusDocument> {
    let subsystems = selection.subsystems(&ctx.project);
    let mut questions = Vec::new();
    for subsystem in &subsystems {
        let channels = ChosenChannels::default().of(ctx, subsystem);
        questions.extend(channels.into_iter().map(|config| (*subsystem, config)));
    }
    let at_once = NonZeroUsize::new(ctx.project.publish.concurrency).unwrap_or(NonZeroUsize::MIN);
    let answers = parallel(&questions, at_once, |(subsystem, config)| {
        ctx.cancel.check()?;
        Ok(channel(ctx, subsystem, config))
    });
    let answers: Vec<PublishStatusChannel> = answers.into_iter().collect::<Result<_>>()?;
    let mut answers = questions.iter().zip(answers).peekable();
    let mut entries = Vec::new();
    for subsystem in subsystems {
        let mut channels = Vec::new();
        while let Some((_, answer)) =
            answers.next_if(|((asked, _), _)| asked.name == subsystem.name)
        {
            channels.push(answer);
        }
        entries.push(PublishStatusEntry {
            name: subsystem.name.to_string(),
            version: subsystem.version.to_string(),
            channels,
        });
    }
    let is_complete = |channel: &PublishStatusChannel| {
        matches!(
            channel.state,
            PublishState::Published | PublishState::Skipped
        )
    };
    Ok(PublishStatusDocument {
        complete: entries
            .iter()
            .flat_map(|entry| &entry.channels)
            .all(is_complete),
        subsystems: entries,
    })
}

fn channel(ctx: &Context, subsystem: &Subsystem, config: &ChannelConfig) -> PublishStatusChannel {
    let kind = config.channel.kind();
    let wanted = channel_version(kind, &subsystem.version);
    let record = Record::read(ctx, &subsystem.name)
        .channels
        .remove(kind.as_str());
    let ChannelRecord {
        version,
        result,
        time,
        detail,
        publishes,
        errors,
    } = record.unwrap_or_default();
    let last = (!result.is_empty()).then_some(PublishResult {
        version,
        outcome: result,
        time,
        detail,
    });
    let mut answer = PublishStatusChannel {
        channel: kind.to_string(),
        state: PublishState::Skipped,
        wanted: wanted.as_ref().ok().cloned(),
        current: None,
        places: Vec::new(),
        detail: None,
        last,
        publishes,
        errors,
    };
    let facts = facts(kind);
    if let Err(why) = wanted {
        answer.detail = Some(format!("it can't express {}: {why}", subsystem.version));
    } else if subsystem.version.is_prerelease() && facts.prerelease.is_none() && !config.prerelease
    {
        answer.detail = Some("it has no word for pre-releases".into());
    } else if !subsystem.platforms.iter().any(facts.takes) {
        answer.detail = Some("no asset is for a platform that it knows".into());
    } else {
        match ask(ctx, subsystem, config, &mut answer) {
            Ok(state) => answer.state = state,
            Err(error) => {
                answer.state = PublishState::Unknown;
                answer.detail = Some(error.to_string());
            }
        }
    }
    answer
}

/// Asks each place of a channel once.
fn ask(
    ctx: &Context,
    subsystem: &Subsystem,
    config: &ChannelConfig,
    answer: &mut PublishStatusChannel,
) -> Result<PublishState> {
    let version = &subsystem.version;
    let attachments = attachments(ctx, subsystem, version, config)?;
    let places = match places(ctx, subsystem, version, config)? {
        Places::At(places) => places,
        Places::NotConfigured(key) => {
            answer.detail = Some(format!("not configured: there is no `{key}`"));
            return Ok(PublishState::Skipped);
        }
    };
    let all: Vec<_> = attachments.into_iter().chain(places).collect();
    answer.places = all.iter().map(|place| place.target()).collect();
    let mut is_everywhere = true;
    for place in &all {
        let There { current, wanted } = place.there(&attempt(ctx, &ctx.cancel))?;
        is_everywhere &= wanted;
        if current.is_some() {
            answer.current = current;
        }
    }
    Ok(if is_everywhere {
        PublishState::Published
    } else {
        PublishState::Missing
    })
}
