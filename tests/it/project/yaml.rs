//! Broken, ambiguous or hostile YAML, as users see the errors.

use crate::project::loading::Files;

fn yaml(text: &str) -> String {
    Files::new().file("versions.yml", text).problems()
}

/// The first line of the message for a file that is too large to show.
fn first_line(text: &str) -> String {
    let shown = yaml(text);
    assert!(shown.len() < 2000, "{} bytes shown", shown.len());
    shown.lines().next().unwrap_or_default().to_owned()
}

/// A "billion laughs" document: nine levels, each with nine aliases of the previous one.
fn billion_laughs_text() -> String {
    let mut text = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for (from, to) in ('a'..='h').zip('b'..='i') {
        let aliases = vec![format!("*{from}"); 9].join(", ");
        text = format!("{text}{to}: &{to} [{aliases}]\n");
    }
    text
}

#[test]
fn an_indentation_with_a_tab() {
    insta::assert_snapshot!(yaml("versions:\n\tnats: v1\n"), @r"
    error: a tab in the indentation
     --> versions.yml:2:1
      |
    2 |     nats: v1
      | ^^^^
      |
      = help: indent with spaces
    ");
}

#[test]
fn an_unresolved_merge_conflict() {
    let ours =
        "versions:\n<<<<<<< HEAD\n  nats: v2\n=======\n  nats: v3\n>>>>>>> topic\n  arc: v1\n";
    insta::assert_snapshot!(yaml(ours), @r"
    error: an unresolved merge conflict
     --> versions.yml:2:1
      |
    2 | <<<<<<< HEAD
      | ^^^^^^^^^^^^
      |
      = help: it ends in line 6: keep the lines that are right, and remove those that git added (`<<<<<<<`, `=======`, `>>>>>>>`)
    ");
    let diff3 = ours.replace("=======", "||||||| 1234567\n  nats: v1\n=======");
    for (text, places) in [
        (ours.replace('\n', "\r\n"), &["2:1"][..]),
        (format!("\u{feff}{ours}"), &["2:1"]),
        (diff3, &["2:1"]),
        (ours.replace("=======", "=========").replace("<<<<<<<", "<<<<<<<<<"), &["2:1"]),
        (ours.replace(" HEAD", ""), &["2:1"]),
        (format!("{ours}{}", ours.replace("versions", "tasks")), &["2:1", "9:1"]),
        ("versions:\n  nats: v2\n=======\n  arc: v1\n".to_owned(), &["3:1"]),
        ("versions: {}\n>>>>>>> topic\n".to_owned(), &["2:1"]),
        ("versions: {}\ntasks:\n  t:\n    commands:\n    - |\n      a\n<<<<<<< a\n      b\n=======\n>>>>>>> b\n".to_owned(), &["7:1"]),
    ] {
        let shown = yaml(&text);
        let found: Vec<&str> = shown
            .lines()
            .filter_map(|line| line.trim().strip_prefix("--> versions.yml:"))
            .collect();
        assert_eq!(found, places, "{shown}");
        let errors = shown.matches("error: an unresolved merge conflict").count();
        assert_eq!(errors, places.len(), "{shown}");
    }
    // Texts that only look alike.
    for text in [
        "# =======\nversions: {}\n",
        "versions: {}\ntasks: {t: {commands: [\"echo <<<<<<< HEAD\"]}}\n",
        "versions: {}\ntasks:\n  t:\n    commands:\n    - |\n      cat <<E\n      =======\n      E\n",
    ] {
        assert!(!yaml_is_conflicted(text), "{text}");
    }
}

fn yaml_is_conflicted(text: &str) -> bool {
    let files = Files::new().file("versions.yml", text);
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| files.problems()))
        .is_ok_and(|shown| shown.contains("conflict"))
}

#[test]
fn a_bracket_that_is_not_closed() {
    insta::assert_snapshot!(yaml("versions: {}\nplatforms: [linux-amd64\nproject: x\n"), @r"
    error: not valid YAML: illegal placement of ':' indicator
     --> versions.yml:3:8
      |
    3 | project: x
      |        ^
      |
      = help: look at the `[` in line 2: is it closed?
    ");
}

#[test]
fn a_quote_that_is_not_closed() {
    insta::assert_snapshot!(yaml("versions: {}\nproject: \"x\n"), @r#"
    error: not valid YAML: while scanning a quoted scalar, found unexpected end of stream
     --> versions.yml:2:10
      |
    2 | project: "x
      |          ^
      |
      = help: close the quote
    "#);
}

#[test]
fn a_colon_in_a_text() {
    insta::assert_snapshot!(yaml("versions: {}\nproject: a: b\n"), @r"
    error: not valid YAML: mapping values are not allowed in this context
     --> versions.yml:2:11
      |
    2 | project: a: b
      |           ^
      |
      = help: a text that contains `: ` needs quotes
    ");
}

#[test]
fn a_template_at_the_start_of_a_value() {
    insta::assert_snapshot!(yaml("versions: {}\nci: [ensure {{ x }} all]\n"), @r#"
    error: not valid YAML: while parsing a flow sequence, expected ',' or ']'
     --> versions.yml:2:13
      |
    2 | ci: [ensure {{ x }} all]
      |             ^
      |
      = help: a value with a template needs quotes: "{{ version }}"
    "#);
}

#[test]
fn bad_indentation() {
    insta::assert_snapshot!(yaml("versions:\n    nats: v1\n  arc: v2\n"), @r"
    error: not valid YAML: while parsing a block mapping, did not find expected key
     --> versions.yml:3:3
      |
    3 |   arc: v2
      |   ^
      |
      = help: look at the indentation: keys of one mapping start in the same column
    ");
}

#[test]
fn a_key_twice() {
    insta::assert_snapshot!(yaml("versions: {}\nproject: a\nupload: ci\nproject: b\n"), @r"
    error: the key `project` is set twice
     --> versions.yml:4:1
      |
    4 | project: b
      | ^^^^^^^
      |
      = help: it is first set in line 2; keep one of the two
    ");
}

#[test]
fn a_version_twice() {
    insta::assert_snapshot!(yaml("versions:\n  nats: v1\n  arc: v1\n  nats: v2\n"), @r"
    error: `nats` has a version but no recipe
     --> versions.yml:2:3
      |
    2 |   nats: v1
      |   ^^^^
      |
      = help: write subsystems/nats/recipe.yml, or remove the version

    error: `arc` has a version but no recipe
     --> versions.yml:3:3
      |
    3 |   arc: v1
      |   ^^^
      |
      = help: write subsystems/arc/recipe.yml, or remove the version

    error: the key `nats` is set twice
     --> versions.yml:4:3
      |
    4 |   nats: v2
      |   ^^^^
      |
      = help: it is first set in line 2; keep one of the two
    ");
}

#[test]
fn a_second_document() {
    insta::assert_snapshot!(yaml("versions: {}\n---\nversions: {}\n"), @r"
    error: a second YAML document starts here
     --> versions.yml:2:1
      |
    2 | ---
      | ^^^
      |
      = help: one file holds one document; remove the `---`
    ");
}

#[test]
fn a_tag() {
    insta::assert_snapshot!(yaml("versions: {}\nproject: !!str x\nbundle: !Foo {}\n"), @r"
    error: YAML tags are not supported
     --> versions.yml:2:10
      |
    2 | project: !!str x
      |          ^^^^^^^
      |
      = help: remove the tag; values are kept as the text that was written

    error: YAML tags are not supported
     --> versions.yml:3:9
      |
    3 | bundle: !Foo {}
      |         ^^^^^^
      |
      = help: remove the tag; values are kept as the text that was written
    ");
}

#[test]
fn a_merge_key() {
    insta::assert_snapshot!(yaml("x: &x {a: b}\nversions: {}\nbundle:\n  <<: *x\n  name: y\n"), @r"
    error: unknown key `x`
     --> versions.yml:1:1
      |
    1 | x: &x {a: b}
      | ^
      |
      = help: known: project, requires, versions, platforms, hub, hubs, sources, upload, trust, bundle, publish, tasks, services, ci, subsystems_dir

    error: merge keys are not supported
     --> versions.yml:4:3
      |
    4 |   <<: *x
      |   ^^
      |
      = help: write the keys out
    ");
}

#[test]
fn a_key_that_is_a_list() {
    insta::assert_snapshot!(yaml("versions: {}\n? [a, b]\n: c\n"), @r"
    error: a list or mapping can't be a key
     --> versions.yml:2:3
      |
    2 | ? [a, b]
      |   ^^^^^^
      |
      = help: a key is a plain text
    ");
}

#[test]
fn replacements_with_two_names_of_one_platform() {
    insta::assert_snapshot!(Files::new().file("versions.yml", "versions: {x: v1}\n").file("subsystems/x/recipe.yml", "binaries: [x]\nupstream: {url: 'https://example.com/x', replacements: {macos: Mac, darwin: Mac}}\n").problems(), @r"
    error: `darwin` and `macos` mean the same in `replacements`
     --> subsystems/x/recipe.yml:2:69
      |
    2 | upstream: {url: 'https://example.com/x', replacements: {macos: Mac, darwin: Mac}}
      |                                                                     ^^^^^^
      |
      = help: put all in one of the two
    ");
}

#[test]
fn a_template_as_a_list_item() {
    insta::assert_snapshot!(yaml("versions: {}\nci:\n  - {{ x }}\n"), @r#"
    error: a template at the start of a value is a mapping to YAML
     --> versions.yml:3:5
      |
    3 |   - {{ x }}
      |     ^^^^^^^
      |
      = help: a value with a template needs quotes: "{{ version }}"
    "#);
}

#[test]
fn an_alias_of_nothing() {
    insta::assert_snapshot!(yaml("versions: *nothing\n"), @r"
    error: not valid YAML: while parsing node, found unknown anchor
     --> versions.yml:1:11
      |
    1 | versions: *nothing
      |           ^
      |
      = help: a text that starts with one of { [ & * ! | > % @ needs quotes
    ");
}

#[test]
fn an_alias_of_itself() {
    insta::assert_snapshot!(yaml("versions: &a {x: *a}\n"), @r"
    error: this alias is inside the value that it repeats
     --> versions.yml:1:18
      |
    1 | versions: &a {x: *a}
      |                  ^^
      |
      = help: write the values out
    ");
}

#[test]
fn billion_laughs() {
    insta::assert_snapshot!(first_line(&billion_laughs_text()), @"error: the file has more than 50000 values");
}

#[test]
fn excessive_nesting_of_lists() {
    insta::assert_snapshot!(first_line(&format!("versions: {}\n", "[".repeat(100_000))), @"error: nested more than 64 levels deep");
}

#[test]
fn excessive_nesting_of_mappings() {
    insta::assert_snapshot!(first_line(&format!("versions: {}1{}\n", "{a: ".repeat(70), "}".repeat(70))), @"error: nested more than 64 levels deep");
}

#[test]
fn too_many_values() {
    insta::assert_snapshot!(first_line(&format!("versions: {{}}\nci: [{}]\n", "a,".repeat(200_000))), @"error: the file has more than 50000 values");
}

#[test]
fn a_file_beyond_the_size_limit() {
    insta::assert_snapshot!(first_line(&format!("versions: {{}}\n#{}\n", "x".repeat(1 << 20))), @"error: the file is larger than 1 MiB");
}

#[test]
fn bytes_that_are_not_utf_8() {
    insta::assert_snapshot!(Files::new().bytes("versions.yml", b"versions: {}\nproject: \xff\xfe\n").problems(), @r"
    error: the file is not UTF-8 text
     --> versions.yml:2:10
      |
    2 | project: ��
      |          ^
      |
      = help: save it as UTF-8
    ");
}

#[test]
fn utf_16() {
    insta::assert_snapshot!(Files::new().bytes("versions.yml", b"\xff\xfev\0e\0r\0").problems(), @r"
    error: the file is not UTF-8 text
     --> versions.yml:1:1
      |
    1 | ��v␀e␀r␀
      | ^
      |
      = help: save it as UTF-8
    ");
}

#[test]
fn a_nul() {
    insta::assert_snapshot!(yaml("versions: {}\nproject: a\0b\n"), @r"
    error: not valid YAML: found unprintable character
     --> versions.yml:2:11
      |
    2 | project: a␀b
      |           ^
      |
      = help: remove that character
    ");
}

#[test]
fn escapes_for_the_terminal() {
    insta::assert_snapshot!(yaml("versions: {}\n\"\\e[31mred\": 1\n\u{1b}[2Jx: 1\n"), @r#"
    error: unknown key `�[31mred`
     --> versions.yml:2:1
      |
    2 | "\e[31mred": 1
      | ^^^^^^^^^^^
      |
      = help: known: project, requires, versions, platforms, hub, hubs, sources, upload, trust, bundle, publish, tasks, services, ci, subsystems_dir

    error: unknown key `�[2Jx`
     --> versions.yml:3:1
      |
    3 | ␛[2Jx: 1
      | ^^^^^
      |
      = help: known: project, requires, versions, platforms, hub, hubs, sources, upload, trust, bundle, publish, tasks, services, ci, subsystems_dir
    "#);
}

#[test]
fn a_folder_named_versions_yml() {
    insta::assert_snapshot!(Files::new().file("versions.yml/x", "").problems(), @"[root]/versions.yml is not a file | []");
}
