//! SBOMs in CycloneDX 1.6: what a release consists of. Each asset is a component with its digest
//! and its files; what the programs say about the code in them (see
//! [`larder_core::executable::dependencies`]) are components with package urls.
//!
//! The document of an asset needs the asset's files. The document of a release is made from the
//! documents of its assets, because a release is put together by machines that have one asset each.

mod bom;
mod found;
#[cfg(test)]
mod tests;

use camino::Utf8Path;
use larder_core::error::Result;
use larder_core::executable::dependencies;
use larder_core::formats::Sidecar;
use larder_core::model::{ArtifactFile, AssetName, Name, Version};

pub use bom::Bom;
use bom::{Component, Hash, Kind, License, Property, Reference};
use found::Graph;
pub(crate) use found::purl;

use crate::release::Release;

/// The released software, as its recipe describes it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The subsystem.
    pub name: &'a Name,
    /// Its version.
    pub version: &'a Version,
    /// One line that says what it is.
    pub description: Option<&'a str>,
    /// The url of its home page.
    pub homepage: Option<&'a str>,
    /// Its licence as an SPDX expression.
    pub license: Option<&'a str>,
    /// The time of the documents in seconds since 1970. Without it, they have the time at which
    /// the artifacts were made, if that was observed.
    pub time: Option<i64>,
}

impl<'a> From<&'a Release> for About<'a> {
    fn from(release: &'a Release) -> Self {
        Self {
            name: &release.name,
            version: &release.version,
            description: release.description.as_deref(),
            homepage: release.homepage.as_deref(),
            license: release.license.as_deref(),
            time: Some(release.time),
        }
    }
}

/// One asset of a release.
#[derive(Clone, Debug)]
pub struct AssetBom<'a> {
    /// Its name.
    pub asset: &'a AssetName,
    /// Its sidecar.
    pub sidecar: &'a Sidecar,
    /// Its document, if it has one. One that describes other bytes is ignored.
    pub bom: Option<Bom>,
}

/// The document of a release whose files are here.
pub fn render(release: &Release) -> Result<Bom> {
    let about = About::from(release);
    let assets = release
        .platforms
        .iter()
        .map(|platform| {
            Ok(AssetBom {
                asset: &platform.asset,
                sidecar: &platform.sidecar,
                bom: Some(of_asset(
                    about,
                    &platform.asset,
                    &platform.sidecar,
                    &platform.folder,
                )?),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(of_release(about, &assets))
}

/// The document of one asset, whose verified files are in a folder.
pub fn of_asset(
    about: About<'_>,
    asset: &AssetName,
    sidecar: &Sidecar,
    folder: &Utf8Path,
) -> Result<Bom> {
    let component = asset_component(about, asset, sidecar);
    let mut graph = Graph::default();
    for file in &sidecar.content.files {
        let found = dependencies(folder.join(file.name.as_str()))?;
        if found.go.is_some() || found.cargo.is_some() {
            let reference = file_reference(asset, file);
            graph.edge(&component.bom_ref, &*reference);
            graph.program(&reference, &found);
        }
    }
    let (components, edges) = graph.finish();
    let time = timestamp(about.time, [sidecar]);
    Ok(Bom::new(time, component, components, edges))
}

/// The document of a release with these assets. The result does not depend on their order.
pub fn of_release(about: About<'_>, assets: &[AssetBom<'_>]) -> Bom {
    let About { name, version, .. } = about;
    let reference = format!("release:{name}@{version}");
    let mut sorted: Vec<&AssetBom<'_>> = assets.iter().collect();
    sorted.sort_by_key(|asset| asset.asset);
    let mut graph = Graph::default();
    let mut components = Vec::new();
    for AssetBom {
        asset,
        sidecar,
        bom,
    } in sorted
    {
        let component = asset_component(about, asset, sidecar);
        graph.edge(&reference, &*component.bom_ref);
        let same = |bom: &&Bom| bom.metadata.component.hashes == component.hashes;
        if let Some(bom) = bom.as_ref().filter(same) {
            graph.merge(&component, bom);
        }
        components.push(component);
    }
    let (found, edges) = graph.finish();
    components.extend(found);
    let component = Component {
        kind: Kind::Application,
        bom_ref: reference,
        description: about.description.map(str::to_owned),
        references: website(about.homepage),
        ..software(about, name.to_string())
    };
    let time = timestamp(about.time, assets.iter().map(|asset| asset.sidecar));
    Bom::new(time, component, components, edges)
}

fn software(about: About<'_>, name: String) -> Component {
    Component {
        name,
        version: Some(about.version.to_string()),
        licenses: about.license.map(license).into_iter().collect(),
        ..Component::default()
    }
}

fn asset_component(about: About<'_>, asset: &AssetName, sidecar: &Sidecar) -> Component {
    let content = &sidecar.content;
    let files = content.files.iter().map(|file| Component {
        kind: if file.mode & 0o111 == 0 {
            Kind::File
        } else {
            Kind::Application
        },
        bom_ref: file_reference(asset, file),
        name: file.name.to_string(),
        hashes: vec![Hash::sha256(&file.sha256)],
        ..Component::default()
    });
    Component {
        kind: Kind::Application,
        bom_ref: format!("asset:{asset}"),
        hashes: vec![Hash::sha256(&sidecar.sha256)],
        properties: vec![
            Property::new("platform", content.platform),
            Property::new("origin", content.origin),
            Property::new("inputs", content.inputs),
        ],
        components: files.collect(),
        ..software(about, asset.to_string())
    }
}

fn file_reference(asset: &AssetName, file: &ArtifactFile) -> String {
    format!("asset:{asset}#{}", file.name)
}

fn website(homepage: Option<&str>) -> Vec<Reference> {
    let reference = |url: &str| Reference {
        kind: "website".into(),
        url: url.to_owned(),
    };
    homepage.map(reference).into_iter().collect()
}

/// A licence; a text with other characters than an SPDX expression has is a name.
fn license(text: &str) -> License {
    let is_expression = text
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || " .-+():".contains(c));
    if is_expression {
        License::Expression(text.to_owned())
    } else {
        License::License {
            name: text.to_owned(),
        }
    }
}

/// The time that is given, else the newest at which one of the artifacts was made.
fn timestamp<'s>(
    time: Option<i64>,
    sidecars: impl IntoIterator<Item = &'s Sidecar>,
) -> Option<String> {
    let observed = |sidecar: &Sidecar| sidecar.observed.time.as_deref()?.parse().ok();
    let time: Option<jiff::Timestamp> = match time {
        Some(seconds) => jiff::Timestamp::from_second(seconds).ok(),
        None => sidecars.into_iter().filter_map(observed).max(),
    };
    time.map(|time| time.to_string())
}
