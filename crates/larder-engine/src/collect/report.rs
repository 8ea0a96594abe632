//! Collects several targets: selects them, and writes the report and the manifests.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::{Collected, Item, collect, write_manifests, write_metadata};
use crate::context::Context;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Platform, Target, Version};
use larder_core::project::Project;

/// `collection-report.json`.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
struct Report {
    schema: u32,
    /// The time of the run, RFC 3339, UTC.
    date: String,
    collected: usize,
    up_to_date: usize,
    failed: usize,
    /// Number of bytes that were written.
    bytes: u64,
    /// The results by subsystem, then by platform.
    binaries: BTreeMap<String, BTreeMap<String, Row>>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Row {
    version: String,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The names that the words of a command line select: `all` selects every subsystem with a publisher; a version after a
/// single name is used instead of the pinned one.
pub fn choose(project: &mut Project, words: &[String]) -> Result<Vec<String>> {
    if words.iter().any(|word| word == "all") {
        let with_publisher = project.subsystems.values().filter(|s| s.upstream.is_some());
        let names: Vec<String> = with_publisher.map(|s| s.name.to_string()).collect();
        if names.is_empty() {
            return Err(Error::usage(
                "no subsystem of this project has an upstream, so there is nothing to collect",
            )
            .hint("add `upstream:` to a recipe: `collect` takes what publishers release"));
        }
        return Ok(names);
    }
    if let [name, version] = words
        && !project
            .subsystems
            .keys()
            .any(|known| known.as_str() == version)
        && let Some(subsystem) = project
            .subsystems
            .iter_mut()
            .find_map(|(known, s)| (known.as_str() == name).then_some(s))
    {
        subsystem.version = version.parse::<Version>().map_err(Error::from)?;
        return Ok(vec![name.clone()]);
    }
    Ok(words.to_vec())
}

/// Collects some targets, several at once, and writes the manifests and the report. Returns every failure.
pub fn collect_all(
    ctx: &Context,
    targets: &Targets,
    missing_only: bool,
    jobs: Option<NonZeroUsize>,
) -> Result<Vec<Error>> {
    let items: Mutex<BTreeMap<Name, BTreeMap<Platform, Item>>> = Mutex::default();
    let report = Mutex::new(Report {
        schema: 1,
        date: jiff::Timestamp::now().to_string(),
        ..Report::default()
    });
    let note = |target: &Target, outcome: &'static str, got: Result<&Collected, &Error>| {
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        let version = ctx
            .project
            .subsystems
            .get(&target.name)
            .map_or_else(String::new, |s| s.version.to_string());
        let row = match got {
            Ok(got) => Row {
                version,
                outcome,
                size: Some(got.item.size),
                sha256: Some(got.item.sha256.clone()),
                error: None,
            },
            Err(error) => Row {
                version,
                outcome,
                size: None,
                sha256: None,
                error: Some(error.to_string()),
            },
        };
        match outcome {
            "collected" => report.collected += 1,
            "failed" => report.failed += 1,
            _ => report.up_to_date += 1,
        }
        report.bytes += got.map_or(0, |got| got.bytes);
        report
            .binaries
            .entry(target.name.to_string())
            .or_default()
            .insert(target.platform.to_string(), row);
    };
    let errors = each(ctx, Action::Collect, targets, jobs, |target| match collect(
        ctx,
        target,
        missing_only,
    ) {
        Ok(got) => {
            let outcome = if got.changed {
                Outcome::Collected
            } else {
                Outcome::UpToDate
            };
            note(target, outcome.as_str(), Ok(&got));
            let emulated = got.item.emulated;
            let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
            items
                .entry(target.name.clone())
                .or_default()
                .insert(target.platform, got.item);
            Ok(StepReport {
                emulated,
                bytes: got.bytes,
                place: Some(ctx.project.relative(&got.place)),
                ..StepReport::new(outcome)
            })
        }
        Err(error) => {
            note(target, "failed", Err(&error));
            Err(error)
        }
    });
    for (name, items) in items.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(subsystem) = ctx.project.subsystems.get(&name) {
            write_manifests(ctx, subsystem, &items)?;
        }
    }
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    write_metadata(&ctx.project, "collection-report.json", &report)?;
    Ok(errors)
}
