//! `larder collect`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::Global;
use super::each::{Told, each};
use super::session::{PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Platform, Target, Version};
use larder_engine::plan::Platforms;
use larder_engine::steps::{Options, collect};

/// Lay out the publishers' binaries of every platform in .collection
///
/// Downloads (or takes from the cache) the original of each selected subsystem for every platform of the project, checks
/// digests and executable headers, and writes manifests and a report.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder collect all
  larder collect flyctl v0.3.162        one subsystem, at another version than the pinned one
  larder collect all --missing-only     only what is not there")]
pub struct Args {
    /// Subsystems, or `all`; after a single one, a version.
    #[arg(required = true, value_name = "NAME [VERSION]")]
    words: Vec<String>,
    /// Ask only for what the collection lacks.
    #[arg(long)]
    missing_only: bool,
    #[command(flatten)]
    platforms: PlatformArgs,
    /// Write nothing to versions.lock; fail (3) where an original has no line there.
    #[arg(long, env = larder_core::variables::LOCKED, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    locked: bool,
    /// Never open a socket.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = clap::builder::BoolishValueParser::new(), action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// `collection-report.json`.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
struct Report {
    schema: u32,
    /// When, RFC 3339, UTC.
    date: String,
    collected: usize,
    up_to_date: usize,
    failed: usize,
    /// Bytes laid out.
    bytes: u64,
    /// By subsystem, by platform.
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

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let root = global.root()?;
    let mut project = global.load(&root)?;
    let mut names = args.words.clone();
    if let [name, version] = &args.words[..]
        && !project
            .subsystems
            .keys()
            .any(|known| known.as_str() == version)
        && name != "all"
        && let Some(subsystem) = project
            .subsystems
            .iter_mut()
            .find_map(|(known, s)| (known.as_str() == name).then_some(s))
    {
        subsystem.version = version.parse::<Version>().map_err(Error::from)?;
        names.truncate(1);
    }
    let options = Options {
        locked: args.locked,
        offline: args.offline,
        ..Options::default()
    };
    let session = Session::with_project(global, project, options)?;
    let ctx = Arc::clone(&session.ctx);
    let platforms = match args.platforms.resolve()? {
        Platforms::Host => Platforms::All,
        named => named,
    };
    // `all` means all that have a publisher.
    if names.iter().any(|name| name == "all") {
        names = ctx
            .project
            .subsystems
            .values()
            .filter(|s| s.upstream.is_some())
            .map(|s| s.name.to_string())
            .collect();
        if names.is_empty() {
            return Err(Error::usage(
                "no subsystem of this project has an upstream, so there is nothing to collect",
            ));
        }
    }
    let items: Mutex<BTreeMap<Name, BTreeMap<Platform, collect::Item>>> = Mutex::default();
    let report: Mutex<Report> = Mutex::new(Report {
        schema: 1,
        date: jiff::Timestamp::now().to_string(),
        ..Report::default()
    });
    let note =
        |target: &Target, outcome: &'static str, got: Result<&collect::Collected, &Error>| {
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
    let code = each(
        session,
        Action::Collect,
        &names,
        &platforms,
        |target| match collect::collect(&ctx, target, args.missing_only) {
            Ok(got) => {
                let outcome = if got.changed {
                    Outcome::Collected
                } else {
                    Outcome::UpToDate
                };
                note(target, outcome.as_str(), Ok(&got));
                let mut items = items.lock().unwrap_or_else(PoisonError::into_inner);
                items
                    .entry(target.name.clone())
                    .or_default()
                    .insert(target.platform, got.item);
                let place = got
                    .place
                    .strip_prefix(&ctx.project.root)
                    .unwrap_or(&got.place)
                    .to_string();
                Ok((
                    outcome,
                    Told {
                        bytes: got.bytes,
                        place: Some(place),
                        reason: None,
                        version: None,
                    },
                ))
            }
            Err(error) => {
                note(target, "failed", Err(&error));
                Err(error)
            }
        },
    )?;
    for (name, items) in items.into_inner().unwrap_or_else(PoisonError::into_inner) {
        if let Some(subsystem) = ctx.project.subsystems.get(&name) {
            collect::write_manifests(&ctx, subsystem, &items)?;
        }
    }
    let report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    collect::write_json(
        &ctx.project
            .root
            .join(".collection/metadata/collection-report.json"),
        &report,
    )?;
    Ok(code)
}
