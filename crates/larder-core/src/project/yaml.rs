//! YAML text → a tree whose every node knows its place in the file. Scalars stay the text that was written.
//!
//! Stricter than YAML: no tags, no merge keys, no second document, no key twice. Hostile input meets limits: file size,
//! depth, number of nodes (an alias counts as all that it repeats). Knows nothing of what the keys mean.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use camino::Utf8PathBuf;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::error::Problem;

/// Largest file that is read.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Deepest nesting.
const MAX_DEPTH: usize = 64;
/// Most nodes in one file, aliases expanded.
const MAX_NODES: usize = 50_000;

const TEMPLATE_HINT: &str = "a value with a template needs quotes: \"{{ version }}\"";

/// A file that was read: where it is and what it says.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path as told to the user.
    pub file: Utf8PathBuf,
    /// Whole text.
    pub text: Arc<str>,
}

impl Source {
    /// From the bytes of a file; what is not UTF-8 is a problem at its place.
    pub fn new(file: Utf8PathBuf, bytes: Vec<u8>) -> (Self, Option<Problem>) {
        if bytes.len() > MAX_BYTES {
            let source = Self {
                file,
                text: Arc::from(""),
            };
            let problem = source.problem(
                0..0,
                "the file is larger than 1 MiB",
                Some("files of this kind are written by hand; is this the right one?".into()),
            );
            return (source, Some(problem));
        }
        match String::from_utf8(bytes) {
            Ok(text) => (
                Self {
                    file,
                    text: text.into(),
                },
                None,
            ),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
                let source = Self {
                    file,
                    text: text.into(),
                };
                let place = valid..valid + char::REPLACEMENT_CHARACTER.len_utf8();
                let problem = source.problem(
                    place,
                    "the file is not UTF-8 text",
                    Some("save it as UTF-8".into()),
                );
                (source, Some(problem))
            }
        }
    }

    /// A problem at a place in this file.
    pub fn problem(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        hint: Option<String>,
    ) -> Problem {
        Problem {
            file: self.file.clone(),
            text: Arc::clone(&self.text),
            span,
            message: message.into(),
            hint,
        }
    }

    /// The line a place is in, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.text[..offset.min(self.text.len())]
            .matches('\n')
            .count()
            + 1
    }
}

/// A value and its place, in bytes.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where a caret goes: the text itself, a flow collection from brace to brace, else the first key or item.
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

    fn measure(&self) -> (usize, usize) {
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

/// Parses a file. Without a tree the problems say why; with one there may be problems all the same.
pub fn parse(source: &Source) -> (Option<Node>, Vec<Problem>) {
    let mut builder = Builder {
        source,
        offsets: Offsets::new(&source.text),
        stack: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        nodes: 0,
        problems: Vec::new(),
    };
    let tree = builder.run().is_ok().then(|| builder.root.take()).flatten();
    (tree, builder.problems)
}

/// Characters, which the parser counts, to bytes.
struct Offsets {
    bom: usize,
    len: usize,
    starts: Option<Vec<usize>>,
}

impl Offsets {
    fn new(text: &str) -> Self {
        let bom = if text.starts_with('\u{feff}') {
            '\u{feff}'.len_utf8()
        } else {
            0
        };
        let text = &text[bom..];
        let starts = (!text.is_ascii()).then(|| text.char_indices().map(|(i, _)| i).collect());
        Self {
            bom,
            len: text.len(),
            starts,
        }
    }
    fn byte(&self, index: usize) -> usize {
        let byte = match &self.starts {
            None => index.min(self.len),
            Some(starts) => starts.get(index).copied().unwrap_or(self.len),
        };
        self.bom + byte
    }
}

/// A problem was noted that leaves nothing to go on with.
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

/// The keys of a mapping, put aside once it holds more than one looks through quickly.
#[derive(Default)]
struct Seen(Option<HashSet<String>>);

impl Seen {
    /// Whether a key is there for the first time.
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

/// A key that waits for its value; without a text it was refused and the value is dropped.
struct PendingKey {
    text: Option<String>,
    span: Range<usize>,
}

struct Builder<'a> {
    source: &'a Source,
    offsets: Offsets,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    problems: Vec<Problem>,
}

impl Builder<'_> {
    fn note(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
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
                        self.note(
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
                    self.note(
                        range,
                        "this alias stands inside what it repeats",
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
            // The copy counts: anchors in anchors would else cost memory that nobody counted.
            let (nodes, _) = node.measure();
            self.count(nodes, &node.span)?;
            self.anchors.insert(anchor, node.clone());
        }
        let source = self.source;
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
                    let (text, refused) = match key_text(node, entries, seen, source) {
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
        self.note(
            range.clone(),
            format!("the file holds more than {MAX_NODES} values"),
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
        self.note(
            range.clone(),
            message,
            "nothing in these files needs more than a handful",
        );
        Stop
    }

    fn refuse_tag(&mut self, tagged: bool, range: &Range<usize>) {
        if tagged {
            let message = "YAML tags are not supported";
            self.note(
                range.clone(),
                message,
                "remove the tag; values are kept as the text that was written",
            );
        }
    }

    fn syntax(&mut self, error: &ScanError) -> Stop {
        let text = Arc::clone(&self.source.text);
        let at = self.offsets.byte(error.marker().index());
        let end = text[at..]
            .chars()
            .next()
            .filter(|c| *c != '\n')
            .map_or(at, |c| at + c.len_utf8());
        let line_start = text[..at].rfind('\n').map_or(0, |i| i + 1);
        let line = text[line_start..].lines().next().unwrap_or("");
        let indent = line.len() - line.trim_start().len();
        if let Some(tab) = line[..indent].find('\t') {
            let tab = line_start + tab;
            self.note(
                tab..tab + 1,
                "a tab in the indentation",
                "indent with spaces",
            );
            return Stop;
        }
        let info = error.info();
        if info.contains("recursion limit") {
            return self.too_deep(&(at..end));
        }
        let colon = "a text that holds `: ` needs quotes";
        let start = "a text that starts with one of { [ & * ! | > % @ needs quotes";
        let hint = if line.contains("{{") || line.contains("{%") {
            TEMPLATE_HINT.to_owned()
        } else if let Some(open) = self.open_bracket() {
            format!(
                "look at the `{}` in line {}: is it closed?",
                &text[open..=open],
                self.source.line(open)
            )
        } else if info.contains("quoted scalar") {
            "close the quote".to_owned()
        } else if info.contains("mapping values") || info.contains("':'") {
            colon.to_owned()
        } else if info.contains("anchor")
            || info.contains("start any token")
            || info.contains("directive")
        {
            start.to_owned()
        } else if info.contains("unprintable") || info.contains("control") {
            "remove that character".to_owned()
        } else {
            "look at the indentation: keys of one mapping start in the same column".to_owned()
        };
        self.note(at..end, format!("not valid YAML: {info}"), hint);
        Stop
    }

    /// The innermost `[` or `{` that is still open.
    fn open_bracket(&self) -> Option<usize> {
        let starts = self.stack.iter().rev().map(|frame| match frame {
            Frame::List { start, .. } | Frame::Map { start, .. } => *start,
        });
        starts
            .into_iter()
            .find(|start| self.source.text[*start..].starts_with(['[', '{']))
    }

    fn range(&self, span: Span) -> Range<usize> {
        let start = self.offsets.byte(span.start.index());
        start..self.offsets.byte(span.end.index()).max(start)
    }

    /// Without the white space that the parser counts to a plain text, and of a block only the first line.
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

/// A node as the key of a mapping.
fn key_text(
    node: Node,
    entries: &[Entry],
    seen: &mut Seen,
    source: &Source,
) -> Result<String, Problem> {
    let Node { span, kind } = node;
    let refuse = |span: Range<usize>, message: String, hint: String| {
        Err(source.problem(span, message, Some(hint)))
    };
    match kind {
        Kind::Scalar { text, plain: true } if text == "<<" => refuse(
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
            refuse(span, format!("the key `{text}` is there twice"), hint)
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
#[path = "tests/yaml.rs"]
mod tests;
