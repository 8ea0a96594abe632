//! Writes the files of channels: `<out>/<name>/<channel>/…`.

use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::channels::{ChosenChannels, did};
use super::gather::gather;
use super::plain;
use crate::context::Context;
use crate::events::{Event, Level};
use crate::plan::Selection;
use larder_channels::docker::not_static;
use larder_channels::install_doc::{HubFacts, install_md, readme_block};
use larder_channels::output::Output;
use larder_channels::release::Release;
use larder_channels::render::{Rendered, Skip, render, skip};
use larder_channels::{provenance, sbom};
use larder_core::error::{Error, Result};
use larder_core::fs;
use larder_core::model::{Action, ChannelKind, Outcome};
use larder_core::project::publish::{Channel, ChannelConfig, DockerBase};
use larder_core::project::{HubConfig, Subsystem};
use larder_core::staging::{self, StagedDir};

/// What is rendered, and where.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// Which channels.
    pub channels: ChosenChannels,
    /// The folder that is written; `.dist/channels` if there is none.
    pub out: Option<Utf8PathBuf>,
}

/// Renders the channels of some subsystems. Returns every failure.
pub fn render_all(ctx: &Context, selection: &Selection, options: &RenderOptions) -> Vec<Error> {
    let subsystems = selection.subsystems(&ctx.project);
    let steps = subsystems
        .iter()
        .map(|subsystem| subsystem.publish.channels.len())
        .sum();
    ctx.events.started(Action::Publish, steps, []);
    let mut errors = Vec::new();
    for subsystem in subsystems {
        if let Err(error) = render_one(ctx, subsystem, options, &mut errors) {
            failed(ctx, subsystem, error, &mut errors);
        }
    }
    errors
}

/// Reports that no channel of a subsystem can be rendered or published.
pub(super) fn failed(ctx: &Context, subsystem: &Subsystem, error: Error, errors: &mut Vec<Error>) {
    let mut did = did(subsystem, None, Outcome::Failed);
    did.error = Some(error.clone());
    ctx.events.send(Event::Did(did));
    errors.push(error);
}

fn render_one(
    ctx: &Context,
    subsystem: &Subsystem,
    options: &RenderOptions,
    errors: &mut Vec<Error>,
) -> Result<()> {
    ctx.cancel.check()?;
    let wanted = options.channels.of(ctx, subsystem);
    if wanted.is_empty() {
        return Ok(());
    }
    let gathered = match gather(ctx, subsystem) {
        Ok(gathered) => gathered,
        Err(missing) => {
            for error in missing {
                failed(ctx, subsystem, error, errors);
            }
            return Ok(());
        }
    };
    let folder = folder_for(ctx, subsystem, options.out.as_deref())?;
    if options.channels.is_all() {
        remove_channels_that_are_off(subsystem, &folder)?;
    }
    about_the_release(ctx, subsystem, &gathered.release, &folder)?;
    for config in wanted {
        let kind = config.channel.kind();
        let start = Instant::now();
        let mut ended = did(subsystem, Some(kind), Outcome::Rendered);
        match render_channel(ctx, &gathered.release, config, &folder) {
            // A Go module has no files of its own.
            Ok(Rendered::Files) if kind == ChannelKind::Gomodule => {}
            Ok(Rendered::Files) => {
                ended.place = Some(ctx.project.relative(&folder.join(kind.as_str())));
            }
            Ok(Rendered::Skipped(skip)) => {
                ended.outcome = Outcome::Skipped;
                ended.reason = Some(reason(kind, &gathered.release, &skip));
            }
            Err(error) => {
                ended.outcome = Outcome::Failed;
                ended.error = Some(error.clone());
                errors.push(error);
            }
        }
        ended.seconds = start.elapsed().as_secs_f64();
        ctx.events.send(Event::Did(ended));
        ctx.cancel.check()?;
    }
    Ok(())
}

/// Removes what was rendered for channels that are off now: it is of another release.
fn remove_channels_that_are_off(subsystem: &Subsystem, folder: &Utf8Path) -> Result<()> {
    for kind in ChannelKind::ALL {
        let rendered = folder.join(kind.as_str());
        if !subsystem.publish.channels.contains_key(&kind) && fs::lstat(&rendered)?.is_some() {
            fs::remove_dir_all(&rendered)?;
        }
    }
    Ok(())
}

/// Writes what is said about the whole release: how to install it, what is in it, and how it was
/// made.
pub(super) fn about_the_release(
    ctx: &Context,
    subsystem: &Subsystem,
    release: &Release,
    folder: &Utf8Path,
) -> Result<()> {
    let mut channels: Vec<&ChannelConfig> = Vec::new();
    let mut go_mod = None;
    for config in subsystem.publish.channels.values() {
        if skip(release, config).is_some() {
            continue;
        }
        if let Channel::Gomodule(module) = &config.channel {
            let path = subsystem.dir.join(&module.dir).join("go.mod");
            go_mod = Some(ctx.project.relative(&plain(&path)));
        }
        channels.push(config);
    }
    let github = match &ctx.project.hub {
        HubConfig::GitHub { repo } => Some(repo.as_str()),
        HubConfig::Dir { .. }
        | HubConfig::Http { .. }
        | HubConfig::S3 { .. }
        | HubConfig::Oci { .. } => None,
    };
    let server = ctx.settings.remote.github.web.as_str();
    let hub = HubFacts {
        github,
        server: Some(server.trim_end_matches('/')),
        go_mod: go_mod.as_deref(),
    };
    let sbom = sbom::render(release)?.to_json();
    let assets = release
        .platforms
        .iter()
        .map(|platform| (&platform.asset, &platform.sidecar));
    for (name, text) in [
        ("INSTALL.md", install_md(release, &channels, &hub)?),
        ("README", readme_block(release, &channels, &hub)?),
        ("sbom.cdx.json", sbom),
        ("provenance.intoto.jsonl", provenance::of_release(assets)),
    ] {
        fs::write_atomic(folder.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// The folder of the subsystem, `<out>/<name>`.
pub(super) fn folder_for(
    ctx: &Context,
    subsystem: &Subsystem,
    out: Option<&Utf8Path>,
) -> Result<Utf8PathBuf> {
    if let Some(out) = out {
        let folder = out.join(subsystem.name.as_str());
        fs::create_dir_all(&folder)?;
        return Ok(folder);
    }
    // A folder of larder's own, which follows no links that someone committed.
    let below = Utf8Path::new(".dist/channels").join(subsystem.name.as_str());
    Ok(ctx.own_folder(below.as_str())?.path().to_owned())
}

/// Renders a channel beside its folder and then puts it into its place, so that the folder never
/// has files of two releases. What was rendered before is removed even if this fails: it may be of
/// another release than its neighbours.
pub(super) fn render_channel(
    ctx: &Context,
    release: &Release,
    config: &ChannelConfig,
    folder: &Utf8Path,
) -> Result<Rendered> {
    let kind = config.channel.kind();
    let place = folder.join(kind.as_str());
    let staged = StagedDir::new(folder, &staging::prefix(kind.as_str()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let out = Output::new(staged.path(), threads, &ctx.cancel);
    let rendered = render(release, config, &out)
        .map_err(|error| error.context(format!("cannot render {kind} of {}", release.name)));
    if fs::lstat(&place)?.is_some() {
        fs::remove_dir_all(&place)?;
    }
    let rendered = rendered?;
    if let Channel::Docker(docker) = &config.channel
        && docker.base == DockerBase::Scratch
        && rendered == Rendered::Files
    {
        let platforms = not_static(release)?;
        if !platforms.is_empty() {
            let platforms: Vec<String> = platforms.iter().map(ToString::to_string).collect();
            let text = format!(
                "the image of {} is based on `scratch`, which has no C library, and its programs for {} need one; \
                 name another `base`, or build static programs",
                release.name,
                platforms.join(", ")
            );
            ctx.events.note(None, Level::Warning, text);
        }
    }
    if rendered == Rendered::Files && kind != ChannelKind::Gomodule {
        staged.flush()?;
        staged.rename_to(&place)?;
        fs::sync_dir(folder)?;
    }
    Ok(rendered)
}

/// Why a channel gets nothing of a release, for people.
pub(super) fn reason(kind: ChannelKind, release: &Release, skip: &Skip) -> String {
    match skip {
        Skip::Tree => {
            "it keeps the whole folder of its archive, and channels have single programs".into()
        }
        Skip::Prerelease => format!(
            "{} is a pre-release, for which {kind} has no word; `prerelease: true` publishes it anyway",
            release.version
        ),
        Skip::NoPlatform => format!("no asset is for a platform that {kind} knows"),
        Skip::Version(why) => format!("{kind} can't express {}: {why}", release.version),
    }
}
