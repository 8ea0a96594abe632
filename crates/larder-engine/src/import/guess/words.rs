//! Parses the name of a release asset into known words: operating system, architecture, C library, version and kind of file.
//! `guess` chooses among the parsed names.

use std::ops::Range;

use larder_core::model::{Arch, Libc, Os, Version};

/// The meaning of a word in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Os(Os),
    Arch(Arch),
    /// Both architectures of a Mac.
    Universal,
    /// An operating system and an architecture in one word, `win64`.
    Both(Os, Arch),
    Libc(Libc),
    /// An operating system with its C library, as in a Rust target triple: `unknown-linux-musl`.
    Triple(Os, Option<Libc>),
    /// An operating system or architecture that larder does not support.
    Foreign,
    /// The file is not a program, such as source code or documentation.
    NotProgram,
    /// A word that does not affect the choice.
    Neutral,
}

use Meaning as M;

/// Words and their meanings; the longest match is used.
const WORDS: &[(&str, Meaning)] = &[
    ("unknown-linux-musl", M::Triple(Os::Linux, Some(Libc::Musl))),
    (
        "unknown-linux-musleabihf",
        M::Triple(Os::Linux, Some(Libc::Musl)),
    ),
    (
        "unknown-linux-musleabi",
        M::Triple(Os::Linux, Some(Libc::Musl)),
    ),
    ("unknown-linux-gnu", M::Triple(Os::Linux, Some(Libc::Gnu))),
    (
        "unknown-linux-gnueabihf",
        M::Triple(Os::Linux, Some(Libc::Gnu)),
    ),
    (
        "unknown-linux-gnueabi",
        M::Triple(Os::Linux, Some(Libc::Gnu)),
    ),
    ("apple-darwin", M::Triple(Os::Darwin, None)),
    ("apple-macos", M::Triple(Os::Darwin, None)),
    ("pc-windows-msvc", M::Triple(Os::Windows, None)),
    ("pc-windows-gnu", M::Triple(Os::Windows, Some(Libc::Gnu))),
    (
        "pc-windows-gnullvm",
        M::Triple(Os::Windows, Some(Libc::Gnu)),
    ),
    ("linux", M::Os(Os::Linux)),
    ("linux64", M::Both(Os::Linux, Arch::Amd64)),
    ("linux32", M::Both(Os::Linux, Arch::I386)),
    ("darwin", M::Os(Os::Darwin)),
    ("macos", M::Os(Os::Darwin)),
    ("macosx", M::Os(Os::Darwin)),
    ("mac", M::Os(Os::Darwin)),
    ("osx", M::Os(Os::Darwin)),
    ("windows", M::Os(Os::Windows)),
    ("win", M::Os(Os::Windows)),
    ("win64", M::Both(Os::Windows, Arch::Amd64)),
    ("win32", M::Both(Os::Windows, Arch::I386)),
    ("amd64", M::Arch(Arch::Amd64)),
    ("amd64v1", M::Arch(Arch::Amd64)),
    ("x86_64", M::Arch(Arch::Amd64)),
    ("x86-64", M::Arch(Arch::Amd64)),
    ("x64", M::Arch(Arch::Amd64)),
    ("64bit", M::Arch(Arch::Amd64)),
    ("64-bit", M::Arch(Arch::Amd64)),
    ("arm64", M::Arch(Arch::Arm64)),
    ("arm64v8", M::Arch(Arch::Arm64)),
    ("aarch64", M::Arch(Arch::Arm64)),
    ("aarch_64", M::Arch(Arch::Arm64)),
    ("armv8", M::Arch(Arch::Arm64)),
    ("386", M::Arch(Arch::I386)),
    ("i386", M::Arch(Arch::I386)),
    ("i686", M::Arch(Arch::I386)),
    ("x86", M::Arch(Arch::I386)),
    ("x86_32", M::Arch(Arch::I386)),
    ("ia32", M::Arch(Arch::I386)),
    ("32bit", M::Arch(Arch::I386)),
    ("32-bit", M::Arch(Arch::I386)),
    ("arm", M::Arch(Arch::Arm)),
    ("armhf", M::Arch(Arch::Arm)),
    ("armv7", M::Arch(Arch::Arm)),
    ("armv7l", M::Arch(Arch::Arm)),
    ("armv6", M::Arch(Arch::Arm)),
    ("armv6hf", M::Arch(Arch::Arm)),
    ("armv5", M::Arch(Arch::Arm)),
    ("arm7", M::Arch(Arch::Arm)),
    ("arm6", M::Arch(Arch::Arm)),
    ("arm5", M::Arch(Arch::Arm)),
    ("universal", M::Universal),
    ("universal2", M::Universal),
    ("universal_binary", M::Universal),
    ("all", M::Universal),
    ("musl", M::Libc(Libc::Musl)),
    ("gnu", M::Libc(Libc::Gnu)),
    ("glibc", M::Libc(Libc::Gnu)),
    ("freebsd", M::Foreign),
    ("openbsd", M::Foreign),
    ("netbsd", M::Foreign),
    ("dragonfly", M::Foreign),
    ("solaris", M::Foreign),
    ("sunos", M::Foreign),
    ("illumos", M::Foreign),
    ("android", M::Foreign),
    ("linux-android", M::Foreign),
    ("linux-androideabi", M::Foreign),
    ("ios", M::Foreign),
    ("aix", M::Foreign),
    ("plan9", M::Foreign),
    ("wasm", M::Foreign),
    ("wasm32", M::Foreign),
    ("wasi", M::Foreign),
    ("riscv64", M::Foreign),
    ("riscv64gc", M::Foreign),
    ("ppc64", M::Foreign),
    ("ppc64le", M::Foreign),
    ("ppcle_64", M::Foreign),
    ("powerpc64", M::Foreign),
    ("powerpc64le", M::Foreign),
    ("s390", M::Foreign),
    ("s390x", M::Foreign),
    ("s390_64", M::Foreign),
    ("mips", M::Foreign),
    ("mipsle", M::Foreign),
    ("mipsel", M::Foreign),
    ("mips64", M::Foreign),
    ("mips64le", M::Foreign),
    ("mips64el", M::Foreign),
    ("loong64", M::Foreign),
    ("loongarch64", M::Foreign),
    ("sparc64", M::Foreign),
    ("amd64v2", M::Foreign),
    ("amd64v3", M::Foreign),
    ("amd64v4", M::Foreign),
    ("x86_64_v3", M::Foreign),
    ("arm64ec", M::Foreign),
    ("src", M::NotProgram),
    ("source", M::NotProgram),
    ("sources", M::NotProgram),
    ("vendor", M::NotProgram),
    ("vendored", M::NotProgram),
    ("debug", M::NotProgram),
    ("debuginfo", M::NotProgram),
    ("dbg", M::NotProgram),
    ("symbols", M::NotProgram),
    ("sbom", M::NotProgram),
    ("installer", M::NotProgram),
    ("setup", M::NotProgram),
    ("docs", M::NotProgram),
    ("man", M::NotProgram),
    ("manpages", M::NotProgram),
    ("completions", M::NotProgram),
    ("licenses", M::NotProgram),
    ("provenance", M::NotProgram),
    ("attestation", M::NotProgram),
    ("static", M::Neutral),
    ("release", M::Neutral),
    ("stable", M::Neutral),
    ("bin", M::Neutral),
    ("binary", M::Neutral),
    ("binaries", M::Neutral),
    ("portable", M::Neutral),
    ("standalone", M::Neutral),
    ("unknown", M::Neutral),
];

/// Endings of programs, and of archives that can contain programs; the longest are first.
const ENDINGS: [&str; 16] = [
    ".tar.bz2", ".tar.zst", ".tar.gz", ".tar.xz", ".tbz2", ".tzst", ".tgz", ".txz", ".tbz", ".tar",
    ".zip", ".bz2", ".zst", ".exe", ".gz", ".xz",
];

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

/// Parses a name. `None` if its ending is not one of a program or an archive.
pub(super) fn parse<'a>(name: &'a str, version: &Version) -> Option<ParsedName<'a>> {
    let lower = name.to_ascii_lowercase();
    let ending = ENDINGS
        .iter()
        .find(|ending| lower.ends_with(**ending))
        .map_or(0, |ending| ending.len());
    let (stem, ending) = name.split_at(name.len() - ending);
    let (marks, rest) = scan(stem, version);
    if ending.is_empty()
        && let Some((_, last)) = last_part(stem).rsplit_once('.')
    {
        // `.deb`, `.sig` and `.txt` are endings; `.linux.amd64` and `.2` are not.
        let known = marks.iter().any(|mark| mark.range.end == stem.len());
        if !known && last.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
    }
    Some(ParsedName {
        name,
        marks,
        rest,
        ending,
    })
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
        named.or_else(|| {
            self.ending
                .eq_ignore_ascii_case(".exe")
                .then_some(Os::Windows)
        })
    }

    /// The architecture that the asset is for; `Err` means both architectures of a Mac.
    pub(super) fn arch(&self) -> Option<Result<Arch, ()>> {
        self.meanings().find_map(|meaning| match meaning {
            M::Arch(arch) | M::Both(_, arch) => Some(Ok(arch)),
            M::Universal => Some(Err(())),
            _ => None,
        })
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

    /// The text before the first known part: usually the program's name.
    pub(super) fn prefix(&self) -> &str {
        let end = self
            .marks
            .first()
            .map_or(self.name.len() - self.ending.len(), |mark| mark.range.start);
        self.name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
    }
}
