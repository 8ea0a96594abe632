//! Converts a YAML tree to typed values with their places. It collects every problem and does not
//! stop at the first one.
//!
//! How values belong together is checked elsewhere.

use std::collections::HashSet;
use std::fmt::{self, Display};
use std::hash::Hash;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::source::Source;
use super::yaml::{Entry, Kind, Node};
use crate::error::Problem;
use crate::model::Invalid;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Its range in the file, in bytes.
    pub span: Range<usize>,
}

/// A type for a single value in a file: it is parsed from one text and has a JSON Schema.
pub trait Word: Sized {
    /// Parses the text as it is written.
    fn word(text: &str) -> Result<Self, Invalid>;
    /// Its JSON Schema.
    fn schema() -> Schema;
    /// Whether different texts can mean the same value.
    const ALIASES: bool = false;
}

/// Which value of the file is being read, for messages.
#[derive(Clone, Copy, Debug)]
pub enum Spot<'a> {
    /// The whole file.
    File,
    /// The value of a key.
    Key(&'a str),
    /// One of the values of a key.
    In(&'a str),
}

impl fmt::Display for Spot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Key(key) => write!(f, "`{key}`"),
            Self::In(key) => write!(f, "each value in `{key}`"),
        }
    }
}

/// The file that is being read and the problems found so far.
pub struct Reader<'a> {
    /// The file.
    pub source: &'a Source,
    /// The problems found so far.
    pub problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// Starts to read a file.
    pub fn new(source: &'a Source) -> Self {
        Self {
            source,
            problems: Vec::new(),
        }
    }
    /// Adds a problem with a hint.
    pub fn problem(
        &mut self,
        span: &Range<usize>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.problems.push(
            self.source
                .problem(span.clone(), message, Some(hint.into())),
        );
    }
    /// Adds the problem that a text is not valid for its type.
    pub fn invalid(&mut self, span: &Range<usize>, invalid: Invalid) {
        self.problems.push(
            self.source
                .problem(span.clone(), invalid.message, invalid.hint),
        );
    }
    /// Adds the problem that a node is missing or of the wrong kind.
    pub fn expected(&mut self, spot: Spot<'_>, expected: &str, node: &Node, hint: Option<String>) {
        let (message, hint) = if node.is_null() {
            let hint = hint.unwrap_or_else(|| "give it a value, or remove the key".to_owned());
            (format!("{spot} has no value"), Some(hint))
        } else {
            let found = match &node.kind {
                Kind::Scalar { .. } => "a text",
                Kind::List(_) => "a list",
                Kind::Map(_) => "a mapping",
            };
            (format!("{spot} must be {expected}, not {found}"), hint)
        };
        let problem = self.source.problem(node.span.clone(), message, hint);
        self.problems.push(problem);
    }
}

/// A value that can be read from a YAML node.
pub trait Decode: Sized {
    /// Reads the value. Returns `None` if that is not possible; a problem then says why.
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self>;
}

impl<T: Word> At<T> {
    fn parse(text: &str, span: Range<usize>, reader: &mut Reader<'_>) -> Option<Self> {
        match T::word(text) {
            Ok(value) => Some(Self { value, span }),
            Err(invalid) => {
                reader.invalid(&span, invalid);
                None
            }
        }
    }
}

impl<T: Word> Decode for At<T> {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { text, .. } if !node.is_null() => {
                Self::parse(text, node.span.clone(), reader)
            }
            // A template without quotes, which the YAML reader has already reported.
            Kind::Map(_) if reader.source.text[node.span.start..].starts_with("{{") => None,
            _ => {
                // YAML reads `- echo error: it broke` as a mapping with one key, which few people
                // expect, so the hint explains it.
                let block = matches!(&node.kind, Kind::Map(_))
                    && !reader.source.text[node.span.start..].starts_with('{');
                let hint = match &node.kind {
                    Kind::List(items) => match items.as_slice() {
                        [
                            Node {
                                kind: Kind::Scalar { text, .. },
                                ..
                            },
                        ] => format!("write `{text}`, without the list around it"),
                        _ => "write one value, not several".to_owned(),
                    },
                    _ if block => "a text that contains `: ` is written in quotes".to_owned(),
                    Kind::Map(_) => {
                        "write one value; a text that starts with `{` is written in quotes"
                            .to_owned()
                    }
                    Kind::Scalar { .. } => "give it a value, or remove the key".to_owned(),
                };
                reader.expected(spot, "a text", node, Some(hint));
                None
            }
        }
    }
}

impl<T: Word> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let key = match spot {
            Spot::Key(key) | Spot::In(key) => key,
            Spot::File => "",
        };
        match &node.kind {
            Kind::List(items) => {
                // Keep the items that could be read, so that the rest of the file is checked too.
                Some(
                    items
                        .iter()
                        .filter_map(|item| T::decode(item, Spot::In(key), reader))
                        .collect(),
                )
            }
            Kind::Scalar { text, .. } if !node.is_null() => {
                reader.expected(
                    spot,
                    "a list",
                    node,
                    Some(format!("write `{key}: [{text}]`")),
                );
                None
            }
            _ => {
                let hint = (!node.is_null())
                    .then(|| "write `[one, another]`, or a line `- one` for each".to_owned());
                reader.expected(spot, "a list", node, hint);
                None
            }
        }
    }
}

/// A list with at least one item.
#[derive(Clone, Debug)]
pub struct NonEmpty<T>(pub Vec<T>);

impl<T: Decode> Decode for NonEmpty<T> {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            reader.problem(&node.span, format!("{spot} is empty"), "name at least one");
            return None;
        }
        Vec::decode(node, spot, reader).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for NonEmpty<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "NonEmpty".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "array", "items": generator.subschema_for::<T>(), "minItems": 1 })
    }
}

/// A mapping whose keys the user chooses. A value that could not be read is `None`, so that its key
/// is still known.
#[derive(Clone, Debug)]
pub struct Pairs<K, V>(pub Vec<(At<K>, Option<V>)>);

impl<K: Word + PartialEq, V: Decode> Decode for Pairs<K, V> {
    fn decode(node: &Node, spot: Spot<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            let hint = if node.is_null() {
                "give it keys, write `{}`, or remove it"
            } else {
                "write `{name: value}`, or a line `name: value` for each"
            };
            reader.expected(spot, "a mapping", node, Some(hint.to_owned()));
            return None;
        };
        let mut pairs: Vec<(At<K>, Option<V>)> = Vec::with_capacity(entries.len());
        for Entry {
            key: text,
            span,
            value,
        } in entries
        {
            let value = V::decode_at(value, span, Spot::Key(text), reader);
            let Some(key) = At::<K>::parse(text, span.clone(), reader) else {
                continue;
            };
            if K::ALIASES
                && let Some(index) = pairs.iter().position(|(known, _)| known.value == key.value)
            {
                let other = &reader.source.text[pairs[index].0.span.clone()];
                let message = format!("`{text}` and `{other}` mean the same in {spot}");
                reader.problem(&key.span, message, "put all in one of the two");
            }
            pairs.push((key, value));
        }
        Some(Self(pairs))
    }
}

impl<K: Word, V: JsonSchema> JsonSchema for Pairs<K, V> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Pairs".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<V>(),
            "x-key-type": K::schema().get("x-type").cloned().unwrap_or_else(|| "text".into()),
        })
    }
}

/// Reading of a value that belongs to a key.
pub trait DecodeAt: Decode {
    /// Reads the value like [`Decode::decode`]. A missing value has no place of its own, so its
    /// problem is reported at the key.
    fn decode_at(
        node: &Node,
        key_span: &Range<usize>,
        spot: Spot<'_>,
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        if node.span.is_empty() {
            let node = Node {
                span: key_span.clone(),
                kind: node.kind.clone(),
            };
            Self::decode(&node, spot, reader)
        } else {
            Self::decode(node, spot, reader)
        }
    }
}

impl<T: Decode> DecodeAt for T {}

/// Returns each value of a list once and reports repetitions.
pub fn distinct<T: Clone + Eq + Hash + Display>(
    key: &str,
    list: Vec<At<T>>,
    reader: &mut Reader<'_>,
) -> Vec<T> {
    let mut seen = HashSet::with_capacity(list.len());
    let mut values = Vec::with_capacity(list.len());
    for At { value, span } in list {
        if seen.insert(value.clone()) {
            values.push(value);
        } else {
            reader.problem(
                &span,
                format!("`{value}` is listed twice in `{key}`"),
                "remove one of the two",
            );
        }
    }
    values
}
