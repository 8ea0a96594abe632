//! What larder asks of git without cloning anything.

use std::process::{Command, Stdio};

use larder_core::error::{Error, Kind, Result};

use crate::context::Context;

/// An error of git, *unavailable* where its words say that a server could not be reached.
pub fn classified(error: Error) -> Error {
    const UNREACHABLE: [&str; 4] = [
        "Could not resolve",
        "Connection",
        "timed out",
        "unable to access",
    ];
    let words = error.to_string();
    if UNREACHABLE.iter().any(|text| words.contains(text)) {
        error.with_kind(Kind::Unavailable)
    } else {
        error
    }
}

/// The commit that a tag or branch of a repository means today; `None` where the repository names no such revision.
pub fn remote_commit(run: &Context, url: &str, rev: &str) -> Result<Option<String>> {
    if run.options.offline && !url.starts_with("file://") {
        return Err(Error::unavailable(format!("--offline: {url} is not asked")));
    }
    // The peeled tag is the commit of an annotated one, so it counts before the tag itself.
    let references = [
        format!("refs/tags/{rev}^{{}}"),
        format!("refs/tags/{rev}"),
        format!("refs/heads/{rev}"),
    ];
    let mut command = Command::new("git");
    command
        .args(["ls-remote", "--", url])
        .args(&references)
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|e| Error::failed("cannot run `git`").cause(e))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let error = Error::failed(format!("cannot ask {url} for its revisions")).cause(said.trim());
        return Err(classified(error));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let commit_of = |reference: &String| {
        let mut lines = text.lines().filter_map(|line| line.split_once('\t'));
        lines.find_map(|(commit, name)| (name == reference).then(|| commit.to_owned()))
    };
    Ok(references.iter().find_map(commit_of))
}
