//! `larder plan`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::Global;
use super::probe::ProbeArgs;
use super::session::{PlatformArgs, ReadOnlySession};
use crate::report::table::{Table, stdout_width};
use crate::report::{Cleaned as _, Tone, Verbosity};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{Decision, PlanDocument, PlanStep};
use larder_core::model::{Name, Platform, SourceKind};
use larder_engine::context::Context;
use larder_engine::inspect::plan;
use larder_engine::plan::matrix::{MatrixLimits, Repeated};
use larder_engine::plan::{Selection, Targets};
use larder_engine::release::hub_status;

/// Show what `ensure` would do now
///
/// For each subsystem and its needs, shows whether it would be restored, downloaded or built, from
/// which source, and why. Nothing is changed. The hub is asked which releases it has.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder plan
  larder plan nats --platform all -v
  larder plan --matrix            what is not released yet, as a matrix for GitHub Actions
  larder plan --json | jq -r '.steps[] | select(.decision == \"build\").name'")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    probe: ProbeArgs,
    /// Print the targets that are not on the hub yet, for all platforms, as the matrix of a GitHub
    /// Actions job.
    #[arg(long)]
    matrix: bool,
    /// Also write the step outputs `matrix`, `empty` (true or false) and `left`, the number of targets
    /// for which the matrix has no room.
    #[arg(long, requires = "matrix")]
    github: bool,
    /// Plan at most this many jobs, up to the 256 that GitHub allows.
    #[arg(long, value_name = "N", requires = "matrix", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=256))]
    max_jobs: u16,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let session = ReadOnlySession::open(global, args.probe.options())?;
    let ctx = &session.ctx;
    let selection = Selection::parse_or_all(&ctx.project, &args.names)?;
    if args.matrix {
        let targets = Targets::new(&ctx.project, &selection, &platforms.or_all());
        let limits = MatrixLimits {
            jobs: args.max_jobs.into(),
            ..MatrixLimits::default()
        };
        return matrix(ctx, &targets, limits, args.github, global);
    }
    let (document, errors) = plan::document(ctx, &selection, &platforms)?;
    let document = document.cleaned(&global.redactor());
    if global.json {
        global.print_json(&document)?;
    } else {
        show(&document, global)?;
    }
    Ok(global.failures(&errors))
}

/// Prints the targets that are not released yet as the matrix of a GitHub Actions job. With
/// `github` it also writes the step outputs `matrix`, `empty` and `left`.
fn matrix(
    ctx: &Context,
    request: &Targets,
    limits: MatrixLimits,
    github: bool,
    global: &Global,
) -> Result<ExitCode> {
    let output = github.then(|| global.startup.value("GITHUB_OUTPUT"));
    if output == Some(None) {
        return Err(
            Error::usage("--github writes step outputs, but GITHUB_OUTPUT is not set")
                .hint("use --github only in a step of GitHub Actions"),
        );
    }
    let matrix = hub_status::missing(ctx, request, limits)?;
    for target in &matrix.nowhere {
        global.message(&format!(
            "{target} is missing, and no runner of GitHub Actions can build it"
        ));
    }
    for Repeated { target, jobs } in &matrix.repeated {
        global.message(&format!(
            "{target} is missing, and {jobs} jobs build it because their builds need it; release it first to build it once"
        ));
    }
    if !matrix.left.is_empty() {
        global.message(&format!(
            "{} targets have no room in this matrix; plan again after its jobs",
            matrix.left.len()
        ));
    }
    if let Some(Some(path)) = output {
        larder_core::fs::append(path, matrix.outputs()?.as_bytes())?;
    }
    global.print_json(&matrix)?;
    Ok(ExitCode::SUCCESS)
}

fn show(document: &PlanDocument, global: &Global) -> Result<()> {
    let verbose = global.verbosity() >= Verbosity::Verbose;
    let shown: Vec<&PlanStep> = document
        .steps
        .iter()
        .filter(|step| verbose || step.decision != Decision::UpToDate)
        .collect();
    let host = Platform::host();
    let several = shown.iter().any(|step| step.platform != host);
    let mut table = if several {
        Table::new(["name", "platform", "version", "would", "from", "why"]).flexible(5)
    } else {
        Table::new(["name", "version", "would", "from", "why"]).flexible(4)
    };
    for step in &shown {
        let PlanStep {
            name,
            version,
            platform,
            decision,
            source,
            reason,
            answer,
            needed_by,
        } = step;
        let (would, tone) = match decision {
            Decision::UpToDate => ("-", Tone::Good),
            Decision::Fail => (decision.as_str(), Tone::Bad),
            Decision::Skip => (decision.as_str(), Tone::Dim),
            _ => (decision.as_str(), Tone::Plain),
        };
        let mut why = match (decision, reason, answer) {
            (Decision::UpToDate, ..) => decision.as_str().to_owned(),
            (Decision::Fail, Some(reason), Some(answer)) => format!("{reason}; {answer}"),
            (_, reason, _) => reason.clone().unwrap_or_default(),
        };
        if !needed_by.is_empty() {
            let builds: Vec<&str> = needed_by.iter().map(Name::as_str).collect();
            why = format!("{why}; needed to build {}", builds.join(", "));
        }
        let name = (name.as_str(), Tone::Strong);
        let platform = platform.to_string();
        let rest = [(version.as_str(), Tone::Plain), (would, tone)];
        let from = source
            .filter(|source| *source != SourceKind::Build)
            .map_or("-", SourceKind::as_str);
        let end = [(from, Tone::Plain), (why.as_str(), Tone::Plain)];
        if several {
            table.row([
                name,
                (platform.as_str(), Tone::Plain),
                rest[0],
                rest[1],
                end[0],
                end[1],
            ]);
        } else {
            table.row([name, rest[0], rest[1], end[0], end[1]]);
        }
    }
    if !table.is_empty() {
        global.print(&table.render(stdout_width(), global.stdout_paint()))?;
    }
    let mut counts: BTreeMap<Decision, usize> = BTreeMap::new();
    for step in &document.steps {
        *counts.entry(step.decision).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .iter()
        .map(|(decision, count)| match decision {
            Decision::UpToDate => format!("{count} up to date"),
            Decision::Fail => format!("{count} would fail"),
            other => format!("{count} to {}", other.as_str()),
        })
        .collect();
    global.message(&if counts.is_empty() {
        "nothing to do".to_owned()
    } else {
        counts.join(", ")
    });
    Ok(())
}
