//! Makes one template for the names of most assets, and overrides for the others.

use std::collections::{BTreeMap, BTreeSet};

use larder_core::model::{Arch, Os, Platform};

use super::words::{Mark, MarkKind, Meaning, ParsedName};

/// The words for operating system and architecture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words<'a> {
    pub(super) os: &'a str,
    pub(super) arch: &'a str,
}

/// Replaces the known parts of a text by the variables that render to them.
pub(super) fn templated(text: &str, marks: &[Mark], words: &Words<'_>) -> String {
    let (mut template, mut at) = (String::new(), 0);
    for Mark { range, kind } in marks {
        let part = &text[range.clone()];
        let variable = match kind {
            MarkKind::Version => "{{ version }}",
            MarkKind::Number => "{{ version_number }}",
            MarkKind::Word(Meaning::Os(_) | Meaning::Triple(..)) if part == words.os => "{{ os }}",
            MarkKind::Word(Meaning::Arch(_) | Meaning::Universal) if part == words.arch => {
                "{{ arch }}"
            }
            MarkKind::Word(_) => part,
        };
        template.push_str(&text[at..range.start]);
        template.push_str(variable);
        at = range.end;
    }
    template + &text[at..]
}

/// The template that most assets have in common.
pub(super) struct Common {
    os: BTreeMap<Os, String>,
    arch: BTreeMap<Arch, String>,
    pub(super) asset: String,
    covered: BTreeSet<Platform>,
}

impl Common {
    pub(super) fn of(picks: &BTreeMap<Platform, ParsedName<'_>>) -> Self {
        // The most frequent shape: the text between the known words.
        let shapes: BTreeMap<Platform, String> = picks
            .iter()
            .map(|(platform, parsed)| (*platform, shape(parsed)))
            .collect();
        let shape = most_frequent(shapes.values().cloned()).unwrap_or_default();
        let alike: Vec<Platform> = shapes
            .iter()
            .filter(|(_, other)| **other == shape)
            .map(|(platform, _)| *platform)
            .collect();
        // The most frequent words for operating systems and architectures in names of that shape.
        let mut common = Self {
            os: BTreeMap::new(),
            arch: BTreeMap::new(),
            asset: String::new(),
            covered: BTreeSet::new(),
        };
        for platform in &alike {
            let usual_word = |wanted: fn(&Meaning) -> bool, same: &dyn Fn(&Platform) -> bool| {
                most_frequent(
                    alike
                        .iter()
                        .filter(|other| same(other))
                        .filter_map(|other| word(&picks[other], wanted)),
                )
            };
            if let Some(os) = usual_word(is_os, &|other| other.os == platform.os) {
                common.os.insert(platform.os, os);
            }
            if let Some(arch) = usual_word(is_arch, &|other| other.arch == platform.arch) {
                common.arch.insert(platform.arch, arch);
            }
        }
        let fits = |platform: &Platform| {
            word(&picks[platform], is_os).as_ref() == common.os.get(&platform.os)
                && word(&picks[platform], is_arch).as_ref() == common.arch.get(&platform.arch)
        };
        let covered: Vec<Platform> = alike.into_iter().filter(fits).collect();
        // The ending may depend on the operating system.
        let mut endings: BTreeMap<Os, BTreeSet<&str>> = BTreeMap::new();
        for platform in &covered {
            endings
                .entry(platform.os)
                .or_default()
                .insert(picks[platform].ending);
        }
        let ending = |os: Os| endings[&os].first().copied().unwrap_or_default();
        let usual =
            most_frequent(covered.iter().map(|platform| ending(platform.os))).unwrap_or_default();
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
            // Two of three operating systems have another ending, both the same one.
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
            common.asset = common.template(&picks[platform], *platform, &expression);
        }
        common
    }

    fn word(&self, os: Os) -> &str {
        self.os.get(&os).map_or(os.as_str(), String::as_str)
    }

    fn template(&self, parsed: &ParsedName<'_>, platform: Platform, ending: &str) -> String {
        let arch = self
            .arch
            .get(&platform.arch)
            .map_or(platform.arch.as_str(), String::as_str);
        let stem = &parsed.name[..parsed.name.len() - parsed.ending.len()];
        templated(
            stem,
            &parsed.marks,
            &Words {
                os: self.word(platform.os),
                arch,
            },
        ) + ending
    }

    pub(super) fn replacements(&self) -> BTreeMap<&'static str, String> {
        let os = self.os.iter().map(|(os, word)| (os.as_str(), word));
        let arch = self.arch.iter().map(|(arch, word)| (arch.as_str(), word));
        os.chain(arch)
            .filter(|(canonical, word)| canonical != word)
            .map(|(canonical, word)| (canonical, word.clone()))
            .collect()
    }

    /// The templates of assets that the common one does not cover: by os if all of its platforms have the same template,
    /// otherwise by platform.
    pub(super) fn overrides(
        &self,
        picks: &BTreeMap<Platform, ParsedName<'_>>,
    ) -> BTreeMap<String, String> {
        let mut by_os: BTreeMap<Os, BTreeMap<Platform, String>> = BTreeMap::new();
        for (platform, parsed) in picks
            .iter()
            .filter(|(platform, _)| !self.covered.contains(platform))
        {
            let template = self.template(parsed, *platform, parsed.ending);
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

/// The template expression for `then` if os renders to a word, otherwise for `otherwise`.
fn choice(then: &str, word: &str, otherwise: &str) -> String {
    match (then.strip_prefix('.'), otherwise.strip_prefix('.')) {
        (Some(then), Some(otherwise)) => {
            format!(".{{{{ '{then}' if os == '{word}' else '{otherwise}' }}}}")
        }
        _ => format!("{{{{ '{then}' if os == '{word}' else '{otherwise}' }}}}"),
    }
}

pub(super) fn is_os(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Os(_) | Meaning::Triple(..))
}

pub(super) fn is_arch(meaning: &Meaning) -> bool {
    matches!(meaning, Meaning::Arch(_) | Meaning::Universal)
}

/// The first word with such a meaning, as it is written in the name.
pub(super) fn word(parsed: &ParsedName<'_>, wanted: fn(&Meaning) -> bool) -> Option<String> {
    let mark = parsed
        .marks
        .iter()
        .find(|mark| matches!(&mark.kind, MarkKind::Word(meaning) if wanted(meaning)))?;
    Some(parsed.name[mark.range.clone()].to_owned())
}

/// A name without its ending and with placeholders for its known words.
pub(super) fn shape(parsed: &ParsedName<'_>) -> String {
    let stem = &parsed.name[..parsed.name.len() - parsed.ending.len()];
    let (mut shape, mut at) = (String::new(), 0);
    for Mark { range, kind } in &parsed.marks {
        shape.push_str(&stem[at..range.start]);
        match kind {
            MarkKind::Version => shape.push_str("\0version"),
            MarkKind::Number => shape.push_str("\0number"),
            MarkKind::Word(meaning) if is_os(meaning) => shape.push_str("\0os"),
            MarkKind::Word(meaning) if is_arch(meaning) => shape.push_str("\0arch"),
            MarkKind::Word(_) => shape.push_str(&stem[range.clone()]),
        }
        at = range.end;
    }
    shape + &stem[at..]
}

/// The most frequent element; the first one if several are equally frequent.
fn most_frequent<T: Ord + Clone>(all: impl Iterator<Item = T>) -> Option<T> {
    let all: Vec<T> = all.collect();
    let count = |one: &T| all.iter().filter(|other| *other == one).count();
    let best = all.iter().map(count).max()?;
    all.iter().find(|one| count(one) == best).cloned()
}
