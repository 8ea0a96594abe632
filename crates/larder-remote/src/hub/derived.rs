//! `manifest.json` and `checksums.txt` of a release: derived from its sidecars for people and other
//! tools. larder never reads them. They contain no current time and nothing of this machine, and
//! their order is fixed: the same sidecars give the same bytes.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use larder_core::formats::{Observed, Sidecar};
use larder_core::model::{Artifact, ArtifactFile, AssetName, Tag, Tree};

/// The file name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// The file name of the checksums, which have the format of `sha256sum -c`.
pub const CHECKSUMS: &str = "checksums.txt";

/// Where a release is published, if it has the same address for all users.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReleaseAddress<'a> {
    /// `owner/name` of a repository.
    pub repo: Option<&'a str>,
    /// The url of the release's page.
    pub url: Option<&'a str>,
}

/// The names and bytes of both files, for a release with these assets.
pub fn files<S: Borrow<Sidecar>>(
    address: ReleaseAddress<'_>,
    tag: &Tag,
    sidecars: &BTreeMap<AssetName, S>,
) -> [(&'static str, Vec<u8>); 2] {
    let mut manifest =
        serde_json::to_string_pretty(&manifest(address, tag, sidecars)).unwrap_or_default();
    manifest.push('\n');
    let mut checksums = String::new();
    for (name, sidecar) in sidecars {
        let _ = writeln!(checksums, "{}  {name}", sidecar.borrow().sha256);
    }
    [
        (MANIFEST, manifest.into_bytes()),
        (CHECKSUMS, checksums.into_bytes()),
    ]
}

/// The manifest has the same shape as that of a collection: `binary`, `version`, `collection_date`,
/// `source`, `platforms`, `managed_release`. If a platform has several assets (of different inputs,
/// with suffixed names), the one with the plain name is under `platforms` and the others are under
/// `variants`.
fn manifest<S: Borrow<Sidecar>>(
    address: ReleaseAddress<'_>,
    tag: &Tag,
    sidecars: &BTreeMap<AssetName, S>,
) -> Value {
    let mut assets: Vec<(&AssetName, &Sidecar)> = sidecars
        .iter()
        .map(|(name, sidecar)| (name, sidecar.borrow()))
        .collect();
    assets.sort_by_key(|(name, _)| (name.as_str().len(), *name));
    let mut platforms: BTreeMap<String, Value> = BTreeMap::new();
    let mut variants: Vec<Value> = Vec::new();
    for (name, sidecar) in &assets {
        let platform = sidecar.content.platform.to_string();
        match platforms.entry(platform.clone()) {
            Entry::Vacant(free) => drop(free.insert(asset(name, sidecar))),
            Entry::Occupied(_) => {
                let mut shown = asset(name, sidecar);
                shown["platform"] = platform.into();
                variants.push(shown);
            }
        }
    }
    let mut manifest = Map::new();
    if let Some((_, first)) = assets.first() {
        manifest.insert("binary".into(), first.content.name.as_str().into());
        manifest.insert("version".into(), first.content.version.as_str().into());
    }
    let newest = assets
        .iter()
        .filter_map(|(_, sidecar)| sidecar.observed.time.as_deref())
        .max();
    manifest.insert("collection_date".into(), newest.into());
    manifest.insert(
        "source".into(),
        assets.first().map(|(_, sidecar)| source(sidecar)).into(),
    );
    manifest.insert(
        "platforms".into(),
        platforms.into_iter().collect::<Map<_, _>>().into(),
    );
    if !variants.is_empty() {
        manifest.insert("variants".into(), variants.into());
    }
    let ReleaseAddress { repo, url } = address;
    manifest.insert(
        "managed_release".into(),
        json!({"repo": repo, "tag": tag.as_str(), "published": true, "url": url}),
    );
    manifest.into()
}

/// Where the artifact comes from, according to the explanation of its inputs: a repository and the
/// page of its release, or else a url or a coordinate.
fn source(sidecar: &Sidecar) -> Value {
    let field = |key: &str| {
        sidecar
            .explanation
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    if let Some(url) = field("upstream.url") {
        let path: Vec<&str> = url
            .strip_prefix("https://github.com/")
            .map(|rest| rest.split('/').collect())
            .unwrap_or_default();
        if let [owner, name, "releases", "download", tag, ..] = path[..] {
            let page = format!("https://github.com/{owner}/{name}/releases/tag/{tag}");
            return json!({"repo": format!("{owner}/{name}"), "release_url": page});
        }
        return json!({"repo": null, "release_url": url});
    }
    let kinds = [
        ("upstream.npm", "npm "),
        ("upstream.pypi", "pypi "),
        ("source.git", ""),
        ("source.crate", "crate "),
    ];
    let repo = kinds
        .iter()
        .find_map(|(key, kind)| Some(format!("{kind}{}", field(key)?)));
    json!({"repo": repo, "release_url": null})
}

fn asset(name: &AssetName, sidecar: &Sidecar) -> Value {
    let Sidecar {
        schema: _,
        content,
        artifact,
        sha256,
        size,
        observed,
        explanation: _,
    } = sidecar;
    let Artifact {
        name: _,
        version: _,
        platform: _,
        emulated,
        origin,
        inputs,
        commit,
        files,
        tree,
    } = content;
    let Observed {
        commit: _,
        tools: _,
        glibc,
        executor: _,
        run,
        time: _,
    } = observed;
    let mut shown = json!({
        "filename": name.as_str(), "size": size, "sha256": sha256.to_string(),
        "executable": files.iter().any(|file| file.mode & 0o111 != 0),
        "origin": origin.as_str(), "inputs": inputs.to_string(), "artifact": artifact.to_string(),
    });
    for (key, value) in [("commit", commit), ("glibc", glibc), ("run", run)] {
        if let Some(value) = value {
            shown[key] = value.as_str().into();
        }
    }
    let file = |ArtifactFile {
                    name,
                    mode,
                    size,
                    sha256,
                }: &ArtifactFile| json!({"name": name.as_str(), "mode": format!("{mode:04o}"), "size": size, "sha256": sha256.to_string()});
    if let Some(emulated) = emulated {
        shown["emulated"] = emulated.to_string().into();
    }
    shown["files"] = files.iter().map(file).collect::<Vec<_>>().into();
    if let Some(Tree { binaries, links }) = tree {
        shown["tree"] = json!({"binaries": binaries, "links": links});
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_core::model::{Digest, Origin};

    fn sidecar(platform: &str, inputs: &str) -> Sidecar {
        let content = Artifact {
            name: "arc".parse().unwrap(),
            version: "v1".parse().unwrap(),
            platform: platform.parse().unwrap(),
            emulated: None,
            origin: Origin::Build,
            inputs: Digest::of(inputs.as_bytes()),
            commit: None,
            tree: None,
            files: vec![ArtifactFile {
                name: "arc".parse().unwrap(),
                mode: 0o755,
                size: 1,
                sha256: Digest::of(b"x"),
            }],
        };
        Sidecar::new(
            content,
            Digest::of(platform.as_bytes()),
            7,
            Observed::default(),
            Vec::new(),
        )
    }

    #[test]
    fn suffixed_assets_are_variants() {
        let all: BTreeMap<AssetName, Sidecar> = [
            (
                "arc-linux-amd64-0123456789ab.tar.gz",
                sidecar("linux-amd64", "other"),
            ),
            ("arc-linux-amd64.tar.gz", sidecar("linux-amd64", "plain")),
            ("arc-darwin-arm64.tar.gz", sidecar("darwin-arm64", "plain")),
        ]
        .into_iter()
        .map(|(name, sidecar)| (name.parse().unwrap(), sidecar))
        .collect();
        let tag = "arc-v1".parse().unwrap();
        let [(_, manifest), (_, checksums)] = files(
            ReleaseAddress {
                repo: Some("acme/x"),
                url: None,
            },
            &tag,
            &all,
        );
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        assert_eq!(
            manifest["platforms"]["linux-amd64"]["filename"],
            "arc-linux-amd64.tar.gz"
        );
        assert_eq!(
            manifest["platforms"]["linux-amd64"]["inputs"],
            Digest::of(b"plain").to_string()
        );
        assert_eq!(
            manifest["variants"][0]["filename"],
            "arc-linux-amd64-0123456789ab.tar.gz"
        );
        assert_eq!(manifest["variants"].as_array().unwrap().len(), 1);
        assert_eq!(manifest["managed_release"]["tag"], "arc-v1");
        for key in [
            "binary",
            "version",
            "collection_date",
            "source",
            "platforms",
            "managed_release",
        ] {
            assert!(manifest.get(key).is_some(), "{key}");
        }
        assert_eq!(String::from_utf8(checksums).unwrap().lines().count(), 3);
    }

    #[test]
    fn the_source_is_read_from_the_explanation() {
        let source_of = |key: &str, value: &str| {
            let mut sidecar = sidecar("linux-amd64", "i");
            sidecar.explanation = vec![(key.to_owned(), value.to_owned())];
            source(&sidecar)
        };
        let github = source_of(
            "upstream.url",
            "https://github.com/o/r/releases/download/v1/x.tar.gz",
        );
        assert_eq!(
            github,
            json!({"repo": "o/r", "release_url": "https://github.com/o/r/releases/tag/v1"})
        );
        assert_eq!(
            source_of("upstream.url", "https://dl.example/x.gz")["release_url"],
            "https://dl.example/x.gz"
        );
        assert_eq!(
            source_of("upstream.npm", "tool@1.2.3")["repo"],
            "npm tool@1.2.3"
        );
        assert_eq!(source_of("source.dir", "0123")["repo"], Value::Null);
    }
}
