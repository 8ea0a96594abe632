//! `larder key`.

use std::process::ExitCode;

use super::Global;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::variables;
use larder_remote::http::Secret;
use larder_remote::signing::new_key;

/// Make a key to sign releases with
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum KeyCommand {
    /// Make a new key: NAME.key, which is secret, and NAME.pub
    ///
    /// The files have the format of minisign, which can use them, too. NAME.key can be read by you
    /// alone. If `LARDER_SIGNING_KEY_PASSWORD` is set, the key is encrypted with that password, and
    /// signing needs it again. Keep NAME.key outside the repository; the line of NAME.pub belongs
    /// into `trust.keys` of versions.yml.
    #[command(after_help = "Examples:
  larder key new                    larder.key and larder.pub
  larder key new --out ~/keys/release")]
    New(NewArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct NewArgs {
    /// The path of the two files, without their endings. A `.key` at its end is dropped.
    #[arg(long, value_name = "FILE", default_value = "larder")]
    out: String,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Result<ExitCode> {
    let KeyCommand::New(NewArgs { out }) = &args.command;
    let base = global.startup.expand("--out", out)?;
    let base = super::settings::current_dir()?.join(base);
    let stem = base.as_str().strip_suffix(".key").unwrap_or(base.as_str());
    let (secret, public) = (format!("{stem}.key"), format!("{stem}.pub"));
    for file in [&secret, &public] {
        if fs::lstat(file)?.is_some() {
            return Err(Error::failed(format!("{file} exists already"))
                .hint("a key that was used is needed again; name other files with --out"));
        }
    }
    let password = global.startup.value(variables::SIGNING_KEY_PASSWORD);
    let password = password.map(Secret::new);
    let key = new_key(password.as_ref().map(Secret::expose))?;
    fs::write_secret(&secret, key.secret.as_bytes())?;
    fs::write_atomic(&public, key.public.as_bytes())?;
    global.message(&format!(
        "{secret} signs; keep it secret and outside the repository\n\
         {public} is for versions.yml: trust: {{keys: {{release: {0}}}, managed: [release]}}",
        key.key
    ));
    global.print(&format!("{}\n", key.key))?;
    Ok(ExitCode::SUCCESS)
}
