//! `tools:` of a recipe: the programs that must be installed on the machine for a build.

use std::collections::BTreeMap;
use std::time::Duration;

use super::work::Work;
use crate::verify::{first_lines, mentions_version};
use larder_core::error::{Error, Kind, Result};
use larder_process::{Command, Ended, Merged};

/// How long a tool may take to print its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(30);

impl Work<'_> {
    /// Checks that each of the `tools:` is installed in the wanted version. Returns the first line
    /// that each printed.
    pub(super) fn check_tools(&self) -> Result<BTreeMap<String, String>> {
        let environment = self.environment()?;
        let mut versions = BTreeMap::new();
        for (tool, wanted) in &self.declared.tools {
            let (mut output, mut failed_output) = (None, None);
            for argument in ["version", "--version"] {
                let asked = Command::new(tool, environment.clone())
                    .args([argument])
                    .timeout(VERSION_TIMEOUT)
                    .capture_merged(&self.ctx.cancel);
                match asked {
                    Ok(Merged { ended, text }) if ended.is_success() => {
                        output = Some(text);
                        break;
                    }
                    Err(error) if matches!(error.kind(), Kind::Interrupted(_)) => {
                        return Err(error);
                    }
                    Ok(Merged {
                        ended: Ended::NotFound(_),
                        ..
                    })
                    | Err(_) => {}
                    Ok(Merged { text, .. }) => failed_output = Some(text),
                }
            }
            let Some(output) = output else {
                if let Some(text) = &failed_output
                    && let Some(hint) = missing_toolchain(text)
                {
                    return Err(Error::failed(format!(
                        "the build needs `{tool}` {wanted}, and rustup has no toolchain for `{tool}`"
                    ))
                    .cause(format!("it printed {}", first_lines(text)))
                    .hint(hint));
                }
                if let Some(text) = failed_output {
                    return Err(Error::failed(format!(
                        "the build needs `{tool}` {wanted}, but the installed `{tool}` does not print its version"
                    ))
                    .cause(format!("neither `{tool} version` nor `{tool} --version` succeeds; it printed {}", first_lines(&text)))
                    .hint("remove it from `build.tools`, and check it in `commands`"));
                }
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, which is not on PATH"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or name a subsystem that has it in `build.needs`"
                )));
            };
            if !mentions_version(&output, wanted) {
                let line = output.lines().next().unwrap_or_default();
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, but this machine has `{line}`"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or change `build.tools` (which changes the key)"
                )));
            }
            versions.insert(
                tool.clone(),
                output.lines().next().unwrap_or_default().trim().to_owned(),
            );
        }
        Ok(versions)
    }
}

/// What to do if the program is rustup's, which runs the tool of a toolchain, and that toolchain is
/// not installed or not chosen.
fn missing_toolchain(text: &str) -> Option<String> {
    let named = text
        .split_once("toolchain '")
        .and_then(|(_, rest)| rest.split_once('\''))
        .filter(|(_, rest)| rest.trim_start().starts_with("is not installed"));
    if let Some((name, _)) = named {
        return Some(format!("`rustup toolchain install {name}` installs it"));
    }
    text.contains("rustup could not choose a version of")
        .then(|| "`rustup default stable` installs a toolchain and makes it the default".to_owned())
}

#[cfg(test)]
mod tests {
    use super::missing_toolchain;

    #[test]
    fn rustups_messages_lead_to_its_commands() {
        for (text, command) in [
            (
                "error: toolchain '1.75.0-x86_64-unknown-linux-gnu' is not installed\nhelp: run `rustup toolchain install` to install it\n",
                Some("`rustup toolchain install 1.75.0-x86_64-unknown-linux-gnu`"),
            ),
            (
                "error: override toolchain 'nightly' is not installed: the toolchain file specifies it",
                Some("`rustup toolchain install nightly`"),
            ),
            (
                "error: rustup could not choose a version of cargo to run, because one wasn't specified explicitly, and no default is configured.\n",
                Some("`rustup default stable`"),
            ),
            ("error: toolchain 'x", None),
            ("cargo: command not found", None),
            ("", None),
        ] {
            let hint = missing_toolchain(text);
            assert_eq!(hint.is_some(), command.is_some(), "{text}");
            assert!(
                hint.unwrap_or_default()
                    .contains(command.unwrap_or_default())
            );
        }
    }
}
