//! `larder serve token new`.

use std::process::ExitCode;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::cli::{Global, values};
use crate::report;
use larder_core::error::{Error, Result};
use larder_core::project::tokens::{TokenName, TokenRole};
use larder_core::variables::parse_duration;
use larder_serve::access::secret::NewToken;

/// The longest validity; what is to last longer gets no end.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 100);

#[derive(Clone, Debug, clap::Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token, and print its secret once
    ///
    /// The first line is the secret, which clients send as `Authorization: Bearer SECRET`. The
    /// second is the line for the file of --tokens; it holds only the SHA-256 of the secret. A
    /// running server takes up the changed file by itself.
    New(NewArgs),
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct NewArgs {
    /// What it may do: read, write (and read), admin (everything), or join (only enrol agents).
    #[arg(long, value_name = "ROLE", value_parser = values::word::<TokenRole>)]
    role: TokenRole,
    /// Who gets it, for the audit log.
    #[arg(long, value_name = "NAME", value_parser = values::word::<TokenName>)]
    name: TokenName,
    /// How long it is valid, such as 12h, 30d or 8w. Default: for ever.
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    expires: Option<Duration>,
}

/// Reads `12h`, `30d` or `8w`.
fn lifetime(text: &str) -> Result<Duration, String> {
    let days = |suffix: char, days: u64| {
        let number: u64 = text.strip_suffix(suffix)?.parse().ok()?;
        number
            .checked_mul(days * 24 * 3600)
            .map(Duration::from_secs)
    };
    let read = days('d', 1).or_else(|| days('w', 7));
    let read = read.or_else(|| parse_duration(text));
    match read {
        Some(time) if time >= Duration::from_secs(1) && time <= LONGEST => Ok(time),
        Some(_) => Err("it must be between one second and a hundred years".to_owned()),
        None => Err("write `12h`, `30d` or `8w`".to_owned()),
    }
}

/// Runs it.
pub(super) fn run(command: &TokenCommand, global: &Global) -> Result<ExitCode> {
    let TokenCommand::New(NewArgs {
        role,
        name,
        expires,
    }) = command;
    let too_late = |error: jiff::Error| Error::usage("--expires is too far away").cause(error);
    let until = |time: &Duration| {
        let time = SignedDuration::try_from(*time).map_err(too_late)?;
        Timestamp::now().checked_add(time).map_err(too_late)
    };
    let expires = expires.as_ref().map(until).transpose()?;
    let token = NewToken::new(name, *role, expires)?;
    // It is printed as it is: the report would mask a secret.
    let text = if global.json {
        serde_json::to_string(&token)
            .map_err(|error| Error::failed("cannot write the token as JSON").cause(error))?
    } else {
        format!("{}\n{}", token.secret, token.line)
    };
    report::print_data(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_read() {
        let hours = Duration::from_hours;
        for (text, time) in [
            ("30d", hours(720)),
            ("8w", hours(8 * 168)),
            ("12h", hours(12)),
            ("90", Duration::from_secs(90)),
        ] {
            assert_eq!(lifetime(text), Ok(time), "{text}");
        }
        for bad in [
            "",
            "d",
            "-1d",
            "1.5d",
            "0",
            "0d",
            "500ms",
            "40000d",
            "99999999999999999d",
            "30 d",
            "soon",
        ] {
            assert!(lifetime(bad).is_err(), "{bad}");
        }
    }
}
