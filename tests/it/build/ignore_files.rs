//! Ignore files in a source are read exactly as git reads them: every case is compared with git.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::env::TestEnv;
use larder_core::keys::tree::{self, Listing, Projects};
use larder_core::project::{Links, SourceFolder};

/// The files of each case, which is made in an own source folder.
const FILES: &[&str] = &[
    "a/x.log",
    "a/b/x.log",
    "a/b/keep.log",
    "a/b/c/d",
    "a/abc",
    "a/t.tmp",
    "foo/bar",
    "foo ",
    "bar",
    "bar ",
    "baz\\",
    "x1",
    "xa",
    "Xa",
    "#hash",
    "!bang",
    "doc/x/y",
    "doc/z",
    "abc",
    "Foo /k",
    "é.txt",
    "t.tmp",
    "[a]",
    "a*b",
    "foo.c",
    ".hidden",
    "$a",
    "tab\t",
    "new\nline",
    "\"quoted\"",
    "-",
    "^",
    "]",
    "x/doc/z",
    "abc.d/e",
];

/// Ignore files: path and content.
type IgnoreFiles = &'static [(&'static str, &'static [u8])];

/// The ignore files of each case.
const CASES: &[(&str, IgnoreFiles)] = &[
    ("spaces at the end", &[(".gitignore", b"foo/   \nx1 \n")]),
    (
        "an escaped space at the end",
        &[(".gitignore", b"bar\\ \n")],
    ),
    (
        "an escaped space and more",
        &[(".gitignore", b"foo\\   \n")],
    ),
    (
        "two backslashes and a space",
        &[(".gitignore", b"baz\\\\ \nbar\\\\ \n")],
    ),
    ("a tab at the end", &[(".gitignore", b"x1\t\ntab\t\n")]),
    ("a BOM", &[(".gitignore", b"\xef\xbb\xbfx1\nfoo/\n")]),
    (
        "a BOM in the second line",
        &[(".gitignore", b"x1\n\xef\xbb\xbfabc\n")],
    ),
    ("a BOM of UTF-16", &[(".gitignore", b"\xff\xfex1\nabc\n")]),
    (
        "CRLF",
        &[(".gitignore", b"x1\r\nfoo/\r\n*.log\r\n\r\nabc \r\n")],
    ),
    ("CR at the very end", &[(".gitignore", b"x1\nabc\r")]),
    ("CR alone", &[(".gitignore", b"x1\rabc\nbar\r\r\n")]),
    ("a zero byte", &[(".gitignore", b"x1\0junk\n\0\nabc\n")]),
    ("a negation", &[(".gitignore", b"*.log\n!keep.log\n")]),
    (
        "a negation below an excluded folder",
        &[(".gitignore", b"a/\n!a/b/keep.log\n")],
    ),
    (
        "a nested negation below an excluded folder",
        &[(".gitignore", b"a\n"), ("a/.gitignore", b"!*\n")],
    ),
    (
        "a nested negation",
        &[(".gitignore", b"*.log\n"), ("a/.gitignore", b"!x.log\n")],
    ),
    (
        "three levels",
        &[
            (".gitignore", b"*.log\n"),
            ("a/.gitignore", b"!*.log\n"),
            ("a/b/.gitignore", b"/x.log\n"),
        ],
    ),
    ("a nested slash", &[("a/.gitignore", b"/abc\nb/x.log\n")]),
    (
        "a file that ignores itself",
        &[
            (".gitignore", b".gitignore\nx1\n"),
            ("a/.gitignore", b"*\n"),
        ],
    ),
    (
        "all but one",
        &[(".gitignore", b"*\n!.gitignore\n!a/\n!a/b/\n!a/b/keep.log\n")],
    ),
    (
        "two stars",
        &[(".gitignore", b"a/**/x.log\n**/abc\ndoc/**\n")],
    ),
    (
        "two stars in the middle",
        &[(".gitignore", b"a/**/**/d\nfo**/bar\n")],
    ),
    (
        "two stars after text",
        &[(".gitignore", b"do**/y\nab**/e\n")],
    ),
    ("two stars in a name", &[(".gitignore", b"**.log\n**a**\n")]),
    ("three stars", &[(".gitignore", b"a/***/x.log\n")]),
    ("a star and a slash", &[(".gitignore", b"a/*.log\n*/z\n")]),
    (
        "a question mark",
        &[(".gitignore", b"?\na?b\nfoo?c\na?x.log\n")],
    ),
    ("a slash in front", &[(".gitignore", b"/abc\n/t.tmp\n")]),
    ("slashes", &[(".gitignore", b"/\n//\nfoo//\n//abc\n")]),
    ("folders only", &[(".gitignore", b"*/\n")]),
    ("a set", &[(".gitignore", b"x[!1]\n[[]a]\n[]]\n")]),
    (
        "a range",
        &[(".gitignore", b"x[0-9]\n[X-Y]a\n[a-]\n[--9]\n")],
    ),
    (
        "a set with a slash",
        &[(".gitignore", b"a[/]abc\ndoc[!a]z\n")],
    ),
    (
        "a class",
        &[(
            ".gitignore",
            b"x[[:alpha:]]\nbar[[:space:]]\ntab[[:blank:]]\n[[:punct:]]\n",
        )],
    ),
    (
        "classes that are none",
        &[(".gitignore", b"[[:alphx:]]a\nx[[:a]\nx[[:1]\nx[[::]]\n")],
    ),
    (
        "a set without an end",
        &[(".gitignore", b"x1\n[a\nabc\nx[[:alpha:]\n")],
    ),
    (
        "a backslash at the end",
        &[(".gitignore", b"x1\nbaz\\\nabc\n")],
    ),
    (
        "two backslashes at the end",
        &[(".gitignore", b"baz\\\\\n")],
    ),
    (
        "escapes",
        &[(".gitignore", b"\\#hash\n\\!bang\na\\*b\n\\x1\n\\$a\n")],
    ),
    (
        "a comment that is none",
        &[(".gitignore", b" #hash\nx1 # comment\n#\n")],
    ),
    ("a dollar", &[(".gitignore", b"$a\n!$b\n")]),
    ("case", &[(".gitignore", b"XA\nFOO\n\xc3\x89.txt\n")]),
    ("braces", &[(".gitignore", b"{x1,xa}\n*.{c,tmp}\n*.c{}\n")]),
    ("Latin-1", &[(".gitignore", b"caf\xe9\nx1\n\xe9*\n")]),
    ("UTF-8", &[(".gitignore", "é*\nx1\n".as_bytes())]),
    (
        "half of a character",
        &[(".gitignore", b"\xc3?.txt\n*\xa9.txt\n")],
    ),
    ("odd names", &[(".gitignore", b"\"quoted\"\nnew*\n[]-^]\n")]),
    ("hidden files", &[(".gitignore", b".*\n!.gitignore\n")]),
    ("no end of the line", &[(".gitignore", b"x1\nabc")]),
    (
        "an empty file",
        &[(".gitignore", b""), ("a/.gitignore", b"\n\n")],
    ),
    (
        "many kinds in one",
        &[(
            ".gitignore",
            b"*[\\<\\>\\:\\\"\\/\\\\\\|\\?\\*]*\n/{{a.b}}.yml\nf*.*\n",
        )],
    ),
];

fn list(env: &TestEnv, folder: &str) -> Listing {
    let source = SourceFolder {
        path: env.path(folder),
        links: Links::Refuse,
    };
    tree::list(&source, &Projects::default()).unwrap()
}

/// The files that git does not ignore in the folder of a case.
fn of_git(env: &TestEnv, case: usize) -> BTreeSet<String> {
    let list = env.sh(&format!(
        "cp -a s/{case} ../git{case} && cd ../git{case} && git init -q . && git -c \
         core.excludesFile=/dev/null ls-files -z -o --exclude-standard | tr '\\0\\n' '\\n\\1'"
    ));
    list.lines()
        .map(|line| line.replace('\u{1}', "\n"))
        .collect()
}

#[test]
fn the_files_of_a_source_are_those_that_git_keeps() {
    let env = TestEnv::new();
    let mut versions = String::from("project: demo\nsources: [build]\nversions:\n");
    for (number, (_, ignore_files)) in CASES.iter().enumerate() {
        for file in FILES {
            env.write(&format!("s/{number}/{file}"), "");
        }
        for (path, text) in *ignore_files {
            env.write(&format!("s/{number}/{path}"), text);
        }
        writeln!(versions, "  c{number}: v1.0.0").unwrap();
        env.recipe(
            &format!("c{number}"),
            &format!(
                "any: true\nbinaries: [seen{number}]\nbuild:\n  source: {{dir: ../../s/{number}}}\n  \
                 commands: [\"find . -mindepth 1 -type f -print0 > {{{{ out }}}}/seen{number}\"]\n"
            ),
        );
    }
    env.write("versions.yml", versions);
    env.larder(["ensure", "all", "--quiet"]).success();
    for (number, (what, _)) in CASES.iter().enumerate() {
        let built = env.read(&format!("subsystems/c{number}/.bin/seen{number}"));
        let names = built.split_terminator('\0');
        let seen: BTreeSet<_> = names
            .map(|name| name.trim_start_matches("./").to_owned())
            .collect();
        assert_eq!(seen, of_git(&env, number), "{what}");
    }
}

/// git does not follow a link of this name; the link itself is content.
#[test]
fn a_link_is_no_ignore_file() {
    let env = TestEnv::new();
    env.sh("mkdir -p s/0/a; cd s/0; echo x1 > patterns; ln -s patterns .gitignore; touch x1 a/x1; ln -s ../patterns a/.gitignore");
    let listing = list(&env, "s/0");
    let seen: BTreeSet<_> = listing
        .entries
        .into_iter()
        .map(|entry| entry.path.to_string())
        .collect();
    assert_eq!(seen, of_git(&env, 0));
}

/// The nearest file with a pattern decides, and of two in one folder that of larder.
#[test]
fn larders_own_ignore_file_has_precedence_in_its_folder() {
    let env = TestEnv::new();
    for (files, kept) in [
        (
            &[(".gitignore", "x\n"), (".larderignore", "!x\n")][..],
            true,
        ),
        (&[(".gitignore", "!x\n"), (".larderignore", "x\n")], false),
        (&[(".larderignore", "*\n!a\n")], false),
        (&[(".larderignore", "x\n"), ("a/.gitignore", "!x\n")], true),
        (&[(".gitignore", "x\n"), ("a/.larderignore", "!x\n")], true),
        (
            &[(".larderignore", "a\n"), ("a/.larderignore", "!x\n")],
            false,
        ),
    ] {
        env.write("s/a/x", "");
        for (path, text) in files {
            env.write(&format!("s/{path}"), text);
        }
        let listing = list(&env, "s");
        let has = listing.entries.iter().any(|entry| entry.path == "a/x");
        assert_eq!(has, kept, "{files:?}");
        env.remove("s");
    }
}

#[test]
fn a_pattern_that_larder_cannot_read_is_an_error_with_its_place() {
    let env = TestEnv::new();
    env.versions(&[("tool", "v1.0.0")], "sources: [build]\n");
    env.recipe(
        "tool",
        "binaries: [tool]\nbuild: {source: {dir: src}, commands: [make]}\n",
    );
    env.write(
        "subsystems/tool/src/a/.gitignore",
        format!("x\n\n{}\n", "*x".repeat(80)),
    );
    let output = env.larder(["ensure", "tool"]).exits(2);
    for text in [
        "subsystems/tool/src/a/.gitignore:3",
        "more than 60 wildcards",
        "write a pattern",
    ] {
        assert!(output.stderr.contains(text), "{}", output.stderr);
    }
}

/// Random patterns, the same in every run.
#[test]
fn random_patterns_match_what_they_match_for_git() {
    const TOKENS: [&[u8]; 34] = [
        b"a",
        b"b",
        b"foo",
        b"*",
        b"**",
        b"?",
        b"/",
        b"/",
        b"[",
        b"]",
        b"[a",
        b"[!a]",
        b"[^a]",
        b"[a-b]",
        b"[[:alpha:]]",
        b"[[:space:]]",
        b"\\",
        b"!",
        b"#",
        b" ",
        b"\t",
        b"**/",
        b"/**",
        b"*",
        b"\r",
        b"\0",
        b"-",
        b"[]a]",
        b"[[:",
        b"***",
        b"\\*",
        b"$",
        b"\xc3\xa9",
        b"A",
    ];
    const NAMES: [&str; 20] = [
        "a", "b", "ab", "aab", "a.b", "A", "a b", "a ", "[a]", "a*b", "\\", "a\\", "#", "!", "-",
        "]", "^", "a-b", "é", "$a",
    ];
    let env = TestEnv::new();
    for folder in [
        "",
        "a1/",
        "b/",
        "a1/b/",
        "a1/b/a/",
        "foo/",
        "ab1/",
        "a1/foo/b/",
    ] {
        for name in NAMES
            .iter()
            .filter(|name| !["b", "a"].contains(name) || folder.ends_with("a/"))
        {
            env.write(&format!("s/{folder}{name}"), "");
        }
    }
    env.sh("git init -q s");
    let mut seed: u64 = 1;
    let mut below = |limit: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 40).unwrap() % limit
    };
    for _ in 0..150 {
        for file in [".gitignore", "a1/.gitignore", "a1/b/.gitignore"] {
            let mut text = Vec::new();
            for _ in 0..below(5) {
                text.extend(if below(4) == 0 { "!" } else { "" }.bytes());
                for _ in 0..=below(6) {
                    text.extend(TOKENS[below(TOKENS.len())]);
                }
                text.extend(["", "", "", "/", " ", "\r"][below(6)].bytes());
                text.push(b'\n');
            }
            env.write(&format!("s/{file}"), text);
        }
        let all = env.sh("cd s && git ls-files -z -o --exclude-per-directory=.gitignore");
        let of_git: BTreeSet<&str> = all.split_terminator('\0').collect();
        let listing = list(&env, "s");
        let seen: BTreeSet<&str> = listing
            .entries
            .iter()
            .map(|entry| entry.path.as_str())
            .collect();
        assert_eq!(
            seen,
            of_git,
            "{}",
            env.sh("tail -vn +1 s/.gitignore s/a1/.gitignore s/a1/b/.gitignore")
        );
    }
}
