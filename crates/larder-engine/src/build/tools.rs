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
        let environment = self.environment();
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
