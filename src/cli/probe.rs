//! Flags of the commands that only probe sources.

use larder_core::model::SourceKind;
use larder_engine::context::Options;

/// Flags of the commands that only probe sources.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ProbeArgs {
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
    /// Assume that only this source may be used: cache, managed, original or build.
    #[arg(long, value_name = "SOURCE", value_parser = super::values::word::<SourceKind>)]
    source: Option<SourceKind>,
}

impl ProbeArgs {
    /// The options for the engine.
    pub fn options(&self) -> Options {
        Options {
            offline: self.offline,
            source: self.source,
            ..Options::default()
        }
    }
}
