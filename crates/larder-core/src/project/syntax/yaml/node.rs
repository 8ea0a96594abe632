//! A YAML tree in which every node has its place in the file.

use std::ops::Range;

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// The byte range that a message marks: the text itself, a flow collection with its brackets,
    /// or the first key or item of a block collection.
    pub span: Range<usize>,
    /// The content.
    pub kind: Kind,
}

/// The content of a node.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A text, with quotes and escapes resolved.
    Scalar {
        /// The text.
        text: String,
        /// Whether it is neither quoted nor a block. Only then do `null`, `~` and an empty text
        /// mean that there is no value.
        plain: bool,
    },
    /// A list, written as `[…]` or `- …`.
    List(Vec<Node>),
    /// A mapping, written as `{…}` or `key: …`, in the file's order.
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
    /// Whether there is no value: an empty text, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The number of nodes, itself included, and the number of levels.
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
