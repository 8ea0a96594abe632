//! The words in a release asset's name: which system, which processor, which C library, which version, what kind of file.
//! Only what they mean; what is chosen is `guess`'s business.

use std::ops::Range;

use larder_core::model::{Arch, Libc, Os, Version};

/// What a word of a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Os(Os),
    Arch(Arch),
    /// Both processors of a Mac.
    Universal,
    /// A system and a processor in one word, `win64`.
    Both(Os, Arch),
    Libc(Libc),
    /// A system with its C library in Rust's words, `unknown-linux-musl`.
    Triple(Os, Option<Libc>),
    /// A system or processor that is none of ours.
    Foreign,
    /// The file is no program of its own.
    Other,
    /// Says nothing that matters.
    Neutral,
}

use Meaning as M;

/// Words and their meanings; of several that fit the longest counts.
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
    ("src", M::Other),
    ("source", M::Other),
    ("sources", M::Other),
    ("vendor", M::Other),
    ("vendored", M::Other),
    ("debug", M::Other),
    ("debuginfo", M::Other),
    ("dbg", M::Other),
    ("symbols", M::Other),
    ("sbom", M::Other),
    ("installer", M::Other),
    ("setup", M::Other),
    ("docs", M::Other),
    ("man", M::Other),
    ("manpages", M::Other),
    ("completions", M::Other),
    ("licenses", M::Other),
    ("provenance", M::Other),
    ("attestation", M::Other),
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

/// Endings of files that are, or hold, programs; longest first.
const ENDINGS: [&str; 16] = [
    ".tar.bz2", ".tar.zst", ".tar.gz", ".tar.xz", ".tbz2", ".tzst", ".tgz", ".txz", ".tbz", ".tar",
    ".zip", ".bz2", ".zst", ".exe", ".gz", ".xz",
];

/// A part of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) range: Range<usize>,
    pub(super) says: Says,
}

/// What a part of a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The version as it is pinned.
    Version,
    /// The version without its leading `v`.
    Number,
    Word(Meaning),
}

/// A name, read.
#[derive(Clone, Debug)]
pub(super) struct Reading<'a> {
    pub(super) name: &'a str,
    /// What is known in it, in order, without overlaps.
    pub(super) marks: Vec<Mark>,
    /// All other words, in lower case.
    pub(super) rest: Vec<String>,
    /// The ending, `.tar.gz`; empty for a plain file.
    pub(super) ending: &'a str,
}

/// Reads a name. `None`: it ends like something that is no program.
pub(super) fn read<'a>(name: &'a str, version: &Version) -> Option<Reading<'a>> {
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
        // `.deb`, `.sig`, `.txt`, …; but `.linux.amd64` and `.2` are no endings.
        let known = marks.iter().any(|mark| mark.range.end == stem.len());
        if !known && last.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
    }
    Some(Reading {
        name,
        marks,
        rest,
        ending,
    })
}

/// The file's own name, where the whole is a url.
pub(super) fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// What is known in a text, and its other words.
pub(super) fn scan(text: &str, version: &Version) -> (Vec<Mark>, Vec<String>) {
    let lower = text.to_ascii_lowercase();
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let number = version.number();
    // Where the version has no `v`, it is its own number.
    let plain = if version.as_str() == number {
        Says::Version
    } else {
        Says::Number
    };
    let (mut marks, mut rest, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let tail = &text[at..];
        let begins = !word(text[..at].chars().next_back());
        let ends = |len: usize| !word(tail[len..].chars().next());
        let known = |len: usize, says| Some((len, says));
        let found = if !begins {
            // A version may stand right behind letters: `tool2.1`, `v2.1` where the tag has no v.
            let digit = text[..at].ends_with(|c: char| c.is_ascii_digit());
            (!digit && number.len() > 1 && tail.starts_with(number) && ends(number.len()))
                .then_some((number.len(), plain))
        } else if tail.starts_with(version.as_str()) && ends(version.as_str().len()) {
            known(version.as_str().len(), Says::Version)
        } else if tail.starts_with(number) && ends(number.len()) {
            known(number.len(), plain)
        } else {
            let fits =
                |(word, _): &&(&str, Meaning)| lower[at..].starts_with(word) && ends(word.len());
            let longest = WORDS.iter().filter(fits).max_by_key(|(word, _)| word.len());
            longest.map(|(word, meaning)| (word.len(), Says::Word(*meaning)))
        };
        if let Some((len, says)) = found {
            marks.push(Mark {
                range: at..at + len,
                says,
            });
            at += len;
        } else if begins && word(tail.chars().next()) {
            let len = tail
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(tail.len());
            // A version may begin inside of the word.
            let len = tail[..len].find(number).filter(|at| *at > 0).unwrap_or(len);
            rest.push(lower[at..at + len].to_owned());
            at += len;
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    (marks, rest)
}

impl Reading<'_> {
    fn meanings(&self) -> impl Iterator<Item = Meaning> {
        self.marks.iter().filter_map(|mark| match mark.says {
            Says::Word(meaning) => Some(meaning),
            _ => None,
        })
    }

    /// The system it is for.
    pub(super) fn os(&self) -> Option<Os> {
        let told = self.meanings().find_map(|meaning| match meaning {
            M::Os(os) | M::Triple(os, _) | M::Both(os, _) => Some(os),
            _ => None,
        });
        told.or_else(|| {
            self.ending
                .eq_ignore_ascii_case(".exe")
                .then_some(Os::Windows)
        })
    }

    /// The processor it is for; `Err`: both of a Mac.
    pub(super) fn arch(&self) -> Option<Result<Arch, ()>> {
        self.meanings().find_map(|meaning| match meaning {
            M::Arch(arch) | M::Both(_, arch) => Some(Ok(arch)),
            M::Universal => Some(Err(())),
            _ => None,
        })
    }

    /// The C library it says it needs, and whether in Rust's words, whose musl is linked in.
    pub(super) fn libc(&self) -> Option<(Libc, bool)> {
        self.meanings().find_map(|meaning| match meaning {
            M::Triple(_, Some(libc)) => Some((libc, true)),
            M::Libc(libc) => Some((libc, false)),
            _ => None,
        })
    }

    /// Whether it can't be what is wanted.
    pub(super) fn is_other(&self) -> bool {
        self.meanings()
            .any(|meaning| matches!(meaning, M::Foreign | M::Other))
    }

    /// What stands before the first thing that is known in it: the program's name, as a rule.
    pub(super) fn lead(&self) -> &str {
        let end = self
            .marks
            .first()
            .map_or(self.name.len() - self.ending.len(), |mark| mark.range.start);
        self.name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
    }
}
