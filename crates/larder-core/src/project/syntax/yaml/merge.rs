//! Merge keys: `<<: *defaults` adds the entries of another mapping that a mapping does not have itself.

use super::node::{Entry, Kind, Node};

/// The tree with its merge keys resolved. The number of nodes was limited when the aliases were read.
pub(super) fn merged(node: Node) -> Node {
    let Node { span, kind } = node;
    let kind = match kind {
        Kind::Scalar { .. } => kind,
        Kind::List(items) => Kind::List(items.into_iter().map(merged).collect()),
        Kind::Map(entries) => Kind::Map(merged_entries(entries)),
    };
    Node { span, kind }
}

fn merged_entries(entries: Vec<Entry>) -> Vec<Entry> {
    let (mut own, mut more) = (Vec::with_capacity(entries.len()), Vec::new());
    for entry in entries {
        let value = merged(entry.value);
        match value.kind {
            Kind::Map(entries) if entry.key == "<<" => more.extend(entries),
            Kind::List(items) if entry.key == "<<" => {
                more.extend(items.into_iter().flat_map(|item| match item.kind {
                    Kind::Map(entries) => entries,
                    Kind::Scalar { .. } | Kind::List(_) => Vec::new(),
                }));
            }
            kind => own.push(Entry {
                value: Node {
                    span: value.span,
                    kind,
                },
                ..entry
            }),
        }
    }
    for entry in more {
        if own.iter().all(|known: &Entry| known.key != entry.key) {
            own.push(entry);
        }
    }
    own
}

#[cfg(test)]
mod tests {
    use super::super::parse_with_merge_keys;
    use super::*;
    use crate::project::foreign::Source;

    #[test]
    fn an_own_key_precedes_a_merged_one() {
        let text = "base: &base {a: one, b: two}\nother: &other {c: three, a: four}\n\
                    x:\n  <<: [*base, *other]\n  b: own\n";
        let (source, _) = Source::new("x.yml".into(), text.into());
        let (tree, problems) = parse_with_merge_keys(&source);
        assert_eq!(problems, []);
        let Some(Kind::Map(entries)) = tree.map(|tree| tree.kind) else {
            panic!("a mapping")
        };
        let Kind::Map(x) = &entries[2].value.kind else {
            panic!("a mapping")
        };
        let pairs: Vec<(&str, &str)> = x
            .iter()
            .filter_map(|entry| match &entry.value.kind {
                Kind::Scalar { text, .. } => Some((entry.key.as_str(), text.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(pairs, [("b", "own"), ("a", "one"), ("c", "three")]);
    }
}
