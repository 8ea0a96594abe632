//! Urls with which the files of releases in a bucket can be read for a while.

use std::time::Duration;

use jiff::Timestamp;

use crate::context::Context;
use crate::plan::Targets;
use larder_core::error::{Error, Result};
use larder_core::formats::documents::{PresignDocument, PresignEntry};
use larder_core::model::{AssetName, is_short_hex};
use larder_remote::hub::{self, HubReader};

/// The longest time that stores accept.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// The urls of the released files of targets, and whether they end sooner than asked for, because the
/// credentials that sign them do.
pub fn document(
    ctx: &Context,
    targets: &Targets,
    lasts: Duration,
) -> Result<(PresignDocument, bool)> {
    if lasts.as_secs() == 0 || lasts > LONGEST {
        return Err(Error::usage("a url can be valid for 1 second to 7 days"));
    }
    let project = &ctx.project;
    let hub = hub::open_s3(&project.hub, &ctx.client, &ctx.settings.remote).ok_or_else(|| {
        Error::usage("only a hub in a bucket has urls that are signed in advance")
            .hint("`hub: {s3: s3://bucket/prefix}`")
    })?;
    let mut files = Vec::new();
    for target in targets.existing() {
        let names = ctx.subsystem(target)?.assets(&target.platform);
        let Some(release) = hub.release(names.tag())? else {
            continue;
        };
        for file in &release.assets {
            if belongs(&file.name, &names.asset()) {
                files.push(PresignEntry {
                    tag: names.tag().clone(),
                    name: file.name.clone(),
                    url: hub.presign(names.tag(), &file.name, lasts)?.to_string(),
                });
            }
        }
    }
    if files.is_empty() {
        return Err(
            Error::failed(format!("{} has no release of these", hub.describe()))
                .hint("run `larder release` first"),
        );
    }
    let asked = Timestamp::now()
        .as_second()
        .saturating_add_unsigned(lasts.as_secs());
    let end = hub.keys_end()?.unwrap_or(i64::MAX).min(asked);
    let document = PresignDocument {
        hub: hub.describe(),
        expires: Timestamp::from_second(end).unwrap_or_default().to_string(),
        files,
    };
    Ok((document, end < asked))
}

/// Whether a file is an asset of a platform under its plain or a suffixed name, or its sidecar or
/// signature.
fn belongs(file: &AssetName, asset: &AssetName) -> bool {
    let asset = asset.as_str();
    let ending = [".tar.gz", ".tar.zst", ".zip"]
        .into_iter()
        .find(|end| asset.ends_with(end));
    let stem = &asset[..asset.len() - ending.map_or(0, str::len)];
    let Some(rest) = file.as_str().strip_prefix(stem) else {
        return false;
    };
    let suffix = rest
        .strip_prefix('-')
        .and_then(|rest| rest.split('.').next());
    rest.starts_with('.') || suffix.is_some_and(is_short_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_one_platform_belong_together() {
        let asset: AssetName = "arc-linux-amd64.tar.gz".parse().unwrap();
        let belongs = |name: &str| belongs(&name.parse().unwrap(), &asset);
        for good in [
            "arc-linux-amd64.tar.gz",
            "arc-linux-amd64.tar.gz.json",
            "arc-linux-amd64.tar.gz.json.minisig",
            "arc-linux-amd64-0123456789ab.tar.gz",
        ] {
            assert!(belongs(good), "{good}");
        }
        for bad in [
            "arc-linux-amd64-musl.tar.gz",
            "arc-linux-arm64.tar.gz",
            "manifest.json",
        ] {
            assert!(!belongs(bad), "{bad}");
        }
    }
}
