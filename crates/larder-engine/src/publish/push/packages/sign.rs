//! Signatures of gpg. The key stays in the keyring of the user, and gpg's agent asks for its
//! passphrase: larder never has it.

use std::time::Duration;

use larder_channels::package_index::Signature;
use larder_core::error::{Error, Result};
use larder_core::fs::{self, Scratch};
use larder_core::variables;
use larder_process::{Captured, Command, Ended};

use super::Attempt;

/// The variables that gpg and its agent use.
const OWN_VARIABLES: &[&str] = &[
    "GNUPGHOME",
    "GPG_TTY",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
];
/// A person may have to type a passphrase.
const TIMEOUT: Duration = Duration::from_mins(2);

/// Signs with a key of gpg.
pub(super) struct Signer<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    /// Its id, its fingerprint, or the address of its owner.
    pub(super) key: &'a str,
}

impl Signer<'_> {
    /// The file with the signature of a text.
    pub(super) fn sign(&self, text: &[u8], kind: Signature) -> Result<Vec<u8>> {
        let scratch = Scratch::new(&self.attempt.remote.temp, "sign")?;
        let (file, signed) = (scratch.path().join("text"), scratch.path().join("signed"));
        fs::write_atomic(&file, text)?;
        let verb = match kind {
            Signature::Around => "--clear-sign",
            Signature::Detached => "--detach-sign",
        };
        self.gpg(&[
            "--armor",
            "--digest-algo=SHA256",
            &format!("--local-user={}", self.key),
            &format!("--output={signed}"),
            verb,
            file.as_str(),
        ])?;
        fs::read(&signed)
    }

    /// Whether gpg has the key.
    pub(super) fn check(&self) -> Result<()> {
        self.gpg(&["--list-secret-keys", "--", self.key])
    }

    fn gpg(&self, arguments: &[&str]) -> Result<()> {
        let environment = &self.attempt.remote.environment;
        let command = Command::new("gpg", environment.for_program(OWN_VARIABLES))
            .args(["--batch", "--quiet"])
            .args(arguments)
            .timeout(TIMEOUT);
        let Captured { ended, out: _, err } = command.capture(&self.attempt.cancel)?;
        match ended {
            ended if ended.is_success() => Ok(()),
            Ended::NotFound(error) => Err(error.hint(format!(
                "install gpg, or unset {} to leave the repository unsigned",
                variables::GPG_KEY
            ))),
            Ended::TimedOut => Err(self.failed("it has waited too long for the passphrase")),
            Ended::Exited(_) => {
                let mut lines = err.lines().map(str::trim).filter(|line| !line.is_empty());
                Err(self.failed(lines.next_back().unwrap_or("it says nothing")))
            }
        }
    }

    fn failed(&self, why: &str) -> Error {
        Error::failed(format!("gpg can't sign with the key {}", self.key))
            .cause(why)
            .hint(format!(
                "`gpg --list-secret-keys` shows the keys that {} can name; the agent of gpg must have the passphrase",
                variables::GPG_KEY
            ))
    }
}
