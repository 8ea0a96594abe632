//! Parses YAML into a tree in which every node has its place in the file. Scalars stay the text
//! that was written.
//!
//! It is stricter than YAML: tags, merge keys, a second document and repeated keys are errors.
//! Against hostile input it limits the depth and the number of nodes, where an alias counts as all
//! the nodes that it repeats; `source` limits the size of files.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::source::Source;
use crate::error::Problem;
use crate::merge_conflict;

mod advice;
mod merge;
mod node;
mod offsets;

pub use node::{Entry, Kind, Node};
use offsets::Offsets;

/// The deepest nesting that is allowed.
const MAX_DEPTH: usize = 64;
/// The most nodes that a file can have, with aliases expanded.
const MAX_NODES: usize = 50_000;

const TEMPLATE_HINT: &str = "a value with a template needs quotes: \"{{ version }}\"";

/// Parses a file. If there is no tree, the problems say why; there can be problems with a tree too.
pub fn parse(source: &Source) -> (Option<Node>, Vec<Problem>) {
    parse_as(source, false)
}

/// Parses a file of another tool, in which merge keys are allowed.
pub fn parse_with_merge_keys(source: &Source) -> (Option<Node>, Vec<Problem>) {
    let (tree, problems) = parse_as(source, true);
    (tree.map(merge::merged), problems)
}

fn parse_as(source: &Source, merge_keys: bool) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder {
        source,
        merge_keys,
        offsets: Offsets::new(&source.text),
        stack: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes: 0,
        problems: Vec::new(),
    };
    // Other problems would only distract from these: the file is two files at once.
    builder.problems.extend(merge_conflicts(source));
    if !builder.problems.is_empty() {
        return (None, builder.problems);
    }
    let tree = builder.run().is_ok().then(|| builder.root.take()).flatten();
    (tree, builder.problems)
}

/// A problem for each merge conflict that is not resolved.
fn merge_conflicts(source: &Source) -> Vec<Problem> {
    let text = &source.text;
    let markers: Vec<_> = merge_conflict::markers(text).collect();
    let starts = |place: &Range<usize>| text[place.clone()].starts_with('<');
    // If only other markers are left, they are what is wrong.
    let any_starts = markers.iter().any(starts);
    let mut problems = Vec::new();
    for (index, place) in markers.iter().enumerate() {
        if any_starts && !starts(place) {
            continue;
        }
        let end = markers[index + 1..]
            .iter()
            .find(|end| text[(*end).clone()].starts_with('>'))
            .filter(|_| starts(place))
            .map_or_else(String::new, |end| {
                format!("it ends in line {}: ", source.line(end.start))
            });
        problems.push(source.problem(
            place.clone(),
            "an unresolved merge conflict",
            Some(format!(
                "{end}keep the lines that are right, and remove those that git added \
                 (`<<<<<<<`, `=======`, `>>>>>>>`)"
            )),
        ));
    }
    problems
}

/// Parsing can't continue; a problem was reported.
struct Stop;

enum Frame {
    List {
        start: usize,
        anchor: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        anchor: usize,
        entries: Vec<Entry>,
        seen: Seen,
        key: Option<PendingKey>,
    },
}

/// The keys of a mapping seen so far. Small mappings are searched linearly; only larger ones need
/// the set.
#[derive(Default)]
struct Seen(Option<HashSet<String>>);

impl Seen {
    /// Whether a key appears for the first time.
    fn is_new(&mut self, key: &str, entries: &[Entry]) -> bool {
        if entries.len() < 32 {
            return entries.iter().all(|entry| entry.key != key);
        }
        let seen = self
            .0
            .get_or_insert_with(|| entries.iter().map(|entry| entry.key.clone()).collect());
        seen.insert(key.to_owned())
    }
}

/// A key whose value is not read yet. A key that can't be used has no text, and its value is
/// dropped.
struct PendingKey {
    text: Option<String>,
    span: Range<usize>,
}

struct Builder<'a> {
    source: &'a Source,
    merge_keys: bool,
    offsets: Offsets,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn report(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems
            .push(self.source.problem(span, message, Some(hint.into())));
    }

    fn run(&mut self) -> Result<(), Stop> {
        let text = Arc::clone(&self.source.text);
        let mut parser = Parser::new_from_str(&text[self.offsets.bom..]);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| self.syntax(&error))?;
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let start = self.range(span).start;
                        self.report(
                            start
                                ..start
                                    + if text[start..].starts_with("---") {
                                        3
                                    } else {
                                        0
                                    },
                            "a second YAML document starts here",
                            "one file holds one document; remove the `---`",
                        );
                        return Err(Stop);
                    }
                }
                event => self.event(event, span)?,
            }
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        let range = self.range(span);
        match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
            Event::Scalar(text, style, anchor, tag) => {
                self.count(1, &range)?;
                self.refuse_tag(tag.is_some(), &range);
                let kind = Kind::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                };
                self.place(
                    Node {
                        span: self.trimmed(range),
                        kind,
                    },
                    anchor,
                )
            }
            Event::Alias(id) => {
                let Some(node) = self.anchors.get(&id).cloned() else {
                    self.report(
                        range,
                        "this alias is inside the value that it repeats",
                        "write the values out",
                    );
                    return Err(Stop);
                };
                let (nodes, height) = node.measure();
                self.count(nodes, &range)?;
                self.deeper(height, &range)?;
                self.place(node, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(tag.is_some(), &range)?;
                self.stack.push(Frame::List {
                    start: range.start,
                    anchor,
                    items: Vec::new(),
                });
                Ok(())
            }
            Event::MappingStart(anchor, tag) => {
                self.open(tag.is_some(), &range)?;
                let frame = Frame::Map {
                    start: range.start,
                    anchor,
                    entries: Vec::new(),
                    seen: Seen::default(),
                    key: None,
                };
                self.stack.push(frame);
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::List {
                    start,
                    anchor,
                    items,
                }) => {
                    let first = items.first().map(|item| item.span.clone());
                    self.place(
                        Node {
                            span: self.collection(start, range.end, first),
                            kind: Kind::List(items),
                        },
                        anchor,
                    )
                }
                Some(Frame::Map {
                    start,
                    anchor,
                    entries,
                    ..
                }) => {
                    let first = entries.first().map(|entry| entry.span.clone());
                    self.place(
                        Node {
                            span: self.collection(start, range.end, first),
                            kind: Kind::Map(entries),
                        },
                        anchor,
                    )
                }
                None => Ok(()),
            },
        }
    }

    fn open(&mut self, tagged: bool, range: &Range<usize>) -> Result<(), Stop> {
        self.count(1, range)?;
        self.refuse_tag(tagged, range);
        self.deeper(1, range)
    }

    fn place(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            // Count the copy as well, or nested anchors would use memory beyond the limit.
            let (nodes, _) = node.measure();
            self.count(nodes, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let (source, merge_keys) = (self.source, self.merge_keys);
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::List { items, .. }) => items.push(node),
            Some(Frame::Map {
                entries, seen, key, ..
            }) => match key.take() {
                Some(PendingKey {
                    text: Some(text),
                    span,
                }) => entries.push(Entry {
                    key: text,
                    span,
                    value: node,
                }),
                Some(PendingKey { text: None, .. }) => {}
                None => {
                    let span = node.span.clone();
                    let (text, refused) = match key_text(node, entries, seen, source, merge_keys) {
                        Ok(text) => (Some(text), None),
                        Err(problem) => (None, Some(problem)),
                    };
                    *key = Some(PendingKey { text, span });
                    self.problems.extend(refused);
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, nodes: usize, range: &Range<usize>) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        self.report(
            range.clone(),
            format!("the file has more than {MAX_NODES} values"),
            "aliases count as all that they repeat; split the file or write less",
        );
        Err(Stop)
    }

    fn deeper(&mut self, levels: usize, range: &Range<usize>) -> Result<(), Stop> {
        if self.stack.len() + levels <= MAX_DEPTH {
            return Ok(());
        }
        Err(self.too_deep(range))
    }

    fn too_deep(&mut self, range: &Range<usize>) -> Stop {
        let message = format!("nested more than {MAX_DEPTH} levels deep");
        self.report(
            range.clone(),
            message,
            "no value in these files needs more than a few levels",
        );
        Stop
    }

    fn refuse_tag(&mut self, tagged: bool, range: &Range<usize>) {
        if tagged {
            let message = "YAML tags are not supported";
            self.report(
                range.clone(),
                message,
                "remove the tag; values are kept as the text that was written",
            );
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offsets.byte(span.start.index());
        start..self.offsets.byte(span.end.index()).max(start)
    }

    /// The range without the white space at its end, which the parser includes in a plain text.
    fn trimmed(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.source.text[range.clone()];
        range.start..range.start + text.trim_end().len()
    }

    fn collection(&self, start: usize, end: usize, first: Option<Range<usize>>) -> Range<usize> {
        if self.source.text[start..].starts_with(['[', '{']) {
            return start..end.max(start);
        }
        first.unwrap_or(start..start)
    }
}

/// Returns the text of a node that is the key of a mapping.
fn key_text(
    node: Node,
    entries: &[Entry],
    seen: &mut Seen,
    source: &Source,
    merge_keys: bool,
) -> Result<String, Problem> {
    let Node { span, kind } = node;
    let refuse = |span: Range<usize>, message: String, hint: String| {
        Err(source.problem(span, message, Some(hint)))
    };
    match kind {
        Kind::Scalar { text, plain: true } if text == "<<" && !merge_keys => refuse(
            span,
            "merge keys are not supported".into(),
            "write the keys out".into(),
        ),
        Kind::Scalar { text, .. } if seen.is_new(&text, entries) => Ok(text),
        Kind::Scalar { text, .. } => {
            let first = entries
                .iter()
                .find(|entry| entry.key == text)
                .map_or(0, |entry| source.line(entry.span.start));
            let hint = format!("it is first set in line {first}; keep one of the two");
            refuse(span, format!("the key `{text}` is set twice"), hint)
        }
        Kind::Map(_)
            if source.text[..span.start].ends_with('{')
                && source.text[span.start..].starts_with('{') =>
        {
            let end = if source.text[span.end..].starts_with('}') {
                span.end + 1
            } else {
                span.end
            };
            let message = "a template at the start of a value is a mapping to YAML";
            refuse(span.start - 1..end, message.into(), TEMPLATE_HINT.into())
        }
        Kind::List(_) | Kind::Map(_) => refuse(
            span,
            "a list or mapping can't be a key".into(),
            "a key is a plain text".into(),
        ),
    }
}

#[cfg(test)]
mod tests;
