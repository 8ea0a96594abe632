//! What `publish validate` prints.

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
