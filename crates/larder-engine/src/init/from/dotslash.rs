//! DotSlash files: for each platform the size, the digest and the providers of one program.

use std::collections::BTreeMap;

use larder_core::model::Platform;
use larder_core::project::foreign::Node;

use super::document::{Document, ReadNode};
use super::found::{Found, Recipe, Tool, Wanted, subsystem_name};
use super::yaml::Value;

/// What the file says about one platform.
struct Entry<'a> {
    platform: Platform,
    coordinate: Coordinate<'a>,
    /// The path of the program in the archive; none if the file is the program.
    path: Option<&'a str>,
    sha256: Option<&'a str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Coordinate<'a> {
    GitHub {
        repo: &'a str,
        tag: &'a str,
        asset: &'a str,
    },
    Url(&'a str),
}

/// Reads the file.
pub(super) fn read(document: &Document, found: &mut Found) {
    let root = &document.root;
    let place = document.place(&root.span);
    let name = root.word("name").unwrap_or("tool");
    let what = format!("the program `{name}`");
    let mut entries = Vec::new();
    for entry in root
        .get("platforms")
        .map(ReadNode::entries)
        .unwrap_or_default()
    {
        let here = document.place(&entry.span);
        let about = format!("`{name}` for {}", entry.key);
        let Ok(platform) = entry.key.parse::<Platform>() else {
            found.leave(here, about, "larder does not know this platform");
            continue;
        };
        match coordinate(&entry.value) {
            Ok(coordinate) => entries.push(Entry {
                platform,
                coordinate,
                path: entry
                    .value
                    .word("path")
                    .filter(|_| entry.value.word("format").is_some_and(is_archive)),
                sha256: entry
                    .value
                    .word("digest")
                    .filter(|_| entry.value.word("hash") == Some("sha256")),
            }),
            Err(why) => found.leave(here.clone(), about.clone(), why),
        }
        if entry.value.word("hash") == Some("blake3") {
            found.leave(
                here,
                about,
                "its digest is BLAKE3, which larder does not check: `larder lock` pins the SHA-256 of the first download",
            );
        }
    }
    let Some(first) = entries.first() else {
        return found.leave(place, what, "it names no file that larder can download");
    };
    let version = entries
        .iter()
        .find_map(|entry| match entry.coordinate {
            Coordinate::GitHub { tag, .. } => {
                Some(larder_remote::origin::version_in(tag).0.to_owned())
            }
            Coordinate::Url(url) => version_in(url),
        })
        .filter(|version| version.parse::<larder_core::model::Version>().is_ok());
    let Some(version) = version else {
        return found.ask(
            place,
            what,
            "no version is in its urls",
            format!(
                "larder add {} {} VERSION",
                subsystem_name(name),
                match first.coordinate {
                    Coordinate::GitHub { repo, .. } => format!("github:{repo}"),
                    Coordinate::Url(url) => url.to_owned(),
                }
            ),
        );
    };
    // What people run is the DotSlash file itself; the name inside it is only shown.
    let file = document.source.file.file_name().unwrap_or(name);
    let binary = file.trim_end_matches(".exe");
    let recipe = recipe(binary, &version, &entries);
    // A recipe with `checksums:` by platform is for this version only.
    if entries.iter().any(|entry| entry.sha256.is_some()) {
        found.leave(
            place.clone(),
            what,
            "the recipe pins the SHA-256 of each platform, as this file did: with another version, change or remove `checksums:`",
        );
    }
    found.tools.push(Tool {
        name: subsystem_name(binary),
        version: Wanted::Exact(version),
        sources: Vec::new(),
        binaries: Vec::new(),
        recipe: Some(recipe),
        asset: None,
        build: None,
        place,
    });
}

/// Whether a format of DotSlash is an archive of several files, rather than one compressed file.
fn is_archive(format: &str) -> bool {
    format.starts_with("tar") || format == "zip"
}

/// The first provider that larder can use.
fn coordinate(node: &Node) -> Result<Coordinate<'_>, String> {
    let providers = node
        .get("providers")
        .map(ReadNode::items)
        .unwrap_or_default();
    for provider in providers {
        let kind = provider.word("type").unwrap_or("http");
        if kind == "github-release"
            && let (Some(repo), Some(tag), Some(asset)) = (
                provider.word("repo"),
                provider.word("tag"),
                provider.word("name"),
            )
        {
            let repo = repo
                .trim_start_matches("https://github.com/")
                .trim_end_matches('/');
            return Ok(Coordinate::GitHub { repo, tag, asset });
        }
        if kind == "http"
            && let Some(url) = provider.word("url")
        {
            return Ok(github(url).unwrap_or(Coordinate::Url(url)));
        }
    }
    let kinds: Vec<&str> = providers
        .iter()
        .filter_map(|provider| provider.word("type"))
        .collect();
    Err(format!(
        "larder knows none of its providers ({})",
        kinds.join(", ")
    ))
}

/// The release that a url of github.com names.
fn github(url: &str) -> Option<Coordinate<'_>> {
    let (repo, rest) = url
        .strip_prefix("https://github.com/")?
        .split_once("/releases/download/")?;
    let (tag, asset) = rest.rsplit_once('/')?;
    (!tag.contains('%') && !asset.contains(['%', '?'])).then_some(Coordinate::GitHub {
        repo,
        tag,
        asset,
    })
}

/// The longest text in a url that looks like a version.
fn version_in(url: &str) -> Option<String> {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split_once('/')?.1;
    let numbers = path.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    numbers
        .map(|text| text.trim_matches('.'))
        .filter(|text| text.contains('.') && text.starts_with(|c: char| c.is_ascii_digit()))
        .max_by_key(|text| text.len())
        .map(str::to_owned)
}

/// A text with the version as variables.
fn templated(text: &str, version: &str) -> String {
    let number = version.strip_prefix('v').unwrap_or(version);
    if number.len() < 2 || text.contains("{{") {
        return text.to_owned();
    }
    let whole = if version == number {
        text.to_owned()
    } else {
        text.replace(version, "\u{E000}")
    };
    whole
        .replace(
            number,
            if version == number {
                "\u{E000}"
            } else {
                "\u{E001}"
            },
        )
        .replace('\u{E000}', "{{ version }}")
        .replace('\u{E001}', "{{ version_number }}")
}

fn recipe(binary: &str, version: &str, entries: &[Entry<'_>]) -> Recipe {
    let keys = |entry: &Entry<'_>| -> Vec<(String, Value)> {
        let mut keys = Vec::new();
        let mut add = |key: &str, value: String| keys.push((key.to_owned(), Value::Text(value)));
        match entry.coordinate {
            Coordinate::GitHub { repo, tag, asset } => {
                add("github", repo.to_owned());
                let tag = templated(tag, version);
                if tag != "{{ version }}" {
                    add("tag", tag);
                }
                add("asset", templated(asset, version));
            }
            Coordinate::Url(url) => add("url", templated(url, version)),
        }
        if let Some(path) = entry.path {
            let exe = entry.platform.program("");
            let name = format!("{binary}{}", if exe.is_empty() { "" } else { "{{ exe }}" });
            keys.push((
                "extract".to_owned(),
                Value::pairs([(templated(path, version), name)]),
            ));
        }
        keys
    };
    let all: Vec<(Platform, Vec<(String, Value)>)> = entries
        .iter()
        .map(|entry| (entry.platform, keys(entry)))
        .collect();
    // What all platforms have is written once.
    let mut upstream: Vec<(String, Value)> = all
        .first()
        .map(|(_, first)| {
            first
                .iter()
                .filter(|pair| all.iter().all(|(_, keys)| keys.contains(pair)))
                .cloned()
                .collect()
        })
        .unwrap_or_default();
    let pinned: BTreeMap<String, &str> = entries
        .iter()
        .filter_map(|entry| Some((entry.platform.to_string(), entry.sha256?)))
        .collect();
    if !pinned.is_empty() {
        upstream.push(("checksums".to_owned(), Value::pairs(pinned)));
    }
    let overrides: Vec<(String, Value)> = all
        .iter()
        .map(|(platform, keys)| {
            let own = keys
                .iter()
                .filter(|pair| !upstream.contains(pair))
                .cloned()
                .collect();
            (platform.to_string(), Value::Map(own))
        })
        .filter(|(_, own)| *own != Value::Map(Vec::new()))
        .collect();
    if !overrides.is_empty() {
        upstream.push(("overrides".to_owned(), Value::Map(overrides)));
    }
    Recipe {
        keys: vec![
            ("binaries", Value::texts([binary])),
            (
                "platforms",
                Value::texts(entries.iter().map(|entry| entry.platform.to_string())),
            ),
            ("upstream", Value::Map(upstream)),
        ],
        source_dir: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_variables() {
        for (text, version, template) in [
            (
                "node-v18.19.0-linux.tar.gz",
                "v18.19.0",
                "node-{{ version }}-linux.tar.gz",
            ),
            ("x_1.2.3_a", "v1.2.3", "x_{{ version_number }}_a"),
            ("x_1.2.3_a", "1.2.3", "x_{{ version }}_a"),
            ("x", "1.2.3", "x"),
        ] {
            assert_eq!(templated(text, version), template);
        }
        assert_eq!(
            version_in("https://nodejs.org/dist/v18.19.0/node-v18.19.0.tgz"),
            Some("18.19.0".into())
        );
        assert_eq!(version_in("https://example.com/tool"), None);
    }
}
