//! Writes the text of a recipe as a person would: without keys that have their default value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use larder_core::model::{FileName, Platform};
use larder_remote::origin::About;

use super::{AddRequest, Findings, Release, Source};

/// The text of the recipe.
pub(super) fn text(findings: &Findings<'_>) -> String {
    let Findings {
        request,
        release:
            Release {
                version: _,
                tag,
                assets: _,
                about,
            },
        guess,
        sums: _,
        contents,
        missing,
        emulated,
    } = findings;
    let platforms: Vec<Platform> = guess.assets.keys().copied().collect();
    let platforms = (!missing.is_empty()).then_some(&platforms[..]);
    let mut text = head(request, about, &contents.binaries, platforms);
    // Writing to a String can't fail.
    let mut line = |indent: usize, key: &str, value: &str| {
        let _ = writeln!(text, "{:indent$}{key}: {value}", "");
    };
    line(0, "upstream", "");
    let asset = match &request.source {
        Source::GitHub(repo) => {
            line(2, "github", &quoted(repo));
            "asset"
        }
        Source::Url(_) | Source::Package(..) | Source::Aqua(_) => "url",
    };
    if let Some((_, tag)) = tag
        && tag != "{{ version }}"
    {
        line(2, "tag", &quoted(tag));
    }
    line(2, asset, &quoted(&guess.asset));
    let Sums { base, overrides } = Sums::of(findings);
    if let Some(template) = &base {
        line(2, "checksums", &quoted(template));
    }
    if !contents.extract.is_empty() {
        line(
            2,
            "extract",
            &map(contents
                .extract
                .iter()
                .map(|(glob, file)| (glob.as_str(), file.as_str()))),
        );
    }
    if !contents.siblings.is_empty() {
        line(2, "keep", "tree");
    }
    if !guess.replacements.is_empty() {
        line(
            2,
            "replacements",
            &map(guess
                .replacements
                .iter()
                .map(|(word, with)| (*word, with.as_str()))),
        );
    }
    let places: BTreeSet<&String> = guess.overrides.keys().chain(overrides.keys()).collect();
    if !places.is_empty() {
        line(2, "overrides", "");
    }
    for place in places {
        let keys = [
            (asset, guess.overrides.get(place)),
            ("checksums", overrides.get(place)),
        ];
        line(
            4,
            place,
            &map(keys
                .iter()
                .filter_map(|(key, value)| Some((*key, value.as_ref()?.as_str())))),
        );
    }
    if !emulated.is_empty() {
        let there = emulated.iter().map(ToString::to_string);
        let there = there.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            text,
            "  # emulate: true      # with {there} in `platforms`: takes the amd64 program there"
        );
    }
    finish(&text, &contents.binaries)
}

/// The keys before the place of the originals.
fn head(
    request: &AddRequest,
    about: &About,
    binaries: &[FileName],
    platforms: Option<&[Platform]>,
) -> String {
    let mut text = request.schema.map_or_else(String::new, |path| {
        format!("# yaml-language-server: $schema={path}\n")
    });
    let non_empty = |value: &Option<String>| {
        value
            .as_deref()
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(quoted)
    };
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "{key}: {value}");
    };
    if let Some(description) = non_empty(&about.description) {
        line("description", &description);
    }
    if let Some(homepage) = non_empty(&about.homepage) {
        line("homepage", &homepage);
    }
    if let Some(license) = non_empty(&about.license) {
        line("license", &license);
    }
    line("binaries", &list(binaries.iter().map(ToString::to_string)));
    if let Some(platforms) = platforms {
        line(
            "platforms",
            &list(platforms.iter().map(ToString::to_string)),
        );
    }
    text
}

fn finish(text: &str, binaries: &[FileName]) -> String {
    // A key without a value has no space after its colon.
    let text = text.replace(": \n", ":\n");
    let program = binaries.first().map_or("", |name| name.as_str());
    text + &format!(
        "# verify: {program} --version      # enable this if the command prints the version\n"
    )
}

/// A package of a registry, as a recipe names it.
pub(super) struct PackageRecipe<'a> {
    pub(super) request: &'a AddRequest,
    pub(super) about: &'a About,
    pub(super) binaries: &'a [FileName],
    pub(super) platforms: Option<&'a [Platform]>,
    /// `npm`, `pypi` or `crate`.
    pub(super) key: &'a str,
    pub(super) package: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) extract: &'a [(String, String)],
    pub(super) replacements: &'a BTreeMap<String, String>,
    pub(super) overrides: &'a BTreeMap<Platform, String>,
}

/// The text of the recipe of a package.
pub(super) fn package(recipe: &PackageRecipe<'_>) -> String {
    let PackageRecipe {
        request,
        about,
        binaries,
        platforms,
        key,
        package,
        tag,
        extract,
        replacements,
        overrides,
    } = recipe;
    let mut text = head(request, about, binaries, *platforms);
    if *key == "crate" {
        let _ = write!(
            text,
            "build:\n  tools: {{cargo: \"1\"}}\n  source: {{crate: {}}}\n",
            quoted(package)
        );
        return finish(&text, binaries);
    }
    let mut line = |indent: usize, key: &str, value: &str| {
        let _ = writeln!(text, "{:indent$}{key}: {value}", "");
    };
    line(0, "upstream", "");
    line(2, key, &quoted(package));
    if let Some(tag) = tag {
        line(2, "tag", &quoted(tag));
    }
    let pairs = |all: &mut dyn Iterator<Item = (String, String)>| -> Option<String> {
        let all: Vec<(String, String)> = all.collect();
        let pairs = all
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()));
        (!all.is_empty()).then(|| map(pairs))
    };
    if let Some(extract) = pairs(&mut extract.iter().cloned()) {
        line(2, "extract", &extract);
    }
    let mut words = replacements
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    if let Some(replacements) = pairs(&mut words) {
        line(2, "replacements", &replacements);
    }
    if !overrides.is_empty() {
        line(2, "overrides", "");
        for (platform, package) in *overrides {
            let keys = map([(*key, package.as_str())].into_iter());
            line(4, &platform.to_string(), &keys);
        }
    }
    finish(&text, binaries)
}

/// The key `checksums`, for all platforms and for particular ones.
struct Sums {
    base: Option<String>,
    overrides: BTreeMap<String, String>,
}

impl Sums {
    fn of(findings: &Findings<'_>) -> Self {
        let (guess, version) = (&findings.guess, &findings.release.version);
        let template = |platform: &Platform| {
            let sums = findings.sums.as_ref()?;
            guess.checksums_template(sums, version, *platform)
        };
        let templates: BTreeMap<Platform, Option<String>> = guess
            .assets
            .keys()
            .map(|platform| (*platform, template(platform)))
            .collect();
        // What an override lacks would be taken from the base, so a base must suit all platforms.
        let base = templates.values().cloned().collect::<Option<Vec<String>>>();
        let base = base.and_then(most_frequent);
        let mut overrides = BTreeMap::new();
        for (platform, template) in &templates {
            let Some(template) = template
                .as_ref()
                .filter(|text| Some(*text) != base.as_ref())
            else {
                continue;
            };
            let mut of_system = (templates.iter()).filter(|(other, _)| other.os == platform.os);
            let alike = of_system.all(|(_, other)| other.as_ref() == Some(template));
            let place = if alike {
                platform.os.as_str().to_owned()
            } else {
                platform.to_string()
            };
            overrides.insert(place, template.clone());
        }
        Self { base, overrides }
    }
}

fn most_frequent(texts: Vec<String>) -> Option<String> {
    let count = |one: &String| texts.iter().filter(|other| *other == one).count();
    let most = texts.iter().map(count).max()?;
    texts.iter().find(|one| count(one) == most).cloned()
}

/// The text as a YAML string; in quotes if YAML would read something else without them.
pub(super) fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
        && !["true", "false", "yes", "no", "on", "off", "null"]
            .contains(&text.to_ascii_lowercase().as_str());
    // A JSON string is a YAML string.
    if plain {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

pub(super) fn list(texts: impl Iterator<Item = String>) -> String {
    format!(
        "[{}]",
        texts
            .map(|text| quoted(&text))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

pub(super) fn map<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    format!(
        "{{{}}}",
        pairs
            .map(|(key, value)| format!("{}: {}", quoted(key), quoted(value)))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_where_they_must_be() {
        for (text, written) in [
            ("nats-server", "nats-server"),
            ("nats-io/nats-server", "nats-io/nats-server"),
            ("386", "\"386\""),
            ("1.10", "\"1.10\""),
            ("no", "\"no\""),
            ("a: b # c", "\"a: b # c\""),
            ("say \"x\"\n", "\"say \\\"x\\\"\\n\""),
            ("{{ version }}", "\"{{ version }}\""),
        ] {
            assert_eq!(quoted(text), written);
        }
    }
}
