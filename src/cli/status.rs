//! `larder status`.

use std::process::ExitCode;

use rayon::prelude::*;

use super::Global;
use super::session::{Looking, PlatformArgs};
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Redactor, Tone};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{StatusDocument, StatusEntry};
use larder_core::model::{Platform, Target};
use larder_engine::acquire;
use larder_engine::context::{Context, Options};
use larder_engine::plan::Selection;

/// Show what is wanted and what is installed
///
/// For each subsystem: the version wanted, the version installed, how that came here and how it was made, and whether it is
/// fresh or why not. Looks only: nothing is changed, nothing is asked of any network.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder status
  larder status nats --platform all
  larder status --json | jq '.subsystems[] | select(.fresh | not)'")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let looking = Looking::open(
        global,
        Options {
            offline: true,
            ..Options::default()
        },
    )?;
    let ctx = &looking.ctx;
    let mut targets: Vec<(Target, bool)> = Vec::new();
    for subsystem in Selection::parse_or_all(&ctx.project, &args.names)?.subsystems(&ctx.project) {
        let (there, absent) = platforms.of(&ctx.project, subsystem);
        let target = |platform| Target {
            name: subsystem.name.clone(),
            platform,
        };
        targets.extend(there.into_iter().map(|platform| (target(platform), true)));
        targets.extend(absent.into_iter().map(|platform| (target(platform), false)));
    }
    let redactor = global.redactor();
    let looks: Vec<(StatusEntry, Option<Error>)> = targets
        .par_iter()
        .map(|(target, exists)| entry(ctx, target, *exists, &redactor))
        .collect();
    let (entries, errors): (Vec<_>, Vec<_>) = looks.into_iter().unzip();
    let document = StatusDocument {
        project: ctx.project.name.clone(),
        root: ctx.project.root.to_string(),
        fresh: entries.iter().all(|entry| entry.fresh),
        subsystems: entries,
    };
    if global.json {
        global.print_json(&document)?;
    } else {
        report::print(&table(&document).render(stdout_width(), global.stdout_paint()))?;
    }
    let errors: Vec<Error> = errors.into_iter().flatten().collect();
    for error in &errors {
        global.say_error(error);
    }
    Ok(errors
        .iter()
        .map(Error::kind)
        .min_by_key(|kind| kind.rank())
        .map_or(ExitCode::SUCCESS, |k| ExitCode::from(k.exit_code())))
}

fn entry(
    ctx: &Context,
    target: &Target,
    exists: bool,
    redactor: &Redactor,
) -> (StatusEntry, Option<Error>) {
    // The project names every target's subsystem, so there is a version.
    let wanted = ctx.project.subsystems[&target.name].version.clone();
    let mut entry = StatusEntry {
        name: target.name.clone(),
        platform: target.platform,
        wanted,
        installed: None,
        via: None,
        origin: None,
        fresh: false,
        reason: None,
        artifact: None,
        inputs: None,
        commit: None,
    };
    if !exists {
        entry.reason = Some(format!("does not exist for {}", target.platform));
        return (entry, None);
    }
    let probe = match acquire::look(ctx, target) {
        Ok(probe) => probe,
        Err(error) => {
            entry.reason = Some(report::error_line(&error, redactor));
            return (
                entry,
                Some(error.context(format!("cannot tell the status of {target}"))),
            );
        }
    };
    entry.fresh = probe.stale().is_none();
    entry.reason = probe.stale().map(|stale| stale.reason.clone());
    if let Some(found) = probe.found() {
        let digest = found.digest();
        let record = ctx
            .state
            .target(target.name.as_str(), &target.platform.to_string());
        entry.via = record
            .filter(|record| record.artifact == digest)
            .and_then(|record| record.via);
        entry.installed = Some(found.version.clone());
        entry.origin = Some(found.origin);
        entry.artifact = Some(digest);
        entry.inputs = Some(found.inputs);
        entry.commit.clone_from(&found.commit);
    }
    (entry, None)
}

fn table(document: &StatusDocument) -> Table {
    let host = Platform::host();
    let several = document
        .subsystems
        .iter()
        .any(|entry| entry.platform != host);
    // Where space is short, versions give way before the state does: it names them again where they differ.
    let titles = ["name", "wanted", "installed", "origin", "via", "state"];
    let mut table = if several {
        let [name, rest @ ..] = titles;
        let [wanted, installed, origin, via, state] = rest;
        Table::new([name, "platform", wanted, installed, origin, via, state])
            .flexible(2)
            .flexible(3)
            .flexible(6)
    } else {
        Table::new(titles).flexible(1).flexible(2).flexible(5)
    };
    for entry in &document.subsystems {
        let installed = entry
            .installed
            .as_ref()
            .map_or("-", |version| version.as_str());
        let origin = entry.origin.map_or("-", larder_core::model::Origin::as_str);
        let via = entry
            .via
            .map_or("-", larder_core::model::SourceKind::as_str);
        let (state, tone) = match &entry.reason {
            None => ("fresh", Tone::Good),
            Some(reason) => (reason.as_str(), Tone::Warn),
        };
        let name = (entry.name.as_str(), Tone::Strong);
        let platform = entry.platform.to_string();
        let wanted = (entry.wanted.as_str(), Tone::Plain);
        let [installed, origin, via] = [installed, origin, via].map(|text| (text, Tone::Plain));
        if several {
            table.row([
                name,
                (&platform, Tone::Plain),
                wanted,
                installed,
                origin,
                via,
                (state, tone),
            ]);
        } else {
            table.row([name, wanted, installed, origin, via, (state, tone)]);
        }
    }
    table
}
