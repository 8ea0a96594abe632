//! `larder plan`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use super::Global;
use super::asking::AskingArgs;
use super::session::{Looking, PlatformArgs};
use crate::report::table::{Table, stdout_width};
use crate::report::{self, Redactor, Tone, Verbosity};
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{Decision, PlanDocument, PlanStep};
use larder_core::model::{Name, Platform, SourceKind, Target};
use larder_engine::context::Context;
use larder_engine::plan::{Plan, Platforms, Selection};
use larder_engine::runner::Limits;
use larder_engine::runner::dry_run::{Foreseen, dry_run};

/// Show what `ensure` would do now
///
/// For each subsystem and what it needs: whether it would be restored, downloaded or built, from where, and why. Changes
/// nothing; the hub is asked what it has.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder plan
  larder plan nats --platform all -v
  larder plan --matrix            what nobody has released yet, for GitHub Actions
  larder plan --json | jq -r '.steps[] | select(.decision == \"build\").name'")]
pub struct Args {
    /// Subsystems. Default: all.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    asking: AskingArgs,
    /// Print what the hub lacks, of all platforms, as the matrix of a GitHub Actions job.
    #[arg(long)]
    matrix: bool,
    /// Also write it to the step's outputs: `matrix`, and `empty`, which is true or false.
    #[arg(long, requires = "matrix")]
    github: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let platforms = args.platforms.resolve()?;
    let looking = Looking::open(global, args.asking.options())?;
    let ctx = &looking.ctx;
    let selection = Selection::parse_or_all(&ctx.project, &args.names)?;
    if args.matrix {
        let platforms = if args.platforms.is_given() {
            platforms
        } else {
            Platforms::All
        };
        return super::matrix::print(&looking, &selection, &platforms, args.github, global);
    }
    let plan = Plan::new(&ctx.project, &selection, &platforms);
    let mut errors: Vec<Error> = Vec::new();
    let mut steps = Vec::new();
    for (target, reason) in plan.skipped() {
        let mut step = step(ctx, target);
        (step.decision, step.reason) = (Decision::Skip, Some(reason.clone()));
        steps.push(step);
    }
    let limits = Limits {
        builds: usize::MAX,
        transfers: 8,
        keep_going: true,
    };
    let redactor = global.redactor();
    for foreseen in dry_run(ctx, &plan, limits) {
        let (step, error) = of(ctx, foreseen, &redactor);
        steps.push(step);
        errors.extend(error);
    }
    steps.sort_by(|a, b| (&a.name, a.platform).cmp(&(&b.name, b.platform)));
    let up_to_date = steps
        .iter()
        .all(|step| matches!(step.decision, Decision::UpToDate | Decision::Skip));
    let document = PlanDocument { up_to_date, steps };
    if global.json {
        global.print_json(&document)?;
    } else {
        show(&document, global)?;
    }
    for error in &errors {
        global.say_error(error);
    }
    let worst = errors
        .iter()
        .map(Error::kind)
        .min_by_key(|kind| kind.rank());
    Ok(worst.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.exit_code())))
}

fn step(ctx: &Context, target: &Target) -> PlanStep {
    PlanStep {
        name: target.name.clone(),
        version: ctx.project.subsystems[&target.name].version.clone(),
        platform: target.platform,
        decision: Decision::UpToDate,
        source: None,
        reason: None,
        answer: None,
        needed_by: Vec::new(),
    }
}

/// What was foreseen of a target; an error where that could not be told.
fn of(ctx: &Context, foreseen: Foreseen, redactor: &Redactor) -> (PlanStep, Option<Error>) {
    let mut step = step(ctx, &foreseen.target);
    step.source = foreseen.source();
    let Foreseen {
        target,
        probe,
        skipped,
        needed_by,
    } = foreseen;
    step.needed_by = needed_by.into_iter().collect();
    match probe {
        Some(Ok(probe)) => {
            let last = probe
                .attempts
                .last()
                .map(|attempt| redactor.clean_line(&attempt.answer));
            step.decision = match (probe.stale(), probe.choice()) {
                (None, _) => Decision::UpToDate,
                (Some(_), Some(source)) => Decision::of(source),
                (Some(_), None) => Decision::Fail,
            };
            step.reason = probe.stale().map(|stale| stale.reason.clone());
            step.answer = probe
                .stopped()
                .map(|error| report::error_line(error, redactor))
                .or(last);
            if let Some(reason) = skipped {
                (step.decision, step.reason) = (Decision::Skip, Some(reason));
            }
            (step, None)
        }
        Some(Err(error)) => {
            step.decision = Decision::Fail;
            step.reason = Some(report::error_line(&error, redactor));
            (
                step,
                Some(error.context(format!("cannot tell what would become of {target}"))),
            )
        }
        None => {
            (step.decision, step.reason) = (Decision::Skip, skipped);
            (step, None)
        }
    }
}

fn show(document: &PlanDocument, global: &Global) -> Result<()> {
    let verbose = global.verbosity() == Verbosity::Verbose;
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
            .filter(|via| *via != SourceKind::Build)
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
        report::print(&table.render(stdout_width(), global.stdout_paint()))?;
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
    report::say(&if counts.is_empty() {
        "nothing to do".to_owned()
    } else {
        counts.join(", ")
    });
    Ok(())
}
