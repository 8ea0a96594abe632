//! Links in the documentation: every file and every heading they name is there, and the book has every page.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::pages::files_below;
use crate::env::REPO;

/// A page: its path in the repository, and its lines outside of code blocks.
struct Page {
    path: Utf8PathBuf,
    lines: Vec<String>,
}

fn pages() -> Vec<Page> {
    let repo = Utf8Path::new(REPO);
    let mut files = Vec::new();
    for entry in repo.read_dir_utf8().expect("the repository").flatten() {
        if entry.path().extension() == Some("md") {
            files.push(entry.into_path());
        }
    }
    for folder in ["docs", "examples"] {
        files_below(&repo.join(folder), "md", &mut files);
    }
    let page = |file: Utf8PathBuf| {
        let text = std::fs::read_to_string(&file).expect("a page");
        let mut code = false;
        let prose = text.lines().filter(|line| {
            let fence = line.trim_start().starts_with("```");
            code ^= fence;
            !code && !fence
        });
        Page {
            lines: prose.map(str::to_owned).collect(),
            path: file.strip_prefix(repo).expect("in the repository").into(),
        }
    };
    files.into_iter().map(page).collect()
}

impl Page {
    /// The targets of its links, except those outside of the repository.
    fn links(&self) -> Vec<String> {
        let link = regex::Regex::new(r"\]\(([^)\s]*)\)").expect("a pattern");
        let code = regex::Regex::new("`[^`]*`").expect("a pattern");
        // A link may be wrapped between its text and the parenthesis, but not within either part.
        let prose = self.lines.join("\n");
        let prose = code.replace_all(&prose, "``");
        let targets = link.captures_iter(&prose).map(|found| found[1].to_owned());
        targets.filter(|target| !target.contains("://")).collect()
    }

    /// The anchors of its headings, as GitHub and mdBook make them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut anchors = BTreeSet::new();
        for line in self.lines.iter().filter(|line| line.starts_with('#')) {
            let mut anchor = String::new();
            for c in line.trim_start_matches('#').trim().chars() {
                match c {
                    ' ' => anchor.push('-'),
                    c if c.is_alphanumeric() || "-_".contains(c) => {
                        anchor.extend(c.to_lowercase());
                    }
                    _ => {}
                }
            }
            let count = seen.entry(anchor.clone()).or_default();
            anchors.insert(match *count {
                0 => anchor,
                n => format!("{anchor}-{n}"),
            });
            *count += 1;
        }
        anchors
    }
}

/// A path without `.` and `..`.
fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match part.as_str() {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.iter().collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let pages = pages();
    let anchors: BTreeMap<&Utf8Path, BTreeSet<String>> = pages
        .iter()
        .map(|page| (page.path.as_path(), page.anchors()))
        .collect();
    let (mut broken, mut followed) = (Vec::new(), 0);
    for page in &pages {
        for link in page.links() {
            followed += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = if file.is_empty() {
                page.path.clone()
            } else {
                normal(&page.path.parent().expect("a folder").join(file))
            };
            let heading = || {
                anchors
                    .get(path.as_path())
                    .is_some_and(|anchors| anchors.contains(anchor))
            };
            if !Utf8Path::new(REPO).join(&path).exists() || !anchor.is_empty() && !heading() {
                broken.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    assert!(followed > 150, "only {followed} links were found");
}

#[test]
fn the_book_has_every_page() {
    let pages = pages();
    let summary = pages
        .iter()
        .find(|page| page.path == "docs/SUMMARY.md")
        .expect("the summary");
    let linked: BTreeSet<String> = summary
        .links()
        .into_iter()
        .map(|link| format!("docs/{link}"))
        .collect();
    let there: BTreeSet<String> = pages
        .iter()
        .filter(|page| page.path.starts_with("docs") && page.path != summary.path)
        .map(|page| page.path.to_string())
        .collect();
    assert_eq!(linked, there);
}
