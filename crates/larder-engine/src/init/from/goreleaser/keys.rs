//! What of GoReleaser's keys becomes a command, a platform or a key of `package:`.

use std::collections::BTreeSet;

use larder_core::model::Platform;
use larder_core::project::foreign::Node;

use super::super::document::{Document, ReadNode};
use super::super::found::Found;
use super::super::yaml::Value;
use super::Plan;

/// The platforms of a build that larder has, and the words of the others.
pub(super) fn platforms(build: &Node) -> (BTreeSet<Platform>, Vec<String>) {
    let words = |key: &str, default: &[&str]| -> Vec<String> {
        match build.get(key).map(ReadNode::texts) {
            Some(texts) if !texts.is_empty() => texts.into_iter().map(str::to_owned).collect(),
            _ => default.iter().map(|word| (*word).to_owned()).collect(),
        }
    };
    let (mut known, mut odd) = (BTreeSet::new(), Vec::new());
    let mut add = |os: &str, arch: &str| {
        // Go has no such compiler, and GoReleaser leaves them out, too.
        if matches!((os, arch), ("darwin", "386" | "arm")) {
            return;
        }
        match format!("{os}-{arch}").parse::<Platform>() {
            Ok(platform) => drop(known.insert(platform)),
            Err(_) => odd.push(format!("{os}-{arch}")),
        }
    };
    let targets = build
        .get("targets")
        .map(ReadNode::texts)
        .unwrap_or_default();
    if !targets.is_empty() {
        for target in targets {
            let mut parts = target.split('_');
            if let (Some(os), Some(arch)) = (parts.next(), parts.next()) {
                add(os, arch);
            }
        }
        return (known, odd);
    }
    let ignored = build.get("ignore").map(ReadNode::items).unwrap_or_default();
    for os in words("goos", &["linux", "darwin", "windows"]) {
        for arch in words("goarch", &["386", "amd64", "arm64"]) {
            let is_ignored = ignored.iter().any(|rule| {
                let fits =
                    |key: &str, word: &str| rule.word(key).is_none_or(|wanted| wanted == word);
                fits("goos", &os) && fits("goarch", &arch) && rule.get("goarm").is_none()
            });
            if !is_ignored {
                add(&os, &arch);
            }
        }
    }
    (known, odd)
}

/// The flags for the linker, without what differs from build to build; and what was left out.
pub(super) fn ldflags(build: &Node, project: &str) -> (String, Vec<String>) {
    let own = build
        .get("ldflags")
        .map(ReadNode::texts)
        .unwrap_or_default();
    let default = ["-s -w -X main.version={{.Version}}"];
    let lines: Vec<&str> = if own.is_empty() {
        default.to_vec()
    } else {
        own
    };
    let (mut kept, mut dropped) = (Vec::new(), Vec::new());
    let mut words = Vec::new();
    for line in &lines {
        // A template can contain spaces.
        let mut depth = 0;
        let mut word = String::new();
        for c in line.chars() {
            depth += match c {
                '{' => 1,
                '}' => -1,
                _ => 0,
            };
            if c.is_whitespace() && depth == 0 {
                words.push(std::mem::take(&mut word));
            } else {
                word.push(c);
            }
        }
        words.push(word);
    }
    let mut words = words.into_iter().filter(|word| !word.is_empty()).peekable();
    while let Some(word) = words.next() {
        let value = (word == "-X").then(|| words.next()).flatten();
        let whole = value
            .as_ref()
            .map_or(word.clone(), |value| format!("{word} {value}"));
        match templates(&whole, project) {
            Ok(text) => kept.push(text),
            Err(_) => dropped.push(format!("`{whole}`")),
        }
    }
    (kept.join(" "), dropped)
}

/// A text with the templates of GoReleaser that larder has a variable for.
pub(super) fn templates(text: &str, project: &str) -> Result<String, String> {
    let mut rest = text;
    let mut done = String::new();
    while let Some(start) = rest.find("{{") {
        done.push_str(&rest[..start]);
        let end = rest[start..]
            .find("}}")
            .ok_or("a template without an end")?;
        let inner = rest[start + 2..start + end].trim_matches(['-', ' ']);
        done.push_str(match inner {
            ".Version" | ".RawVersion" => "{{ version_number }}",
            ".Tag" => "{{ version }}",
            ".ProjectName" | ".Binary" => project,
            ".Os" => "{{ os }}",
            ".Arch" => "{{ arch }}",
            ".Target" => "{{ os }}_{{ arch }}",
            other => return Err(format!("`{{{{ {other} }}}}`")),
        });
        rest = &rest[start + end + 2..];
    }
    done.push_str(rest);
    Ok(done)
}

/// The keys of `package:`.
pub(super) fn archives(
    document: &Document,
    plan: &Plan,
    package: &mut Vec<(String, Value)>,
    found: &mut Found,
) {
    let archives = document
        .root
        .get("archives")
        .map(ReadNode::items)
        .unwrap_or_default();
    let Some(archive) = archives.first() else {
        return;
    };
    if archives.len() > 1 {
        found.leave(
            document.place(&archives[1].span),
            "`archives:`",
            "larder makes one archive for each platform, as the first entry says",
        );
    }
    if let Some(entry) = archive.entry("name_template") {
        let first = plan.binaries.first().map_or("", String::as_str);
        found.leave(
            document.place(&entry.span),
            "`archives.name_template`",
            format!("larder names assets `{first}-<os>-<arch>.tar.gz`: `package: {{name: …}}` changes the first part"),
        );
    }
    let formats: Vec<&str> = match (archive.get("formats"), archive.word("format")) {
        (Some(formats), _) => formats.texts(),
        (None, Some(format)) => vec![format],
        (None, None) => Vec::new(),
    };
    match formats.as_slice() {
        [] | ["tar.gz" | "tgz"] => {}
        [format @ ("zip" | "tar.zst")] => package.push(("format".to_owned(), Value::text(*format))),
        [format, ..] => found.leave(
            document.place(&archive.span),
            "`archives.formats`",
            format!("larder packs tar.gz, tar.zst or zip, not {format}"),
        ),
    }
    let mut include = Vec::new();
    for item in archive
        .get("files")
        .map(ReadNode::items)
        .unwrap_or_default()
    {
        match item.text().or_else(|| item.word("src")) {
            Some(path) if !path.contains(['*', '{']) => include.push(path.to_owned()),
            Some(pattern) => found.leave(
                document.place(&item.span),
                format!("`archives.files`: `{pattern}`"),
                "`package.include` of a recipe has no patterns: name the files",
            ),
            None => {}
        }
    }
    if !include.is_empty() {
        package.push(("include".to_owned(), Value::texts(include)));
    }
}
