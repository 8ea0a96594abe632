use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn set(text: &str, name: &str, version: &str) -> Result<String> {
    set_version(text, &name.parse().unwrap(), &version.parse().unwrap())
}

fn add(text: &str, name: &str, version: &str) -> Result<String> {
    add_version(text, &name.parse().unwrap(), &version.parse().unwrap())
}

#[test]
fn one_value_changes_and_every_other_byte_stays() {
    for (before, after) in [
        ("versions:\n  a: v1\n", "versions:\n  a: v2\n"),
        ("versions:\n  a: v1", "versions:\n  a: v2"),
        (
            "versions:\n  a:   v1   # why\n  b: v1\n",
            "versions:\n  a:   v2   # why\n  b: v1\n",
        ),
        (
            "# v1\r\nversions:\r\n    b: v1\r\n    a: v1\r\n",
            "# v1\r\nversions:\r\n    b: v1\r\n    a: v2\r\n",
        ),
        ("versions: {a: v1, b: v1}\n", "versions: {a: v2, b: v1}\n"),
        (
            "versions: { \"a\" : 'v1' , b: v1 } # c\n",
            "versions: { \"a\" : 'v2' , b: v1 } # c\n",
        ),
        (
            "{\"versions\": {\"b\": \"v1\", \"a\": \"v1\"}}",
            "{\"versions\": {\"b\": \"v1\", \"a\": \"v2\"}}",
        ),
        (
            "\u{feff}versions:\n  # ä\n  a: \"v1\"\n",
            "\u{feff}versions:\n  # ä\n  a: \"v2\"\n",
        ),
        (
            "---\nversions:\n  ? a\n  : v1\nci: []\n...\n",
            "---\nversions:\n  ? a\n  : v2\nci: []\n...\n",
        ),
        (
            "versions:\n  a:\n    # here\n    v1\n",
            "versions:\n  a:\n    # here\n    v2\n",
        ),
        (
            "versions:\n  a: &x v1\n  b: v1\n",
            "versions:\n  a: &x v2\n  b: v1\n",
        ),
        (
            "versions:\n  b: &x v1\n  a: v1\n  c: *x\n",
            "versions:\n  b: &x v1\n  a: v2\n  c: *x\n",
        ),
    ] {
        assert_eq!(set(before, "a", "v2").unwrap(), after);
    }
    assert_eq!(
        set("versions: {a: 1.9}", "a", "1.10").unwrap(),
        "versions: {a: 1.10}"
    );
}

#[test]
fn a_value_that_cannot_be_edited_alone_is_refused_with_its_position() {
    for (text, place, why) in [
        ("versions:\n  b: &x v1\n  a: *x\n", "a", "is an alias"),
        (
            "versions:\n  a: &x v1\n  b: *x\n",
            "v1",
            "can't be changed by itself",
        ),
        ("versions:\n  a: |\n    v1\n", "a", "is a block of text"),
        (
            "versions:\n  a: >-\n    v1\n  b: v1\n",
            "a",
            "is a block of text",
        ),
    ] {
        let error = set(text, "a", "v2").unwrap_err();
        let [problem] = error.file_problems() else {
            panic!("{error}")
        };
        assert_eq!(&text[problem.span.clone()], place, "{text}");
        assert!(problem.message.contains(why), "{}", problem.message);
        assert_eq!(problem.hint.as_deref(), Some("change it by hand: `a: v2`"));
    }
    assert!(set("versions:\n  b: v1\n", "a", "v2").is_err());
    assert!(set("versions: [\n", "a", "v2").is_err());
}

#[test]
fn a_new_version_is_inserted_in_sorted_order() {
    for (before, after) in [
        ("versions: {}\n", "versions: {m: v9}\n"),
        (
            "versions: {a: v1, z: v1}\n",
            "versions: {a: v1, m: v9, z: v1}\n",
        ),
        ("versions: {z: v1}\n", "versions: {m: v9, z: v1}\n"),
        ("versions: {a: v1,}", "versions: {a: v1, m: v9,}"),
        (
            "versions: {\n  a: v1, # one\n  b: v1\n}\n",
            "versions: {\n  a: v1, # one\n  b: v1, m: v9\n}\n",
        ),
        (
            "{\"versions\": {\"a\": \"v1\"}}",
            "{\"versions\": {\"a\": \"v1\", \"m\": \"v9\"}}",
        ),
        (
            "versions:\n  a: v1 # one\n\n  # the last\n  z: v1\n",
            "versions:\n  a: v1 # one\n  m: v9\n\n  # the last\n  z: v1\n",
        ),
        (
            "versions:\n  z: v1\n  a: v1\nci: []\n",
            "versions:\n  z: v1\n  a: v1\n  m: v9\nci: []\n",
        ),
        (
            "versions:\n  # about z\n  z: v1\n",
            "versions:\n  m: v9\n  # about z\n  z: v1\n",
        ),
        (
            "versions:\r\n    a: v1",
            "versions:\r\n    a: v1\r\n    m: v9",
        ),
        (
            "versions:\n  'a': \"1\"\n",
            "versions:\n  'a': \"1\"\n  'm': \"v9\"\n",
        ),
        (
            "hub: &h {dir: x}\nversions:\n  a: v1\n  # end\n",
            "hub: &h {dir: x}\nversions:\n  a: v1\n  m: v9\n  # end\n",
        ),
    ] {
        assert_eq!(add(before, "m", "v9").unwrap(), after);
    }
    assert!(
        add("versions:\n  m: v1\n", "m", "v9")
            .unwrap_err()
            .to_string()
            .contains("has a version already")
    );
    for text in [
        "versions:\n  ? a\n  : v1\n",
        "versions:\n  a: |\n    v1\n    v2\nci: []\n",
        "versions: {a: &x v1, b: *x}\n",
    ] {
        match add(text, "m", "v9") {
            Ok(_) => {}
            Err(error) => assert!(error.to_string().contains("by hand"), "{error}"),
        }
    }
}

/// A line of `versions:` in one of the usual layouts.
fn line() -> impl Strategy<Value = (String, String)> {
    let key = prop::sample::select(vec!["K", "\"K\"", "'K'"]);
    let value = prop::sample::select(vec!["V", "\"V\"", "'V'", "\"V\" "]);
    let space = prop::sample::select(vec![": ", ":   ", ":\n      "]);
    let tail = prop::sample::select(vec!["", " # a: v0", "   ", "\n\n  # b: v0"]);
    (key, space, value, tail)
        .prop_map(|(key, space, value, tail)| (format!("{key}{space}{value}"), tail.to_owned()))
}

fn fill(shape: &str, name: &str, version: &str) -> String {
    shape.replace('K', name).replace('V', version)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// In any layout, the changed text is the text that would have been written with the new
    /// version.
    #[test]
    fn editing_keeps_every_layout_unchanged_but_the_value(
        lines in prop::collection::vec(line(), 1..6),
        pick in any::<prop::sample::Index>(),
        flow in any::<bool>(),
        crlf in any::<bool>(),
        ended in any::<bool>(),
        before in prop::sample::select(vec!["", "# first: v1\n", "project: x\n\n", "ci: [\"check\"]\n"]),
        after in prop::sample::select(vec!["", "\n# last", "\nhub: {dir: v1}", "\nupload:   never  # x"]),
        old in "(v?[0-9]{1,3}(\\.[0-9]{1,3}){0,2}|v1\\.0\\.0-rc\\.1\\+b)",
        new in "(v?[0-9]{1,3}(\\.[0-9]{1,3}){0,2}|2\\.0\\.0-rc\\.1\\+b)",
    ) {
        let pick = pick.index(lines.len());
        let write = |chosen: &str| {
            let mut text = before.to_owned() + "versions:" + if flow { " {" } else { "" };
            for (n, (shape, tail)) in lines.iter().enumerate() {
                let name = format!("n{n}");
                let filled = fill(shape, &name, if n == pick { chosen } else { &old });
                if flow {
                    let comma = if n + 1 < lines.len() { "," } else { "" };
                    write!(text, "\n    {filled}{comma}{tail}").unwrap();
                } else {
                    write!(text, "\n  {filled}{tail}").unwrap();
                }
            }
            if flow {
                text += "\n  }";
            }
            text += after;
            if ended {
                text += "\n";
            }
            if crlf { text.replace('\n', "\r\n") } else { text }
        };
        let name = format!("n{pick}");
        let text = write(&old);
        prop_assert_eq!(set(&text, &name, &new).unwrap(), write(&new));
        // Adding a version keeps all other text in order, and the new version can be changed back.
        let more = add(&text, "n1x", &new).unwrap();
        let at = more.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        let added = more.len() - text.len();
        prop_assert!((0..=at).any(|at| text.is_char_boundary(at) && [&more[..at], &more[at + added..]].concat() == text));
        prop_assert_eq!(set(&set(&more, "n1x", &old).unwrap(), "n1x", &new).unwrap(), more);
    }

    #[test]
    fn editing_random_text_is_correct_or_refused(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "versions:", "a", "b", ": ", ":", "\n", "\n  ", "\n    ", "{", "}", ", ", "\"", "'", "|", "&x ", "*x", "? ", "#",
                " # c", "\r\n", "v1", "1.10", "- ",
            ]),
            0..30,
        )
    ) {
        let text = "versions:\n  a: v1\n".to_owned() + &parts.concat();
        for changed in [set(&text, "a", "v2"), add(&text, "m", "v9")].into_iter().flatten() {
            prop_assert!(File::read(&changed).is_ok());
        }
    }
}

#[test]
fn one_entry_is_removed_and_every_other_byte_stays() {
    let remove = |text: &str| remove_version(text, &"a".parse().unwrap());
    for (before, after) in [
        ("versions:\n  a: v1\n  b: v1\n", "versions:\n  b: v1\n"),
        ("versions:\n  b: v1\n  a: v1\n", "versions:\n  b: v1\n"),
        ("versions:\n  b: v1\n  a: v1", "versions:\n  b: v1\n"),
        (
            "versions:\n  a: v1 # why\nci: []\n",
            "versions: {}\nci: []\n",
        ),
        ("versions:\n  a: v1", "versions: {}\n"),
        (
            "versions: # all\r\n  # of b\r\n  b: v1\r\n  # of a\r\n  \"a\": v1\r\n",
            "versions: # all\r\n  # of b\r\n  b: v1\r\n  # of a\r\n",
        ),
        (
            "versions:\n  # renovate: datasource=x depName=a\n  a: v1\n  # renovate: datasource=x depName=b\n  b: v1\n",
            "versions:\n  # renovate: datasource=x depName=b\n  b: v1\n",
        ),
        ("versions: {a: v1, b: v1}\n", "versions: {b: v1}\n"),
        ("versions: {b: v1, a: v1}\n", "versions: {b: v1}\n"),
        (
            "versions: {c: v1, a: 'v1' , b: v1}\n",
            "versions: {c: v1, b: v1}\n",
        ),
        ("versions: {a: v1}\n", "versions: {}\n"),
        ("{\"versions\": {\"a\": \"v1\"}}", "{\"versions\": {}}"),
    ] {
        assert_eq!(remove(before).unwrap(), after);
    }
    for hard in [
        "versions:\n  a: &x v1\n  b: *x\n",
        "versions:\n  b: v1\n",
        "versions: &x\n  ? a\n  : v1\n",
        "ci: []\n",
    ] {
        assert!(remove(hard).is_err(), "{hard}: {:?}", remove(hard));
    }
}

#[test]
fn a_pinned_version_is_the_text_that_was_written() {
    let name: Name = "arc".parse().unwrap();
    for (text, version) in [
        ("versions:\n  arc: v1.0.0\n", Some("v1.0.0")),
        ("versions:\n  arc: 1.10\n", Some("1.10")),
        ("versions: {\"arc\": \"2\"}\n", Some("2")),
        ("versions:\n  other: v1\n", None),
        ("versions: []\n", None),
        ("<<<<<<<\n", None),
    ] {
        let pinned = pinned_version(text, &name);
        assert_eq!(pinned.as_ref().map(Version::as_str), version, "{text}");
    }
}
