//! A file of another tool as a tree with places, whether it is YAML, TOML, or JSON with comments.

use std::fmt::Write as _;
use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use toml::de::{DeTable, DeValue};

use larder_core::error::{Error, Problem, Result};
use larder_core::project::foreign::{self, Entry, Kind, Node, Source};

use super::found::Place;

/// A parsed file.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Its path as it is shown, and its text.
    pub(super) source: Source,
    /// Its content.
    pub(super) root: Node,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    Yaml,
    Toml,
    /// JSON with comments and trailing commas.
    Json,
}

impl Document {
    /// Parses a file.
    pub(super) fn new(source: Source, syntax: Syntax) -> Result<Self> {
        let root = match syntax {
            Syntax::Yaml => foreign::yaml(&source)?,
            Syntax::Toml => toml_tree(&source)?,
            // Without its comments, JSON is YAML; each is replaced by spaces, so that every place stays.
            Syntax::Json => foreign::yaml(&Source {
                text: without_comments(&source.text).into(),
                ..source.clone()
            })?,
        };
        let document = Self { source, root };
        if !matches!(document.root.kind, Kind::Map(_)) {
            return Err(document.wrong(
                &document.root,
                "the file must be a mapping",
                "is this the right file?",
            ));
        }
        Ok(document)
    }

    /// Reads and parses a file; `None` if there is none.
    pub(super) fn read(
        path: &Utf8Path,
        shown: Utf8PathBuf,
        syntax: Syntax,
    ) -> Result<Option<Self>> {
        foreign::read(path, shown)?
            .map(|source| Self::new(source, syntax))
            .transpose()
    }

    /// Where a range of the file is.
    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = self.source.problem(span.clone(), "", None).line_column();
        Place {
            file: self.source.file.clone(),
            line,
            column,
        }
    }

    /// An error at a value.
    pub(super) fn wrong(&self, node: &Node, message: &str, hint: &str) -> Error {
        wrong(vec![self.source.problem(
            node.span.clone(),
            message,
            Some(hint.to_owned()),
        )])
    }
}

/// An error with problems in the files to read.
fn wrong(problems: Vec<Problem>) -> Error {
    Error::problems_in("the files to read", problems)
}

/// Reading of nodes.
pub(super) trait ReadNode {
    /// The entries of a mapping; none of anything else.
    fn entries(&self) -> &[Entry];
    /// The items of a list; none of anything else.
    fn items(&self) -> &[Node];
    /// The text of a value, if it has one.
    fn text(&self) -> Option<&str>;
    /// The entry of a mapping.
    fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }
    /// The value of a key, unless it is null.
    fn get(&self, key: &str) -> Option<&Node>;
    /// The text of a key's value.
    fn word(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }
    /// One text or several: those of a list, or the one that is not in a list.
    fn texts(&self) -> Vec<&str>;
    /// Whether it is the word `true`.
    fn is_true(&self, key: &str) -> bool {
        self.word(key) == Some("true")
    }
}

impl ReadNode for Node {
    fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::List(_) => &[],
        }
    }
    fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Scalar { .. } | Kind::Map(_) => &[],
        }
    }
    fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }
    fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }
    fn texts(&self) -> Vec<&str> {
        match &self.kind {
            Kind::List(items) => items.iter().filter_map(ReadNode::text).collect(),
            _ => self.text().into_iter().collect(),
        }
    }
}

/// The tree of a TOML file.
fn toml_tree(source: &Source) -> Result<Node> {
    let table = DeTable::parse(&source.text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        wrong(vec![source.problem(
            span,
            format!("this is no TOML: {}", error.message()),
            None,
        )])
    })?;
    Ok(Node {
        span: table.span(),
        kind: Kind::Map(toml_entries(table.get_ref())),
    })
}

fn toml_entries(table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            span: key.span(),
            value: toml_node(value.get_ref(), value.span()),
        })
        .collect();
    // The parser sorts them by name.
    entries.sort_by_key(|entry| entry.span.start);
    entries
}

fn toml_node(value: &DeValue<'_>, span: Range<usize>) -> Node {
    let plain = |text: String| Kind::Scalar { text, plain: true };
    let kind = match value {
        DeValue::String(text) => Kind::Scalar {
            text: text.to_string(),
            plain: false,
        },
        DeValue::Integer(number) => plain(number.as_str().to_owned()),
        DeValue::Float(number) => plain(number.as_str().to_owned()),
        DeValue::Boolean(yes) => plain(yes.to_string()),
        DeValue::Datetime(time) => plain(time.to_string()),
        DeValue::Array(items) => Kind::List(
            items
                .iter()
                .map(|item| toml_node(item.get_ref(), item.span()))
                .collect(),
        ),
        DeValue::Table(table) => Kind::Map(toml_entries(table)),
    };
    Node { span, kind }
}

/// The text with its comments as spaces: lines that start with `#!`, and `//` and `/* */` outside of strings.
fn without_comments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    let blank = |clean: &mut String, comment: &str| {
        for c in comment.chars() {
            let _ = match c {
                '\n' => clean.write_char('\n'),
                c => clean.write_str(&" ".repeat(c.len_utf8())),
            };
        }
    };
    while let Some(c) = rest.chars().next() {
        let length = if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("//") || (rest.starts_with("#!") && clean.is_empty()) {
            let end = rest.find('\n').unwrap_or(rest.len());
            blank(&mut clean, &rest[..end]);
            rest = &rest[end..];
            continue;
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |end| end + 2);
            blank(&mut clean, &rest[..end]);
            rest = &rest[end..];
            continue;
        } else if c == '\t' {
            // YAML allows no tabs before a value.
            clean.push(' ');
            rest = &rest[1..];
            continue;
        } else {
            c.len_utf8()
        };
        clean.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    clean
}

#[cfg(test)]
pub(super) fn document(file: &str, text: &str, syntax: Syntax) -> Document {
    let (source, problem) = Source::new(file.into(), text.into());
    assert_eq!(problem, None);
    Document::new(source, syntax).unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_syntaxes_give_one_tree() {
        let yaml = "a: one\nb: [1, 2.50]\nc: {d: true}\n";
        let toml = "a = \"one\"\nb = [1, 2.50]\n[c]\nd = true\n";
        let json = "#!/usr/bin/env dotslash\n// No comment of a value.\n{\n\t\"a\": \"one\", /* here */\n\t\"b\": [1, 2.50,],\n\"c\": {\"d\": true}}\n";
        for (text, syntax) in [
            (yaml, Syntax::Yaml),
            (toml, Syntax::Toml),
            (json, Syntax::Json),
        ] {
            let read = document("file", text, syntax);
            assert_eq!(read.root.word("a"), Some("one"));
            assert_eq!(read.root.get("b").unwrap().texts(), ["1", "2.50"]);
            assert!(read.root.get("c").unwrap().is_true("d"));
        }
        let read = document("file", json, Syntax::Json);
        let place = read.place(&read.root.get("b").unwrap().span);
        assert_eq!((place.line, place.column), (5, 7));
    }

    #[test]
    fn a_mistake_has_its_place() {
        for (text, syntax, wanted) in [
            ("a: [1\n", Syntax::Yaml, "file:2:1"),
            ("a = \n", Syntax::Toml, "file:1:5"),
            ("{\"a\": ]}", Syntax::Json, "file:1:"),
            ("- a\n", Syntax::Yaml, "file:1:"),
        ] {
            let (source, _) = Source::new("file".into(), text.into());
            let error = Document::new(source, syntax).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
