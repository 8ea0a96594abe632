//! `larder doctor`.

use std::fmt::Write as _;
use std::process::ExitCode;

use super::Global;
use super::session::ReadOnlySession;
use crate::report::table::{Table, stdout_width};
use crate::report::{Cleaned as _, Tone};
use larder_core::error::Result;
use larder_core::formats::documents::{DoctorCheck, DoctorDocument};
use larder_core::model::Platform;
use larder_engine::context::Options;
use larder_engine::inspect::doctor;

/// Check whether this machine has what the project needs
///
/// Checks the project's files, which programs PATH finds, the tools that recipes need, the token
/// and the hub, the cache, whether workflows of GitHub Actions write the same releases, and the
/// JSON Schemas for editors. Nothing is changed. If a check fails, the exit code is 1.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  larder doctor
  larder doctor --offline                                       do not ask the hub
  larder doctor --json | jq -r '.checks[] | select(.state != \"ok\").found'")]
pub struct Args {
    /// Use no network.
    #[arg(long, env = larder_core::variables::OFFLINE, value_parser = super::values::switch, action = clap::ArgAction::SetTrue)]
    offline: bool,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let options = Options {
        offline: args.offline,
        ..Options::default()
    };
    let checks = match ReadOnlySession::open(global, options) {
        Ok(session) => {
            let project = &session.ctx.project;
            let files = format!("{} in {}", project.name, project.root);
            let mut checks = vec![doctor::right("project", files)];
            checks.extend(doctor::checks(&session.ctx));
            checks
        }
        Err(error) => {
            global.show_error(&error);
            vec![doctor::wrong("project", &error)]
        }
    };
    let document = DoctorDocument {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        platform: Platform::host().to_string(),
        checks,
    }
    .cleaned(&global.redactor());
    let failed = document.checks.iter().any(|check| check.state == "failed");
    if global.json {
        global.print_json(&document)?;
    } else {
        global.print(&text(&document, global))?;
    }
    Ok(ExitCode::from(u8::from(failed)))
}

fn text(document: &DoctorDocument, global: &Global) -> String {
    let mut table = Table::new(["check", "state", "found"]).flexible(2);
    let DoctorDocument {
        version,
        platform,
        checks,
    } = document;
    let own = format!("larder {version} on {platform}");
    table.row([
        ("larder", Tone::Strong),
        ("ok", Tone::Good),
        (&own, Tone::Plain),
    ]);
    for DoctorCheck {
        name,
        state,
        found,
        hint: _,
    } in checks
    {
        let tone = match *state {
            "ok" => Tone::Good,
            "warning" => Tone::Warn,
            _ => Tone::Bad,
        };
        table.row([(*name, Tone::Strong), (*state, tone), (found, Tone::Plain)]);
    }
    let mut text = table.render(stdout_width(), global.stdout_paint());
    for check in checks {
        if let Some(hint) = &check.hint {
            // Writing to a String can't fail.
            let _ = writeln!(text, "help: {}: {hint}", check.name);
        }
    }
    text
}
