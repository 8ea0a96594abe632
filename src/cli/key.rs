//! `larder key`.

use std::process::ExitCode;

use super::Global;
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::variables;
use larder_remote::http::Secret;
use larder_remote::signing::{KeySource, NewKey, SigningKey, new_key, public_file};

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
    /// If NAME.key is there and NAME.pub is not, NAME.pub is made from it.
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
    let password = global.startup.value(variables::SIGNING_KEY_PASSWORD);
    let password = password.map(Secret::new);
    let password = password.as_ref().map(Secret::expose);
    let has = |file: &str| Ok::<bool, Error>(fs::lstat(file)?.is_some());
    let key = match (has(&secret)?, has(&public)?) {
        (false, false) => {
            let NewKey { secret: text, key } = new_key(password)?;
            fs::write_secret(&secret, text.as_bytes())?;
            key
        }
        // An earlier run was interrupted between the two files.
        (true, false) => {
            let source = KeySource {
                by: &secret,
                password_by: variables::SIGNING_KEY_PASSWORD,
            };
            let text = String::from_utf8_lossy(&fs::read(&secret)?).into_owned();
            let key = SigningKey::parse(&text, password, source)?;
            key.public().clone()
        }
        (has_secret, true) => {
            let there = if has_secret { &secret } else { &public };
            return Err(Error::failed(format!("{there} exists already"))
                .hint("a key that was used is needed again; name other files with --out"));
        }
    };
    fs::write_atomic(&public, public_file(&key).as_bytes())?;
    global.message(&format!(
        "{secret} signs; keep it secret and outside the repository\n\
         {public} is for versions.yml: trust: {{keys: {{release: {key}}}, managed: [release]}}"
    ));
    global.print(&format!("{key}\n"))?;
    Ok(ExitCode::SUCCESS)
}
