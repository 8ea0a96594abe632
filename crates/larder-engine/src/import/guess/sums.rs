//! Finds the files with digests among a release's assets, and for which of the chosen assets each of them is.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::model::{Platform, Version};

use super::split;
use super::template::{Words, templated};
use super::words::{self, Mark, MarkKind, Meaning, ParsedName};

/// One or several files of the same kind that state digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChecksumFiles {
    /// The file for each platform that it states a digest for, or may state one for.
    pub names: BTreeMap<Platform, String>,
    /// How the files are named.
    pub kind: Naming,
}

/// How the files with digests are named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// One file for all assets, or one for each system or processor.
    Sums,
    /// One file for each asset: the asset's name with this ending.
    PerAsset(&'static str),
    /// One file for each asset: the asset's name with this ending in place of its own.
    PerStem(&'static str),
}

/// Endings of files with the digest of one asset.
const EACH: [&str; 7] = [
    ".sha256",
    ".sha256sum",
    ".sha256.txt",
    ".sha512",
    ".sha512sum",
    ".sha512.txt",
    ".sha",
];
/// Words in the names of files with the digests of all assets; earlier ones are preferred.
const ONE: [&str; 13] = [
    "sha256sums",
    "sha256sum",
    "sha256",
    "shasums256",
    "checksums",
    "checksum",
    "hashes",
    "sha512sums",
    "sha512sum",
    "sha512",
    "shasums512",
    "shasums",
    "digests",
];
/// Endings of files with the digests of all assets.
const ENDINGS: [&str; 8] = [
    ".sha256sums",
    ".sha512sums",
    ".sha256sum",
    ".sha512sum",
    ".sha256",
    ".sha512",
    ".txt",
    ".sum",
];

/// The files that may contain digests; the best are first.
pub(super) fn checksums(
    assets: &[String],
    version: &Version,
    picks: &BTreeMap<Platform, ParsedName<'_>>,
    own: [&str; 2],
) -> Vec<ChecksumFiles> {
    let there: BTreeSet<&str> = assets.iter().map(String::as_str).collect();
    let per = |name: &dyn Fn(&ParsedName<'_>) -> String| -> BTreeMap<Platform, String> {
        picks
            .iter()
            .map(|(platform, pick)| (*platform, name(pick)))
            .filter(|(_, name)| there.contains(name.as_str()))
            .collect()
    };
    let mut found = sums(assets, version, picks, own);
    for ending in EACH {
        found.push(ChecksumFiles {
            names: per(&|pick| format!("{}{ending}", pick.name)),
            kind: Naming::PerAsset(ending),
        });
    }
    for ending in EACH {
        let name = |pick: &ParsedName<'_>| {
            let stem = &pick.name[..pick.name.len() - pick.ending.len()];
            format!("{stem}{ending}")
        };
        // A plain file has no ending of its own.
        let mut names = per(&name);
        names.retain(|platform, _| !picks[platform].ending.is_empty());
        found.push(ChecksumFiles {
            names,
            kind: Naming::PerStem(ending),
        });
    }
    found.retain(|files| !files.names.is_empty());
    // Those for all assets come first; among equals, the order of the kinds remains.
    found.sort_by_key(|files| std::cmp::Reverse(files.names.len()));
    found
}

/// How well a file with digests fits, a lower rank is better: its other words, the names' words that it lacks, and the
/// place of its kind in [`ONE`].
type Rank = (usize, usize, usize);

/// Files for all assets, or for all of a system or a processor.
fn sums(
    assets: &[String],
    version: &Version,
    picks: &BTreeMap<Platform, ParsedName<'_>>,
    own: [&str; 2],
) -> Vec<ChecksumFiles> {
    let wanted: BTreeSet<String> = own.iter().flat_map(|name| split(name)).collect();
    let about_one = |name: &String| {
        EACH.iter().any(|ending| {
            name.strip_suffix(ending).is_some_and(|stem| {
                assets.iter().any(|asset| {
                    asset == stem || asset != name && words::split_ending(asset).0 == stem
                })
            })
        })
    };
    // One file for each system or processor: the same place in the order, and the same other words.
    let mut groups: BTreeMap<(Rank, Vec<String>, usize), BTreeMap<Platform, String>> =
        BTreeMap::new();
    for (nth, name) in assets
        .iter()
        .enumerate()
        .filter(|(_, name)| !about_one(name))
    {
        let Some((rank, rest, marks)) = digests_of(name, version, &wanted) else {
            continue;
        };
        let suits = |platform: &Platform| {
            marks.iter().all(|mark| match mark.kind {
                MarkKind::Word(Meaning::Os(os) | Meaning::Triple(os, _)) => os == platform.os,
                MarkKind::Word(Meaning::Arch(arch)) => arch == platform.arch,
                MarkKind::Word(Meaning::Both(os, arch)) => {
                    (os, arch) == (platform.os, platform.arch)
                }
                MarkKind::Word(Meaning::Foreign) => false,
                _ => true,
            })
        };
        let particular = marks.iter().any(|mark| {
            matches!(
                mark.kind,
                MarkKind::Word(
                    Meaning::Os(_)
                        | Meaning::Triple(..)
                        | Meaning::Arch(_)
                        | Meaning::Both(..)
                        | Meaning::Foreign
                )
            )
        });
        // Files for all assets each stand alone, in the order of the listing.
        let group = if particular { usize::MAX } else { nth };
        let files = groups.entry((rank, rest, group)).or_default();
        for platform in picks.keys().filter(|platform| suits(platform)) {
            files.insert(*platform, name.clone());
        }
    }
    groups
        .into_values()
        .map(|names| ChecksumFiles {
            names,
            kind: Naming::Sums,
        })
        .collect()
}

/// Whether a name is that of a file with digests of several assets: its rank, its other words and its marks.
fn digests_of(
    name: &str,
    version: &Version,
    wanted: &BTreeSet<String>,
) -> Option<(Rank, Vec<String>, Vec<Mark>)> {
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS.iter().find(|ending| lower.ends_with(**ending));
    let stem = &lower[..lower.len() - ending.map_or(0, |ending| ending.len())];
    let (marks, mut rest) = words::scan(stem, version);
    // `product.sha256sums` is one by its ending alone.
    if let Some(word) = ending
        .map(|ending| ending[1..].to_owned())
        .filter(|word| ONE.contains(&word.as_str()))
    {
        rest.push(word);
    }
    // A file is often called `productchecksums.txt`.
    let is_digests = |word: &str| {
        ONE.iter().any(|one| {
            let before = word.strip_suffix(one);
            before.is_some_and(|before| before.is_empty() || wanted.contains(before))
        })
    };
    let ended = words::last_part(stem)
        .rsplit_once('.')
        .is_some_and(|(_, last)| {
            let text = last.starts_with(|c: char| c.is_ascii_alphabetic());
            text && !split(last).all(|word| is_digests(&word) || wanted.contains(&word))
        });
    if ended && !marks.iter().any(|mark| mark.range.end == stem.len()) {
        return None;
    }
    let place = ONE.iter().position(|one| {
        rest.iter()
            .any(|word| is_digests(word) && word.ends_with(one))
    })?;
    // A file with other words may belong to another tool of the same release, and one without those of the name, too.
    let more = rest
        .iter()
        .filter(|word| !is_digests(word) && !wanted.contains(*word))
        .count();
    let lacks = wanted
        .iter()
        .filter(|word| !rest.iter().any(|other| other.contains(*word)))
        .count();
    Some(((more, lacks, place), rest, marks))
}

impl ChecksumFiles {
    /// The template of the file's name for a platform whose asset has this template.
    pub(super) fn template(
        &self,
        platform: Platform,
        asset: &str,
        version: &Version,
        words: &Words<'_>,
    ) -> String {
        let name = &self.names[&platform];
        let (marks, _) = words::scan(name, version);
        match self.kind {
            Naming::PerAsset(ending) => format!("{asset}{ending}"),
            Naming::PerStem(_) => templated(name, &marks, words),
            // The words of a file for all assets are the same on all platforms.
            Naming::Sums if self.names.values().collect::<BTreeSet<_>>().len() > 1 => {
                templated(name, &marks, words)
            }
            Naming::Sums => templated(name, &marks, &Words { os: "", arch: "" }),
        }
    }

    /// Their names for messages.
    pub fn describe(&self) -> String {
        match self.kind {
            Naming::PerAsset(ending) => format!("<asset>{ending}"),
            Naming::PerStem(ending) => format!("<asset without its ending>{ending}"),
            Naming::Sums => {
                let names: BTreeSet<&str> = self.names.values().map(String::as_str).collect();
                names.into_iter().collect::<Vec<_>>().join(", ")
            }
        }
    }
}
