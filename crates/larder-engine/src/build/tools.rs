//! `tools:` of a recipe: what a build demands of the machine.

use std::collections::BTreeMap;
use std::time::Duration;

use super::work::Work;
use crate::verify::{first_lines, mentions_version};
use larder_core::error::{Error, Kind, Result};
use larder_process::{Command, Ended, Merged};

/// How long a tool may take to tell its version.
const PATIENCE: Duration = Duration::from_secs(30);

impl Work<'_> {
    /// `tools:` are demanded of the machine: what each says of its version.
    pub(super) fn check_tools(&self) -> Result<BTreeMap<String, String>> {
        let environment = self.environment();
        let mut seen = BTreeMap::new();
        for (tool, wanted) in &self.declared.tools {
            let (mut said, mut refused) = (None, None);
            for argument in ["version", "--version"] {
                let asked = Command::new(tool, environment.clone())
                    .args([argument])
                    .timeout(PATIENCE)
                    .capture_merged(&self.ctx.cancel);
                match asked {
                    Ok(Merged { ended, text }) if ended.is_success() => {
                        said = Some(text);
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
                    Ok(Merged { text, .. }) => refused = Some(text),
                }
            }
            let Some(said) = said else {
                if let Some(text) = refused {
                    return Err(Error::failed(format!(
                        "the build needs `{tool}` {wanted}, and the one here does not tell its version"
                    ))
                    .cause(format!("neither `{tool} version` nor `{tool} --version` succeeds; it printed {}", first_lines(&text)))
                    .hint("leave it out of `build.tools`, and check it in `commands`"));
                }
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, which is not on PATH"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or name a subsystem that has it in `build.needs`"
                )));
            };
            if !mentions_version(&said, wanted) {
                let line = said.lines().next().unwrap_or_default();
                return Err(Error::failed(format!(
                    "the build needs `{tool}` {wanted}, this machine has `{line}`"
                ))
                .hint(format!(
                    "install {tool} {wanted}, or change `build.tools` (which changes the key)"
                )));
            }
            seen.insert(
                tool.clone(),
                said.lines().next().unwrap_or_default().trim().to_owned(),
            );
        }
        Ok(seen)
    }
}
