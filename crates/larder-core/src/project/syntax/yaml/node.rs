//! A YAML tree whose every node knows its place in the file.

use std::ops::Range;

/// A value and its place, in bytes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where a caret goes: the text itself, a flow collection from brace to brace, else the first
    /// key or item.
    pub span: Range<usize>,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Text as written, quotes and escapes undone.
    Scalar {
        /// The text.
        text: String,
        /// Neither quoted nor a block: `null`, `~` and nothing at all mean *no value* only then.
        plain: bool,
    },
    /// `[…]` or `- …`.
    List(Vec<Node>),
    /// `{…}` or `key: …`, in order.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's place.
    pub span: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// No value: nothing, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// How many nodes it is, and how many levels deep.
    pub(super) fn measure(&self) -> (usize, usize) {
        let children: Vec<&Node> = match &self.kind {
            Kind::Scalar { .. } => return (1, 1),
            Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
        };
        children
            .into_iter()
            .map(Node::measure)
            .fold((1, 1), |(nodes, height), (n, h)| {
                (nodes + n, height.max(h + 1))
            })
    }
}
