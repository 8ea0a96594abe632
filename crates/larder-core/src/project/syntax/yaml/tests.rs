use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::project::syntax::decode::{Decode, Reader, Spot};
use crate::project::typed::recipe::RawRecipe;
use crate::project::typed::versions::RawVersions;

fn source(text: &str) -> Source {
    Source {
        file: "versions.yml".into(),
        text: text.into(),
    }
}

/// Writes a tree as text. A scalar that differs from the text at its place in the file is shown
/// with that text.
fn describe(text: &str) -> String {
    fn write_node(node: &Node, text: &str, out: &mut String) {
        match &node.kind {
            Kind::Scalar { text: value, .. } => {
                let place = &text[node.span.clone()];
                if place == value {
                    out.push_str(value);
                } else {
                    let _ = write!(out, "?{value:?}@{place:?}");
                }
            }
            Kind::List(items) => {
                out.push('[');
                for item in items {
                    write_node(item, text, out);
                    out.push(' ');
                }
                out.push(']');
            }
            Kind::Map(entries) => {
                out.push('{');
                for entry in entries {
                    out.push_str(&text[entry.span.clone()]);
                    out.push('=');
                    write_node(&entry.value, text, out);
                    out.push(' ');
                }
                out.push('}');
            }
        }
    }
    let source = source(text);
    let (node, problems) = parse(&source);
    assert_eq!(problems, [], "{text}");
    let mut out = String::new();
    write_node(&node.expect("a tree"), text, &mut out);
    out
}

#[test]
fn scalars_keep_the_text_as_written() {
    assert_eq!(
        describe("a: 1.10\nb: yes\nc: 0o17\nd: 1e3\ne: 2024-01-01\n"),
        "{a=1.10 b=yes c=0o17 d=1e3 e=2024-01-01 }"
    );
    assert_eq!(describe("a: \"x\\ty\"\n"), r#"{a=?"x\ty"@"\"x\\ty\"" }"#);
}

#[test]
fn positions_are_byte_offsets_for_non_ascii_text_too() {
    assert_eq!(
        describe("ä: ö  # ü\nx: [é, ñandú]\n"),
        "{ä=ö x=[é ñandú ] }"
    );
    assert_eq!(describe("\u{feff}a: b\n"), "{a=b }");
    assert_eq!(describe("a: b\r\nc: d\r\n"), "{a=b c=d }");
}

#[test]
fn aliases_expand_to_the_anchored_value() {
    assert_eq!(describe("a: &x [1, 2]\nb: *x\n"), "{a=[1 2 ] b=[1 2 ] }");
}

#[test]
fn a_null_value_differs_from_an_empty_text() {
    let source = source("a:\nb: ~\nc: null\nd: \"\"\ne: 'null'\n");
    let (node, _) = parse(&source);
    let Kind::Map(entries) = node.expect("a tree").kind else {
        panic!("a mapping")
    };
    let nulls: Vec<bool> = entries.iter().map(|entry| entry.value.is_null()).collect();
    assert_eq!(nulls, [true, true, true, false, false]);
}

/// Reads a text as YAML, as versions.yml and as a recipe. The place of every problem must be inside
/// the text.
fn read_everything(text: &str) {
    let source = source(text);
    let (node, mut problems) = parse(&source);
    assert!(
        node.is_some()
            || !problems.is_empty()
            || text.trim_start_matches('\u{feff}').trim().is_empty()
            || only_comments(text)
    );
    if let Some(node) = node {
        let mut reader = Reader::new(&source);
        let _ = RawVersions::decode(&node, Spot::File, &mut reader);
        let _ = RawRecipe::decode(&node, Spot::File, &mut reader);
        problems.append(&mut reader.problems);
    }
    for problem in &problems {
        assert!(
            problem.text.get(problem.span.clone()).is_some(),
            "{:?} in {text:?}",
            problem.span
        );
    }
}

fn only_comments(text: &str) -> bool {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().all(|line| {
        let line = line.trim();
        line.is_empty()
            || line.starts_with(['#', '%'])
            || line.starts_with("---")
            || line.starts_with("...")
    }) || parse(&source(text)).0.is_none()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_random_text_never_panics(text in "\\PC{0,80}") {
        read_everything(&text);
    }

    #[test]
    fn reading_random_yaml_tokens_never_panics(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "a", "versions", "binaries", "upstream", "build", "overrides", "linux", "hub", ": ", ":", "\n", "\n  ", "\n    ",
                "- ", "[", "]", "{", "}", ", ", "\"", "'", "|", ">", ">-", "&x ", "*x", "!!str ", "<<", "? ", "---\n", "...\n", "#",
                " # c", "\t", "\r\n", "é", "\u{feff}", "{{ version }}", "{{ x }}", "1.10", "~", "null", "%YAML 1.2\n", "\\", "\u{0}",
            ]),
            0..40,
        )
    ) {
        read_everything(&parts.concat());
    }

    #[test]
    fn reading_random_bytes_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (source, problem) = Source::new("versions.yml".into(), bytes);
        if let Some(problem) = problem {
            prop_assert!(source.text.get(problem.span.clone()).is_some());
        } else {
            read_everything(&source.text);
        }
    }
}
