//! Parses the name of a release asset into known words: operating system, architecture, C library, version and kind of file.
//! `guess` chooses among the parsed names.

use std::ops::Range;

use larder_core::model::{Arch, Libc, Os, Platform, Version};

pub(super) use super::vocabulary::Meaning;
use super::vocabulary::{ENDINGS, Meaning as M, WORDS};

/// A known part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) range: Range<usize>,
    pub(super) kind: MarkKind,
}

/// What a known part of a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// The version as `versions.yml` has it.
    Version,
    /// The version without its leading `v`.
    Number,
    Word(Meaning),
}

/// An asset's name, split into its parts.
#[derive(Clone, Debug)]
pub(super) struct ParsedName<'a> {
    pub(super) name: &'a str,
    /// The known parts, in order, without overlaps.
    pub(super) marks: Vec<Mark>,
    /// All other words, in lower case.
    pub(super) rest: Vec<String>,
    /// The ending, `.tar.gz`; empty for a plain file.
    pub(super) ending: &'a str,
}

/// A name without its ending, and the ending if it is one of a program or an archive.
pub(super) fn split_ending(name: &str) -> (&str, &str) {
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS
        .iter()
        .find(|ending| lower.ends_with(**ending))
        .map_or(0, |ending| ending.len());
    name.split_at(name.len() - ending)
}

/// Parses a name. `None` if its ending is not one of a program or an archive. In `own`, the names of the product, words
/// such as `src` and `docs` have no meaning.
pub(super) fn parse<'a>(name: &'a str, version: &Version, own: &[&str]) -> Option<ParsedName<'a>> {
    let parsed = parse_any(name, version, own);
    let ParsedName { marks, ending, .. } = &parsed;
    let stem = &name[..name.len() - ending.len()];
    if ending.is_empty()
        && let Some((_, last)) = last_part(stem).rsplit_once('.')
    {
        // `.deb`, `.sig` and `.txt` are endings; `.linux.amd64` and `.2` are not.
        let known = marks.iter().any(|mark| mark.range.end == stem.len());
        if !known && last.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
    }
    Some(parsed)
}

/// As [`parse`], for a name with any ending.
pub(super) fn parse_any<'a>(name: &'a str, version: &Version, own: &[&str]) -> ParsedName<'a> {
    let (stem, ending) = split_ending(name);
    let (marks, mut rest) = scan(stem, version);
    let in_own = |mark: &Mark| {
        own.iter().any(|own| {
            occurrence(stem, own)
                .is_some_and(|found| found.start <= mark.range.start && mark.range.end <= found.end)
        })
    };
    // A system or a processor in the product's name has no meaning if another one is outside of it.
    let is_system = |mark: &Mark| matches!(mark.kind, MarkKind::Word(M::Os(_) | M::Triple(..)));
    let is_processor = |mark: &Mark| matches!(mark.kind, MarkKind::Word(M::Arch(_)));
    let elsewhere =
        |wanted: &dyn Fn(&Mark) -> bool| marks.iter().any(|mark| wanted(mark) && !in_own(mark));
    let (other_system, other_processor) = (elsewhere(&is_system), elsewhere(&is_processor));
    let (own_words, marks): (Vec<Mark>, Vec<Mark>) = marks.into_iter().partition(|mark| {
        let meaningless = match mark.kind {
            MarkKind::Version | MarkKind::Number => false,
            _ if is_system(mark) => other_system,
            _ if is_processor(mark) => other_processor,
            MarkKind::Word(_) => true,
        };
        meaningless && in_own(mark)
    });
    let text = |mark: &Mark| stem[mark.range.clone()].to_ascii_lowercase();
    rest.extend(own_words.iter().map(text));
    ParsedName {
        name,
        marks,
        rest,
        ending,
    }
}

/// Where a product's name is in the last part of an asset's name, whatever stands between its words.
fn occurrence(stem: &str, own: &str) -> Option<Range<usize>> {
    let base = stem.len() - last_part(stem).len();
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '.', ' '], "-");
    let (text, own) = (plain(&stem[base..]), plain(own));
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let whole = |at: &usize| {
        !word(text[..*at].chars().next_back()) && !word(text[at + own.len()..].chars().next())
    };
    let found = text.match_indices(&own).map(|(at, _)| at).find(whole);
    found
        .filter(|_| !own.is_empty())
        .map(|at| base + at..base + at + own.len())
}

/// The file name, if the name is a URL.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Finds the known parts of a text; also returns its other words.
pub(super) fn scan(text: &str, version: &Version) -> (Vec<Mark>, Vec<String>) {
    let lower = text.to_ascii_lowercase();
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let number = version.number();
    // A version without a leading `v` is the same as its number.
    let plain = if version.as_str() == number {
        MarkKind::Version
    } else {
        MarkKind::Number
    };
    let (mut marks, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let tail = &text[at..];
        let begins = !word(text[..at].chars().next_back());
        let ends = |len: usize| !word(tail[len..].chars().next());
        let known = |len: usize, kind| Some((len, kind));
        let found = if !begins {
            // A version may follow letters directly: `tool2.1`, or `v2.1` if the tag has no v.
            let digit = text[..at].ends_with(|c: char| c.is_ascii_digit());
            (!digit && number.len() > 1 && tail.starts_with(number) && ends(number.len()))
                .then_some((number.len(), plain))
        } else if tail.starts_with(version.as_str()) && ends(version.as_str().len()) {
            known(version.as_str().len(), MarkKind::Version)
        } else if tail.starts_with(number) && ends(number.len()) {
            known(number.len(), plain)
        } else {
            let fits =
                |(word, _): &&(&str, Meaning)| lower[at..].starts_with(word) && ends(word.len());
            let longest = WORDS.iter().filter(fits).max_by_key(|(word, _)| word.len());
            longest.map(|(word, meaning)| (word.len(), MarkKind::Word(*meaning)))
        };
        if let Some((len, kind)) = found {
            marks.push(Mark {
                range: at..at + len,
                kind,
            });
            at += len;
        } else if begins && word(tail.chars().next()) {
            let len = tail
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(tail.len());
            // A version may begin within the word.
            let len = tail[..len].find(number).filter(|at| *at > 0).unwrap_or(len);
            rest.push(lower[at..at + len].to_owned());
            at += len;
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    (marks, rest)
}

impl ParsedName<'_> {
    fn meanings(&self) -> impl Iterator<Item = Meaning> {
        self.marks.iter().filter_map(|mark| match mark.kind {
            MarkKind::Word(meaning) => Some(meaning),
            _ => None,
        })
    }

    /// The operating system that the asset is for.
    pub(super) fn os(&self) -> Option<Os> {
        let named = self.meanings().find_map(|meaning| match meaning {
            M::Os(os) | M::Triple(os, _) | M::Both(os, _) => Some(os),
            _ => None,
        });
        // `kubetrim.exe.tgz` is for Windows, too.
        let stem = &self.name[..self.name.len() - self.ending.len()];
        let ending = self.ending.to_ascii_lowercase();
        named.or(match ending.as_str() {
            ".exe" => Some(Os::Windows),
            ".appimage" => Some(Os::Linux),
            _ if split_ending(stem).1.eq_ignore_ascii_case(".exe") => Some(Os::Windows),
            _ => None,
        })
    }

    /// The architecture that the asset is for; `Err` means both architectures of a Mac.
    pub(super) fn arch(&self) -> Option<Result<Arch, ()>> {
        let named = self.meanings().find_map(|meaning| match meaning {
            M::Arch(arch) | M::Both(_, arch) => Some(Ok(arch)),
            _ => None,
        });
        // In `tool-all-linux-amd64`, `all` does not mean the processors.
        let universal = || self.meanings().any(|meaning| meaning == M::Universal);
        named.or_else(|| universal().then_some(Err(())))
    }

    /// How the name fits a platform, apart from its C library.
    pub(super) fn fit(&self, platform: Platform) -> Option<Fit> {
        let os = match self.os() {
            Some(os) if os == platform.os => Fit::Named,
            None => Fit::Unknown,
            Some(_) => return None,
        };
        let says = |word: &str| {
            self.marks
                .iter()
                .any(|mark| self.name[mark.range.clone()].eq_ignore_ascii_case(word))
        };
        let arch = match self.arch() {
            Some(Ok(arch)) if arch == platform.arch => Fit::Named,
            // Some write `arm` and `x86` for 64 bit.
            Some(Ok(Arch::Arm)) if platform.arch == Arch::Arm64 && says("arm") => Fit::Unknown,
            Some(Ok(Arch::I386)) if platform.arch == Arch::Amd64 && says("x86") => Fit::Unknown,
            Some(Err(()))
                if platform.os == Os::Darwin
                    && matches!(platform.arch, Arch::Amd64 | Arch::Arm64) =>
            {
                Fit::Universal
            }
            None => Fit::Unknown,
            Some(_) => return None,
        };
        Some(os.max(arch))
    }

    /// Whether the name mentions a system or a processor.
    pub(super) fn names_platform(&self) -> bool {
        self.os().is_some() || self.arch().is_some()
    }

    /// Whether the name is that of an archive with a version, or another number, as source code is published.
    pub(super) fn is_versioned_archive(&self) -> bool {
        let versioned = |mark: &Mark| !matches!(mark.kind, MarkKind::Word(_));
        let number = |word: &String| word.starts_with(|c: char| c.is_ascii_digit());
        let plain = ["", ".exe", ".appimage"];
        !plain.contains(&self.ending.to_ascii_lowercase().as_str())
            && (self.marks.iter().any(versioned) || self.rest.iter().any(number))
    }

    /// The C library in the name, and whether it is part of a Rust target triple. Rust links musl statically.
    pub(super) fn libc(&self) -> Option<(Libc, bool)> {
        self.meanings().find_map(|meaning| match meaning {
            M::Triple(_, Some(libc)) => Some((libc, true)),
            M::Libc(libc) => Some((libc, false)),
            _ => None,
        })
    }

    /// Whether the asset is not a program, or is for a platform that larder does not support.
    pub(super) fn is_unsuitable(&self) -> bool {
        self.meanings()
            .any(|meaning| matches!(meaning, M::Foreign | M::NotProgram))
    }

    /// The text before the version, the system and the processor: usually the program's name. Words such as `static` and
    /// `docs` belong to it, unless the name without them is one of `own`.
    pub(super) fn prefix(&self, own: &[&str]) -> &str {
        let before = |wanted: fn(&MarkKind) -> bool| {
            let end = self
                .marks
                .iter()
                .find(|mark| wanted(&mark.kind))
                .map_or(self.name.len() - self.ending.len(), |mark| mark.range.start);
            self.name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
        };
        let cut = before(|_| true);
        if own.contains(&last_part(cut)) {
            return cut;
        }
        let ends = |kind: &MarkKind| match kind {
            MarkKind::Version | MarkKind::Number => true,
            MarkKind::Word(meaning) => !matches!(meaning, M::Foreign | M::NotProgram | M::Neutral),
        };
        before(ends)
    }
}

/// How a name fits a platform; earlier is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// It names the system and the processor.
    Named,
    /// It is for both processors of a Mac.
    Universal,
    /// It does not name both of them: only the program's header tells.
    Unknown,
}
