//! `larder yank`.

use std::process::ExitCode;
use std::time::Instant;

use super::Global;
use super::session::Session;
use larder_core::error::{Error, Result};
use larder_core::model::{Action, Name, Outcome, Version};
use larder_engine::context::Options;
use larder_engine::events::{Did, Event};
use larder_engine::trust::yank::yank;

/// Say on the hub that a version must not be used any more
///
/// Publishes a tombstone, `NAME-VERSION-yanked`, signed with the key in `LARDER_SIGNING_KEY` or
/// `LARDER_SIGNING_KEY_FILE`. Projects that name keys in `trust:` ask for it before they use what they
/// do not have installed yet, and refuse the version with exit code 4 and the reason. Nothing is
/// deleted. `--allow-yanked` of `larder ensure` uses the version anyway.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder yank nats@v2.10.20 --reason 'loses messages, see issue 812'")]
pub struct Args {
    /// A subsystem and one of its versions.
    #[arg(value_name = "NAME@VERSION")]
    what: String,
    /// One line that says why; readers see it.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let Some((name, version)) = args.what.split_once('@') else {
        return Err(Error::usage(format!("`{}` names no version", args.what))
            .hint("a subsystem and the version: `larder yank NAME@VERSION`"));
    };
    let name: Name = name.parse()?;
    let version: Version = version.parse()?;
    let session = Session::open(global, Options::default())?;
    let ctx = &session.ctx;
    if !ctx.project.subsystems.contains_key(&name) {
        let known = ctx.project.subsystems.keys().map(Name::as_str);
        return Err(Error::usage(format!("no subsystem is called `{name}`"))
            .hint(larder_core::suggestions::hint(name.as_str(), known)));
    }
    let started = Instant::now();
    ctx.events.started(Action::Release, 1, []);
    let mut did = Did::new(Action::Release, &args.what, Outcome::Failed);
    let mut errors = Vec::new();
    match yank(ctx, &name, &version, args.reason.as_deref()) {
        Ok((tag, outcome)) => {
            did.outcome = outcome;
            did.reason = Some(format!("yanked by {tag}"));
        }
        Err(error) => {
            did.error = Some(error.clone());
            errors.push(error);
        }
    }
    did.seconds = started.elapsed().as_secs_f64();
    ctx.events.send(Event::Did(did));
    Ok(session.end(errors.into()))
}
