//! A release of one subsystem as its channels see it: for each of its platforms the package, which
//! is checked and unpacked, and the public url of its asset.

use camino::Utf8Path;

use super::time::time;
use crate::acquire::freshness::stamped;
use crate::acquire::request::Request;
use crate::changelog::FETCH_HINT;
use crate::context::Context;
use crate::events::{Events, Level};
use crate::plan::{Platforms, Selected, Targets};
use crate::release::handed_over::{package_in, unpack};
use crate::release::notes::{Changes, changes};
use crate::release::package::{Packaged, Pins, package};
use crate::runner::each::parallel;
use larder_channels::release::{PlatformRelease, Release};
use larder_core::error::{Error, Result};
use larder_core::fs::Scratch;
use larder_core::model::{AssetName, Platform, Tag, Target};
use larder_core::project::{HubConfig, Subsystem};

/// A release, and the folder with its unpacked files, which is removed with it.
pub(super) struct Gathered {
    pub(super) release: Release,
    _files: Scratch,
}

/// Gathers the release of a subsystem for all of its platforms. The errors name every platform that
/// is missing.
pub(super) fn gather(ctx: &Context, subsystem: &Subsystem) -> Result<Gathered, Vec<Error>> {
    let one = |error| vec![error];
    let names = [subsystem.name.to_string()];
    let targets = Targets::parse(&ctx.project, &names, &Platforms::All).map_err(one)?;
    let targets: Vec<Target> = targets
        .into_iter()
        .filter(|Selected { absent, .. }| absent.is_none())
        .map(|selected| selected.target)
        .collect();
    let files = Scratch::new(&ctx.settings.remote.temp, "publish").map_err(one)?;
    let at_once = std::thread::available_parallelism().unwrap_or(std::num::NonZeroUsize::MIN);
    let results = parallel(&targets, at_once, |target| {
        ctx.cancel
            .check()
            .and_then(|()| platform_release(ctx, subsystem, target, files.path()))
    });
    let mut platforms = Vec::new();
    let mut errors: Vec<Error> = Vec::new();
    for result in results {
        match result {
            Ok(platform) => platforms.push(platform),
            Err(error) => errors.push(error),
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    platforms.sort_by_key(PlatformRelease::platform);
    if platforms.is_empty() {
        return Err(one(Error::usage(format!(
            "{} exists on none of the project's platforms",
            subsystem.name
        ))));
    }
    let release = Release {
        name: subsystem.name.clone(),
        version: subsystem.version.clone(),
        project: ctx.project.name.clone(),
        binaries: subsystem.binary_names(),
        description: subsystem.description.clone(),
        homepage: subsystem.homepage.clone(),
        license: subsystem.license.clone(),
        maintainer: ctx.project.publish.maintainer.clone(),
        time: time(ctx, subsystem).map_err(one)?,
        changelog: changelog(ctx, subsystem),
        platforms,
    };
    Ok(Gathered {
        release,
        _files: files,
    })
}

/// What has changed since the version before; `None` if that is not known, which is said unless
/// there is nothing to know.
fn changelog(ctx: &Context, subsystem: &Subsystem) -> Option<String> {
    let name = &subsystem.name;
    match changes(ctx, subsystem) {
        Ok(Changes::Text { title: _, text }) => Some(text),
        Ok(Changes::Nothing) => None,
        Ok(Changes::Incomplete) => {
            let text = format!(
                "the packages of {name} list no changes, because the clone is shallow: {FETCH_HINT}"
            );
            ctx.events.note(None, Level::Warning, text);
            None
        }
        Err(error) => {
            let text = format!("the packages of {name} list no changes: {error}");
            ctx.events.note(None, Level::Warning, text);
            None
        }
    }
}

fn platform_release(
    ctx: &Context,
    subsystem: &Subsystem,
    target: &Target,
    files: &Utf8Path,
) -> Result<PlatformRelease> {
    let request = Request::new(ctx, target)?;
    let dist = ctx.project.root.join(".dist");
    let Packaged {
        asset,
        file,
        sidecar,
        up_to_date: _,
    } = if stamped(&request, &ctx.bin(target).pinned())?.is_some() {
        package(ctx, target, Pins::Hold)?
    } else {
        package_in(ctx, target, &dist, Pins::Hold, false).map_err(|error| {
            if larder_core::fs::exists(dist.join(subsystem.assets(&target.platform).asset())) {
                return error;
            }
            let platform = target.platform;
            Error::failed(format!("{platform} is neither installed nor packaged")).hint(format!(
                "`larder ensure {} --platform all` installs what every platform gets",
                target.name
            ))
        })?
    };
    let folder = files.join(target.platform.to_string());
    larder_core::fs::create_dir_all(&folder)?;
    // Nothing shows the progress of a single package here.
    let (quiet, _) = Events::channel();
    unpack(&request, &quiet, &file, &sidecar, &folder)?;
    let (tag, asset) = published_as(ctx, &request, subsystem, target, &asset, &sidecar.sha256);
    let url = public_url(ctx, subsystem, &target.platform, &tag, &asset)?;
    Ok(PlatformRelease {
        tag,
        asset,
        url,
        sidecar,
        folder,
    })
}

/// The tag and the name that the hub has the archive under: as the lock says, which knows suffixed
/// ones too; else the plain ones.
fn published_as(
    ctx: &Context,
    request: &Request<'_>,
    subsystem: &Subsystem,
    target: &Target,
    asset: &AssetName,
    sha256: &larder_core::model::Digest,
) -> (Tag, AssetName) {
    let pinned = ctx
        .lock
        .pinned_assets(subsystem, target, &request.wanted)
        .find(|(pin, _)| pin.sha256 == *sha256)
        .map(|(_, named)| named);
    pinned.unwrap_or_else(|| {
        let tag = subsystem.assets(&target.platform).tag().clone();
        (tag, asset.clone())
    })
}

/// The public url of an asset: by `publish.url`, else as the hub has it. `None` for a folder hub.
pub(super) fn public_url(
    ctx: &Context,
    subsystem: &Subsystem,
    platform: &Platform,
    tag: &Tag,
    asset: &AssetName,
) -> Result<Option<String>> {
    if let Some(url) = subsystem.asset_url(tag, asset, platform)? {
        return Ok(Some(url));
    }
    Ok(match &ctx.project.hub {
        // What a registry or a private bucket has can't be downloaded by a plain url.
        HubConfig::Dir { .. } | HubConfig::S3 { .. } | HubConfig::Oci { .. } => None,
        HubConfig::Http { .. } | HubConfig::GitHub { .. } => Some(ctx.hub()?.place(tag, asset)),
    })
}
