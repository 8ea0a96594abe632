//! What `publish validate` and `publish status` print.

use schemars::JsonSchema;
use serde::Serialize;

/// The checks of some subsystems before they are published.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishChecksDocument {
    /// Whether nothing failed.
    pub ok: bool,
    /// The subsystems, sorted by name.
    pub subsystems: Vec<PublishChecksEntry>,
}

/// The checks of one subsystem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishChecksEntry {
    /// The subsystem.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The checks, in the order in which they were made.
    pub checks: Vec<PublishCheck>,
}

/// One check.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishCheck {
    /// What was checked, such as `platforms` or `go vet`.
    pub check: String,
    /// How it ended.
    pub result: CheckResult,
    /// What was found, or why it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do about a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    /// It holds.
    Ok,
    /// It does not hold.
    Failed,
    /// It was not made; `detail` says why.
    Skipped,
}

impl PublishCheck {
    /// A check that holds, with what was found.
    pub fn ok(check: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(check, CheckResult::Ok, detail, None)
    }

    /// A check that does not hold, and what to do about it.
    pub fn failed(
        check: impl Into<String>,
        detail: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::new(check, CheckResult::Failed, detail, Some(hint.into()))
    }

    /// A check that was not made, and why.
    pub fn skipped(check: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(check, CheckResult::Skipped, why, None)
    }

    fn new(
        check: impl Into<String>,
        result: CheckResult,
        detail: impl Into<String>,
        hint: Option<String>,
    ) -> Self {
        let detail = detail.into();
        Self {
            check: check.into(),
            result,
            detail: (!detail.is_empty()).then_some(detail),
            hint,
        }
    }
}

/// What `publish status` prints: what each channel has, and what the record of this project says.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishStatusDocument {
    /// Whether every channel has the wanted version, or gets nothing of it.
    pub complete: bool,
    /// The subsystems, sorted by name.
    pub subsystems: Vec<PublishStatusEntry>,
}

/// The channels of one subsystem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishStatusEntry {
    /// The subsystem.
    pub name: String,
    /// The version that is wanted.
    pub version: String,
    /// The channels that are on, in the order in which they are fed.
    pub channels: Vec<PublishStatusChannel>,
}

/// One channel of one subsystem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishStatusChannel {
    /// The channel.
    pub channel: String,
    /// Whether the channel has the wanted version.
    pub state: PublishState,
    /// The wanted version as the channel writes it; absent if it can't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// The version that users of the channel get now, as the channel writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The places that it is pushed to.
    pub places: Vec<String>,
    /// Why the state is not known, or why the channel gets nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The last result, if this project has a record of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<PublishResult>,
    /// How often this project has published to the channel, as its record says.
    pub publishes: u64,
    /// How often that failed.
    pub errors: u64,
}

/// Whether a channel has a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PublishState {
    /// It has the version.
    Published,
    /// It does not, or not at each of its places.
    Missing,
    /// It gets nothing of this version.
    Skipped,
    /// It could not be asked.
    Unknown,
}

impl PublishState {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Missing => "missing",
            Self::Skipped => "skipped",
            Self::Unknown => "unknown",
        }
    }
}

/// The last result of a channel.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PublishResult {
    /// The version.
    pub version: String,
    /// How it ended, such as `published` or `failed`.
    pub outcome: String,
    /// When (RFC 3339).
    pub time: String,
    /// Why it failed or was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
