//! What a project remembers of its publishing: for each subsystem and channel the last result, and
//! how often it was published or failed. It is for people; nothing is decided by it, because the
//! remotes are asked every time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use larder_core::error::Result;
use larder_core::file_lock::FileLock;
use larder_core::model::{ChannelKind, Name, Outcome, Version};
use larder_core::redact::mask;

/// The folder of the records in the project.
const FOLDER: &str = ".larder/publish";
/// The largest record that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// The record of one subsystem.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::publish) struct Record {
    /// By channel.
    pub(in crate::publish) channels: BTreeMap<String, ChannelRecord>,
}

/// The record of one channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::publish) struct ChannelRecord {
    /// The version of the last run.
    pub(in crate::publish) version: String,
    /// How the last run ended: the word of an outcome.
    pub(in crate::publish) result: String,
    /// When it ended (RFC 3339).
    pub(in crate::publish) time: String,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::publish) detail: Option<String>,
    /// How often something was published.
    pub(in crate::publish) publishes: u64,
    /// How often it failed.
    pub(in crate::publish) errors: u64,
}

impl Record {
    /// The record of a subsystem; empty if there is none, or none that can be read.
    pub(in crate::publish) fn read(ctx: &Context, name: &Name) -> Self {
        let path = ctx.project.root.join(FOLDER).join(format!("{name}.json"));
        let bytes = larder_core::fs::read_bounded(path, LARGEST).ok().flatten();
        bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Adds the result of a channel to the record of a subsystem.
    pub(in crate::publish) fn add(
        ctx: &Context,
        (name, version): (&Name, &Version),
        kind: ChannelKind,
        outcome: Outcome,
        detail: Option<&str>,
    ) -> Result<()> {
        let folder = ctx.own_folder(FOLDER)?;
        let _lock = FileLock::take(folder.path(), format!("{name}.lock"), &ctx.waiting)?;
        let mut record = Self::read(ctx, name);
        let channel = record.channels.entry(kind.to_string()).or_default();
        channel.version = version.to_string();
        outcome.as_str().clone_into(&mut channel.result);
        channel.time = Timestamp::now()
            .round(jiff::Unit::Second)
            .unwrap_or_default()
            .to_string();
        channel.detail = detail.map(|text| mask(text).into_owned());
        match outcome {
            Outcome::Published => channel.publishes += 1,
            Outcome::Failed => channel.errors += 1,
            _ => {}
        }
        let text = serde_json::to_string_pretty(&record).unwrap_or_default() + "\n";
        folder.write_atomic(&format!("{name}.json"), text.as_bytes())
    }
}
