//! Changes the text of `versions.yml` and keeps every other byte: comments, order, quotes and line
//! endings.
//!
//! The places come from the parser. The result is parsed again and must differ only in what was
//! asked for. If that is not possible (an anchor with aliases, a block text), nothing is changed
//! and the error says what to change by hand. This module reads no recipe and accesses no file.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::model::{Name, Version};

use super::syntax::source::Source;
use super::syntax::yaml::{self, Entry, Kind, Node};

mod remove;

pub use remove::remove_version;

/// The version that a text of `versions.yml` pins for a subsystem; `None` if it pins none, or is not
/// such a text.
pub fn pinned_version(text: &str, name: &Name) -> Option<Version> {
    let file = File::read(text).ok()?;
    let entry = file
        .entries()
        .iter()
        .find(|entry| entry.key == name.as_str())?;
    match &entry.value.kind {
        Kind::Scalar { text, .. } => text.parse().ok(),
        _ => None,
    }
}

/// Returns the text with another version for a subsystem that it pins.
pub fn set_version(text: &str, name: &Name, version: &Version) -> Result<String> {
    let file = File::read(text)?;
    let by_hand = |span: Range<usize>, why: &str| file.by_hand(span, why, name, version);
    let Some(entry) = file
        .entries()
        .iter()
        .find(|entry| entry.key == name.as_str())
    else {
        return Err(Error::usage(format!("versions.yml pins no `{name}`")));
    };
    let value = match version_range(text, entry) {
        Ok(value) => value,
        Err(why) => return Err(by_hand(entry.span.clone(), why)),
    };
    let changed = splice(text, value.clone(), version.as_str());
    let mut wanted = file.root.clone();
    if let Some(Entry {
        value: Node {
            kind: Kind::Scalar { text, .. },
            ..
        },
        ..
    }) = entries_mut(&mut wanted)
        .and_then(|entries| entries.iter_mut().find(|entry| entry.key == name.as_str()))
    {
        *text = version.to_string();
    }
    if parses_to(&changed, &wanted) {
        Ok(changed)
    } else {
        Err(by_hand(value.clone(), "can't be changed by itself"))
    }
}

/// Returns the text with one more subsystem. It is added in alphabetical order if the list is
/// sorted, otherwise at the end.
pub fn add_version(text: &str, name: &Name, version: &Version) -> Result<String> {
    let file = File::read(text)?;
    let entries = file.entries();
    if let Some(entry) = entries.iter().find(|entry| entry.key == name.as_str()) {
        let problem = file.source.problem(
            entry.span.clone(),
            format!("`{name}` has a version already"),
            None,
        );
        return Err(Error::problems(vec![problem]));
    }
    let sorted = entries.windows(2).all(|pair| pair[0].key < pair[1].key);
    let at = if sorted {
        entries.partition_point(|entry| entry.key.as_str() < name.as_str())
    } else {
        entries.len()
    };
    // Use the quotes of the first entry, so that a file that is JSON stays JSON.
    let quote_at = |span: Range<usize>| text[span].chars().next().filter(|c| is_quote(*c));
    let key = entries
        .first()
        .and_then(|entry| quote_at(entry.span.clone()))
        .map_or(String::new(), String::from);
    let quote = entries
        .first()
        .and_then(|entry| quote_at(entry.value.span.clone()))
        .map_or(String::new(), String::from);
    let line = format!("{key}{name}{key}: {quote}{version}{quote}");
    let map = file.map.value.span.clone();
    let changed = if text[map.start..].starts_with('{') && map.start >= file.map.span.end {
        match (at.checked_sub(1), entries.first()) {
            (Some(before), _) => insert(
                text,
                entry_end(text, &entries[before]),
                &format!(", {line}"),
            ),
            (None, Some(first)) => insert(text, first.span.start, &format!("{line}, ")),
            (None, None) => insert(text, map.start + 1, &line),
        }
    } else {
        let Some(first) = entries.first() else {
            return Err(file.by_hand(file.map.span.clone(), "has no place", name, version));
        };
        let indent = &text[line_start(text, first.span.start)..first.span.start];
        if let Some(before) = at.checked_sub(1) {
            add_line(
                text,
                entry_end(text, &entries[before]),
                &format!("{indent}{line}"),
            )
        } else {
            let start = start_of_comments_above(text, line_start(text, first.span.start));
            insert(text, start, &format!("{indent}{line}{}", ending(text)))
        }
    };
    let mut wanted = file.root.clone();
    if let Some(entries) = entries_mut(&mut wanted) {
        let value = Node {
            span: 0..0,
            kind: Kind::Scalar {
                text: version.to_string(),
                plain: quote.is_empty(),
            },
        };
        entries.insert(
            at,
            Entry {
                key: name.to_string(),
                span: 0..0,
                value,
            },
        );
    }
    if parses_to(&changed, &wanted) {
        Ok(changed)
    } else {
        Err(file.by_hand(
            file.map.span.clone(),
            "is written in a way that can't be added to",
            name,
            version,
        ))
    }
}

/// `versions.yml`, parsed.
struct File {
    source: Source,
    root: Node,
    /// The entry `versions:`.
    map: Entry,
}

impl File {
    fn read(text: &str) -> Result<Self> {
        let source = Source {
            file: "versions.yml".into(),
            text: Arc::from(text),
        };
        let (root, problems) = yaml::parse(&source);
        if !problems.is_empty() {
            return Err(Error::problems(problems));
        }
        let map = match &root {
            Some(Node {
                kind: Kind::Map(entries),
                ..
            }) => entries
                .iter()
                .find(|entry| entry.key == "versions")
                .cloned(),
            _ => None,
        };
        match (root, map) {
            (Some(root), Some(map)) => Ok(Self { source, root, map }),
            _ => Err(Error::usage("versions.yml has no `versions:`")),
        }
    }

    fn entries(&self) -> &[Entry] {
        match &self.map.value.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    fn by_hand(&self, span: Range<usize>, why: &str, name: &Name, version: &Version) -> Error {
        let all = span == self.map.span;
        let what = if all {
            "`versions`".to_owned()
        } else {
            format!("the version of `{name}`")
        };
        let hint = format!("change it by hand: `{name}: {version}`");
        Error::problems(vec![self.source.problem(
            span,
            format!("{what} {why}: nothing was changed"),
            Some(hint),
        )])
    }
}

fn entries_mut(root: &mut Node) -> Option<&mut Vec<Entry>> {
    let Kind::Map(entries) = &mut root.kind else {
        return None;
    };
    match &mut entries
        .iter_mut()
        .find(|entry| entry.key == "versions")?
        .value
        .kind
    {
        Kind::Map(entries) => Some(entries),
        _ => None,
    }
}

/// Whether a text parses without problems to a tree, apart from places.
fn parses_to(text: &str, wanted: &Node) -> bool {
    let source = Source {
        file: "versions.yml".into(),
        text: Arc::from(text),
    };
    let (root, problems) = yaml::parse(&source);
    problems.is_empty() && root.is_some_and(|root| same_content(&root, wanted))
}

fn same_content(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar { text: a, plain: p }, Kind::Scalar { text: b, plain: q }) => {
            a == b && p == q
        }
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_content(a, b))
        }
        (Kind::Map(a), Kind::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.key == b.key && same_content(&a.value, &b.value))
        }
        _ => false,
    }
}

fn splice(text: &str, range: Range<usize>, new: &str) -> String {
    [&text[..range.start], new, &text[range.end..]].concat()
}

fn insert(text: &str, at: usize, new: &str) -> String {
    splice(text, at..at, new)
}

/// The range of an entry's version without quotes and anchor. The error says why the version can't
/// be changed there.
///
/// It searches for the literal text, because the parser's end of a value can include a comment, and
/// a version needs no escapes.
fn version_range(text: &str, entry: &Entry) -> Result<Range<usize>, &'static str> {
    let Kind::Scalar { text: value, plain } = &entry.value.kind else {
        return Err("is not a text");
    };
    // The value that an alias repeats is before the key.
    let Some(rest) = text
        .get(entry.value.span.start..)
        .filter(|_| entry.value.span.start >= entry.span.end)
    else {
        return Err("is an alias");
    };
    let anchor = if rest.starts_with('&') {
        let bare = rest
            .trim_start_matches(|c: char| !c.is_whitespace())
            .trim_start();
        rest.len() - bare.len()
    } else {
        0
    };
    let rest = &rest[anchor..];
    let start = entry.value.span.start + anchor;
    if *plain {
        return if rest.starts_with(value.as_str()) {
            Ok(start..start + value.len())
        } else {
            Err("is written in several parts")
        };
    }
    match rest.chars().next().filter(|c| is_quote(*c)) {
        None => Err("is a block of text"),
        Some(quote) => match rest[1..].strip_prefix(value.as_str()) {
            Some(end) if end.starts_with(quote) => Ok(start + 1..start + 1 + value.len()),
            _ => Err("is written with escapes"),
        },
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

/// The end of an entry, including quotes.
fn entry_end(text: &str, entry: &Entry) -> usize {
    match version_range(text, entry) {
        Ok(value) => value.end + usize::from(text[value.end..].starts_with(is_quote)),
        Err(_) => entry.value.span.end.max(entry.span.end),
    }
}

/// Adds a line after the line that contains `place`.
fn add_line(text: &str, place: usize, line: &str) -> String {
    match text[place..].find('\n') {
        Some(found) => insert(text, place + found + 1, &format!("{line}{}", ending(text))),
        // The last line has no line ending, so the new last line gets none either.
        None => format!("{text}{}{line}", ending(text)),
    }
}

/// The line ending of a text.
fn ending(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

fn line_start(text: &str, place: usize) -> usize {
    text[..place].rfind('\n').map_or(0, |at| at + 1)
}

/// The start of the comments directly above a line, which belong to that line.
fn start_of_comments_above(text: &str, line: usize) -> usize {
    let mut start = line;
    while start > 0 {
        let above = line_start(text, start - 1);
        if !text[above..start].trim_start().starts_with('#') {
            break;
        }
        start = above;
    }
    start
}

#[cfg(test)]
mod tests;
