//! `verify`: checks the installed files' hashes and executable headers, and runs the recipe's `verify` command.

use std::num::NonZeroUsize;
use std::time::Duration;

use camino::Utf8Path;

use crate::acquire::freshness::admit_installed;
use crate::acquire::intake;
use crate::acquire::request::Request;
use crate::context::Context;
use crate::plan::Targets;
use crate::runner::each::{StepReport, each};
use crate::trust;
use larder_core::environment::Environment;
use larder_core::error::{Error, Result};
use larder_core::executable;
use larder_core::fs;
use larder_core::model::{Action, Outcome, Platform, Target};
use larder_core::project::Subsystem;
use larder_process::{Command, Ended, Merged};

/// The time limit of a `verify` command.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Verifies some targets, several at once. Returns every failure. `named` means that the user named them: then a target
/// that is not installed is a failure, otherwise it is skipped.
pub fn verify_all(
    ctx: &Context,
    targets: &Targets,
    named: bool,
    jobs: Option<NonZeroUsize>,
) -> Result<Vec<Error>> {
    // A folder without a valid stamp counts as installed, so that its damage is reported.
    let installed =
        |target: &Target| fs::lstat(ctx.bin(target).dir()).is_ok_and(|meta| meta.is_some());
    if !named && !targets.existing().any(installed) {
        return Err(nothing_to_verify(targets));
    }
    Ok(each(ctx, Action::Verify, targets, jobs, |target| {
        if !named && !installed(target) {
            return Ok(StepReport {
                reason: Some("not installed".into()),
                ..StepReport::new(Outcome::Skipped)
            });
        }
        let Checked {
            bytes,
            only_bytes,
            signed,
            emulated,
        } = verify(ctx, target)?;
        let only_bytes = only_bytes.map(|why| format!("bytes only: {why}"));
        let notes: Vec<String> = signed.into_iter().chain(only_bytes).collect();
        Ok(StepReport {
            bytes,
            reason: (!notes.is_empty()).then(|| notes.join("; ")),
            emulated,
            ..StepReport::new(Outcome::Verified)
        })
    }))
}

/// The error if none of the targets is installed.
fn nothing_to_verify(targets: &Targets) -> Error {
    let mut platforms: Vec<Platform> = targets.iter().map(|s| s.target.platform).collect();
    platforms.sort();
    platforms.dedup();
    let names: Vec<String> = platforms.iter().map(ToString::to_string).collect();
    match (targets.existing().next(), &*platforms) {
        (_, []) => Error::failed("the project has no subsystems, so there is nothing to verify")
            .hint("`larder add` adds one"),
        (_, [one]) if *one == Platform::host() => {
            Error::failed("nothing is installed, so there is nothing to verify")
                .hint("`larder ensure all` installs everything")
        }
        (None, _) => Error::failed(format!("no subsystem exists for {}", names.join(" or "))).hint(
            format!("add {} to `platforms` in versions.yml", names.join(" and ")),
        ),
        (Some(_), _) => Error::failed(format!(
            "nothing is installed for {}, so there is nothing to verify",
            names.join(" or ")
        ))
        .hint(format!(
            "`larder ensure all --platform {}` installs everything",
            names.join(",")
        )),
    }
}

/// Verifies an installed target: the hash of every file, the platform of the executables, and, on the host, the recipe's
/// `verify` command.
fn verify(ctx: &Context, target: &Target) -> Result<Checked> {
    let subsystem = ctx.subsystem(target)?;
    let bin = ctx.bin(target);
    let Some(artifact) = bin.stamped()? else {
        return Err(Error::failed(format!("{target} is not installed"))
            .hint(format!("`{}` installs it", target.ensure())));
    };
    let request = Request::new(ctx, target)?;
    let mut signed = None;
    if request.wanted.accepts(artifact.origin, &artifact.inputs) {
        match admit_installed(&request, &artifact)? {
            Ok((admitted, _)) => {
                let trust = &ctx.project.trust;
                signed = trust
                    .is_used()
                    .then(|| trust::describe(trust, admitted.vouched()));
            }
            Err(refusal) => {
                let error = refusal.into_error(&request);
                let hint = format!("`{}` installs what is pinned", target.ensure());
                return Err(error.hint(hint));
            }
        }
    }
    if let Some(damage) = bin.damage(&artifact)? {
        return Err(Error::integrity(format!("{target} is damaged: {damage}"))
            .hint(format!("`{}` repairs it", target.ensure())));
    }
    for name in subsystem
        .file_names(&target.platform)
        .iter()
        .take(subsystem.binaries_on(&target.platform).len())
    {
        let file = bin.file(name.as_str());
        intake::platform_of(&file, target.platform, artifact.emulated)?;
    }
    let line = subsystem.rendered_verify(&target.platform)?;
    let only_bytes = match &line {
        None => Some("its recipe has no `verify`"),
        Some(_) if target.platform != subsystem.host() => Some("this machine can't run it"),
        Some(_) => None,
    };
    if let Some(line) = line.filter(|_| only_bytes.is_none()) {
        let mut env = ctx.settings.environment().for_child();
        let needs = subsystem
            .needs
            .iter()
            .map(|need| ctx.project.host_target(need));
        let dirs = needs.map(|need| ctx.bin(&need).dir().as_std_path().to_owned());
        let path = env.path_after(dirs)?;
        env.set("PATH", path);
        check(ctx, subsystem, &line, bin.dir(), env)?;
    }
    Ok(Checked {
        bytes: artifact.size(),
        only_bytes,
        signed,
        emulated: artifact.emulated,
    })
}

/// What was verified of a target.
struct Checked {
    /// The number of bytes that were read.
    bytes: u64,
    /// Why nothing was run, if nothing was.
    only_bytes: Option<&'static str>,
    /// Who vouches for it, if the project says anything about that.
    signed: Option<String>,
    /// The platform whose programs they are, if they are not those of the target's.
    emulated: Option<Platform>,
}

/// Runs a rendered `verify` line with `dir` first on PATH. It must exit 0 and print the version; a leading `v` of the
/// version is ignored.
pub fn check(
    ctx: &Context,
    subsystem: &Subsystem,
    line: &str,
    dir: &Utf8Path,
    mut env: Environment,
) -> Result<()> {
    let path = env.path_after([dir.as_std_path().to_owned()])?;
    env.set("PATH", path);
    let Merged {
        ended,
        text: output,
    } = Command::shell(line, env)
        .timeout(TIMEOUT)
        .capture_merged(&ctx.cancel)?;
    match ended {
        Ended::Exited(status) if status.success() => {}
        Ended::Exited(status) => {
            let error = Error::failed(format!("verify: `{line}` failed ({status})"))
                .cause(format!("it printed {}", first_lines(&output)));
            if let Some(hint) = fs::noexec_hint(&ctx.project.root) {
                return Err(error.hint(hint));
            }
            let host = subsystem.host();
            let names = subsystem.file_names(&host);
            let mut binaries = names.iter().take(subsystem.binaries_on(&host).len());
            let why =
                binaries.find_map(|name| executable::why_not_started(dir.join(name).as_ref()));
            return Err(match why {
                Some((cause, remedy)) => error.cause(cause).hint(remedy),
                None => error,
            });
        }
        Ended::TimedOut => {
            return Err(Error::failed(format!(
                "verify: `{line}` took longer than a minute"
            )));
        }
        Ended::NotFound(error) => return Err(error),
    }
    let number = subsystem.version.number();
    if !mentions_version(&output, number) {
        return Err(Error::failed(format!(
            "verify: `{line}` does not print the version {number}"
        ))
        .cause(format!("it printed {}", first_lines(&output)))
        .hint("check the version in versions.yml, or the recipe's `verify`"));
    }
    Ok(())
}

/// Whether a text contains a version that starts with the components of `wanted`: `1.23` is in `go1.23.4`, not in `1.234`.
pub fn mentions_version(text: &str, wanted: &str) -> bool {
    text.match_indices(wanted).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.')
            && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

/// The first five lines of a command's output, for a message.
pub fn first_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take(5).collect();
    if lines.is_empty() {
        "nothing".into()
    } else {
        format!("`{}`", lines.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use super::mentions_version;

    #[test]
    fn a_version_is_only_found_as_whole_components() {
        assert!(mentions_version("go version go1.23.4 linux/amd64", "1.23"));
        assert!(mentions_version("tool 2.0.0", "2.0.0"));
        assert!(mentions_version("nats-server: v2.10.24", "2.10.24"));
        assert!(!mentions_version("tool 12.0.0", "2.0.0"));
        assert!(!mentions_version("go1.234", "1.23"));
        assert!(!mentions_version("1.1.23", "1.23"));
    }
}
