//! Provenance: how each asset was made, as statements of in-toto with the predicate of SLSA v1. One
//! line of JSON for each asset.
//!
//! All facts are those of the sidecar. The statements are not signed: each line is what the payload
//! of a signed envelope (DSSE) will be.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use larder_core::formats::{Observed, Sidecar};
use larder_core::model::{Artifact, AssetName, is_commit};
use serde_json::{Map, Value, json};

use crate::sbom::purl;

/// What the fields of `buildDefinition` mean; the guide describes it.
pub const BUILD_TYPE: &str = "urn:larder:artifact:v1";
/// The builder of an artifact that was made outside CI.
const LOCAL: &str = "urn:larder:builder:local";

/// The statements about the assets of a release, one on each line.
pub fn of_release<'a>(assets: impl IntoIterator<Item = (&'a AssetName, &'a Sidecar)>) -> String {
    let mut lines: Vec<(&AssetName, String)> = assets
        .into_iter()
        .map(|(asset, sidecar)| (asset, format!("{}\n", of_asset(asset, sidecar))))
        .collect();
    lines.sort();
    lines.into_iter().map(|(_, line)| line).collect()
}

/// The statement about one asset.
pub fn of_asset(asset: &AssetName, sidecar: &Sidecar) -> Value {
    let Sidecar {
        schema: _,
        content,
        artifact,
        sha256,
        size: _,
        observed,
        explanation,
    } = sidecar;
    let Artifact {
        name,
        version,
        platform,
        emulated: _,
        origin,
        inputs,
        commit: _,
        files: _,
        tree: _,
    } = content;
    let declared: Vec<Value> = explanation
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut metadata = Map::new();
    if let Some(run) = &observed.run {
        metadata.insert("invocationId".into(), run.as_str().into());
    }
    let time = observed.time.as_deref();
    if let Some(time) = time.filter(|time| time.parse::<jiff::Timestamp>().is_ok()) {
        metadata.insert("finishedOn".into(), time.into());
    }
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": asset.as_str(), "digest": {"sha256": sha256.to_string()}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "name": name.as_str(),
                    "version": version.as_str(),
                    "platform": platform.to_string(),
                    "origin": origin.as_str(),
                    "inputs": declared,
                },
                "internalParameters": {
                    "inputs": inputs.to_string(),
                    "artifact": artifact.to_string(),
                },
                "resolvedDependencies": materials(sidecar),
            },
            "runDetails": {
                "builder": {"id": builder(observed.run.as_deref())},
                "metadata": metadata,
                "byproducts": byproducts(observed),
            },
        },
    })
}

/// Who ran the build: the CI of a repository on GitHub, else the server of the run's url.
fn builder(run: Option<&str>) -> String {
    let is_url = |run: &&str| run.starts_with("https://") || run.starts_with("http://");
    let Some(run) = run.filter(is_url) else {
        return LOCAL.to_owned();
    };
    match run.split_once("/actions/runs/") {
        Some((repository, _)) => format!("{repository}/actions"),
        None => run.split_inclusive('/').take(3).collect(),
    }
}

/// The sources that the artifact was made from.
fn materials(sidecar: &Sidecar) -> Vec<Value> {
    let commit = sidecar.content.commit.as_deref();
    let commit = commit.or(sidecar.observed.commit.as_deref());
    let material = |(name, value): &(String, String)| {
        let named = |kind: &str, separator: &str| {
            let (name, version) = value.rsplit_once(separator)?;
            Some(json!({"uri": purl(kind, name, Some(version))}))
        };
        match name.as_str() {
            "source.git" => Some(git(value, commit)),
            "source.sha256" => Some(json!({"name": "source", "digest": {"sha256": value}})),
            "source.dir" => Some(json!({"name": "source", "digest": {"larderFolder": value}})),
            "source.crate" => named("cargo", " "),
            "upstream.url" => Some(json!({"uri": value})),
            "upstream.npm" => named("npm", "@"),
            "upstream.pypi" => named("pypi", "=="),
            _ => None,
        }
    };
    sidecar.explanation.iter().filter_map(material).collect()
}

/// A git source, from `<url> <revision>`. A folder of the machine has no uri.
fn git(source: &str, commit: Option<&str>) -> Value {
    let (url, revision) = source.rsplit_once(' ').unwrap_or((source, ""));
    let mut material = Map::new();
    let place = match (url.contains("://"), url.split_once(':')) {
        (true, _) => Some(url.to_owned()),
        (false, Some((host, path))) if host.contains('@') => Some(format!("ssh://{host}/{path}")),
        _ => None,
    };
    if let Some(place) = place {
        material.insert("uri".into(), format!("git+{place}@{revision}").into());
    }
    let commit = commit.unwrap_or(revision);
    if is_commit(commit) {
        material.insert("digest".into(), json!({"gitCommit": commit}));
    } else if material.is_empty() {
        material.insert("content".into(), STANDARD.encode(source).into());
    }
    material.into()
}

/// What was observed: the versions that tools printed, and the lowest C library.
fn byproducts(observed: &Observed) -> Vec<Value> {
    let Observed {
        commit: _,
        tools,
        glibc,
        executor,
        run: _,
        time: _,
    } = observed;
    let text = |name: &str, text: &str| json!({"name": name, "mediaType": "text/plain", "content": STANDARD.encode(text)});
    let tools = tools.iter().map(|(name, version)| text(name, version));
    let glibc = glibc.iter().map(|version| text("glibc", version));
    let executor = executor.iter().map(|place| text("executor", place));
    tools.chain(glibc).chain(executor).collect()
}

#[cfg(test)]
mod tests {
    use larder_core::model::Digest;

    use super::*;
    use crate::tests::Sample;

    fn statement(change: impl FnOnce(&mut Sidecar)) -> Value {
        let mut sample = Sample::new("1.2.3", &["linux-amd64"]);
        let platform = &mut sample.release.platforms[0];
        change(&mut platform.sidecar);
        of_asset(&platform.asset, &platform.sidecar)
    }

    fn explained(name: &str, value: &str) -> Value {
        let statement = statement(|sidecar| {
            sidecar.explanation = vec![(name.to_owned(), value.to_owned())];
            sidecar.content.commit = Some("0123456789012345678901234567890123456789".into());
        });
        let definition = &statement["predicate"]["buildDefinition"];
        let inputs = &definition["externalParameters"]["inputs"];
        assert_eq!(*inputs, json!([{"name": name, "value": value}]));
        definition["resolvedDependencies"].clone()
    }

    #[test]
    fn there_is_one_line_for_each_asset_in_the_order_of_names() {
        let sample = Sample::new("1.2.3", &["windows-amd64", "linux-arm64", "darwin-arm64"]);
        let assets = sample.release.platforms.iter();
        let assets: Vec<_> = assets.map(|p| (&p.asset, &p.sidecar)).collect();
        let text = of_release(assets.iter().copied().rev());
        assert_eq!(text, of_release(assets));
        let names: Vec<_> = text
            .lines()
            .map(|line| {
                let statement: Value = serde_json::from_str(line).unwrap();
                statement["subject"][0]["name"].as_str().unwrap().to_owned()
            })
            .collect();
        let expected = [
            "darwin-arm64.tar.gz",
            "linux-arm64.tar.gz",
            "windows-amd64.zip",
        ];
        assert_eq!(names, expected.map(|name| format!("arc-{name}")));
    }

    #[test]
    fn the_sources_are_named_with_their_digests() {
        let digest = Digest::of(b"x").to_string();
        let commit = json!({"gitCommit": "0123456789012345678901234567890123456789"});
        for (name, value, expected) in [
            (
                "source.git",
                "https://git.example/a.git v1",
                json!({"uri": "git+https://git.example/a.git@v1", "digest": commit}),
            ),
            (
                "source.git",
                "git@git.example:a/b v1",
                json!({"uri": "git+ssh://git@git.example/a/b@v1", "digest": commit}),
            ),
            ("source.git", "../a v1", json!({"digest": commit})),
            (
                "source.sha256",
                &*digest,
                json!({"name": "source", "digest": {"sha256": digest}}),
            ),
            (
                "source.dir",
                "012",
                json!({"name": "source", "digest": {"larderFolder": "012"}}),
            ),
            (
                "source.crate",
                "arc 1.2.3",
                json!({"uri": "pkg:cargo/arc@1.2.3"}),
            ),
            (
                "upstream.url",
                "https://x.example/a",
                json!({"uri": "https://x.example/a"}),
            ),
            (
                "upstream.npm",
                "@acme/arc@1.2.3",
                json!({"uri": "pkg:npm/%40acme/arc@1.2.3"}),
            ),
            (
                "upstream.pypi",
                "arc==1.2.3",
                json!({"uri": "pkg:pypi/arc@1.2.3"}),
            ),
        ] {
            assert_eq!(explained(name, value), json!([expected]), "{name} {value}");
        }
        assert_eq!(explained("commands", "make"), json!([]));
    }

    #[test]
    fn what_was_observed_is_told_and_nothing_is_made_up() {
        let observed = Observed {
            tools: [("go".to_owned(), "1.22".to_owned())].into(),
            run: Some("https://git.example/acme/x/actions/runs/7".into()),
            time: Some("2026-01-02T03:04:05Z".into()),
            ..Observed::default()
        };
        let details =
            statement(|sidecar| sidecar.observed = observed)["predicate"]["runDetails"].clone();
        assert_eq!(
            details,
            json!({
                "builder": {"id": "https://git.example/acme/x/actions"},
                "metadata": {
                    "invocationId": "https://git.example/acme/x/actions/runs/7",
                    "finishedOn": "2026-01-02T03:04:05Z",
                },
                "byproducts": [{"name": "go", "mediaType": "text/plain", "content": "MS4yMg=="}],
            })
        );
        let odd = Observed {
            run: Some("my desk".into()),
            time: Some("yesterday".into()),
            ..Observed::default()
        };
        let details =
            statement(|sidecar| sidecar.observed = odd)["predicate"]["runDetails"].clone();
        assert_eq!(
            details,
            json!({
                "builder": {"id": LOCAL},
                "metadata": {"invocationId": "my desk"},
                "byproducts": [],
            })
        );
        assert_eq!(
            builder(Some("https://ci.example/a/b/7")),
            "https://ci.example/"
        );
    }
}
