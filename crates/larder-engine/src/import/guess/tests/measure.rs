//! Measures the guesses on many releases: a program for whoever changes them, which is not run with the other tests.
//!
//! ```sh
//! LARDER_TEST_RELEASES=/path/to/releases.json \
//!     cargo test -p larder-engine --lib tests::measure -- --ignored --nocapture
//! ```
//!
//! The file is a list of objects: `package` (`owner/repository`, and more parts for one of several products), `tag`, `name`
//! (of the subsystem), `listed` (names of the assets), `right` (the asset for each platform), and optionally `either`
//! (assets that may be chosen or not) and `checksums` (the file with the digest of each asset). The header of an asset is
//! what `right` says of it.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::fs;
use larder_core::model::{Platform, Version};
use larder_remote::origin::version_in;

use super::super::{Seen, Wanted, guess, template, words};
use super::SIX;

#[derive(serde::Deserialize)]
struct Release {
    package: String,
    tag: String,
    name: String,
    listed: Vec<String>,
    right: BTreeMap<String, String>,
    #[serde(default)]
    either: BTreeMap<String, String>,
    #[serde(default)]
    checksums: BTreeMap<String, String>,
}

/// How a guess compares with what is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Verdict {
    Exact,
    /// Exact, and in addition assets of the same product for other platforms.
    More,
    /// Some of the platforms have no asset.
    Missing,
    /// Nothing was guessed, or a question was asked.
    Refused,
    Wrong,
}

#[test]
#[ignore = "needs a file of releases, which LARDER_TEST_RELEASES names"]
fn releases_are_guessed() {
    let path = std::env::var("LARDER_TEST_RELEASES").expect("LARDER_TEST_RELEASES");
    let text = fs::read_text(path).expect("the file of releases");
    let all: Vec<Release> = serde_json::from_str(&text).expect("a list of releases");
    let (mut counts, mut headers) = (BTreeMap::new(), 0);
    let (mut stated, mut found) = (0, 0);
    for release in &all {
        let (verdict, told, sums) = judge(release, &mut headers);
        *counts.entry(verdict).or_insert(0) += 1;
        if verdict != Verdict::Exact {
            println!("{verdict:?}: {} {} {told}", release.package, release.tag);
        }
        if verdict == Verdict::Exact && !release.checksums.is_empty() {
            stated += 1;
            found += usize::from(sums == release.checksums);
            if sums != release.checksums {
                println!(
                    "Checksums: {} {sums:?}, right are {:?}",
                    release.package, release.checksums
                );
            }
        }
    }
    println!(
        "{} releases: {counts:?}; {headers} headers were read; {found} of {stated} checksums files are right",
        all.len()
    );
}

/// The verdict, the differences, and the best candidate for the checksums files.
fn judge(release: &Release, headers: &mut usize) -> (Verdict, String, BTreeMap<String, String>) {
    let right: BTreeMap<Platform, &str> = (release.right.iter())
        .map(|(platform, asset)| (platform.parse().unwrap(), asset.as_str()))
        .collect();
    let either: BTreeMap<Platform, &str> = (release.either.iter())
        .map(|(platform, asset)| (platform.parse().unwrap(), asset.as_str()))
        .collect();
    let (version, _) = version_in(&release.tag);
    let Ok(version) = version.parse::<Version>() else {
        return (Verdict::Refused, "no version".to_owned(), BTreeMap::new());
    };
    let platforms = SIX.map(|text| text.parse::<Platform>().unwrap());
    let repository = release.package.split('/').nth(1).unwrap_or_default();
    let given = BTreeMap::new();
    let wanted = Wanted {
        assets: &release.listed,
        version: &version,
        platforms: &platforms,
        name: &release.name,
        repository,
        given: &given,
    };
    let mut read_header = |asset: &str| {
        *headers += 1;
        let native = right
            .iter()
            .chain(&either)
            .filter(|(_, right)| **right == asset)
            .map(|(platform, _)| (platform.os, platform.arch))
            .collect();
        Ok(Seen {
            native,
            script: false,
        })
    };
    let guessed = match guess(&wanted, &mut read_header) {
        Err(error) => {
            return (
                Verdict::Refused,
                error.message().to_owned(),
                BTreeMap::new(),
            );
        }
        Ok(None) => return (Verdict::Refused, "nothing".to_owned(), BTreeMap::new()),
        Ok(Some(guess)) => guess,
    };
    let sums = guessed.checksums.first().map(|files| &files.names);
    let sums = sums
        .into_iter()
        .flatten()
        .map(|(platform, name)| (platform.to_string(), name.clone()))
        .collect();
    let guessed = guessed.assets;
    let shape = |asset: &str| {
        let own = [release.name.as_str(), repository];
        let parsed = words::parse_any(asset, &version, &own);
        template::shape(&parsed)
    };
    let shapes: BTreeSet<String> = right.values().map(|asset| shape(asset)).collect();
    let mut verdict = Verdict::Exact;
    let mut told = Vec::new();
    for platform in platforms {
        let (guess, right) = (guessed.get(&platform), right.get(&platform));
        let found = match (guess, right) {
            (Some(guess), Some(right)) if guess == right => Verdict::Exact,
            (None, None) => Verdict::Exact,
            (Some(guess), None) if either.get(&platform) == Some(&guess.as_str()) => Verdict::Exact,
            (Some(guess), None) if shapes.contains(&shape(guess)) => Verdict::More,
            (None, Some(_)) => Verdict::Missing,
            (Some(_), _) => Verdict::Wrong,
        };
        if found != Verdict::Exact {
            told.push(format!("{platform}: {guess:?}, right is {right:?}"));
        }
        verdict = verdict.max(found);
    }
    (verdict, told.join("; "), sums)
}
