//! Writes the text of a recipe as a person would: without keys that have their default value.

use std::fmt::Write as _;

use super::guess::ChecksumFiles;
use super::{Findings, Release, Source};

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
        sums,
        contents,
        missing,
    } = findings;
    let mut text = request.schema.map_or_else(String::new, |path| {
        format!("# yaml-language-server: $schema={path}\n")
    });
    // Writing to a String can't fail.
    let mut line = |indent: usize, key: &str, value: &str| {
        let _ = writeln!(text, "{:indent$}{key}: {value}", "");
    };
    let non_empty = |value: &Option<String>| {
        value
            .as_deref()
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .map(quoted)
    };
    if let Some(description) = non_empty(&about.description) {
        line(0, "description", &description);
    }
    if let Some(homepage) = non_empty(&about.homepage) {
        line(0, "homepage", &homepage);
    }
    if let Some(license) = &about.license {
        line(0, "license", &quoted(license));
    }
    line(
        0,
        "binaries",
        &list(contents.binaries.iter().map(ToString::to_string)),
    );
    if !missing.is_empty() {
        line(
            0,
            "platforms",
            &list(guess.assets.keys().map(ToString::to_string)),
        );
    }
    line(0, "upstream", "");
    let asset = match &request.source {
        Source::GitHub(repo) => {
            line(2, "github", &quoted(repo));
            "asset"
        }
        Source::Url(_) | Source::Aqua(_) => "url",
    };
    if let Some((_, tag)) = tag
        && tag != "{{ version }}"
    {
        line(2, "tag", &quoted(tag));
    }
    line(2, asset, &quoted(&guess.asset));
    match sums {
        Some(ChecksumFiles::ForAll { template, .. }) => line(2, "checksums", &quoted(template)),
        Some(ChecksumFiles::PerAsset(ending)) => {
            line(2, "checksums", &quoted(&format!("{}{ending}", guess.asset)));
        }
        None => {}
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
    if !guess.overrides.is_empty() {
        line(2, "overrides", "");
        for (place, template) in &guess.overrides {
            let sums = match sums {
                Some(ChecksumFiles::PerAsset(ending)) => Some(format!("{template}{ending}")),
                _ => None,
            };
            let keys = [(asset, Some(template)), ("checksums", sums.as_ref())];
            line(
                4,
                place,
                &map(keys
                    .iter()
                    .filter_map(|(key, value)| Some((*key, value.as_ref()?.as_str())))),
            );
        }
    }
    // A key without a value has no space after its colon.
    let text = text.replace(": \n", ":\n");
    let program = contents.binaries.first().map_or("", |name| name.as_str());
    text + &format!(
        "# verify: {program} --version      # enable this if the command prints the version\n"
    )
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
