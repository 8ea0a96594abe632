//! The package managers that GoReleaser feeds, as channels of `publish:`.

use larder_core::project::foreign::Node;

use super::super::document::{Document, ReadNode};
use super::super::found::Found;
use super::super::yaml::Value;
use super::Plan;

/// The keys of the file that are channels.
pub(super) const KEYS: [&str; 12] = [
    "brews",
    "homebrew_casks",
    "scoop",
    "scoops",
    "winget",
    "chocolateys",
    "aurs",
    "snapcrafts",
    "nfpms",
    "dockers",
    "dockers_v2",
    "npms",
];

/// What the channels say.
pub(super) struct Channels {
    /// The description, the home page and the licence.
    pub(super) facts: Vec<(&'static str, String)>,
    /// The keys of `publish:`.
    pub(super) channels: Vec<(String, Value)>,
}

/// Reads the channels.
pub(super) fn read(document: &Document, name: &str, _plan: &Plan, found: &mut Found) -> Channels {
    let mut channels: Vec<(String, Value)> = Vec::new();
    let mut facts: Vec<(&'static str, String)> = Vec::new();
    for entry in document.root.entries() {
        if !KEYS.contains(&entry.key.as_str()) {
            continue;
        }
        let one = std::slice::from_ref(&entry.value);
        let items = match entry.value.items() {
            [] => one,
            items => items,
        };
        let Some(item) = items.first() else { continue };
        let place = document.place(&entry.span);
        let what = format!("`{}:`", entry.key);
        for (key, from) in [
            ("description", "description"),
            ("homepage", "homepage"),
            ("license", "license"),
        ] {
            if let Some(text) = item.word(from).filter(|text| !text.contains("{{"))
                && !facts.iter().any(|(known, _)| *known == key)
            {
                facts.push((key, text.trim().to_owned()));
            }
        }
        // The entries of nfpms and dockers are looked at together.
        if items.len() > 1 && !matches!(entry.key.as_str(), "nfpms" | "dockers" | "dockers_v2") {
            found.leave(
                place.clone(),
                what.clone(),
                "it has several entries: the first one is moved",
            );
        }
        let mut add = |channel: &str, keys: Vec<(String, Value)>| {
            if !channels.iter().any(|(known, _)| known == channel) {
                channels.push((channel.to_owned(), Value::Map(keys)));
            }
        };
        match entry.key.as_str() {
            "brews" | "homebrew_casks" => {
                let mut keys = Vec::new();
                match repository(item, &["repository", "tap"]) {
                    Some(tap) => keys.push(("tap".to_owned(), Value::text(tap))),
                    None => found.leave(
                        place.clone(),
                        what.clone(),
                        "it names no repository: set `tap:` in the recipe",
                    ),
                }
                if let Some(folder) = item
                    .word("directory")
                    .or_else(|| item.word("folder"))
                    .filter(|_| entry.key == "brews")
                {
                    keys.push(("directory".to_owned(), Value::text(folder)));
                }
                if entry.key == "homebrew_casks" {
                    found.leave(place.clone(), what.clone(), "larder writes a formula, not a cask: people run `brew install` without `--cask`");
                }
                add("homebrew", keys);
            }
            "scoop" | "scoops" => match repository(item, &["repository", "bucket"]) {
                Some(bucket) => add("scoop", vec![("bucket".to_owned(), Value::text(bucket))]),
                None => found.leave(
                    place.clone(),
                    what.clone(),
                    "it names no repository: set `bucket:` in the recipe",
                ),
            },
            "winget" => {
                let mut keys = Vec::new();
                if let Some(repo) = repository(item, &["repository"]) {
                    keys.push(("repository".to_owned(), Value::text(repo)));
                }
                for (key, from) in [("publisher", "publisher"), ("name", "name")] {
                    if let Some(text) = item.word(from).filter(|text| !text.contains("{{")) {
                        keys.push((key.to_owned(), Value::text(text)));
                    }
                }
                add("winget", keys);
            }
            "chocolateys" => {
                let owners = item
                    .word("owners")
                    .map(|text| ("owners".to_owned(), Value::text(text)));
                add("chocolatey", owners.into_iter().collect());
            }
            "aurs" => {
                let git = item
                    .word("git_url")
                    .map(|text| ("git".to_owned(), Value::text(text)));
                add("aur", git.into_iter().collect());
            }
            "snapcrafts" => {
                let keys = ["confinement", "grade"]
                    .into_iter()
                    .filter_map(|key| Some((key.to_owned(), Value::text(item.word(key)?))))
                    .collect();
                add("snap", keys);
            }
            "nfpms" => nfpms(document, items, &mut add, found),
            "dockers" | "dockers_v2" => {
                let images = images(items);
                if images.is_empty() {
                    found.leave(place.clone(), what.clone(), "the names of its images are templates: set `docker: {images: […]}` in the recipe");
                } else {
                    add("docker", vec![("images".to_owned(), Value::texts(images))]);
                }
                found.leave(place.clone(), what.clone(), "larder makes images without a Dockerfile: the binary on `base:`, which is `scratch` unless the recipe says otherwise");
            }
            "npms" => {
                let package = item
                    .word("name")
                    .filter(|text| !text.contains("{{"))
                    .unwrap_or(name);
                add("npm", vec![("package".to_owned(), Value::text(package))]);
            }
            _ => {}
        }
        for item in items {
            for key in item.entries() {
                if is_lost(&entry.key, &key.key) {
                    found.leave(
                        document.place(&key.span),
                        format!("`{}.{}`", entry.key, key.key),
                        "larder writes this file itself: check what the channel shows with `larder publish --render`",
                    );
                }
            }
        }
    }
    // larder's order of keys, whichever channel named them.
    facts.sort_by_key(|(key, _)| {
        ["description", "homepage", "license"]
            .iter()
            .position(|known| known == key)
    });
    Channels { facts, channels }
}

/// Keys that decide what a person who installs the package gets.
fn is_lost(channel: &str, key: &str) -> bool {
    match channel {
        "brews" | "homebrew_casks" => matches!(
            key,
            "install"
                | "service"
                | "caveats"
                | "dependencies"
                | "test"
                | "plist"
                | "post_install"
                | "custom_block"
                | "hooks"
                | "conflicts"
        ),
        "scoop" | "scoops" => matches!(
            key,
            "depends" | "persist" | "post_install" | "pre_install" | "shortcuts"
        ),
        "nfpms" => matches!(
            key,
            "contents"
                | "scripts"
                | "dependencies"
                | "recommends"
                | "suggests"
                | "conflicts"
                | "replaces"
                | "provides"
                | "overrides"
                | "bindir"
        ),
        "snapcrafts" => matches!(key, "apps" | "plugs" | "layout" | "hooks"),
        "aurs" => matches!(key, "package" | "depends" | "optdepends" | "backup"),
        "dockers" | "dockers_v2" => {
            matches!(key, "dockerfile" | "extra_files" | "build_flag_templates")
        }
        _ => false,
    }
}

/// The `owner/name` of a repository.
fn repository(item: &Node, keys: &[&str]) -> Option<String> {
    let node = keys.iter().find_map(|key| item.get(key))?;
    let text = format!("{}/{}", node.word("owner")?, node.word("name")?);
    (!text.contains("{{")).then_some(text)
}

/// The packages of distributions.
fn nfpms(
    document: &Document,
    items: &[Node],
    add: &mut impl FnMut(&str, Vec<(String, Value)>),
    found: &mut Found,
) {
    for item in items {
        for format in item.get("formats").map(ReadNode::texts).unwrap_or_default() {
            match format {
                "deb" => {
                    let section = item
                        .word("section")
                        .map(|text| ("section".to_owned(), Value::text(text)));
                    add("deb", section.into_iter().collect());
                }
                "rpm" => add("rpm", Vec::new()),
                other => found.leave(
                    document.place(&item.span),
                    format!("`nfpms.formats`: {other}"),
                    "larder makes packages for Debian and rpm",
                ),
            }
        }
        if let Some(maintainer) = item.word("maintainer").filter(|text| !text.contains("{{")) {
            found
                .maintainer
                .get_or_insert_with(|| maintainer.to_owned());
        }
    }
}

/// The names of images, without their tags.
fn images(items: &[Node]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for item in items {
        let texts = item
            .get("image_templates")
            .or_else(|| item.get("images"))
            .map(ReadNode::texts)
            .unwrap_or_default();
        for text in texts {
            // A colon after the last slash starts the tag; one before it is a port's.
            let slash = text.rfind('/').map_or(0, |at| at + 1);
            let name = text[slash..]
                .find(':')
                .map_or(text, |at| &text[..slash + at]);
            if !name.contains("{{") && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}
