//! From the names of a release's assets to a recipe's `upstream`: which asset is for which platform, and one template that
//! renders to all of them.
//!
//! A pure function of names. Knows nothing of where they come from, nor what is in the files.

mod siblings;
mod template;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use larder_core::model::{Arch, Libc, Os, Platform, Version};

pub use siblings::{siblings, version_in_url};
use template::{Common, Words, is_arch, is_os, shape, templated, word};
use words::Reading;

/// What was guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The asset for each platform that has one.
    pub assets: BTreeMap<Platform, String>,
    /// Renders to all of them, where nothing overrides it.
    pub asset: String,
    /// What os and arch render to.
    pub replacements: BTreeMap<&'static str, String>,
    /// Other templates, by os or platform.
    pub overrides: BTreeMap<String, String>,
    /// Where digests may be stated, best first.
    pub checksums: Vec<Sums>,
    /// What the program is called, by the assets' names.
    pub program: String,
}

/// Where digests are stated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sums {
    /// In one file for all assets.
    One {
        /// The file.
        name: String,
        /// Its template.
        template: String,
    },
    /// Beside each asset, in a file of its name and this.
    Each(&'static str),
}

/// Guesses for these platforms; `None` where no asset is for any of them. `names` are words for what is wanted: the
/// subsystem's name, the repository's.
pub fn guess(
    assets: &[String],
    version: &Version,
    platforms: &[Platform],
    names: &[&str],
) -> Option<Guess> {
    let wanted: BTreeSet<String> = names.iter().flat_map(|name| split(name)).collect();
    let readings: Vec<Reading<'_>> = assets
        .iter()
        .filter_map(|name| words::read(name, version))
        .filter(|reading| !reading.is_other())
        .collect();
    let habits = Habits::of(&readings);
    let mut picks: BTreeMap<Platform, &Reading<'_>> = BTreeMap::new();
    for platform in platforms {
        let ranked = readings
            .iter()
            .filter_map(|reading| Some((rank(reading, *platform, &wanted)?, reading)));
        // Of names that serve alike the one that is made like most others.
        let order = |reading: &Reading<'_>| {
            (
                habits.strange(reading),
                reading.name.len(),
                reading.name.to_owned(),
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
    let lead = words::last_part(first.lead());
    let program = if lead.is_empty() {
        (*names.first()?).to_owned()
    } else {
        lead.to_owned()
    };
    Some(Guess {
        asset: common.asset.clone(),
        replacements: common.replacements(),
        overrides: common.overrides(&picks),
        checksums: checksums(assets, version, &picks, &wanted),
        program,
        assets: picks
            .into_iter()
            .map(|(platform, reading)| (platform, reading.name.to_owned()))
            .collect(),
    })
}

impl Guess {
    /// A text as the assets' template has it: its version, system and processor by variables. For the platform that it
    /// was seen on.
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

/// What a program inside of an archive is called, by the name of its file: without version, system and processor.
pub fn plain_name(file: &str, version: &Version) -> String {
    words::read(file, version)
        .map_or(file, |reading| &file[..reading.lead().len()])
        .to_owned()
}

fn split(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
}

/// How well an asset serves a platform; less is better, `None` not at all.
fn rank(
    reading: &Reading<'_>,
    platform: Platform,
    wanted: &BTreeSet<String>,
) -> Option<[usize; 5]> {
    let Platform { os, arch, libc } = platform;
    if reading.os() != Some(os) {
        return None;
    }
    let arch = match reading.arch() {
        Some(Ok(found)) if found == arch => 0,
        Some(Err(())) if os == Os::Darwin && matches!(arch, Arch::Amd64 | Arch::Arm64) => 1,
        // Who names no processor means the usual one.
        None if arch == Arch::Amd64 => 2,
        _ => return None,
    };
    let libc = match (reading.libc(), libc) {
        (found, _) if os != Os::Linux => usize::from(found.is_some()),
        (Some((Libc::Musl, _)), Some(Libc::Gnu)) | (Some((Libc::Gnu, _)), Some(Libc::Musl)) => {
            return None;
        }
        (Some((Libc::Musl, true)), _) | (Some(_), Some(_)) => 0,
        (None, _) => 1,
        (Some((Libc::Musl, false)), None) => 2,
        (Some((Libc::Gnu, _)), None) => 3,
    };
    let kind = match (reading.ending.to_ascii_lowercase().as_str(), os) {
        ("" | ".exe", _) => 0,
        (".zip", Os::Windows) | (".tar.gz" | ".tgz", _) => 1,
        (".tar.xz" | ".txz", _) => 2,
        (".tar.zst" | ".tzst", _) => 3,
        (".zip", _) => 4,
        (".tar.bz2" | ".tbz" | ".tbz2" | ".tar", _) => 5,
        _ => 6,
    };
    let more = reading
        .rest
        .iter()
        .filter(|word| !wanted.contains(*word))
        .count();
    let fewer = wanted
        .iter()
        .filter(|word| !reading.rest.contains(word))
        .count();
    Some([more, fewer, arch, libc, kind])
}

/// How a release's names are made: how often each shape and each word comes.
struct Habits(BTreeMap<String, usize>);

impl Habits {
    fn of(readings: &[Reading<'_>]) -> Self {
        let mut counts = BTreeMap::new();
        for part in readings.iter().flat_map(Self::parts) {
            *counts.entry(part).or_insert(0) += 1;
        }
        Self(counts)
    }

    fn parts(reading: &Reading<'_>) -> Vec<String> {
        [
            Some(shape(reading)),
            word(reading, is_os),
            word(reading, is_arch),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// More for names that are unlike the others.
    fn strange(&self, reading: &Reading<'_>) -> std::cmp::Reverse<Vec<usize>> {
        std::cmp::Reverse(
            Self::parts(reading)
                .iter()
                .map(|part| self.0.get(part).copied().unwrap_or(0))
                .collect(),
        )
    }
}

/// Endings of files about one asset.
const EACH: [&str; 6] = [
    ".sha256",
    ".sha256sum",
    ".sha256.txt",
    ".sha512",
    ".sha512sum",
    ".sha512.txt",
];
/// How files about all assets are called, folders of words aside.
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
    picks: &BTreeMap<Platform, &Reading<'_>>,
    wanted: &BTreeSet<String>,
) -> Vec<Sums> {
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
            // Another tool's has other words.
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
        Sums::One {
            template: templated(name, &marks, &Words { os: "", arch: "" }),
            name: name.clone(),
        }
    });
    one.chain(each.map(|ending| Sums::Each(ending))).collect()
}

#[cfg(test)]
#[path = "guess/tests.rs"]
mod tests;
