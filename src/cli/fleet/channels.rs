//! `larder fleet channels` and `larder fleet channel`.

use std::process::ExitCode;

use super::ChannelName;
use super::client::Client;
use super::watch::{Shown, watch};
use crate::cli::{Global, values};
use crate::report::Tone;
use crate::report::table::{Table, stdout_width};
use larder_core::error::Result;
use larder_core::formats::documents::{FleetChannel, FleetChannelsDocument};

/// List the channels, and the versions they point at
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ChannelsArgs {
    /// Go on, and show the channels again when something has changed.
    #[arg(long)]
    watch: bool,
}

/// Point a channel at a version, for all of its nodes at once
///
/// `larder fleet rollout start` moves them in steps, and returns by itself if the version does not
/// hold.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder fleet channel storage-server/stable 1.0.0")]
pub(super) struct ChannelArgs {
    /// The channel; it is made if there is none.
    #[arg(value_name = "NAME/CHANNEL", value_parser = values::word::<ChannelName>)]
    channel: ChannelName,
    /// The version.
    #[arg(value_name = "VERSION")]
    version: String,
}

/// Runs `channels`.
pub(super) fn list(args: &ChannelsArgs, client: &mut Client, global: &Global) -> Result<ExitCode> {
    if !args.watch {
        show(client.channels()?, global, false)?;
        return Ok(ExitCode::SUCCESS);
    }
    watch(client, global, Client::channels, |channels| {
        show(channels.clone(), global, true)?;
        Ok(Shown::More)
    })
}

fn show(channels: Vec<FleetChannel>, global: &Global, again: bool) -> Result<()> {
    if global.json {
        return global.print_json(&FleetChannelsDocument { channels });
    }
    let mut table = Table::new(["name", "channel", "version"]);
    for one in &channels {
        table.row([
            (one.name.as_str(), Tone::Strong),
            (&one.channel, Tone::Plain),
            (&one.version, Tone::Plain),
        ]);
    }
    let text = if channels.is_empty() {
        "there are no channels yet; `larder fleet channel NAME/CHANNEL VERSION` makes one\n".into()
    } else {
        table.render(stdout_width(), global.stdout_paint())
    };
    if again {
        global.printer().redraw(&text)
    } else {
        global.print(&text)
    }
}

/// Runs `channel`.
pub(super) fn set(args: &ChannelArgs, client: &Client, global: &Global) -> Result<ExitCode> {
    let ChannelName { name, channel } = &args.channel;
    let channel = client.set_channel(name, channel, &args.version)?;
    if global.json {
        global.print_json(&channel)?;
    } else {
        global.message(&format!(
            "{}/{} points at {}",
            channel.name, channel.channel, channel.version
        ));
    }
    Ok(ExitCode::SUCCESS)
}
