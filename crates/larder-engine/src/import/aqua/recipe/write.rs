//! Writes the text of a recipe from the keys of each platform.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use larder_core::model::Platform;

use super::super::answer::{Answer, Packing, Place};
use super::layers::{Layers, layers, merge};
use super::templates::{Binary, Pin, PlaceKeys, Templates};
use crate::import::recipe::{list, map, quoted};

/// Everything that the text says.
pub(super) struct Draft<'a> {
    /// Lines of comments for the top.
    pub(super) head: Vec<String>,
    pub(super) description: &'a str,
    pub(super) homepage: String,
    pub(super) pin: &'a Pin,
    pub(super) answers: &'a BTreeMap<Platform, Answer>,
    pub(super) templates: &'a BTreeMap<Platform, Templates>,
    /// Whether `platforms` is needed.
    pub(super) lists_platforms: bool,
    /// Platforms whose original may be that of the other processor.
    pub(super) emulated: &'a BTreeSet<Platform>,
    /// Those of them about which the recipe says nothing of its own.
    pub(super) followers: &'a BTreeSet<Platform>,
    /// The text of `build`.
    pub(super) build: Option<String>,
    /// Comments for the end.
    pub(super) notes: &'a [String],
}

/// The longest line.
const COLUMNS: usize = 100;

/// Keys of the base, and of each word of `overrides`: pairs of a key and its YAML.
#[derive(Default)]
struct Sections {
    base: Vec<(&'static str, String)>,
    overrides: BTreeMap<String, Vec<(&'static str, String)>>,
}

impl Sections {
    fn add<T>(&mut self, key: &'static str, layers: &Layers<T>, write: impl Fn(&T) -> String) {
        if let Some(base) = &layers.base {
            self.base.push((key, write(base)));
        }
        self.exceptions(key, layers, write);
    }

    fn exceptions<T>(&mut self, key: &'static str, of: &Layers<T>, write: impl Fn(&T) -> String) {
        for (word, value) in &of.overrides {
            self.overrides
                .entry(word.clone())
                .or_default()
                .push((key, write(value)));
        }
    }
}

/// The text of the recipe.
pub(super) fn text(draft: &Draft<'_>) -> String {
    let mut text = String::new();
    for line in &draft.head {
        // Writing to a String can't fail.
        let _ = writeln!(text, "# {line}");
    }
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key}: {value}");
    };
    if !draft.description.trim().is_empty() {
        line("description", &quoted(draft.description.trim()));
    }
    if !draft.homepage.is_empty() {
        line("homepage", &quoted(&draft.homepage));
    }
    let binaries = draft.layers(|templates| Some(templates.binaries.clone()));
    let common = binaries.base.clone().unwrap_or_default();
    line("binaries", &binaries_text(&common));
    if draft.lists_platforms {
        line(
            "platforms",
            &list(draft.answers.keys().map(ToString::to_string)),
        );
    }
    let is_jar = |answer: &Answer| {
        answer
            .programs
            .iter()
            .any(|program| program.path.ends_with(".jar"))
    };
    if draft.answers.values().any(is_jar) {
        line("any", "true");
    }
    if let Some(upstream) = draft.upstream(&binaries) {
        text.push_str(&upstream);
    }
    if let Some(build) = &draft.build {
        text.push_str(build);
    }
    for note in draft.notes {
        let _ = writeln!(text, "# {note}");
    }
    let program = common.first().map_or("", |binary| binary.name.as_str());
    let _ = writeln!(
        text,
        "# verify: {program} --version      # enable this if the command prints the version"
    );
    text
}

impl Draft<'_> {
    /// The platforms whose keys count.
    fn own(&self) -> impl Iterator<Item = (&Platform, &Templates)> {
        let templates = self.templates.iter();
        templates.filter(|(platform, _)| !self.followers.contains(*platform))
    }

    fn layers<T: Clone + PartialEq>(&self, of: impl Fn(&Templates) -> Option<T>) -> Layers<T> {
        layers(
            &self
                .own()
                .map(|(platform, templates)| (*platform, of(templates)))
                .collect(),
        )
    }

    /// Texts; an exception for one system becomes part of the template, if possible.
    fn texts(&self, of: impl Fn(&Templates) -> Option<String>) -> Layers<String> {
        let mut layers = self.layers(of);
        let words = self.own().filter_map(|(platform, _)| {
            let answer = self.answers.get(platform)?;
            Some((*platform, answer.words.0.clone()))
        });
        merge(&mut layers, &words.collect());
        layers
    }

    fn upstream(&self, binaries: &Layers<Vec<Binary>>) -> Option<String> {
        let is_original =
            |answer: &Answer| matches!(answer.place, Place::Asset { .. } | Place::Url(_));
        let is_built_only = !self.answers.values().any(is_original);
        if is_built_only && binaries.overrides.is_empty() {
            return None;
        }
        let mut sections = Sections::default();
        self.place(&mut sections);
        let is_flat = self
            .own()
            .all(|(_, keys)| keys.extract.is_none() || keys.is_flat);
        if !is_flat {
            let extract = self.layers(|keys| keys.extract.clone());
            sections.add("extract", &extract, |pairs| {
                map(pairs
                    .iter()
                    .map(|(path, file)| (path.as_str(), file.as_str())))
            });
        }
        // Scripts need what lies beside them.
        let is_source = |answer: &Answer| answer.is_source && answer.packing == Packing::Archive;
        if self.answers.values().all(is_source) {
            sections.base.push(("keep", "tree".to_owned()));
        }
        if self.own().any(|(_, keys)| keys.is_plain) {
            let formats = self.layers(|keys| Some(if keys.is_plain { "plain" } else { "auto" }));
            sections.add("format", &formats, |format| (*format).to_owned());
        }
        sections.exceptions("binaries", binaries, |list| binaries_text(list));
        self.emulate(&mut sections);
        self.words(&mut sections);
        Some(written(&sections))
    }

    /// The keys that say where originals, digests and signatures are.
    fn place(&self, sections: &mut Sections) {
        let tag = self.pin.template();
        let signature_text = |pairs: &Vec<(String, String)>| {
            map(pairs
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str())))
        };
        let repo = |keys: &Templates| match &keys.place {
            PlaceKeys::GitHub { repo, .. } => Some(repo.clone()),
            _ => None,
        };
        let is_url = |keys: &Templates| matches!(keys.place, PlaceKeys::Url(_));
        let repos: BTreeSet<Option<String>> = self.own().map(|(_, keys)| repo(keys)).collect();
        let all_url = self.own().all(|(_, keys)| is_url(keys));
        if all_url || repos.len() == 1 && !repos.contains(&None) {
            for repo in repos.iter().flatten() {
                sections.base.push(("github", quoted(repo)));
                if tag != "{{ version }}" {
                    sections.base.push(("tag", quoted(&tag)));
                }
            }
            let file = self.texts(|keys| match &keys.place {
                PlaceKeys::GitHub { asset: file, .. } | PlaceKeys::Url(file) => Some(file.clone()),
                PlaceKeys::Built => None,
            });
            sections.add(if all_url { "url" } else { "asset" }, &file, |text| {
                quoted(text)
            });
            let sums = self.texts(|keys| keys.checksums.clone());
            sections.add("checksums", &sums, |text| quoted(text));
            let signature = self.layers(|keys| keys.signature.clone());
            sections.add("signature", &signature, signature_text);
            return;
        }
        // An override with another kind of original has all of its keys.
        let bundles = self.layers(|keys| {
            let mut bundle: Vec<(&'static str, String)> = Vec::new();
            match &keys.place {
                PlaceKeys::GitHub { repo, asset } => {
                    bundle.push(("github", quoted(repo)));
                    if tag != "{{ version }}" {
                        bundle.push(("tag", quoted(&tag)));
                    }
                    bundle.push(("asset", quoted(asset)));
                }
                PlaceKeys::Url(url) => bundle.push(("url", quoted(url))),
                PlaceKeys::Built => return None,
            }
            bundle.extend(
                keys.checksums
                    .iter()
                    .map(|sums| ("checksums", quoted(sums))),
            );
            let signature = keys.signature.as_ref();
            bundle.extend(signature.map(|pairs| ("signature", signature_text(pairs))));
            Some(bundle)
        });
        sections.base.extend(bundles.base.unwrap_or_default());
        for (word, bundle) in bundles.overrides {
            sections.overrides.entry(word).or_default().extend(bundle);
        }
    }

    fn emulate(&self, sections: &mut Sections) {
        if self.emulated.is_empty() {
            return;
        }
        let pair = |platform: &Platform| {
            let text = platform.to_string();
            let other = text.replace("arm64", "amd64");
            (text, other)
        };
        let pairs: Vec<(String, String)> = self.emulated.iter().map(pair).collect();
        let text = if pairs.len() == 2 {
            "true".to_owned()
        } else {
            map(pairs
                .iter()
                .map(|(platform, other)| (platform.as_str(), other.as_str())))
        };
        sections.base.push(("emulate", text));
    }

    /// `replacements`: the publisher's words that differ from larder's, if a template has them.
    fn words(&self, sections: &mut Sections) {
        let uses = |code: &str| {
            let texts = sections
                .base
                .iter()
                .chain(sections.overrides.values().flatten());
            let marks = [
                format!("{{{{ {code}"),
                format!("if {code} "),
                format!("({code}"),
            ];
            texts
                .into_iter()
                .any(|(_, text)| marks.iter().any(|mark| text.contains(mark)))
        };
        let (uses_os, uses_arch) = (uses("os"), uses("arch"));
        let mut words: BTreeMap<&'static str, BTreeMap<Platform, Option<String>>> = BTreeMap::new();
        for (platform, _) in self.own() {
            let Some(answer) = self.answers.get(platform) else {
                continue;
            };
            let (os, arch) = answer.words.clone();
            if uses_os {
                words
                    .entry(platform.os.as_str())
                    .or_default()
                    .insert(*platform, Some(os));
            }
            if uses_arch {
                words
                    .entry(platform.arch.as_str())
                    .or_default()
                    .insert(*platform, Some(arch));
            }
        }
        let mut common: Vec<(&str, String)> = Vec::new();
        let mut exceptions: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
        for (word, values) in words {
            let Layers { base, overrides } = layers(&values);
            let base = base.unwrap_or_else(|| word.to_owned());
            for (place, value) in overrides {
                exceptions.entry(place).or_default().push((word, value));
            }
            if base != word {
                common.push((word, base));
            }
        }
        let text = |pairs: &[(&str, String)]| {
            map(pairs.iter().map(|(word, value)| (*word, value.as_str())))
        };
        if !common.is_empty() {
            sections.base.push(("replacements", text(&common)));
        }
        for (place, pairs) in exceptions {
            sections
                .overrides
                .entry(place)
                .or_default()
                .push(("replacements", text(&pairs)));
        }
    }
}

/// The text of `upstream`.
fn written(sections: &Sections) -> String {
    let mut text = "upstream:\n".to_owned();
    for (key, value) in &sections.base {
        let _ = writeln!(text, "  {key}: {value}");
    }
    if !sections.overrides.is_empty() {
        text.push_str("  overrides:\n");
    }
    for (word, pairs) in &sections.overrides {
        let inline = pairs
            .iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect::<Vec<_>>()
            .join(", ");
        let inline = format!("    {word}: {{{inline}}}");
        if inline.len() <= COLUMNS {
            let _ = writeln!(text, "{inline}");
            continue;
        }
        let _ = writeln!(text, "    {word}:");
        for (key, value) in pairs {
            let _ = writeln!(text, "      {key}: {value}");
        }
    }
    text
}

fn binaries_text(binaries: &[Binary]) -> String {
    let one = |binary: &Binary| match &binary.link {
        None => quoted(&binary.name),
        Some(link) => map([("name", binary.name.as_str()), ("link", link)].into_iter()),
    };
    format!(
        "[{}]",
        binaries.iter().map(one).collect::<Vec<_>>().join(", ")
    )
}
