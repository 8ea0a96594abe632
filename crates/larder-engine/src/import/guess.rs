//! From the names of a release's assets to a recipe's `upstream`: which asset is for which platform, and one template that
//! renders to all of them.
//!
//! A pure function of names. Knows nothing of where they come from, nor what is in the files.

mod siblings;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use larder_core::model::{Arch, Libc, Os, Platform, Version};

pub use siblings::{siblings, version_in_url};
use words::{Mark, Meaning, Reading, Says};

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

/// What os and arch are called.
#[derive(Clone, Copy, Debug)]
struct Words<'a> {
    os: &'a str,
    arch: &'a str,
}

/// A text with variables in place of what they render to.
fn templated(text: &str, marks: &[Mark], words: &Words<'_>) -> String {
    let (mut template, mut at) = (String::new(), 0);
    for Mark { range, says } in marks {
        let part = &text[range.clone()];
        let variable = match says {
            Says::Version => "{{ version }}",
            Says::Number => "{{ version_number }}",
            Says::Word(Meaning::Os(_) | Meaning::Triple(..)) if part == words.os => "{{ os }}",
            Says::Word(Meaning::Arch(_) | Meaning::Universal) if part == words.arch => "{{ arch }}",
            Says::Word(_) => part,
        };
        template.push_str(&text[at..range.start]);
        template.push_str(variable);
        at = range.end;
    }
    template + &text[at..]
}

/// What most of the assets have in common.
struct Common {
    os: BTreeMap<Os, String>,
    arch: BTreeMap<Arch, String>,
    asset: String,
    covered: BTreeSet<Platform>,
}

impl Common {
    fn of(picks: &BTreeMap<Platform, &Reading<'_>>) -> Self {
        // The shape that most have: what stands between the words.
        let shapes: BTreeMap<Platform, String> = picks
            .iter()
            .map(|(platform, reading)| (*platform, shape(reading)))
            .collect();
        let shape = most(shapes.values().cloned()).unwrap_or_default();
        let alike: Vec<Platform> = shapes
            .iter()
            .filter(|(_, other)| **other == shape)
            .map(|(platform, _)| *platform)
            .collect();
        // What systems and processors are called in it, mostly.
        let mut common = Self {
            os: BTreeMap::new(),
            arch: BTreeMap::new(),
            asset: String::new(),
            covered: BTreeSet::new(),
        };
        for platform in &alike {
            let said = |wanted: fn(&Meaning) -> bool, same: &dyn Fn(&Platform) -> bool| {
                most(
                    alike
                        .iter()
                        .filter(|other| same(other))
                        .filter_map(|other| word(picks[other], wanted)),
                )
            };
            if let Some(os) = said(is_os, &|other| other.os == platform.os) {
                common.os.insert(platform.os, os);
            }
            if let Some(arch) = said(is_arch, &|other| other.arch == platform.arch) {
                common.arch.insert(platform.arch, arch);
            }
        }
        let fits = |platform: &Platform| {
            word(picks[platform], is_os).as_ref() == common.os.get(&platform.os)
                && word(picks[platform], is_arch).as_ref() == common.arch.get(&platform.arch)
        };
        let covered: Vec<Platform> = alike.into_iter().filter(fits).collect();
        // The ending may depend on the system.
        let mut endings: BTreeMap<Os, BTreeSet<&str>> = BTreeMap::new();
        for platform in &covered {
            endings
                .entry(platform.os)
                .or_default()
                .insert(picks[platform].ending);
        }
        let ending = |os: Os| endings[&os].first().copied().unwrap_or_default();
        let usual = most(covered.iter().map(|platform| ending(platform.os))).unwrap_or_default();
        let other: Vec<Os> = endings
            .keys()
            .copied()
            .filter(|os| ending(*os) != usual)
            .collect();
        let third = endings.keys().copied().find(|os| !other.contains(os));
        let everywhere = endings.keys().copied().collect::<BTreeSet<Os>>();
        let (expression, rendered) = match (&other[..], third) {
            ([Os::Windows], _) if usual.is_empty() && ending(Os::Windows) == ".exe" => {
                ("{{ exe }}".to_owned(), everywhere)
            }
            ([os], _) => (choice(ending(*os), common.word(*os), usual), everywhere),
            // Two of three have another one, the same.
            ([one, two], Some(third)) if ending(*one) == ending(*two) => {
                (choice(usual, common.word(third), ending(*one)), everywhere)
            }
            _ => (
                usual.to_owned(),
                everywhere
                    .into_iter()
                    .filter(|os| !other.contains(os))
                    .collect(),
            ),
        };
        common.covered = covered
            .into_iter()
            .filter(|platform| {
                rendered.contains(&platform.os) && picks[platform].ending == ending(platform.os)
            })
            .collect();
        if let Some(platform) = common.covered.first() {
            common.asset = common.template(picks[platform], *platform, &expression);
        }
        common
    }

    fn word(&self, os: Os) -> &str {
        self.os.get(&os).map_or(os.as_str(), String::as_str)
    }

    fn template(&self, reading: &Reading<'_>, platform: Platform, ending: &str) -> String {
        let arch = self
            .arch
            .get(&platform.arch)
            .map_or(platform.arch.as_str(), String::as_str);
        let stem = &reading.name[..reading.name.len() - reading.ending.len()];
        templated(
            stem,
            &reading.marks,
            &Words {
                os: self.word(platform.os),
                arch,
            },
        ) + ending
    }

    fn replacements(&self) -> BTreeMap<&'static str, String> {
        let os = self.os.iter().map(|(os, word)| (os.as_str(), word));
        let arch = self.arch.iter().map(|(arch, word)| (arch.as_str(), word));
        os.chain(arch)
            .filter(|(canonical, word)| canonical != word)
            .map(|(canonical, word)| (canonical, word.clone()))
            .collect()
    }

    /// What the common template does not cover: by os where all of its platforms are alike, else by platform.
    fn overrides(&self, picks: &BTreeMap<Platform, &Reading<'_>>) -> BTreeMap<String, String> {
        let mut by_os: BTreeMap<Os, BTreeMap<Platform, String>> = BTreeMap::new();
        for (platform, reading) in picks
            .iter()
            .filter(|(platform, _)| !self.covered.contains(platform))
        {
            let template = self.template(reading, *platform, reading.ending);
            by_os
                .entry(platform.os)
                .or_default()
                .insert(*platform, template);
        }
        let mut overrides = BTreeMap::new();
        for (os, templates) in by_os {
            let alike = templates.values().collect::<BTreeSet<_>>().len() == 1;
            let all = picks.keys().filter(|platform| platform.os == os).count() == templates.len();
            if alike && all {
                overrides.extend(
                    templates
                        .into_values()
                        .next()
                        .map(|template| (os.as_str().to_owned(), template)),
                );
            } else {
                overrides.extend(
                    templates
                        .into_iter()
                        .map(|(platform, template)| (platform.to_string(), template)),
                );
            }
        }
        overrides
    }
}

/// `then` where os renders to a word, else `otherwise`.
fn choice(then: &str, word: &str, otherwise: &str) -> String {
    match (then.strip_prefix('.'), otherwise.strip_prefix('.')) {
        (Some(then), Some(otherwise)) => {
            format!(".{{{{ '{then}' if os == '{word}' else '{otherwise}' }}}}")
        }
        _ => format!("{{{{ '{then}' if os == '{word}' else '{otherwise}' }}}}"),
    }
}

fn is_os(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Os(_) | Meaning::Triple(..))
}

fn is_arch(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Arch(_) | Meaning::Universal)
}

/// The word of a kind, as written.
fn word(reading: &Reading<'_>, wanted: fn(&Meaning) -> bool) -> Option<String> {
    let mark = reading
        .marks
        .iter()
        .find(|mark| matches!(&mark.says, Says::Word(meaning) if wanted(meaning)))?;
    Some(reading.name[mark.range.clone()].to_owned())
}

/// A name with its words left open, without its ending.
fn shape(reading: &Reading<'_>) -> String {
    let stem = &reading.name[..reading.name.len() - reading.ending.len()];
    let (mut shape, mut at) = (String::new(), 0);
    for Mark { range, says } in &reading.marks {
        shape.push_str(&stem[at..range.start]);
        match says {
            Says::Version => shape.push_str("\0version"),
            Says::Number => shape.push_str("\0number"),
            Says::Word(meaning) if is_os(meaning) => shape.push_str("\0os"),
            Says::Word(meaning) if is_arch(meaning) => shape.push_str("\0arch"),
            Says::Word(_) => shape.push_str(&stem[range.clone()]),
        }
        at = range.end;
    }
    shape + &stem[at..]
}

/// What comes most often; of several the one that comes first.
fn most<T: Ord + Clone>(all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    let count = |one: &T| all.iter().filter(|other| *other == one).count();
    let best = all.iter().map(count).max()?;
    all.iter().find(|one| count(one) == best).cloned()
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
