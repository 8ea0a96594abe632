//! Ignore files, read exactly as git reads a `.gitignore`: which lines are patterns, and which
//! paths a pattern matches. The rules are those of git's `dir.c`, and the patterns are matched by
//! the function of gitoxide that corresponds to git's `wildmatch.c`. Git works with bytes, so
//! patterns and names are bytes here, whatever their encoding.
//!
//! This module does not read files, and it does not know which files of a source are ignore files.

use camino::Utf8Path;
use gix_glob::wildmatch::Mode;

use crate::error::{Error, Result};

/// The largest number of wildcards `*` in a pattern: gitoxide gives up on more without saying so.
const MAX_STARS: usize = 60;

/// The patterns of an ignore file.
#[derive(Debug)]
pub(super) struct IgnoreFile {
    /// The length of the path of its folder in the source, with the slash after it.
    base: usize,
    /// The patterns in the file's order.
    patterns: Vec<Pattern>,
}

/// The path of a file, folder or link in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate<'a> {
    /// The path relative to the source folder, separated by `/`.
    pub(super) path: &'a [u8],
    /// Where the name starts in it.
    pub(super) name: usize,
    pub(super) is_folder: bool,
}

/// One line of an ignore file.
#[derive(Debug)]
struct Pattern {
    /// The line without `!` in front and `/` at its end.
    text: Vec<u8>,
    /// The length of the part before the first wildcard or backslash.
    literal: usize,
    /// Whether it includes again what an earlier pattern excludes.
    includes: bool,
    /// Whether it is only for folders.
    only_folders: bool,
    /// Whether it has no slash, so that it is compared with names, in every folder.
    is_for_names: bool,
    /// Whether it is `*` followed by a literal text.
    is_suffix: bool,
}

impl IgnoreFile {
    /// Reads the text of an ignore file. `folder` is the path of its folder in the source, and
    /// `file` the file's own path, for errors.
    pub(super) fn parse(text: &[u8], folder: &str, file: &Utf8Path) -> Result<Self> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut patterns = Vec::new();
        for (number, line) in text.split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let pattern = Pattern::parse(line);
            if pattern.stars() > MAX_STARS {
                return Err(Error::usage(format!(
                    "cannot read the pattern in {file}:{}",
                    number + 1
                ))
                .cause(format!("it has more than {MAX_STARS} wildcards `*`"))
                .hint("write a pattern with fewer wildcards, or several patterns"));
            }
            patterns.push(pattern);
        }
        Ok(Self {
            base: if folder.is_empty() {
                0
            } else {
                folder.len() + 1
            },
            patterns,
        })
    }

    /// Whether the file excludes (`Some(true)`) or includes (`Some(false)`) a path below its folder;
    /// `None` if no pattern matches. The last pattern that matches decides.
    pub(super) fn excludes(&self, candidate: Candidate<'_>) -> Option<bool> {
        let path = &candidate.path[self.base..];
        let name = &candidate.path[candidate.name..];
        let matching = |pattern: &&Pattern| {
            (candidate.is_folder || !pattern.only_folders)
                && if pattern.is_for_names {
                    pattern.matches_name(name)
                } else {
                    pattern.matches_path(path)
                }
        };
        let last = self.patterns.iter().rev().find(matching);
        last.map(|pattern| !pattern.includes)
    }
}

impl Pattern {
    fn parse(line: &[u8]) -> Self {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // Git keeps the line as a text that ends with a zero byte.
        let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
        let line = without_trailing_spaces(line);
        let (includes, line) = match line.strip_prefix(b"!") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        let is_suffix = line.first() == Some(&b'*') && literal(&line[1..]) == line.len() - 1;
        let (only_folders, text) = match line.strip_suffix(b"/") {
            Some(rest) => (true, rest),
            None => (false, line),
        };
        Self {
            literal: literal(text),
            includes,
            only_folders,
            is_for_names: !text.contains(&b'/'),
            is_suffix,
            text: with_plain_brackets(text),
        }
    }

    /// The number of groups of stars.
    fn stars(&self) -> usize {
        let groups = self.text.chunk_by(|a, b| (*a == b'*') == (*b == b'*'));
        groups.filter(|group| group[0] == b'*').count()
    }

    fn matches_name(&self, name: &[u8]) -> bool {
        if self.literal == self.text.len() {
            self.text == name
        } else if self.is_suffix {
            name.ends_with(&self.text[1..])
        } else {
            gix_glob::wildmatch(self.text.as_slice().into(), name.into(), Mode::empty())
        }
    }

    /// Compares the pattern with a path relative to the folder of the ignore file. As in git, the
    /// literal part is compared first and only the rest is a pattern, so that `a**/b` has two stars
    /// at its start.
    fn matches_path(&self, path: &[u8]) -> bool {
        let (text, literal) = match self.text.strip_prefix(b"/") {
            Some(rest) => (rest, self.literal - 1),
            None => (self.text.as_slice(), self.literal),
        };
        let (literal, pattern) = text.split_at(literal);
        let Some(rest) = path.strip_prefix(literal) else {
            return false;
        };
        if pattern.is_empty() {
            return rest.is_empty();
        }
        gix_glob::wildmatch(pattern.into(), rest.into(), Mode::NO_MATCH_SLASH_LITERAL)
    }
}

/// The length of the part of a pattern before its first wildcard or backslash.
fn literal(text: &[u8]) -> usize {
    let is_special = |byte: &u8| matches!(byte, b'*' | b'?' | b'[' | b'\\');
    text.iter().position(is_special).unwrap_or(text.len())
}

/// A line without the spaces at its end. A backslash keeps the character after it.
fn without_trailing_spaces(line: &[u8]) -> &[u8] {
    let mut end = 0;
    let mut position = 0;
    while let Some(byte) = line.get(position) {
        match byte {
            b' ' => position += 1,
            b'\\' if position + 1 == line.len() => return line,
            b'\\' => {
                position += 2;
                end = position;
            }
            _ => {
                position += 1;
                end = position;
            }
        }
    }
    &line[..end]
}

/// A pattern in which brackets that only look like the start of a class are escaped: in `[[:a]`,
/// where `:]` is missing, git takes the inner bracket as a character, but gitoxide does not.
fn with_plain_brackets(pattern: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    // Moves a character, together with the backslash before it.
    let take = |text: &mut Vec<u8>, rest: &mut &[u8]| {
        let len = if rest.starts_with(b"\\") { 2 } else { 1 };
        let (taken, left) = rest.split_at(len.min(rest.len()));
        text.extend(taken);
        *rest = left;
    };
    while let Some(&byte) = rest.first() {
        take(&mut text, &mut rest);
        if byte != b'[' {
            continue;
        }
        if let Some(b'!' | b'^') = rest.first() {
            take(&mut text, &mut rest);
        }
        // The first character of a set is in the set, even if it is `]`.
        let mut can_be_start_of_range = false;
        loop {
            match rest {
                [] => return text,
                [b'-', end, ..] if can_be_start_of_range && *end != b']' => {
                    take(&mut text, &mut rest);
                    take(&mut text, &mut rest);
                    can_be_start_of_range = false;
                }
                [b'[', b':', name @ ..] => {
                    let Some(end) = name.iter().position(|&byte| byte == b']') else {
                        text.extend(rest);
                        return text;
                    };
                    can_be_start_of_range = end == 0 || name[end - 1] != b':';
                    if can_be_start_of_range {
                        text.extend(b"\\[");
                        rest = &rest[1..];
                    } else {
                        let (class, left) = rest.split_at(2 + end + 1);
                        text.extend(class);
                        rest = left;
                    }
                }
                _ => {
                    take(&mut text, &mut rest);
                    can_be_start_of_range = true;
                }
            }
            if rest.first() == Some(&b']') {
                take(&mut text, &mut rest);
                break;
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(text: &[u8], path: &str, is_folder: bool) -> Option<bool> {
        let file = IgnoreFile::parse(text, "", ".gitignore".into()).unwrap();
        let name = path.rfind('/').map_or(0, |slash| slash + 1);
        let path = path.as_bytes();
        file.excludes(Candidate {
            path,
            name,
            is_folder,
        })
    }

    /// The expected answers are git's, which `tests/it/build/ignore_files.rs` compares with.
    #[test]
    fn lines_are_read_as_git_reads_them() {
        for (text, path, expected) in [
            (&b"a  \n"[..], "a", Some(true)),
            (b"a\\ \n", "a ", Some(true)),
            (b"a\\   \n", "a ", Some(true)),
            (b"a\t\n", "a", None),
            (b"\xef\xbb\xbfa\n", "a", Some(true)),
            (b"a\r\n", "a", Some(true)),
            (b"a\r", "a", Some(true)),
            (b"a\0b\n", "a", Some(true)),
            (b"#a\n", "#a", None),
            (b"\\#a\n", "#a", Some(true)),
            (b"\\!a\n", "!a", Some(true)),
            (b" #a\n", " #a", Some(true)),
            (b"*\n!a\n", "a", Some(false)),
            (b"!a\n*\n", "a", Some(true)),
            (b"a/\n", "a", None),
            (b"/\n", "a", None),
            (b"!\n", "a", None),
            (b"caf\xe9\na\n", "a", Some(true)),
            (b"a\\\n", "a\\", None),
            (b"[a\n", "[a", None),
        ] {
            let seen = excludes(text, path, false);
            assert_eq!(seen, expected, "{text:?} {path}");
        }
        assert_eq!(excludes(b"a/\n", "a", true), Some(true));
    }

    #[test]
    fn patterns_match_what_they_match_for_git() {
        for (pattern, path, expected) in [
            ("a", "x/a", true),
            ("/a", "x/a", false),
            ("x/a", "x/a", true),
            ("x/a", "y/x/a", false),
            ("**/a", "y/x/a", true),
            ("x/**", "x/y/a", true),
            ("x/**/a", "x/a", true),
            ("x/***/a", "x/a", true),
            ("**.log", "x/y.log", true),
            ("xx**/a", "xx/y/a", true),
            ("*.{a,b}", "x.a", false),
            ("A", "a", false),
            ("[!b]", "a", true),
            ("[[:alpha:]]", "a", true),
            ("[[:a]x", "[x", true),
            ("[[:a]x", ":x", true),
            ("[[:a]x", "bx", false),
            ("[[:nothing:]]", "n", false),
            ("[]a]", "]", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
        ] {
            let seen = excludes(pattern.as_bytes(), path, false);
            assert_eq!(seen.is_some(), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_with_too_many_wildcards_is_refused_with_its_place() {
        let text = format!("a\n{}\n", "*a".repeat(61));
        let error = IgnoreFile::parse(text.as_bytes(), "", "x/.gitignore".into()).unwrap_err();
        assert!(error.to_string().contains("x/.gitignore:2"), "{error}");
        // With as many as are allowed, gitoxide finds a match that needs all of them.
        let pattern = "*a".repeat(60);
        assert_eq!(
            excludes(pattern.as_bytes(), &"a".repeat(60), false),
            Some(true)
        );
        assert_eq!(excludes(pattern.as_bytes(), &"a".repeat(59), false), None);
    }
}
