//! Which channels a command is about, and the events of a channel.

use crate::context::Context;
use crate::events::{Did, Event, OfChannel};
use larder_core::model::{Action, ChannelKind, Outcome, Version};
use larder_core::project::Subsystem;
use larder_core::project::publish::ChannelConfig;

/// The channels that a command is about.
#[derive(Clone, Debug, Default)]
pub struct ChosenChannels {
    /// Only these; empty means all.
    pub to: Vec<ChannelKind>,
    /// Not these.
    pub skip: Vec<ChannelKind>,
}

impl ChosenChannels {
    /// Whether no channel was left out.
    pub(super) fn is_all(&self) -> bool {
        self.to.is_empty() && self.skip.is_empty()
    }

    fn wants(&self, kind: ChannelKind) -> bool {
        (self.to.is_empty() || self.to.contains(&kind)) && !self.skip.contains(&kind)
    }

    /// The channels of a subsystem, in the order in which they are fed. Says which of those that
    /// were asked for are not on, and if none is on.
    pub(super) fn of<'a>(&self, ctx: &Context, subsystem: &'a Subsystem) -> Vec<&'a ChannelConfig> {
        let channels = &subsystem.publish.channels;
        for kind in &self.to {
            if !channels.contains_key(kind) {
                let mut did = did(subsystem, Some(*kind), Outcome::Skipped);
                did.reason = Some(format!(
                    "it is not on for {}; `publish:` of its recipe turns channels on",
                    subsystem.name
                ));
                ctx.events.send(Event::Did(did));
            }
        }
        let mut wanted: Vec<&ChannelConfig> = channels
            .values()
            .filter(|config| self.wants(config.channel.kind()))
            .collect();
        if wanted.is_empty() && self.to.is_empty() {
            let mut did = did(subsystem, None, Outcome::Skipped);
            did.reason = Some("no channel is on; `publish:` of the recipe names channels".into());
            ctx.events.send(Event::Did(did));
        }
        wanted.sort_by_key(|config| (config.priority, config.channel.kind()));
        wanted
    }
}

/// The event for the end of a step on a channel, or on all channels of a subsystem.
pub(super) fn did(subsystem: &Subsystem, channel: Option<ChannelKind>, outcome: Outcome) -> Did {
    did_at(subsystem, &subsystem.version, channel, outcome)
}

/// The same for another version than the pinned one.
pub(super) fn did_at(
    subsystem: &Subsystem,
    version: &Version,
    channel: Option<ChannelKind>,
    outcome: Outcome,
) -> Did {
    let subject = match channel {
        Some(channel) => format!("{} {channel}", subsystem.name),
        None => subsystem.name.to_string(),
    };
    Did {
        of: Some(OfChannel {
            subsystem: subsystem.name.clone(),
            version: version.clone(),
            channel,
        }),
        ..Did::new(Action::Publish, subject, outcome)
    }
}
