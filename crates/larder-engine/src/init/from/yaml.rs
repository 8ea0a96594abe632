//! Writes YAML as a person would: short lists and mappings on one line, long ones as blocks, quotes only where they are needed.

use std::fmt::Write as _;

/// The longest text of a value that is written on its key's line.
const WIDTH: usize = 96;

/// A value to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of texts.
    pub(super) fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(
            texts
                .into_iter()
                .map(|text| Self::Text(text.into()))
                .collect(),
        )
    }

    /// A mapping of texts.
    pub(super) fn pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::Map(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), Self::Text(value.into())))
                .collect(),
        )
    }

    /// The value on one line, unless a text in it has several.
    fn flow(&self) -> Option<String> {
        Some(match self {
            Self::Text(text) if text.contains('\n') => return None,
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Option<Vec<String>> = items.iter().map(Self::flow).collect();
                format!("[{}]", items?.join(", "))
            }
            Self::Map(entries) => {
                let entries: Option<Vec<String>> = entries
                    .iter()
                    .map(|(key, value)| Some(format!("{}: {}", quoted(key), value.flow()?)))
                    .collect();
                format!("{{{}}}", entries?.join(", "))
            }
        })
    }

    fn is_nested(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::List(items) => items.iter().any(|item| !matches!(item, Self::Text(_))),
            Self::Map(entries) => entries
                .iter()
                .any(|(_, value)| matches!(value, Self::Map(entries) if !entries.is_empty())),
        }
    }
}

/// Writes a key with its value, at an indentation.
pub(super) fn entry(text: &mut String, indent: usize, key: &str, value: &Value) {
    let _ = write!(text, "{:indent$}{}:", "", quoted(key));
    // Commands are easier to read and change if each has its own line.
    let is_commands = matches!(value, Value::List(items) if items.len() > 1)
        && matches!(key, "commands" | "status");
    let must_be_block =
        is_commands || value.is_nested() || (matches!(value, Value::Map(_)) && is_block_key(key));
    let is_text = matches!(value, Value::Text(_));
    let fits = |flow: &str| indent + key.len() + 2 + flow.chars().count() <= WIDTH;
    match value.flow() {
        Some(flow) if is_text || (!must_be_block && fits(&flow)) => {
            let _ = writeln!(text, " {flow}");
        }
        _ => block(text, indent, value),
    }
}

/// Writes a key with its value as lines, however short it is.
pub(super) fn block_entry(text: &mut String, indent: usize, key: &str, value: &Value) {
    let _ = write!(text, "{:indent$}{}:", "", quoted(key));
    block(text, indent, value);
}

/// Keys whose mapping is always written as lines.
fn is_block_key(key: &str) -> bool {
    matches!(key, "upstream" | "build" | "tasks" | "versions" | "publish")
}

fn block(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Text(long) => block_text(text, indent, long),
        Value::List(items) => {
            text.push('\n');
            for item in items {
                let _ = write!(text, "{:1$}-", "", indent + 2);
                match item.flow() {
                    Some(flow) => {
                        let _ = writeln!(text, " {flow}");
                    }
                    None => block(text, indent + 2, item),
                }
            }
        }
        Value::Map(entries) => {
            text.push('\n');
            for (key, value) in entries {
                entry(text, indent + 2, key, value);
            }
        }
    }
}

/// A text of several lines.
fn block_text(text: &mut String, indent: usize, long: &str) {
    let lines: Vec<&str> = long.trim_end_matches('\n').split('\n').collect();
    let plain = lines
        .first()
        .is_some_and(|line| !line.starts_with([' ', '\t']) && !line.is_empty())
        && !long
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    if !plain {
        // A JSON string is a YAML string.
        let _ = writeln!(text, " {}", serde_json::Value::from(long));
        return;
    }
    text.push_str(" |-\n");
    for line in lines {
        if line.is_empty() {
            text.push('\n');
        } else {
            let _ = writeln!(text, "{:1$}{line}", "", indent + 2);
        }
    }
}

/// The text as a YAML string; in quotes if YAML would read something else without them.
pub(super) fn quoted(text: &str) -> String {
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '_' | '.'))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_./:+@=$ ()~".contains(c))
        && ![
            "true", "false", "yes", "no", "on", "off", "null", "y", "n", ".inf", ".nan",
        ]
        .contains(&text.to_ascii_lowercase().as_str())
        && text.starts_with(['.', '/', '_']) <= text.contains(|c: char| c.is_ascii_alphabetic());
    if word || matches!(text, "." | ".." | "../..") {
        text.to_owned()
    } else if text.contains(['"', '\\']) && !text.chars().any(char::is_control) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        // A JSON string is a YAML string.
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(key: &str, value: &Value) -> String {
        let mut text = String::new();
        entry(&mut text, 0, key, value);
        text
    }

    #[test]
    fn values_are_written_as_a_person_would() {
        let build = Value::Map(vec![
            ("tools".into(), Value::pairs([("go", "")])),
            (
                "commands".into(),
                Value::texts(["go build -o \"{{ out }}/x\" .", "one\ntwo"]),
            ),
        ]);
        assert_eq!(
            written("build", &build),
            "build:\n  tools: {go: \"\"}\n  commands:\n    - 'go build -o \"{{ out }}/x\" .'\n    - |-\n      one\n      two\n"
        );
        assert_eq!(
            written("binaries", &Value::texts(["a", "386"])),
            "binaries: [a, \"386\"]\n"
        );
        assert_eq!(
            written("desc", &Value::text("Say: hello")),
            "desc: \"Say: hello\"\n"
        );
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        use crate::init::from::document::ReadNode as _;
        use larder_core::project::foreign::{self, Source};
        for text in [
            "plain",
            "a: b",
            "1.10",
            "yes",
            "x # y",
            "'",
            "\"",
            "a\\b",
            "{{ version }}",
            "- a",
            "",
            " lead",
            "tail ",
            "a\nb\n  c",
            " a\nb",
            "tab\there",
            "*x",
            "&x",
            "!x",
            "@x",
            "ends:",
            "~",
            ".5",
            "/usr",
            "$HOME/x",
            "a, b",
            "[x]",
            "ünïcode",
            "a\u{7}b",
            "x\n\ny",
            "%x",
            "a\r\nb",
        ] {
            let value = Value::Map(vec![
                ("key".into(), Value::text(text)),
                ("list".into(), Value::texts([text, "other"])),
            ]);
            let written = written("build", &value);
            let (source, _) = Source::new("x".into(), written.clone().into());
            let tree = foreign::yaml(&source).unwrap_or_else(|error| panic!("{written}{error}"));
            let build = tree.get("build").unwrap();
            let read = |node: &foreign::Node| match &node.kind {
                foreign::Kind::Scalar { text, .. } => text.clone(),
                _ => panic!("a text: {written}"),
            };
            assert_eq!(read(&build.entry("key").unwrap().value), text, "{written}");
            assert_eq!(
                read(&build.entry("list").unwrap().value.items()[0]),
                text,
                "{written}"
            );
        }
    }
}
