//! `larder bundle`.

use std::process::ExitCode;
use std::time::Instant;

use rayon::prelude::*;

use super::Global;
use super::ensure::{self, How};
use super::session::{LimitArgs, PlatformArgs, Session};
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Outcome, Platform};
use larder_engine::events::{Did, Event};
use larder_engine::plan::{Plan, Platforms, Selection};
use larder_engine::steps::bundle::{self, Bundled};

/// Pack everything into one archive per platform
///
/// `.dist/<bundle>-<os>-<arch>.tar.gz` (zip for windows) holds the binaries of all subsystems at its top, their stamps as
/// `.versions/<subsystem>`, and included files as `share/<subsystem>/<file>`. What is missing is ensured first. `bundle:` in
/// versions.yml names it, and what to leave out.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder bundle                           for this machine
  larder bundle --platform all            one for each of the project's platforms
  larder bundle --platform linux-arm64 --locked")]
pub struct Args {
    #[command(flatten)]
    platforms: PlatformArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    pub(super) how: How,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let session = Session::open(global, args.how.options())?;
    let project = &session.ctx.project;
    let platforms = platforms(&args.platforms.resolve()?, project);
    for platform in &platforms {
        bundle::name(project, *platform)?;
    }
    let mut plan = Plan::default();
    for platform in &platforms {
        let members = bundle::members(project, *platform)
            .iter()
            .map(|member| member.name.clone())
            .collect();
        plan.add(
            project,
            &Selection::Names(members),
            &Platforms::List(vec![*platform]),
        );
    }
    session.begin(Action::Bundle, plan.goals().len() + platforms.len());
    let (done, mut errors) = ensure::targets(&session, &plan, args.limits, args.how.upload);
    if errors.is_empty() {
        errors.extend(
            all(&session, &platforms)
                .into_iter()
                .filter_map(Result::err),
        );
    }
    Ok(session.end(&done, &errors))
}

/// The platforms meant, as a list.
pub fn platforms(platforms: &Platforms, project: &larder_core::project::Project) -> Vec<Platform> {
    match platforms {
        Platforms::Host => vec![Platform::host()],
        Platforms::All => project.platforms.clone(),
        Platforms::List(list) => list.clone(),
    }
}

/// Bundles each platform, and tells so.
pub fn all(session: &Session, platforms: &[Platform]) -> Vec<Result<Bundled, Error>> {
    let ctx = &session.ctx;
    let one = |platform: &Platform| {
        let start = Instant::now();
        let mut did = Did::new(
            Action::Bundle,
            format!("bundle for {platform}"),
            Outcome::Skipped,
        );
        did.platform = Some(*platform);
        let result = if ctx.options.dry_run {
            did.reason = Some("would be bundled".into());
            None
        } else {
            Some(
                ctx.cancel
                    .check()
                    .and_then(|()| bundle::bundle(ctx, *platform)),
            )
        };
        match &result {
            Some(Ok(bundled)) => {
                did.subject = bundled.name.to_string();
                did.outcome = if bundled.up_to_date {
                    Outcome::UpToDate
                } else {
                    Outcome::Packaged
                };
                did.bytes = bundled.size;
                did.place = Some(
                    bundled
                        .file
                        .strip_prefix(&ctx.project.root)
                        .unwrap_or(&bundled.file)
                        .to_string(),
                );
                did.reason = Some(format!(
                    "{} subsystem{}",
                    bundled.members,
                    if bundled.members == 1 { "" } else { "s" }
                ));
            }
            Some(Err(error)) => {
                did.outcome = Outcome::Failed;
                did.error = Some(error.clone());
            }
            None => {}
        }
        did.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(did));
        result
    };
    platforms.par_iter().filter_map(one).collect()
}
