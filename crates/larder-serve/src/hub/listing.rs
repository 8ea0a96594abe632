//! What a hub has: the packages of its releases, and the binaries in them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use camino::Utf8Path;
use larder_core::error::{Kind, Result};
use larder_core::formats::Sidecar;
use larder_core::fs;
use larder_core::model::{ArtifactPath, AssetName, Digest, Os, Platform, Proof, Tag};
use larder_core::project::TrustConfig;
use larder_engine::trust;
use larder_remote::hub::listing::{Asset, Releases};
use larder_remote::hub::{Described, HubReader};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::index::name::{Coordinate, LONGEST, Version, is_name};
use crate::index::snapshot::json;
use crate::index::{Entry, Stamp};

const SAVED: &str = "listing.json";
/// More bytes than the sidecars of a large hub have.
const LARGEST: u64 = 1 << 30;

/// A package, which is an asset with a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The tag of its release.
    pub tag: Tag,
    /// Its name.
    pub asset: AssetName,
    /// What it holds.
    pub sidecar: Sidecar,
    /// The text of its sidecar as the hub has it: a signature is of that text.
    pub text: String,
    /// The signature of the sidecar, if there is one.
    pub signature: Option<String>,
    /// When it was made, or else first seen here, in seconds since 1970.
    pub modified: i64,
    /// The digest of the sidecar, if the hub's listing has it.
    listed: Option<Digest>,
}

/// What a hub has at one moment.
#[derive(Debug, Default)]
pub struct Listing {
    packages: BTreeMap<(Tag, AssetName), Arc<Package>>,
    /// The binaries, in the order of the listings.
    pub entries: Vec<Arc<Entry>>,
    /// What is not listed, and why.
    pub refused: Vec<String>,
    holders: HashMap<Digest, Arc<Package>>,
    /// The listing of the releases, for readers of `/hub`.
    pub releases: Bytes,
}

/// A package as it is remembered across restarts.
#[derive(Serialize, Deserialize)]
struct Saved {
    tag: String,
    asset: String,
    sidecar: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    modified: i64,
    listed: Option<Digest>,
}

impl Listing {
    fn new(packages: Vec<Package>, mut refused: Vec<String>) -> Self {
        let packages: Vec<Arc<Package>> = packages.into_iter().map(Arc::new).collect();
        let mut listing = Self {
            releases: releases(&packages),
            ..Self::default()
        };
        // A plain name comes before its suffixed variants.
        let mut in_order: Vec<&Arc<Package>> = packages.iter().collect();
        let length = |package: &Package| (package.tag.as_str().len(), package.asset.as_str().len());
        in_order.sort_by(|a, b| length(a).cmp(&length(b)).then_with(|| a.tag.cmp(&b.tag)));
        let mut entries: BTreeMap<Coordinate, (Arc<Entry>, &Arc<Package>)> = BTreeMap::new();
        for package in in_order {
            for (name, size, digest) in package.binaries() {
                match package.entry(name, size, digest) {
                    Ok(None) => {}
                    Ok(Some(entry)) => {
                        if let Some((_, first)) = entries.get(&entry.coordinate) {
                            refused.push(format!(
                                "{name} of {} is not listed: {} has the same binary",
                                package.place(),
                                first.place()
                            ));
                            continue;
                        }
                        listing
                            .holders
                            .entry(digest)
                            .or_insert_with(|| package.clone());
                        entries.insert(entry.coordinate.clone(), (Arc::new(entry), package));
                    }
                    Err(why) => {
                        refused.push(format!(
                            "{name} of {} is not listed: {why}",
                            package.place()
                        ));
                    }
                }
            }
        }
        listing.entries = entries.into_values().map(|(entry, _)| entry).collect();
        listing.refused = refused;
        let key = |package: &Arc<Package>| (package.tag.clone(), package.asset.clone());
        listing.packages = packages.iter().map(|p| (key(p), p.clone())).collect();
        listing
    }

    /// A package.
    pub fn package(&self, tag: &Tag, asset: &AssetName) -> Option<&Arc<Package>> {
        self.packages.get(&(tag.clone(), asset.clone()))
    }

    /// The package that holds a binary.
    pub fn package_of(&self, binary: &Digest) -> Option<&Arc<Package>> {
        self.holders.get(binary)
    }

    /// The package whose sidecar has this name.
    pub fn described_by(&self, tag: &Tag, sidecar: &AssetName) -> Option<&Arc<Package>> {
        let asset = sidecar.as_str().strip_suffix(".json")?.parse().ok()?;
        self.package(tag, &asset)
    }

    /// The package whose sidecar's signature has this name.
    pub fn signed_by(&self, tag: &Tag, signature: &AssetName) -> Option<&Arc<Package>> {
        let sidecar = signature.as_str().strip_suffix(".minisig")?.parse().ok()?;
        self.described_by(tag, &sidecar)
    }

    /// Whether another listing has the same packages.
    pub fn is_same(&self, other: &Self) -> bool {
        self.packages == other.packages && self.refused == other.refused
    }

    /// The digests of all packages and binaries.
    pub fn digests(&self) -> HashSet<Digest> {
        let packages = self.packages.values().map(|package| package.sidecar.sha256);
        packages.chain(self.holders.keys().copied()).collect()
    }

    /// Writes what is known, for the next start.
    pub fn save(&self, folder: &Utf8Path) -> Result<()> {
        let all = self.packages.values().map(|package| Saved {
            tag: package.tag.to_string(),
            asset: package.asset.to_string(),
            sidecar: package.text.clone(),
            signature: package.signature.clone(),
            modified: package.modified,
            listed: package.listed,
        });
        fs::write_atomic(folder.join(SAVED), &json(&all.collect::<Vec<_>>()))
    }
}

/// What an earlier run knew. `None` if there was none, or if it can't be read.
pub fn read_saved(folder: &Utf8Path, trust: &TrustConfig) -> Option<Listing> {
    let bytes = fs::read_bounded(folder.join(SAVED), LARGEST)
        .ok()
        .flatten()?;
    let all: Vec<Saved> = serde_json::from_slice(&bytes).ok()?;
    let packages = all.into_iter().map(|saved| {
        Some(Package {
            sidecar: Sidecar::parse(saved.sidecar.as_bytes(), SAVED).ok()?,
            text: saved.sidecar,
            signature: saved.signature,
            tag: saved.tag.parse().ok()?,
            asset: saved.asset.parse().ok()?,
            modified: saved.modified,
            listed: saved.listed,
        })
    });
    let mut packages: Vec<Package> = packages.collect::<Option<_>>()?;
    // What was accepted then may be refused by what `trust:` says now.
    packages.retain(|package| package.admit(trust).is_ok());
    Some(Listing::new(packages, Vec::new()))
}

/// Reads what a hub has. A sidecar whose digest the listing states, and which is known, is not read
/// again.
///
/// With `trust.managed`, what has no good signature is not listed, and so it is never served.
pub fn read(hub: &dyn HubReader, known: &Listing, trust: &TrustConfig) -> Result<Listing> {
    let mut wanted = Vec::new();
    for release in hub.releases()? {
        if release.draft {
            continue;
        }
        let digests: HashMap<&str, Option<Digest>> = release
            .assets
            .iter()
            .map(|asset| (asset.name.as_str(), asset.sha256))
            .collect();
        for asset in &release.assets {
            let signature = asset.name.signature();
            if let Some(listed) = digests.get(asset.name.sidecar().as_str()) {
                let signed = digests.get(signature.as_str());
                let of_both = match (listed, signed) {
                    (Some(sidecar), None) => Some(*sidecar),
                    (Some(sidecar), Some(Some(signature))) => {
                        Some(Digest::of(format!("{sidecar} {signature}").as_bytes()))
                    }
                    _ => None,
                };
                wanted.push((
                    release.tag.clone(),
                    asset.name.clone(),
                    of_both,
                    signed.is_some(),
                ));
            }
        }
    }
    let now = jiff::Timestamp::now().as_second();
    let read = wanted
        .into_par_iter()
        .map(|wanted| read_one(hub, known, wanted, now))
        .collect::<Result<Vec<_>>>()?;
    let mut packages = Vec::new();
    let mut refused = Vec::new();
    for one in read.into_iter().flatten() {
        match one {
            Ok(package) => match package.admit(trust) {
                Ok(()) => packages.push(package),
                Err(error) => refused.push(format!("{} is not listed: {error}", package.place())),
            },
            Err(why) => refused.push(why),
        }
    }
    Ok(Listing::new(packages, refused))
}

/// Reads one sidecar. `None` if it is gone; the inner error says why the package is not listed.
fn read_one(
    hub: &dyn HubReader,
    known: &Listing,
    (tag, asset, listed, is_signed): (Tag, AssetName, Option<Digest>, bool),
    now: i64,
) -> Result<Option<Result<Package, String>>> {
    let before = known.package(&tag, &asset);
    if let Some(before) = before
        && listed.is_some()
        && before.listed == listed
    {
        return Ok(Some(Ok((**before).clone())));
    }
    let Described { sidecar, text } = match hub.described(&tag, &asset) {
        Ok(Some(described)) => described,
        Ok(None) => return Ok(None),
        Err(error) if matches!(error.kind(), Kind::Integrity | Kind::Failed) => {
            return Ok(Some(Err(format!("{tag}/{asset} is not listed: {error}"))));
        }
        Err(error) => return Err(error),
    };
    let content = &sidecar.content;
    let own = Tag::of(&content.name, &content.version);
    if tag != own && tag != own.suffixed(&content.inputs) {
        return Ok(Some(Err(format!(
            "{tag}/{asset} is not listed: its sidecar describes {own}"
        ))));
    }
    let signature = if is_signed {
        hub.proof(&tag, &asset, &text)?.map(|proof| proof.signature)
    } else {
        None
    };
    let made = sidecar.observed.time.as_deref();
    let made = made.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    let seen = before.filter(|before| before.sidecar.sha256 == sidecar.sha256);
    Ok(Some(Ok(Package {
        modified: made.map_or(seen.map_or(now, |before| before.modified), |time| {
            time.as_second()
        }),
        tag,
        asset,
        sidecar,
        text,
        signature,
        listed,
    })))
}

impl Package {
    /// Checks that who must vouch for it does.
    fn admit(&self, trust: &TrustConfig) -> Result<()> {
        if !trust.needs_signature {
            return Ok(());
        }
        let proof = self.signature.clone().map(|signature| Proof {
            tag: self.tag.clone(),
            asset: self.asset.clone(),
            sidecar: self.text.clone(),
            signature,
        });
        let Sidecar {
            content, sha256, ..
        } = &self.sidecar;
        trust::judge(trust, content, Some(sha256), proof.as_ref()).map(drop)
    }

    fn place(&self) -> String {
        format!("{}/{}", self.tag, self.asset)
    }

    /// The package's programs. Variants for a C library have none: a coordinate can't tell them.
    /// Neither have trees, whose programs do not run alone.
    fn binaries(&self) -> impl Iterator<Item = (&ArtifactPath, u64, Digest)> {
        let content = &self.sidecar.content;
        let files = content.files.iter();
        let is_listed = content.platform.libc.is_none() && content.tree.is_none();
        files
            .filter(move |file| is_listed && file.mode == 0o755)
            .map(|file| (&file.name, file.size, file.sha256))
    }

    /// A program as an entry of the index. `None` for scripts of Windows.
    fn entry(
        &self,
        file: &ArtifactPath,
        size: u64,
        digest: Digest,
    ) -> Result<Option<Entry>, String> {
        let content = &self.sidecar.content;
        let Platform { os, arch, .. } = content.platform;
        let name = match os {
            Os::Windows => match file.as_str().strip_suffix(".exe") {
                Some(name) => name,
                None => return Ok(None),
            },
            Os::Linux | Os::Darwin => file.as_str(),
        };
        if !is_name(name) {
            return Err(format!(
                "`{name}` has a character other than letters, digits, dashes and dots"
            ));
        }
        let coordinate = Coordinate {
            name: name.into(),
            version: Version::new(Version::requested(content.version.as_str())),
            platform: os,
            arch,
        };
        let file = coordinate.file();
        if file.len() > LONGEST {
            return Err(format!("its name is longer than {LONGEST} bytes"));
        }
        Ok(Some(Entry {
            coordinate,
            file: file.into(),
            digest,
            stamp: Stamp {
                size,
                modified: i128::from(self.modified) * 1_000_000_000,
                inode: 0,
            },
        }))
    }
}

fn releases(packages: &[Arc<Package>]) -> Bytes {
    let mut releases = Releases::default();
    for package in packages {
        let file = |name: AssetName, text: &str| Asset {
            name: name.to_string(),
            size: text.len() as u64,
            sha256: Some(Digest::of(text.as_bytes())),
        };
        let signature = package.signature.as_ref();
        releases.add(
            &package.tag,
            [
                Asset {
                    name: package.asset.to_string(),
                    size: package.sidecar.size,
                    sha256: Some(package.sidecar.sha256),
                },
                file(package.asset.sidecar(), &package.text),
            ]
            .into_iter()
            .chain(signature.map(|text| file(package.asset.signature(), text))),
        );
    }
    json(&releases)
}
