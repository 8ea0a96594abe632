//! Taking an artifact directly from a hub, without a recipe; the sidecar alone describes what the
//! artifact must be.

use std::collections::BTreeSet;
use std::io::Read as _;

use camino::Utf8Path;

use larder_core::archive::{ArchiveKind, Budget, ReadAs};
use larder_core::error::{Error, Result};
use larder_core::formats::Sidecar;
use larder_core::model::{
    Artifact, AssetName, Name, Platform, Tag, Version, is_short_hex, version_order,
};
use larder_remote::hub::HubReader;
use larder_remote::origin::Stated;

use super::intake::{self, Arrival, Contents, Transfer};
use super::replaced::read_as_described;
use crate::trust::yank;

/// The newest version of a subsystem on a hub, read from the tags of its releases. Pre-releases
/// count only if there is no other version.
pub fn newest(hub: &dyn HubReader, name: &Name) -> Result<Option<Version>> {
    let prefix = format!("{name}-");
    let releases = hub.releases()?;
    let published: BTreeSet<&str> = releases
        .iter()
        .filter(|release| !release.draft)
        .filter_map(|release| release.tag.as_str().strip_prefix(&prefix))
        .collect();
    // A platform that is added after a release became immutable gets a tag of its own, `<tag>-<12
    // hex digits>`.
    let is_late = |version: &str| {
        version
            .rsplit_once('-')
            .is_some_and(|(version, inputs)| is_short_hex(inputs) && published.contains(version))
    };
    let versions = published.iter().filter_map(|text| {
        let version: Version = text.parse().ok()?;
        // `nats-top-v1` is not a version of `nats`: a version starts with a digit, or with v and a
        // digit.
        let numbered = version.number().starts_with(|c: char| c.is_ascii_digit());
        let is_tombstone = text.ends_with(yank::SUFFIX);
        (numbered && !is_late(text) && !is_tombstone).then_some(version)
    });
    Ok(version_order::newest(versions))
}

/// Finds the asset of a version for a platform by reading the sidecars of the release. If the hub
/// can't list releases, only the asset's plain name is tried.
pub fn find(
    hub: &dyn HubReader,
    name: &Name,
    version: &Version,
    platform: Platform,
) -> Result<Option<(Tag, AssetName, Sidecar)>> {
    let tag = Tag::of(name, version);
    let suits = |sidecar: &Sidecar| {
        let content = &sidecar.content;
        content.name == *name && content.version == *version && content.platform == platform
    };
    let names: Vec<AssetName> = match hub.release(&tag) {
        Ok(Some(release)) => {
            let mut names: Vec<AssetName> =
                release.assets.into_iter().map(|asset| asset.name).collect();
            // The plain name comes before its suffixed variants.
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

/// Takes an asset into an existing, empty folder and verifies it against its sidecar. Returns the
/// artifact: if the asset was replaced meanwhile, it is the newer one.
pub fn take(
    hub: &dyn HubReader,
    transfer: Transfer<'_>,
    (tag, asset, sidecar): (&Tag, &AssetName, &Sidecar),
    into: &Utf8Path,
) -> Result<Artifact> {
    let described = (tag, asset, sidecar);
    read_as_described(hub, transfer.cancel, described, |sidecar, version| {
        intake::clear_folder(into)?;
        take_once(hub, transfer, (tag, asset, sidecar), into, version)
    })
}

fn take_once(
    hub: &dyn HubReader,
    transfer: Transfer<'_>,
    (tag, asset, sidecar): (&Tag, &AssetName, &Sidecar),
    into: &Utf8Path,
    version: &mut Option<String>,
) -> Result<Artifact> {
    let Some(body) = hub.fetch_pinned(tag, asset, &sidecar.sha256)? else {
        return Err(Error::failed(format!(
            "{} has a sidecar of {tag}/{asset} but not the asset",
            hub.describe()
        )));
    };
    version.clone_from(&body.version);
    let stated = [Stated::sha256(
        sidecar.sha256,
        format!("its sidecar {}", asset.sidecar()),
    )];
    let arrival = Arrival {
        place: &body.place,
        read_as: ReadAs::Exactly(ArchiveKind::of_name(asset.as_str())),
        reader: Box::new(body.reader.take(sidecar.size.saturating_add(1))),
        size: Some(sidecar.size),
        stated: &stated,
        signature: None,
        select: intake::packaged(sidecar.content.tree.is_some()),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::formats::Observed;
    use larder_core::model::{Artifact, ArtifactFile, Digest, Origin};
    use larder_remote::hub::MemoryHub;

    fn newest_of(tags: &[&str]) -> Option<String> {
        let hub = MemoryHub::new();
        for tag in tags {
            hub.put(&tag.parse().unwrap(), &"x.tar.gz".parse().unwrap(), b"x");
        }
        let newest = newest(&hub, &"nats".parse().unwrap()).unwrap();
        newest.map(|version| version.as_str().to_owned())
    }

    #[test]
    fn an_asset_that_claims_another_version_is_not_found() {
        let hub = MemoryHub::new();
        let platform = Platform::host();
        let (name, version): (Name, Version) = ("tool".parse().unwrap(), "v1.0.0".parse().unwrap());
        let asset: AssetName = format!("tool-{platform}.tar.gz").parse().unwrap();
        let sidecar = |version: &str| {
            let content = Artifact {
                name: name.clone(),
                version: version.parse().unwrap(),
                platform,
                emulated: None,
                origin: Origin::Build,
                inputs: Digest::of(b"inputs"),
                commit: None,
                tree: None,
                files: vec![ArtifactFile {
                    name: "tool".parse().unwrap(),
                    mode: 0o755,
                    size: 1,
                    sha256: Digest::of(b"x"),
                }],
            };
            Sidecar::new(
                content,
                Digest::of(b"x"),
                1,
                Observed::default(),
                Vec::new(),
            )
            .to_json()
        };
        let tag = Tag::of(&name, &version);
        hub.put(&tag, &asset, b"x");
        for (claimed, is_found) in [("v0.9.0", false), ("v1.0.0", true)] {
            hub.put(&tag, &asset.sidecar(), sidecar(claimed).as_bytes());
            let found = find(&hub, &name, &version, platform).unwrap();
            assert_eq!(found.is_some(), is_found, "{claimed}");
        }
    }

    #[test]
    fn the_newest_version_is_a_release_where_there_is_one() {
        let releases = [
            "nats-v2.9.1",
            "nats-v2.10.24",
            "nats-v2.11.0-rc.1",
            "nats-v1",
        ];
        assert_eq!(newest_of(&releases).as_deref(), Some("v2.10.24"));
        let early = ["nats-v1.0.0-rc.9", "nats-v1.0.0-rc.10", "nats-top-v2"];
        assert_eq!(newest_of(&early).as_deref(), Some("v1.0.0-rc.10"));
        assert_eq!(newest_of(&["nats-top-v2", "natsy-v3"]), None);
    }

    #[test]
    fn a_late_platforms_tag_is_no_version() {
        let late = ["nats-v1.0.0-rc.1", "nats-v1.0.0-rc.1-0123456789ab"];
        assert_eq!(newest_of(&late).as_deref(), Some("v1.0.0-rc.1"));
        let own = ["nats-v0.0.0-20191109021931-daa7c04131f5"];
        assert_eq!(
            newest_of(&own).as_deref(),
            Some("v0.0.0-20191109021931-daa7c04131f5")
        );
    }
}
