//! Guesses a recipe's `upstream` from the names of a release's assets: the asset for each platform, and a template that
//! renders to all of them.
//!
//! The guess is a pure function of the names; the files are not read.

mod siblings;
mod template;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use larder_core::model::{Arch, Libc, Os, Platform, Version};

pub use siblings::{siblings, version_in_url};
use template::{Common, Words, is_arch, is_os, shape, templated, word};
use words::ParsedName;

/// What was guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The asset for each platform that has one.
    pub assets: BTreeMap<Platform, String>,
    /// The template that renders to all of them, except where `overrides` has another one.
    pub asset: String,
    /// What the variables `os` and `arch` render to, if not to their default.
    pub replacements: BTreeMap<&'static str, String>,
    /// Other templates, by os or platform.
    pub overrides: BTreeMap<String, String>,
    /// Files that may contain digests; the best candidate is first.
    pub checksums: Vec<ChecksumFiles>,
    /// The name of the program according to the assets' names.
    pub program: String,
}

/// The publisher's files with digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChecksumFiles {
    /// One file for all assets.
    ForAll {
        /// The name of the file.
        name: String,
        /// The template that renders to the name.
        template: String,
    },
    /// One file for each asset: the asset's name with this ending.
    PerAsset(&'static str),
}

/// Guesses for these platforms; `None` if no asset is for any of them. `names` are the names that the assets may contain:
/// those of the subsystem and of the repository.
pub fn guess(
    assets: &[String],
    version: &Version,
    platforms: &[Platform],
    names: &[&str],
) -> Option<Guess> {
    let wanted: BTreeSet<String> = names.iter().flat_map(|name| split(name)).collect();
    let parsed_names: Vec<ParsedName<'_>> = assets
        .iter()
        .filter_map(|name| words::parse(name, version))
        .filter(|parsed| !parsed.is_unsuitable())
        .collect();
    let patterns = NamePatterns::of(&parsed_names);
    let mut picks: BTreeMap<Platform, &ParsedName<'_>> = BTreeMap::new();
    for platform in platforms {
        let ranked = parsed_names
            .iter()
            .filter_map(|parsed| Some((rank(parsed, *platform, &wanted)?, parsed)));
        // Among equally good names, choose the one that follows the most common pattern.
        let order = |parsed: &ParsedName<'_>| {
            (
                patterns.rarity(parsed),
                parsed.name.len(),
                parsed.name.to_owned(),
            )
        };
        if let Some((_, best)) =
            ranked.min_by(|(a, x), (b, y)| a.cmp(b).then_with(|| order(x).cmp(&order(y))))
        {
            picks.insert(*platform, best);
        }
    }
    let first = *picks.values().next()?;
    let common = Common::of(&picks);
    let prefix = words::last_part(first.prefix());
    let program = if prefix.is_empty() {
        (*names.first()?).to_owned()
    } else {
        prefix.to_owned()
    };
    Some(Guess {
        asset: common.asset.clone(),
        replacements: common.replacements(),
        overrides: common.overrides(&picks),
        checksums: checksums(assets, version, &picks, &wanted),
        program,
        assets: picks
            .into_iter()
            .map(|(platform, parsed)| (platform, parsed.name.to_owned()))
            .collect(),
    })
}

impl Guess {
    /// Replaces the version, the operating system and the architecture in a text by the template's variables. The text comes
    /// from the asset for `platform`.
    pub fn template_of(&self, text: &str, version: &Version, platform: Platform) -> String {
        let (marks, _) = words::scan(text, version);
        let word = |canonical: &'static str| {
            self.replacements
                .get(canonical)
                .map_or(canonical, String::as_str)
        };
        let words = Words {
            os: word(platform.os.as_str()),
            arch: word(platform.arch.as_str()),
        };
        templated(text, &marks, &words)
    }
}

/// The name of a program from its file name in an archive: without version, operating system and architecture.
pub fn plain_name(file: &str, version: &Version) -> String {
    words::parse(file, version)
        .map_or(file, |parsed| &file[..parsed.prefix().len()])
        .to_owned()
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// How well an asset fits a platform: a lower rank is better, `None` means that it does not fit.
fn rank(
    parsed: &ParsedName<'_>,
    platform: Platform,
    wanted: &BTreeSet<String>,
) -> Option<[usize; 5]> {
    let Platform { os, arch, libc } = platform;
    if parsed.os() != Some(os) {
        return None;
    }
    let arch = match parsed.arch() {
        Some(Ok(found)) if found == arch => 0,
        Some(Err(())) if os == Os::Darwin && matches!(arch, Arch::Amd64 | Arch::Arm64) => 1,
        // A name without an architecture usually means amd64.
        None if arch == Arch::Amd64 => 2,
        _ => return None,
    };
    let libc = match (parsed.libc(), libc) {
        (found, _) if os != Os::Linux => usize::from(found.is_some()),
        (Some((Libc::Musl, _)), Some(Libc::Gnu)) | (Some((Libc::Gnu, _)), Some(Libc::Musl)) => {
            return None;
        }
        (Some((Libc::Musl, true)), _) | (Some(_), Some(_)) => 0,
        (None, _) => 1,
        (Some((Libc::Musl, false)), None) => 2,
        (Some((Libc::Gnu, _)), None) => 3,
    };
    let kind = match (parsed.ending.to_ascii_lowercase().as_str(), os) {
        ("" | ".exe", _) => 0,
        (".zip", Os::Windows) | (".tar.gz" | ".tgz", _) => 1,
        (".tar.xz" | ".txz", _) => 2,
        (".tar.zst" | ".tzst", _) => 3,
        (".zip", _) => 4,
        (".tar.bz2" | ".tbz" | ".tbz2" | ".tar", _) => 5,
        _ => 6,
    };
    let more = parsed
        .rest
        .iter()
        .filter(|word| !wanted.contains(*word))
        .count();
    let fewer = wanted
        .iter()
        .filter(|word| !parsed.rest.contains(word))
        .count();
    Some([more, fewer, arch, libc, kind])
}

/// How often each shape and each word occurs in the names of a release.
struct NamePatterns(BTreeMap<String, usize>);

impl NamePatterns {
    fn of(parsed_names: &[ParsedName<'_>]) -> Self {
        let mut counts = BTreeMap::new();
        for part in parsed_names.iter().flat_map(Self::parts) {
            *counts.entry(part).or_insert(0) += 1;
        }
        Self(counts)
    }

    fn parts(parsed: &ParsedName<'_>) -> Vec<String> {
        [
            Some(shape(parsed)),
            word(parsed, is_os),
            word(parsed, is_arch),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// A sort key: greater for names whose shape and words occur less often.
    fn rarity(&self, parsed: &ParsedName<'_>) -> std::cmp::Reverse<Vec<usize>> {
        std::cmp::Reverse(
            Self::parts(parsed)
                .iter()
                .map(|part| self.0.get(part).copied().unwrap_or(0))
                .collect(),
        )
    }
}

/// Endings of files with the digest of one asset.
const EACH: [&str; 6] = [
    ".sha256",
    ".sha256sum",
    ".sha256.txt",
    ".sha512",
    ".sha512sum",
    ".sha512.txt",
];
/// Words in the names of files with the digests of all assets; earlier ones are preferred.
const ONE: [&str; 10] = [
    "sha256sums",
    "sha256sum",
    "sha256",
    "shasums256",
    "checksums",
    "checksum",
    "sha512sums",
    "sha512sum",
    "sha512",
    "shasums",
];

fn checksums(
    assets: &[String],
    version: &Version,
    picks: &BTreeMap<Platform, &ParsedName<'_>>,
    wanted: &BTreeSet<String>,
) -> Vec<ChecksumFiles> {
    let each = EACH.iter().filter(|ending| {
        picks
            .values()
            .all(|pick| assets.contains(&format!("{}{ending}", pick.name)))
    });
    let mut one: Vec<(usize, &String)> = assets
        .iter()
        .filter(|name| {
            !EACH.iter().any(|ending| {
                name.strip_suffix(ending)
                    .is_some_and(|asset| assets.iter().any(|a| a == asset))
            })
        })
        .filter_map(|name| {
            let stem = name.to_ascii_lowercase();
            let stem = [".txt", ".sum", ".sha256", ".sha512"]
                .iter()
                .find_map(|ending| stem.strip_suffix(ending))
                .unwrap_or(&stem);
            let (marks, rest) = words::scan(stem, version);
            let ended = words::last_part(stem)
                .rsplit_once('.')
                .is_some_and(|(_, last)| last.starts_with(|c: char| c.is_ascii_alphabetic()));
            if ended && !marks.iter().any(|mark| mark.range.end == stem.len()) {
                return None;
            }
            let place = ONE
                .iter()
                .position(|word| rest.iter().any(|other| other == word))?;
            // A file with other words may belong to another tool of the same release.
            let more = rest
                .iter()
                .filter(|word| !ONE.contains(&word.as_str()) && !wanted.contains(*word))
                .count();
            Some((more * ONE.len() + place, name))
        })
        .collect();
    one.sort();
    let one = one.into_iter().map(|(_, name)| {
        let (marks, _) = words::scan(name, version);
        ChecksumFiles::ForAll {
            template: templated(name, &marks, &Words { os: "", arch: "" }),
            name: name.clone(),
        }
    });
    one.chain(each.map(|ending| ChecksumFiles::PerAsset(ending)))
        .collect()
}

#[cfg(test)]
#[path = "guess/tests.rs"]
mod tests;
