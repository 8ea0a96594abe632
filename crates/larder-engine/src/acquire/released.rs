//! Taking an artifact straight from a hub, without a recipe: what a sidecar says is what is meant.

use camino::Utf8Path;

use larder_core::archive::{Budget, Select};
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{AssetName, Name, Platform, Tag, Version};
use larder_remote::hub::HubReader;
use larder_remote::origin::Stated;

use super::intake::{self, Arrival, Contents, Transfer};

/// The newest version of a subsystem that a hub has, by its releases' tags.
pub fn newest(hub: &dyn HubReader, name: &Name) -> Result<Option<Version>> {
    let prefix = format!("{name}-");
    let releases = hub.releases()?;
    let versions = releases
        .iter()
        .filter(|release| !release.draft)
        .filter_map(|release| {
            // `nats-` must not take `nats-top-v1` for a version of nats: versions start with a digit, or v and a digit.
            let version: Version = release.tag.as_str().strip_prefix(&prefix)?.parse().ok()?;
            version
                .number()
                .starts_with(|c: char| c.is_ascii_digit())
                .then_some(version)
        });
    Ok(versions.max_by_key(sort_key))
}

/// Orders versions by their numbers: `v2.10.24` after `v2.9.1`; a pre-release before its release.
pub fn sort_key(version: &Version) -> (Vec<u64>, bool, String) {
    let number = version.number();
    let (core, rest) = number.split_once(['-', '+']).unwrap_or((number, ""));
    let parts = core
        .split('.')
        .map(|part| part.parse().unwrap_or(0))
        .collect();
    (parts, !number.contains('-'), rest.to_owned())
}

/// The asset of a version for a platform, by the sidecars of its release; by its plain name where a hub can't list.
pub fn find(
    hub: &dyn HubReader,
    name: &Name,
    version: &Version,
    platform: Platform,
) -> Result<Option<(Tag, AssetName, Sidecar)>> {
    let tag = Tag::of(name, version);
    let suits =
        |sidecar: &Sidecar| sidecar.content.name == *name && sidecar.content.platform == platform;
    let names: Vec<AssetName> = match hub.release(&tag) {
        Ok(Some(release)) => {
            let mut names: Vec<AssetName> =
                release.assets.into_iter().map(|asset| asset.name).collect();
            // A plain name before its suffixed variants.
            names.sort_by_key(|name| (name.as_str().len(), name.clone()));
            names
        }
        Ok(None) => return Ok(None),
        Err(_) => ["tar.gz", "zip", "tar.zst"]
            .iter()
            .filter_map(|ext| format!("{name}-{platform}.{ext}").parse().ok())
            .collect(),
    };
    let sidecars: Vec<String> = names
        .iter()
        .map(|asset| asset.sidecar().to_string())
        .collect();
    let of_platform = |asset: &&AssetName| {
        asset.as_str().contains(&platform.to_string()) && !sidecars.contains(&asset.to_string())
    };
    for asset in names.iter().filter(of_platform) {
        if let Some(sidecar) = hub.sidecar(&tag, asset)?
            && suits(&sidecar)
        {
            return Ok(Some((tag, asset.clone(), sidecar)));
        }
    }
    Ok(None)
}

/// Takes an asset into an existing, empty folder, held to its sidecar.
pub fn take(
    hub: &dyn HubReader,
    transfer: Transfer<'_>,
    tag: &Tag,
    asset: &AssetName,
    sidecar: &Sidecar,
    into: &Utf8Path,
) -> Result<()> {
    let Some(body) = hub.fetch(tag, asset)? else {
        return Err(Error::failed(format!(
            "{} has a sidecar of {tag}/{asset} but not the asset",
            hub.describe()
        )));
    };
    let stated = [Stated::sha256(
        sidecar.sha256,
        format!("its sidecar {}", asset.sidecar()),
    )];
    let arrival = Arrival {
        place: &body.place,
        file_name: asset.as_str(),
        reader: body.reader,
        size: Some(sidecar.size),
        stated: &stated,
        select: Select::Flat,
        single: None,
        budget: Budget::default(),
    };
    let arrived = intake::receive(transfer, arrival, into)?;
    intake::artifact(
        &body.place,
        &arrived,
        &Contents::Stated(&sidecar.content),
        into,
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_their_numbers() {
        let mut versions: Vec<Version> = ["v2.9.1", "v2.10.24", "v2.10.0-rc.1", "2.10.0", "v1"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        versions.sort_by_key(sort_key);
        let sorted: Vec<&str> = versions.iter().map(Version::as_str).collect();
        assert_eq!(
            sorted,
            ["v1", "v2.9.1", "v2.10.0-rc.1", "2.10.0", "v2.10.24"]
        );
    }
}
