//! Lock lines for a target without installing it: what the hub has, what the publisher offers, the commit of a git source.

use std::process::{Command, Stdio};

use camino::Utf8Path;

use super::context::Context;
use super::managed;
use super::obtain::is_commit;
use super::{locking, original};
use crate::events::Level;
use larder_core::archive::{self, ArchiveKind, Budget, HashingReader, Select};
use larder_core::error::{Error, Result};
use larder_core::formats::{LockLine, PinKind};
use larder_core::keys::Wanted;
use larder_core::model::{Artifact, ArtifactFile, AssetName, Origin, SourceKind, Tag, Target};
use larder_core::project::RenderedSource;

/// The lines of a target that the lock lacks; with `update`, all of them as they are today.
pub fn lines(ctx: &Context, target: &Target, update: bool) -> Result<Vec<LockLine>> {
    let wanted = ctx.wanted(target)?;
    let mut lines = Vec::new();
    let sources = &ctx.project.sources;
    if sources.contains(&SourceKind::Managed)
        && let Some((tag, asset, sidecar)) = managed::on_hub(ctx, target, &wanted)?
    {
        let url = locking::asset_url(ctx, &tag, &asset)?;
        lines.push(locking::line(
            &sidecar.content,
            PinKind::Asset,
            sidecar.sha256,
            sidecar.size,
            &url,
        ));
    }
    if sources.contains(&SourceKind::Original)
        && wanted.of(Origin::Original).is_some()
        && let Some(line) = original_line(ctx, target, &wanted, update)?
    {
        lines.push(line);
    }
    if let Some(line) = commit_line(ctx, target)? {
        lines.push(line);
    }
    Ok(lines)
}

fn original_line(
    ctx: &Context,
    target: &Target,
    wanted: &Wanted,
    update: bool,
) -> Result<Option<LockLine>> {
    let pin = ctx
        .locking
        .pin(ctx, target, wanted, Origin::Original, PinKind::Upstream);
    if pin.is_some() && !update {
        return Ok(None);
    }
    if let Some(inputs) = wanted.of(Origin::Original).filter(|_| !update)
        && let Some(entry) = ctx
            .cache
            .lookup(Origin::Original, &inputs.digest)?
            .filter(|entry| entry.via == SourceKind::Original)
        && let Some(file) = &entry.file
    {
        return Ok(Some(locking::line(
            &entry.artifact,
            PinKind::Upstream,
            file.sha256,
            file.size,
            &file.url,
        )));
    }
    let staging = ctx.cache.staging()?;
    let dir = Utf8Path::from_path(staging.path())
        .ok_or_else(|| Error::failed("the cache's path is not UTF-8"))?;
    match original::fetch(ctx, target, wanted, dir, update)? {
        Ok(original::Got { entry, line }) => {
            // It was downloaded: whoever ensures it next need not download it again.
            ctx.cache.insert(dir, &entry)?;
            Ok(Some(line))
        }
        Err(absent) if original::can_be_built(ctx, target)? => {
            ctx.events.note(
                Some(target),
                Level::Info,
                format!("no original to lock, it is built: {absent}"),
            );
            Ok(None)
        }
        Err(absent) => {
            Err(Error::failed(format!("{target} has no original to lock")).cause(absent))
        }
    }
}

/// The commit that a git source's rev means today, asked without fetching anything.
fn commit_line(ctx: &Context, target: &Target) -> Result<Option<LockLine>> {
    let subsystem = ctx.subsystem(target)?;
    let Some(build) = subsystem.rendered_build(&target.platform, "<out>", "<src>")? else {
        return Ok(None);
    };
    let RenderedSource::Git { url, rev } = build.source else {
        return Ok(None);
    };
    if is_commit(&rev) {
        return Ok(None);
    }
    if ctx.options.offline && !url.starts_with("file://") {
        return Err(Error::unavailable(format!("--offline: {url} is not asked")));
    }
    let mut command = Command::new("git");
    command.args(["ls-remote", "--", &url]).args([
        format!("refs/tags/{rev}^{{}}"),
        format!("refs/tags/{rev}"),
        format!("refs/heads/{rev}"),
    ]);
    command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    let output = command
        .output()
        .map_err(|e| Error::failed("cannot run `git`").cause(e))?;
    if !output.status.success() {
        return Err(
            Error::unavailable(format!("cannot ask {url} for its revisions"))
                .cause(String::from_utf8_lossy(&output.stderr).trim()),
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // The peeled tag is the commit of an annotated one, so it counts before the tag itself.
    let find = |reference: String| {
        text.lines()
            .find_map(|line| Some(line.split_once('\t')?).filter(|(_, name)| *name == reference))
    };
    let found = find(format!("refs/tags/{rev}^{{}}"))
        .or_else(|| find(format!("refs/tags/{rev}")))
        .or_else(|| find(format!("refs/heads/{rev}")));
    let Some((commit, _)) = found else {
        return Err(Error::failed(format!("{url} has no revision `{rev}`"))
            .hint("check `build.source.rev` and the version"));
    };
    Ok(Some(LockLine::Commit {
        name: target.name.clone(),
        version: subsystem.version.clone(),
        url,
        rev,
        commit: commit.to_owned(),
    }))
}

/// `lock --adopt`: the line that ties an asset without a sidecar to today's inputs.
pub fn adopt(ctx: &Context, target: &Target) -> Result<Option<LockLine>> {
    let subsystem = ctx.subsystem(target)?;
    let wanted = ctx.wanted(target)?;
    let hub = ctx.hub()?;
    let tag = Tag::of(&subsystem.name, &subsystem.version);
    let asset = AssetName::of(
        &subsystem.package.name,
        &target.platform,
        subsystem.format(&target.platform).extension(),
        None,
    );
    if hub.sidecar(&tag, &asset)?.is_some() {
        ctx.events.note(
            Some(target),
            Level::Info,
            format!("{tag}/{asset} has a sidecar: nothing to adopt"),
        );
        return Ok(None);
    }
    let Some(body) = hub.fetch(&tag, &asset)? else {
        return Err(Error::failed(format!(
            "{} has no {tag}/{asset} to adopt",
            hub.describe()
        )));
    };
    // Whoever made it meant the recipe of today; which of its origins can't be told from the bytes.
    let (origin, inputs) = [Origin::Build, Origin::Original]
        .into_iter()
        .find_map(|origin| Some((origin, wanted.of(origin)?)))
        .ok_or_else(|| {
            Error::failed(format!(
                "the recipe of `{}` has neither build nor upstream",
                target.name
            ))
        })?;
    let staging = ctx.cache.staging()?;
    let dir = Utf8Path::from_path(staging.path())
        .ok_or_else(|| Error::failed("the cache's path is not UTF-8"))?;
    let globs = loose_globs(ctx, target)?;
    let mut reader = HashingReader::new(body.reader);
    let budget = Budget::from(subsystem.limits);
    let kind = ArchiveKind::of_name(asset.as_str());
    let unpacked = archive::unpack(
        kind,
        None,
        &mut reader,
        &Select::Globs(&globs),
        dir,
        &budget,
        body.size,
        &ctx.cancel,
    )?;
    let (sha256, size) = reader.finish();
    let artifact = Artifact {
        name: target.name.clone(),
        version: subsystem.version.clone(),
        platform: target.platform,
        origin,
        inputs: inputs.digest,
        commit: None,
        files: files_of(ctx, target, &unpacked)?,
    };
    Ok(Some(locking::line(
        &artifact,
        PinKind::Asset,
        sha256,
        size,
        &locking::asset_url(ctx, &tag, &asset)?,
    )))
}

/// Each of a target's files, wherever in an archive it lies.
pub fn loose_globs(
    ctx: &Context,
    target: &Target,
) -> Result<Vec<(String, larder_core::model::FileName)>> {
    let names = ctx.subsystem(target)?.file_names(&target.platform);
    Ok(names
        .into_iter()
        .map(|name| (format!("{{{name},**/{name}}}"), name))
        .collect())
}

/// An artifact's files, by the recipe's names, from what was unpacked.
pub fn files_of(
    ctx: &Context,
    target: &Target,
    unpacked: &[archive::Unpacked],
) -> Result<Vec<ArtifactFile>> {
    let subsystem = ctx.subsystem(target)?;
    let names = subsystem.file_names(&target.platform);
    let files = names.into_iter().enumerate().filter_map(|(i, name)| {
        let got = unpacked.iter().find(|got| got.name == name.as_str())?;
        let mode = if i < subsystem.binaries.len() {
            0o755
        } else {
            0o644
        };
        Some(ArtifactFile {
            name,
            mode,
            size: got.size,
            sha256: got.sha256,
        })
    });
    Ok(files.collect())
}
