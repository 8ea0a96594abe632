//! Flags of commands that look at sources without using them.

use larder_core::model::SourceKind;
use larder_engine::context::Options;

/// Flags of commands that look at sources without using them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ProbeArgs {
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
    /// As if only this source were to be used: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", value_parser = |text: &str| text.parse::<SourceKind>().map_err(|e| e.to_string()))]
    source: Option<SourceKind>,
}

impl ProbeArgs {
    /// As the steps know it.
    pub fn options(&self) -> Options {
        Options {
            offline: self.offline,
            source: self.source,
            ..Options::default()
        }
    }
}
