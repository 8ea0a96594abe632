//! The source of a build, put into an empty folder.

use std::path::Path;
use std::process::{Command, Stdio};

use camino::Utf8Path;

use crate::acquire;
use crate::acquire::intake::{self, Arrival};
use crate::context::Context;
use crate::events::Phase;
use crate::git;
use crate::process::{Ended, supervise};
use larder_core::archive::{Budget, Select};
use larder_core::error::{Error, Result};
use larder_core::fs::{self, IoContext};
use larder_core::keys::tree;
use larder_core::model::{Digest, is_commit};
use larder_core::project::RenderedSource;
use larder_remote::http::Request;
use larder_remote::origin::Stated;

/// Puts a source into `into`; the commit, if it is a git source.
pub fn fetch(
    request: &acquire::request::Request<'_>,
    source: &RenderedSource,
    into: &Utf8Path,
    log: &Utf8Path,
) -> Result<Option<String>> {
    let ctx = request.run;
    match source {
        RenderedSource::Dir { path } => copy_dir(ctx, path, into).map(|()| None),
        RenderedSource::Git { url, rev } => clone(ctx, url, rev, into, log).map(Some),
        RenderedSource::Url { url, sha256 } => archive(request, url, sha256, into).map(|()| None),
        // cargo fetches it itself.
        RenderedSource::Crate { .. } => Ok(None),
    }
}

fn copy_dir(ctx: &Context, path: &Utf8Path, into: &Utf8Path) -> Result<()> {
    use larder_core::keys::SourceDigests;
    let wanted = ctx.sources.dir(path)?;
    let listing = tree::list(path)?;
    tree::copy(path, &listing, into)?;
    // The key is of what is built, so it is the copy that counts.
    if tree::digest(
        into,
        &tree::Listing {
            folders: Vec::new(),
            ..listing
        },
    )? != wanted
    {
        ctx.sources.forget(path);
        return Err(
            Error::failed(format!("{path} changed while it was being copied")).hint("run again"),
        );
    }
    Ok(())
}

/// Clones a git repository at a rev. A tag or branch is asked for alone first; a commit needs the whole history where the
/// server does not hand it out by id.
fn clone(ctx: &Context, url: &str, rev: &str, into: &Utf8Path, log: &Utf8Path) -> Result<String> {
    for (what, text) in [("url", url), ("revision", rev)] {
        if text.is_empty() || text.starts_with('-') {
            return Err(Error::usage(format!("`{text}` is not a git {what}")));
        }
    }
    if ctx.options.offline && !url.starts_with("file://") {
        return Err(Error::unavailable(format!("--offline: {url} is not asked")));
    }
    git(ctx, into, log, &["init", "--quiet", "."])?;
    git(ctx, into, log, &["remote", "add", "--", "origin", url])?;
    let shallow = git(
        ctx,
        into,
        log,
        &["fetch", "--quiet", "--depth=1", "--no-tags", "origin", rev],
    );
    let target = if shallow.is_ok() {
        "FETCH_HEAD".to_owned()
    } else {
        ctx.cancel.check()?;
        git(
            ctx,
            into,
            log,
            &[
                "fetch",
                "--quiet",
                "--tags",
                "origin",
                "+refs/heads/*:refs/remotes/origin/*",
            ],
        )
        .map_err(|e| git::classified(e.context(format!("cannot fetch {url}"))))?;
        [format!("refs/tags/{rev}"), format!("refs/remotes/origin/{rev}"), rev.to_owned()]
            .into_iter()
            .find(|name| {
                git(ctx, into, log, &["rev-parse", "--quiet", "--verify", "--end-of-options", &format!("{name}^{{commit}}")])
                    .is_ok()
            })
            .ok_or_else(|| {
                Error::failed(format!("{url} has no revision `{rev}`"))
                    .hint("check `build.source.rev` and the version: a tag such as `v1.2.3` is meant literally")
            })?
    };
    git(
        ctx,
        into,
        log,
        &["checkout", "--quiet", "--detach", &target],
    )?;
    if fs::lstat(into.join(".gitmodules"))?.is_some() {
        git(
            ctx,
            into,
            log,
            &[
                "submodule",
                "update",
                "--quiet",
                "--init",
                "--recursive",
                "--depth=1",
            ],
        )?;
    }
    let output = plain_git(ctx, into)
        .args(["rev-parse", "HEAD"])
        .output()
        .at("run", Path::new("git"))?;
    let commit = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !is_commit(&commit) {
        return Err(Error::failed(format!(
            "git named no commit for {rev} of {url}"
        )));
    }
    Ok(commit)
}

/// git, with nothing of the user's that changes what is checked out, and never asking for a password.
fn plain_git(ctx: &Context, dir: &Utf8Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(dir)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_LFS_SKIP_SMUDGE", "0")
        .stdin(Stdio::null());
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command.args([
        "-c",
        "core.autocrlf=false",
        "-c",
        "advice.detachedHead=false",
    ]);
    if ctx.options.offline {
        command.args([
            "-c",
            "protocol.allow=never",
            "-c",
            "protocol.file.allow=always",
        ]);
    }
    command
}

fn git(ctx: &Context, dir: &Utf8Path, log: &Utf8Path, arguments: &[&str]) -> Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .at("open", log)?;
    let start = fs::stat(log)?.map_or(0, |meta| meta.len());
    std::io::Write::write_all(
        &mut file,
        format!("$ git {}\n", arguments.join(" ")).as_bytes(),
    )
    .at("write", log)?;
    let mut command = plain_git(ctx, dir);
    command
        .args(arguments)
        .stdout(file.try_clone().at("open", log)?)
        .stderr(file);
    match supervise(
        &ctx.runtime,
        command,
        Some(std::time::Duration::from_mins(30)),
        &ctx.cancel,
    )? {
        Ended::Exited(status) if status.success() => Ok(()),
        Ended::Exited(_) => {
            let said = fs::read(log)?;
            let said = String::from_utf8_lossy(
                &said[usize::try_from(start).unwrap_or(0).min(said.len())..],
            )
            .into_owned();
            let last = said
                .lines()
                .rfind(|line| !line.starts_with("$ ") && !line.trim().is_empty())
                .unwrap_or("it said nothing");
            Err(Error::failed(format!("git {} failed", arguments[0])).cause(last))
        }
        Ended::TimedOut => Err(Error::unavailable(format!(
            "git {} took longer than 30 minutes",
            arguments[0]
        ))),
    }
}

/// Fetches an archive, unpacks it while it arrives, and checks its digest before anything uses it. Where all of it lies in
/// one folder, that folder's content is the source.
fn archive(
    request: &acquire::request::Request<'_>,
    url: &str,
    sha256: &Digest,
    into: &Utf8Path,
) -> Result<()> {
    let ctx = request.run;
    let Some(download) = ctx.client.get(Request::get(url)?)? else {
        return Err(missing(url));
    };
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let file_name = path.rsplit('/').next().unwrap_or_default();
    let single = file_name.parse().ok();
    let stated = [Stated::sha256(*sha256, "the recipe")];
    let arrival = Arrival {
        place: url,
        file_name,
        size: download.size(),
        reader: Box::new(download),
        stated: &stated,
        select: Select::All,
        single: single.as_ref(),
        budget: Budget::from(request.subsystem.limits),
    };
    intake::receive(request.transfer(), arrival, into)?;
    ctx.events.phase(request.target, Phase::Building, None);
    if let [only] = &fs::list(into)?[..]
        && fs::lstat(into.join(only))?.is_some_and(|meta| meta.is_dir())
    {
        let aside = into.with_extension("top");
        fs::rename(into.join(only), &aside)?;
        fs::remove_dir_all(into)?;
        fs::rename(&aside, into)?;
    }
    Ok(())
}

/// The error of an archive that a recipe names and that is not there.
pub fn missing(url: &str) -> Error {
    Error::failed(format!("the source {url} does not exist"))
        .hint("check `build.source.url` and the version")
}
