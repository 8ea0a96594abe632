//! Runs pip, whatever its program is called on this machine.

use std::ffi::OsStr;

use larder_core::error::Result;

use super::{ClientVariables, ToolOutput, Tools};

/// The commands that may start pip, in the order in which they are tried.
const PIPS: &[&[&str]] = &[
    &["pip3"],
    &["pip"],
    &["python3", "-m", "pip"],
    &["py", "-m", "pip"],
];

/// pip's own variables and the folders of its configuration and cache, and time limits and options
/// that suit a build tool.
const VARIABLES: ClientVariables = ClientVariables {
    own: &[
        "PIP_*",
        "XDG_CONFIG_HOME",
        "XDG_CONFIG_DIRS",
        "XDG_CACHE_HOME",
    ],
    defaults: &[
        ("PIP_RETRIES", "2"),
        ("PIP_DEFAULT_TIMEOUT", "30"),
        ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
        ("PIP_NO_INPUT", "1"),
        ("PYTHONUTF8", "1"),
    ],
};

/// Runs pip; `None` if this machine has none.
pub(crate) fn run(args: &[&OsStr], tools: Tools<'_>) -> Result<Option<ToolOutput>> {
    for program in PIPS {
        match tools.run(program, args, &VARIABLES)? {
            Some(output) if !output.err.contains("No module named pip") => {
                return Ok(Some(output));
            }
            _ => {}
        }
    }
    Ok(None)
}
