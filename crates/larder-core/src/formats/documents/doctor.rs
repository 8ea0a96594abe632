//! `doctor`: what was checked on this machine, and what to do.

use schemars::JsonSchema;
use serde::Serialize;

/// `doctor`: all checks.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DoctorDocument {
    /// The version of larder.
    pub version: String,
    /// The platform of this machine.
    pub platform: String,
    /// The checks, in the order in which they were made.
    pub checks: Vec<DoctorCheck>,
}

/// One check.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DoctorCheck {
    /// What was checked: `project`, `path`, `tool`, `token`, `cache`, `hub`, `workflows` or
    /// `schema`.
    pub name: &'static str,
    /// `ok`, `warning` (larder works, but perhaps not as expected) or `failed`.
    #[schemars(extend("enum" = ["ok", "warning", "failed"]))]
    pub state: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub hint: Option<String>,
}
