//! What a hub holds that is no finished release: leftovers of killed publishers, and how releases
//! of subsystems, releases of plain files and unfinished ones are told apart. It knows names only;
//! how old a leftover must be before it goes is decided by the caller.

use jiff::Timestamp;

use larder_core::model::{AssetName, Platform, is_short_hex};

use super::attached::{self, is_attached};
use super::derived::{CHECKSUMS, MANIFEST};
use super::{ListedAsset, Release};

/// What was begun on a hub and never published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is, for people.
    pub place: String,
    /// What the hub finds it by.
    pub key: String,
    /// Its size in bytes, if the hub says.
    pub size: Option<u64>,
    /// When it was last written, if the hub says.
    pub since: Option<Timestamp>,
    /// Why it is not removed as a leftover, and what removes it; `None` if it is removed.
    pub stays: Option<String>,
}

/// What a release holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseKind {
    /// Assets with sidecars, of a subsystem.
    Subsystem,
    /// Files without sidecars that were published together: of a project, or a tombstone.
    Plain,
    /// Neither: a publisher was killed before its first sidecar.
    Unfinished,
}

impl Release {
    /// What it holds.
    pub fn kind(&self) -> ReleaseKind {
        if self.described().next().is_some() {
            return ReleaseKind::Subsystem;
        }
        let is_whole = |asset: &ListedAsset| {
            asset.name.as_str() == CHECKSUMS || asset.name.as_str() == "tombstone.json"
        };
        if self.assets.iter().any(is_whole) {
            ReleaseKind::Plain
        } else {
            ReleaseKind::Unfinished
        }
    }

    /// Its assets that have sidecars.
    pub fn described(&self) -> impl Iterator<Item = &ListedAsset> {
        self.assets
            .iter()
            .filter(|asset| self.listed(&asset.name.sidecar()).is_some())
    }

    /// A file by its name.
    pub fn listed(&self, name: &AssetName) -> Option<&ListedAsset> {
        self.assets.iter().find(|asset| asset.name == *name)
    }

    /// Its attachments: files that are neither assets with sidecars nor belong to one, and are not
    /// derived from what the release has.
    pub fn attachments(&self) -> impl Iterator<Item = &ListedAsset> {
        self.assets.iter().filter(|file| {
            let name = file.name.as_str();
            let is_own = self
                .described()
                .any(|asset| belonging(&asset.name).any(|own| own == name));
            !is_own && !is_derived(name) && !is_package(name) && !name.ends_with(".json")
        })
    }
}

/// The names of what belongs to an asset, in the order in which it is removed: its sidecar, so that
/// no reader sees a half, then what goes with it, and the asset last.
pub(super) fn belonging(asset: &AssetName) -> impl Iterator<Item = String> {
    [
        asset.sidecar().to_string(),
        asset.signature().to_string(),
        attached::sbom_of(asset),
        asset.to_string(),
    ]
    .into_iter()
}

/// Whether a file is derived from what the whole release has.
pub(super) fn is_derived(name: &str) -> bool {
    [MANIFEST, CHECKSUMS].contains(&name) || is_attached(name)
}

/// The packages of an unfinished or a subsystem's release that have no sidecar. Only names of
/// packages count: attachments have no sidecars either.
pub(super) fn bare_assets(release: &Release) -> impl Iterator<Item = &ListedAsset> {
    let is_plain = release.kind() == ReleaseKind::Plain;
    release.assets.iter().filter(move |asset| {
        !is_plain
            && is_package(asset.name.as_str())
            && release.listed(&asset.name.sidecar()).is_none()
    })
}

/// Whether a name is that of a package: `<package>-<platform>` or `<package>-<platform>-<12 hex>`,
/// and the ending of an archive.
fn is_package(name: &str) -> bool {
    let stem = [".tar.gz", ".tar.zst", ".zip"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    let Some(stem) = stem else {
        return false;
    };
    let stem = match stem.rsplit_once('-') {
        Some((plain, inputs)) if is_short_hex(inputs) => plain,
        _ => stem,
    };
    let starts = stem.match_indices('-').map(|(at, _)| &stem[at + 1..]);
    starts
        .filter_map(|text| Some((text, text.parse::<Platform>().ok()?)))
        .any(|(text, platform)| platform.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(names: &[&str]) -> Release {
        let asset = |name: &&str| ListedAsset {
            name: name.parse().unwrap(),
            size: 1,
            sha256: None,
            inputs: None,
        };
        Release {
            tag: "arc-v1".parse().unwrap(),
            draft: false,
            immutable: false,
            assets: names.iter().map(asset).collect(),
        }
    }

    #[test]
    fn releases_are_told_apart_by_what_they_hold() {
        let package = "arc-linux-amd64.tar.gz";
        for (names, kind, bare) in [
            (
                &[package, "arc-linux-amd64.tar.gz.json", CHECKSUMS][..],
                ReleaseKind::Subsystem,
                0,
            ),
            (&[package, MANIFEST, CHECKSUMS], ReleaseKind::Plain, 0),
            (&["tombstone.json"], ReleaseKind::Plain, 0),
            (&[package, "arc_1.deb"], ReleaseKind::Unfinished, 1),
            (
                &[
                    package,
                    "arc-linux-amd64.tar.gz.json",
                    "arc-windows-arm64-0123456789ab.zip",
                    "arc-1.0.tar.gz",
                    "install.sh",
                ],
                ReleaseKind::Subsystem,
                1,
            ),
        ] {
            let release = release(names);
            assert_eq!(release.kind(), kind, "{names:?}");
            assert_eq!(bare_assets(&release).count(), bare, "{names:?}");
        }
    }

    #[test]
    fn attachments_are_what_nothing_else_explains() {
        let release = release(&[
            "arc-linux-amd64.tar.gz",
            "arc-linux-amd64.tar.gz.json",
            "arc-linux-amd64.tar.gz.json.minisig",
            "arc-linux-amd64.tar.gz.cdx.json",
            "arc-darwin-arm64.tar.gz",
            "arc_1.0_amd64.deb",
            "install.sh",
            MANIFEST,
            CHECKSUMS,
            attached::SBOM,
            attached::PROVENANCE,
        ]);
        let names: Vec<_> = release.attachments().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["arc_1.0_amd64.deb", "install.sh"]);
    }
}
