//! `larder fleet`: asks a server about its fleet, and changes it.

mod channels;
mod client;
mod events;
mod nodes;
mod rollout;
mod rollouts;
mod watch;

use std::process::ExitCode;
use std::str::FromStr;

use camino::Utf8PathBuf;

use self::client::Client;
use super::Global;
use larder_core::error::Result;
use larder_core::model::Invalid;
use larder_core::variables;

/// Show the nodes, channels and rollouts of a server, and change them
///
/// The server is one that `larder serve` runs; the nodes are the machines on which `larder agent`
/// runs. Reading needs no token unless the server is private. Changes need a token of the role
/// admin, if the server has tokens at all.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder fleet nodes
  larder fleet nodes --watch
  larder fleet rollout start storage-server/stable 1.1.0 --watch
  larder fleet rollout abort r-0123456789abcdef
  larder fleet channel storage-server/stable 1.0.0
  larder fleet events --follow --json | jq -r .event")]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    #[command(subcommand)]
    command: FleetCommand,
}

/// Which server is asked, and with which token.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ServerArgs {
    /// The url of the server.
    #[arg(long, value_name = "URL", global = true, default_value = "http://127.0.0.1:7001",
          env = variables::SERVER, help_heading = "Server")]
    pub server: String,
    /// The file of the token's secret. Default: `$LARDER_SERVER_TOKEN`.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Server")]
    pub token_file: Option<Utf8PathBuf>,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum FleetCommand {
    Nodes(nodes::NodesArgs),
    Drain(nodes::DrainArgs),
    Undrain(nodes::UndrainArgs),
    Pin(nodes::PinArgs),
    Remove(nodes::RemoveArgs),
    Lift(nodes::LiftArgs),
    Channels(channels::ChannelsArgs),
    Channel(channels::ChannelArgs),
    Rollouts(rollouts::RolloutsArgs),
    Rollout(rollout::RolloutArgs),
    Events(events::EventsArgs),
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let mut client = Client::open(&args.server, global)?;
    match &args.command {
        FleetCommand::Nodes(args) => nodes::list(args, &mut client, global),
        FleetCommand::Drain(args) => nodes::drain(args, &client, global),
        FleetCommand::Undrain(args) => nodes::undrain(args, &client, global),
        FleetCommand::Pin(args) => nodes::pin(args, &client, global),
        FleetCommand::Remove(args) => nodes::remove(args, &client, global),
        FleetCommand::Lift(args) => nodes::lift(args, &client, global),
        FleetCommand::Channels(args) => channels::list(args, &mut client, global),
        FleetCommand::Channel(args) => channels::set(args, &client, global),
        FleetCommand::Rollouts(args) => rollouts::list(args, &mut client, global),
        FleetCommand::Rollout(args) => rollout::run(args, &mut client, global),
        FleetCommand::Events(args) => events::run(args, &mut client, global),
    }
}

/// A channel of a name, such as `storage-server/stable`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ChannelName {
    name: String,
    channel: String,
}

impl FromStr for ChannelName {
    type Err = Invalid;
    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('/') {
            Some((name, channel))
                if !name.is_empty() && !channel.is_empty() && !channel.contains('/') =>
            {
                Ok(Self {
                    name: name.to_owned(),
                    channel: channel.to_owned(),
                })
            }
            _ => Err(Invalid::new(format!("`{text}` is not a channel"))
                .hint("write NAME/CHANNEL, such as storage-server/stable")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_read() {
        let channel: ChannelName = "storage-server/stable".parse().unwrap();
        assert_eq!(
            (&*channel.name, &*channel.channel),
            ("storage-server", "stable")
        );
        for bad in ["", "stable", "/stable", "x/", "a/b/c"] {
            assert!(bad.parse::<ChannelName>().is_err(), "{bad}");
        }
    }
}
